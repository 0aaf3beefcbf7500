"""Compiled parts of joining two blocks (:mod:`~ohmloom.crossbars.merging`): all of the work but its matrix products.

Every function goes once, row by row, through what it reads and writes; tensor operations on strided pieces go through
the same memory several times, and it is the memory that limits them. ``spans`` (2, 2, 3) tells for either block which
of its terminals (from, at, length) stand where in the joined block; ``lines`` where the lines of the shared nodes end.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from ohmloom.crossbars.leaves import POSITIVE, add_scaled

TILE = 16  # columns that are turned into rows at a time


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
    The product of both, a node's own line, is kept apart in ``ahead`` (batch, lines, nodes).
    """
    batch, nodes, _ = outward.shape
    for b in range(batch):
        for i in range(nodes):
            row, sum_ = voltages[b, i], alone[b, i] * 0
            add_scaled(row, alone[b, i], outward[b, i])
            for line in range(len(lines)):
                add_product(row[lines[line] : lines[line] + nodes], inverse[b, i], own[b, line])
                ahead[b, line, i] = alone[b, i] * own[b, line, i]
                sum_ += ahead[b, line, i]
            factor = row.dtype.type(1 / (sum_ + total(row)))
            scale(row, factor)
            for line in range(len(lines)):
                ahead[b, line, i] *= factor


@njit(cache=True, nogil=True, error_model="numpy")
def prepare(blocks, places, spans, lines, outward, own, voltages, ahead, needed, joined):  # type: ignore[no-untyped-def]
    """C' (batch, t, t) as far as it needs no product: what the blocks have already, and what was kept apart.

    Only within the rectangles ``needed`` (row, end, column, end).
    """
    batch, nodes, size = outward.shape
    turned = np.empty((TILE, nodes), outward.dtype)
    for b in range(batch):
        for n in range(len(needed)):
            begin, stop, low, high = needed[n]
            for start in range(begin, stop, TILE):
                end = min(start + TILE, stop)
                for i in range(nodes):
                    for r in range(start, end):
                        turned[r - start, i] = outward[b, i, r]
                for r in range(start, end):
                    row = joined[b, r]
                    clear(row[low:high])
                    copy_block(row, r, blocks[0][places[0, b]], spans[0], low, high)
                    copy_block(row, r, blocks[1][places[1, b]], spans[1], low, high)
                    for line in range(len(lines)):
                        at = lines[line]
                        if low <= at and at + nodes <= high:
                            add_product(row[at : at + nodes], turned[r - start], ahead[b, line])
                        i = r - at
                        if 0 <= i < nodes:
                            add_scaled(row[low:high], own[b, line, i], voltages[b, i, low:high])
                            for other in range(len(lines)):
                                if low <= lines[other] and lines[other] + nodes <= high:
                                    row[lines[other] + i] += own[b, line, i] * ahead[b, other, i]


@njit(cache=True, nogil=True)
def clear(row):  # type: ignore[no-untyped-def]
    """Row = 0."""
    for j in range(len(row)):
        row[j] = 0


@njit(cache=True, nogil=True)
def copy_block(row, r, block, spans, low, high):  # type: ignore[no-untyped-def]
    """Columns ``low`` to ``high`` of row ``r`` of a joined block as far as they are those of one of its parts."""
    for s in range(2):
        source, target, length = spans[s]
        if target <= r < target + length:
            own = block[source + r - target]
            for o in range(2):
                other, at, count = spans[o]
                begin, stop = max(at, low), min(at + count, high)
                if begin < stop:
                    copy(row[begin:stop], own[other + begin - at : other + stop - at])
