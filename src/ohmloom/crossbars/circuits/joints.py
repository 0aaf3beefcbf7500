"""Compiled parts of joining two blocks (see :mod:`.merging`): all of the work but its matrix products.

Every function goes once, row by row, through what it reads and writes; tensor operations on strided pieces go through
the same memory several times, and it is the memory that limits them. ``spans`` (2, 2, 3) tells for either block which
of its terminals (from, at, length) stand where in the joined block; ``lines`` where the lines of the shared nodes end.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from ohmloom.crossbars.circuits.leaves import POSITIVE

LANES = 16  # matrices inverted side by side


@njit(cache=True, nogil=True)
def copy(target, source):  # type: ignore[no-untyped-def]
    """Target = source; they do not overlap."""
    for j in range(len(target)):
        target[j] = source[j]


@njit(cache=True, nogil=True, fastmath=POSITIVE, error_model="numpy")
def add(target, source):  # type: ignore[no-untyped-def]
    """Target += source."""
    for j in range(len(target)):
        target[j] += source[j]


@njit(cache=True, nogil=True, fastmath=POSITIVE, error_model="numpy")
def add_product(target, one, other):  # type: ignore[no-untyped-def]
    """Target += one other, entry by entry."""
    for j in range(len(target)):
        target[j] += one[j] * other[j]


@njit(cache=True, nogil=True, fastmath=POSITIVE, error_model="numpy")
def total(row):  # type: ignore[no-untyped-def]
    """Σ of a row."""
    found = row[0] * 0
    for j in range(len(row)):
        found += row[j]
    return found


@njit(cache=True, nogil=True, fastmath=POSITIVE, error_model="numpy")
def scale(row, factor):  # type: ignore[no-untyped-def]
    """Row *= factor."""
    for j in range(len(row)):
        row[j] *= factor


@njit(cache=True, nogil=True)
def gather(blocks, places, shared, spans, lines, outward, excess, links, own):  # type: ignore[no-untyped-def]
    """F (batch, nodes, t) less its lines' entries, which go to ``own`` (batch, lines, nodes); F 1; and E.

    ``blocks``: two arrays (blocks, s, s); ``places`` (2, batch): which of them are joined; ``shared``: the first
    shared node in either.
    """
    first, second = blocks
    batch, nodes, _ = outward.shape
    for b in range(batch):
        for i in range(nodes):
            one, two = first[places[0, b], shared[0] + i], second[places[1, b], shared[1] + i]
            row = outward[b, i]
            for s in range(2):
                source, target, length = spans[0, s]
                copy(row[target : target + length], one[source : source + length])
                source, target, length = spans[1, s]
                copy(row[target : target + length], two[source : source + length])
            excess[b, i] = total(row)
            for line in range(len(lines)):
                own[b, line, i] = row[lines[line] + i]
                row[lines[line] + i] = 0
            copy(links[b, i], one[shared[0] : shared[0] + nodes])
            add(links[b, i], two[shared[1] : shared[1] + nodes])


@njit(cache=True, nogil=True, error_model="numpy")
def settle(voltages, outward, inverse, alone, own, lines, ahead):  # type: ignore[no-untyped-def]
    """Complete X (batch, nodes, t), and scale its rows to a sum of 1: all terminals at 1 V put all nodes at 1 V.

    X comes as the product of S⁻¹ and F without what ``alone`` (batch, nodes), the diagonal of S⁻¹, and ``own`` add.
    The product of both, a node's own line, is kept apart in ``ahead`` (batch, lines, nodes). Without lines X is whole.
    """
    batch, nodes, _ = outward.shape
    for b in range(batch):
        for i in range(nodes):
            row, sum_ = voltages[b, i], outward[b, i, 0] * 0
            if len(lines):
                add_scaled(row, alone[b, i], outward[b, i])
            for line in range(len(lines)):
                add_product(row[lines[line] : lines[line] + nodes], inverse[b, i], own[b, line])
                ahead[b, line, i] = alone[b, i] * own[b, line, i]
                sum_ += ahead[b, line, i]
            factor = row.dtype.type(1 / (sum_ + total(row)))
            scale(row, factor)
            for line in range(len(lines)):
                ahead[b, line, i] *= factor


@njit(cache=True, nogil=True)
def assemble(blocks, places, shared, spans, lines, outward, own, voltages, ahead, needed, joined):  # type: ignore[no-untyped-def]
    """Add to Fᵀ X in ``joined`` (batch, t, t) what the blocks have already, and what was kept apart.

    Only within the rectangles ``needed`` (row, end, column, end).
    """
    first, second = blocks
    for b in range(len(joined)):
        for n in range(len(needed)):
            one, two = first[places[0, b]], second[places[1, b]]
            place(joined[b], needed[n], one, shared[0], spans[0], lines, outward[b], ahead[b])
            place(joined[b], needed[n], two, shared[1], spans[1], lines, outward[b], ahead[b])
            couple(joined[b], needed[n], lines, own[b], voltages[b], ahead[b])


@njit(cache=True, nogil=True)
def place(joined, needed, block, start, spans, lines, outward, ahead):  # type: ignore[no-untyped-def]
    """Rows of one block's terminals: its conductances between them, and F times the part of X kept apart.

    F is read from the rows of the block, which is symmetric; but not every row of it has been computed where only some
    columns are needed.
    """
    begin, stop, _, high = needed
    for s in range(2):
        source, target, length = spans[s]
        first, end = max(target, begin), min(target + length, stop)
        for o in range(2):
            other, at, count = spans[o, 0], spans[o, 1], min(spans[o, 2], high - spans[o, 1])
            if end > first and count > 0:
                add_rectangle(joined, first, at, block, source + first - target, other, end - first, count)
        if len(lines):
            for r in range(first, end):
                add_ahead(joined[r], block[source + r - target], start, lines, outward, ahead, r, high)


@njit(cache=True, nogil=True)
def add_rectangle(target, row, column, source, first, other, high, wide):  # type: ignore[no-untyped-def]
    """Add ``high`` x ``wide`` entries of ``source`` from (first, other) on to ``target`` from (row, column) on.

    Unsigned places spare the test for negative ones, and with it the rows' slices; rows are short.
    """
    row, column, first, other = np.uint64(row), np.uint64(column), np.uint64(first), np.uint64(other)
    for i in range(np.uint64(high)):
        for j in range(np.uint64(wide)):
            target[row + i, column + j] += source[first + i, other + j]


@njit(cache=True, nogil=True)
def add_ahead(row, own, start, lines, outward, ahead, r, high):  # type: ignore[no-untyped-def]
    """Add F times the part of X kept apart to the row of terminal ``r``; ``own``: that terminal's row in its block."""
    nodes, size = outward.shape
    for line in range(len(lines)):
        at = lines[line]
        if high == size:
            across_lines(row[at : at + nodes], own[start : start + nodes], ahead[line], r, lines)
        elif at + nodes <= high:
            for i in range(nodes):
                row[at + i] += outward[i, r] * ahead[line, i]


@njit(cache=True, nogil=True)
def across_lines(row, links, ahead, r, lines):  # type: ignore[no-untyped-def]
    """Add links ahead to a row, but for the node on whose own line terminal ``r`` is."""
    nodes = len(row)
    for line in range(len(lines)):
        i = r - lines[line]
        if 0 <= i < nodes:
            add_product(row[:i], links[:i], ahead[:i])
            add_product(row[i + 1 :], links[i + 1 :], ahead[i + 1 :])
            return
    add_product(row, links, ahead)


@njit(cache=True, nogil=True)
def couple(joined, needed, lines, own, voltages, ahead):  # type: ignore[no-untyped-def]
    """Add to the rows of the nodes' own lines their part of Fᵀ times X."""
    begin, stop, low, high = needed
    for line in range(len(lines)):
        for i in range(len(voltages)):
            r = lines[line] + i
            if begin <= r < stop:
                add_scaled(joined[r, low:high], own[line, i], voltages[i, low:high])
                for other in range(len(lines)):
                    if low <= lines[other] + i < high:
                        joined[r, lines[other] + i] += own[line, i] * ahead[other, i]


@njit(cache=True, nogil=True, fastmath=POSITIVE, error_model="numpy")
def invert_together(links, excess):  # type: ignore[no-untyped-def]
    """As :func:`invert`, ``LANES`` small matrices at a time, side by side so that the processor's vectors are full.

    Between the pivots the matrix stays symmetric: conductances c_ij between nodes that are left, the voltages x_ij that
    these give to eliminated ones, and between eliminated ones the inverse. Pivot k adds a_ik a_kj / Σ_l c_kl to all.
    """
    batch, n, _ = links.shape
    lanes = min(LANES, batch)
    work, row = np.zeros((n, n, lanes)), np.empty((n, lanes))
    ground, sum_, voltage = np.empty((n, lanes)), np.empty(lanes), np.empty(lanes)
    for start in range(0, batch, lanes):
        for lane in range(lanes):
            b = min(start + lane, batch - 1)
            for i in range(n):
                ground[i, lane] = excess[b, i]
                for j in range(i + 1, n):
                    work[i, j, lane] = links[b, i, j]
        for k in range(n):
            eliminate_node(work, ground, row, sum_, voltage, k)
        for lane in range(min(lanes, batch - start)):
            for i in range(n):
                for j in range(i, n):
                    links[start + lane, i, j] = work[i, j, lane]
                    links[start + lane, j, i] = work[i, j, lane]


@njit(cache=True, nogil=True, fastmath=POSITIVE, error_model="numpy")
def eliminate_node(work, ground, row, sum_, voltage, k):  # type: ignore[no-untyped-def]
    """Pivot ``k`` of :func:`invert_together`; of ``work`` (n, n, lanes) the upper triangle is kept."""
    n, _, lanes = work.shape
    for lane in range(lanes):
        sum_[lane] = ground[k, lane]
    for j in range(n):
        low, high = min(j, k), max(j, k)
        for lane in range(lanes):
            row[j, lane] = work[low, high, lane]
        if j > k:
            for lane in range(lanes):
                sum_[lane] += row[j, lane]
    for lane in range(lanes):
        sum_[lane] = 1.0 / sum_[lane]
        row[k, lane] = 0.0
    for i in range(n):
        for lane in range(lanes):
            voltage[lane] = row[i, lane] * sum_[lane]
        if i > k:
            for lane in range(lanes):
                ground[i, lane] += voltage[lane] * ground[k, lane]
        for j in range(i, n):
            for lane in range(lanes):
                work[i, j, lane] += voltage[lane] * row[j, lane]
    for j in range(n):
        low, high = min(j, k), max(j, k)
        for lane in range(lanes):
            work[low, high, lane] = sum_[lane] * (row[j, lane] if j != k else 1.0)


@njit(cache=True, nogil=True, fastmath=POSITIVE, error_model="numpy")
def invert(links, excess):  # type: ignore[no-untyped-def]
    """Overwrite ``links`` (batch, n, n) >= 0 by the inverse of diag(excess + row sums of links) - links.

    The diagonal of ``links`` is not read. Four pivots go together; what pads them is nodes of their own.
    """
    batch, n, _ = links.shape
    size = -(-n // 4) * 4
    work = np.empty((size, -(-(size + 1) // 16) * 16))  # column ``size`` is the ground; whole vectors
    for b in range(batch):
        work[:] = 0.0
        for i in range(n):
            for j in range(n):
                work[i, j] = links[b, i, j]
            work[i, size] = excess[b, i]
        work[n:, size] = 1.0
        for k in range(0, size, 4):
            for c in range(k, k + 4):
                solve_row(work[c], c, size)
                for d in range(k, k + 4):
                    if d != c:
                        factor = work[d, c]
                        work[d, c] = 0.0
                        add_scaled(work[d], factor, work[c])
            for i in range(size):
                if i < k or i >= k + 4:
                    add_four(work[i], k, work[k], work[k + 1], work[k + 2], work[k + 3])
        for i in range(n):
            for j in range(n):
                links[b, i, j] = work[i, j]


@njit(cache=True, nogil=True, fastmath=POSITIVE, error_model="numpy")
def solve_row(row, pivot, ground):  # type: ignore[no-untyped-def]
    """The pivot's own equation: its entries over the sum of those that are not eliminated yet."""
    total = 0.0
    for j in range(pivot + 1, ground + 1):
        total += row[j]
    row[pivot] = 1.0
    total = 1.0 / total
    for j in range(len(row)):
        row[j] *= total


@njit(cache=True, nogil=True, fastmath=POSITIVE, error_model="numpy")
def add_scaled(target, factor, source):  # type: ignore[no-untyped-def]
    """Target += factor source."""
    for j in range(len(target)):
        target[j] += factor * source[j]


@njit(cache=True, nogil=True, fastmath=POSITIVE, error_model="numpy")
def add_four(target, k, a, b, c, d):  # type: ignore[no-untyped-def]
    """Replace nodes k to k + 3 in a row by their equations."""
    e, f, g, h = target[k], target[k + 1], target[k + 2], target[k + 3]
    for j in range(k, k + 4):
        target[j] = 0.0
    for j in range(len(target)):
        target[j] += e * a[j] + f * b[j] + g * c[j] + h * d[j]
