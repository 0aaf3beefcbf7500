"""Compiled elimination of small blocks of an array, free of subtraction: leaves of :mod:`.merging`.

A network of conductances is kept as its off-diagonal conductances c_ij >= 0 alone. Eliminating node k,

    x_j = c_kj / Σ_l c_kl        c_ij ← c_ij + c_ik x_j ,

only adds, multiplies and divides positive numbers, so every result keeps its relative accuracy (Grassmann, Taksar and
Heyman, doi:10.1287/opre.33.5.1107, for Markov chains). The sensitivity to the eliminated admittances runs back through
the same pivots: the voltage of node k is Σ_j x_j v_j, hence Z_kj = Σ_i x_i Z_ij for Z = dL/dY.

A leaf is solved row by row: the row's own line is a chain with a closed inverse, and its column nodes are eliminated
when the next row has been joined. Up to ``LANES`` leaves go together, innermost in memory; the compiler vectorises over
them since it does not know how many (loops of a small fixed length it unrolls instead). Terminals: top, left, bottom,
right.
"""

from __future__ import annotations

import numpy as np
from numba import njit

LANES = 64  # a network of so many leaves fits the second-level cache in float32, nearly in float64
POSITIVE = {"contract", "reassoc", "nsz"}  # sums of positive numbers may be taken in any order


@njit(cache=True, nogil=True, fastmath=POSITIVE, error_model="numpy")
def chain(cells, links, first, last, inverse, ratio, right):  # type: ignore[no-untyped-def]
    """Inverse (q, q, lanes) of a row line's nodal matrix: ``cells`` (q, lanes) load it, ``links`` join and end it."""
    lanes = cells.shape[-1]
    q = cells.shape[0]
    for lane in range(lanes):
        seen = last[lane]
        for j in range(q - 1, -1, -1):
            right[j, lane] = seen
            if j > 0:
                seen = links[j, lane] * (seen + cells[j, lane]) / (links[j, lane] + seen + cells[j, lane])
        seen = first[lane]
        for j in range(q):
            load = seen + cells[j, lane]
            inverse[j, j, lane] = 1.0 / (load + right[j, lane])
            if j + 1 < q:
                ratio[j, lane] = links[j + 1, lane] / (links[j + 1, lane] + load)
                seen = ratio[j, lane] * load
    for i in range(q - 2, -1, -1):
        for j in range(i + 1, q):
            for lane in range(lanes):
                inverse[i, j, lane] = ratio[i, lane] * inverse[i + 1, j, lane]
                inverse[j, i, lane] = inverse[i, j, lane]


@njit(cache=True, nogil=True, fastmath=POSITIVE, error_model="numpy")
def pivot(network, node, active, count, voltages):  # type: ignore[no-untyped-def]
    """Eliminate ``node``; ``active`` (ascending) are the nodes it may touch. Its row becomes zero."""
    lanes = network.shape[-1]
    total = np.zeros(lanes, network.dtype)
    row = np.empty((count, lanes), network.dtype)
    for a in range(count):
        other = active[a]
        low, high = min(node, other), max(node, other)
        for lane in range(lanes):
            row[a, lane] = network[low, high, lane]
            total[lane] += row[a, lane]
            network[low, high, lane] = 0.0
    for lane in range(lanes):
        total[lane] = 1.0 / total[lane]
    for a in range(count):
        for lane in range(lanes):
            voltages[a, lane] = row[a, lane] * total[lane]
    for a in range(count):
        i = active[a]
        for b in range(a + 1, count):
            j = active[b]
            for lane in range(lanes):
                network[i, j, lane] += row[a, lane] * voltages[b, lane]


@njit(cache=True, nogil=True)
def neighbours(step, number, p, q, active):  # type: ignore[no-untyped-def]
    """The nodes that pivot ``number`` of row ``step`` may touch, ascending, into ``active``; returns how many.

    Column nodes of rows alternate between two places behind the terminals.
    """
    terminals, count = 2 * (p + q), 0
    for j in range(q):
        active[count] = j
        count += 1
    reach = min(step + 2, p)  # rows joined so far
    for i in range(reach):
        active[count] = q + i
        count += 1
    if step == p - 1:
        for j in range(q):
            active[count] = q + p + j
            count += 1
    for i in range(reach):
        active[count] = 2 * q + p + i
        count += 1
    for place in range(2):
        own = place == step % 2
        if own or step < p - 1:
            for j in range(number + 1 if own else 0, q):
                active[count] = terminals + place * q + j
                count += 1
    return count


@njit(cache=True, nogil=True, fastmath=POSITIVE, error_model="numpy")
def join(network, row, p, q, cells, first, last, inverse):  # type: ignore[no-untyped-def]
    """Add what the line of ``row`` does between its column nodes and its two ends."""
    lanes = network.shape[-1]
    place, left, right = 2 * (p + q) + (row % 2) * q, q + row, 2 * q + p + row
    for j in range(q):
        for lane in range(lanes):
            network[left, place + j, lane] = first[lane] * cells[j, lane] * inverse[0, j, lane]
            network[right, place + j, lane] = last[lane] * cells[j, lane] * inverse[q - 1, j, lane]
        for k in range(j + 1, q):
            for lane in range(lanes):
                network[place + j, place + k, lane] = cells[j, lane] * cells[k, lane] * inverse[j, k, lane]
    for lane in range(lanes):
        network[left, right, lane] = first[lane] * last[lane] * inverse[0, q - 1, lane]


@njit(cache=True, nogil=True, fastmath=POSITIVE, error_model="numpy")
def factor(cells, ends, links, top, steps, network, voltages, inverses, keep):  # type: ignore[no-untyped-def]
    """Eliminate the inner nodes of ``LANES`` leaves; ``network`` then holds their terminals (above its diagonal).

    ``cells`` (p, q, lanes); ``ends`` (2, lanes) links of rows to left and right; ``links`` (q, lanes) between cells of
    a row; ``top`` (q, lanes); ``steps`` (p + 1, lanes) of columns, the last to the bottom. ``voltages`` and
    ``inverses`` hold every pivot's row and every line's inverse if ``keep``, else one.
    """
    lanes = cells.shape[-1]
    p, q = cells.shape[:2]
    terminals = 2 * (p + q)
    network[:] = 0.0
    ratio, right = np.empty((q, lanes), cells.dtype), np.empty((q, lanes), cells.dtype)
    active = np.empty(terminals + 2 * q, np.int64)
    for row in range(p + 1):
        place = terminals + (row % 2) * q if row < p else q + p
        for j in range(q):
            above = j if row == 0 else terminals + ((row - 1) % 2) * q + j
            low, high = min(above, place + j), max(above, place + j)
            for lane in range(lanes):
                network[low, high, lane] += top[j, lane] if row == 0 else steps[row, lane]
        if row < p:
            inverse = inverses[row if keep else 0]
            chain(cells[row], links, ends[0], ends[1], inverse, ratio, right)
            join(network, row, p, q, cells[row], ends[0], ends[1], inverse)
        if row > 0:
            for j in range(q):
                count = neighbours(row - 1, j, p, q, active)
                slot = (row - 1) * q + j if keep else 0
                pivot(network, terminals + ((row - 1) % 2) * q + j, active, count, voltages[slot])


@njit(cache=True, nogil=True)
def load(conductance, row_links, column_links, sense, start, where, leaf, cells, ends, links, top, steps):  # type: ignore[no-untyped-def]
    """Read ``LANES`` leaves from leaf number ``start`` on (the last one repeated); split segments that leaves share."""
    lanes = cells.shape[-1]
    arrays, high, wide = where
    p, q = leaf[0], leaf[1]
    first_row, first_column = leaf[2], leaf[3]
    rows, columns = conductance.shape[1:]
    for lane in range(lanes):
        number = min(start + lane, arrays * high * wide - 1)
        array, r, c = number // (high * wide), first_row + number // wide % high * p, first_column + number % wide * q
        for i in range(p):
            for j in range(q):
                cells[i, j, lane] = conductance[array, r + i, c + j]
            steps[i, lane] = column_links[r + i]
        steps[p, lane] = column_links[r + p] * (2.0 if r + p < rows else 1.0)
        ends[0, lane] = row_links[c] * (2.0 if c > 0 else 1.0)
        ends[1, lane] = row_links[c + q] * (2.0 if c + q < columns else 1.0)
        for j in range(q):
            links[j, lane] = row_links[c + j]
            top[j, lane] = 2.0 * column_links[r] if r > 0 else sense[array, c + j]


@njit(cache=True, nogil=True)
def eliminate(conductance, row_links, column_links, sense, where, leaf, out):  # type: ignore[no-untyped-def]
    """Leaves of a region into ``out`` (arrays x high x wide, t, t), symmetric, diagonal zero.

    ``conductance`` (arrays, rows, columns) of the whole arrays, S; ``row_links`` (columns + 1,) and ``column_links``
    (rows + 1,) the segments' conductances, ends included; ``sense`` (arrays, columns) that of the columns' sensed ends;
    ``where`` = (arrays, leaves down, leaves across); ``leaf`` = (rows, columns, first row, first column).
    """
    p, q = leaf[0], leaf[1]
    size, count = 2 * (p + q), where[0] * where[1] * where[2]
    lanes, real = min(LANES, count), conductance.dtype
    network = np.empty((size + 2 * q, size + 2 * q, lanes), real)
    voltages, inverses = np.empty((1, size + 2 * q, lanes), real), np.empty((1, q, q, lanes), real)
    cells, ends, links = np.empty((p, q, lanes), real), np.empty((2, lanes), real), np.empty((q, lanes), real)
    top, steps = np.empty((q, lanes), real), np.empty((p + 1, lanes), real)
    for start in range(0, count, lanes):
        load(conductance, row_links, column_links, sense, start, where, leaf, cells, ends, links, top, steps)
        factor(cells, ends, links, top, steps, network, voltages, inverses, False)
        for i in range(size):
            for lane in range(min(lanes, count - start)):
                out[start + lane, i, i] = 0.0
                for j in range(i + 1, size):
                    out[start + lane, i, j] = network[i, j, lane]
                    out[start + lane, j, i] = network[i, j, lane]


@njit(cache=True, nogil=True, fastmath=POSITIVE, error_model="numpy")
def back(sensitivity, node, active, count, voltages):  # type: ignore[no-untyped-def]
    """Extend dL/dY (its upper triangle) to the eliminated ``node``: Z_kj = Σ_i x_i Z_ij and Z_kk = Σ_j x_j Z_kj."""
    lanes = sensitivity.shape[-1]
    total = np.zeros((count + 1, lanes), sensitivity.dtype)
    for a in range(count):
        i = active[a]
        for lane in range(lanes):
            total[a, lane] += voltages[a, lane] * sensitivity[i, i, lane]
        for b in range(a + 1, count):
            j = active[b]
            for lane in range(lanes):
                value = sensitivity[i, j, lane]
                total[a, lane] += voltages[b, lane] * value
                total[b, lane] += voltages[a, lane] * value
    for a in range(count):
        low, high = min(node, active[a]), max(node, active[a])
        for lane in range(lanes):
            sensitivity[low, high, lane] = total[a, lane]
            total[count, lane] += voltages[a, lane] * total[a, lane]
    for lane in range(lanes):
        sensitivity[node, node, lane] = total[count, lane]


@njit(cache=True, nogil=True, fastmath=POSITIVE, error_model="numpy")
def cell_sensitivities(sensitivity, row, p, q, cells, first, last, inverse, gradient):  # type: ignore[no-untyped-def]
    """dL/dG (q, lanes) of one row: δ Z δᵀ, with δ_j the voltage across cell j by column nodes and row ends."""
    lanes = cells.shape[-1]
    place = 2 * (p + q) + (row % 2) * q
    drop, total = np.empty((q + 2, lanes), cells.dtype), np.empty(lanes, cells.dtype)
    node = np.empty(q + 2, np.int64)
    for j in range(q):
        node[j] = place + j
    node[q], node[q + 1] = q + row, 2 * q + p + row
    for j in range(q):
        for lane in range(lanes):
            for k in range(q):
                drop[k, lane] = inverse[j, k, lane] * cells[k, lane]
            drop[j, lane] -= 1.0
            drop[q, lane] = inverse[j, 0, lane] * first[lane]
            drop[q + 1, lane] = inverse[j, q - 1, lane] * last[lane]
            gradient[j, lane] = 0.0
        for a in range(q + 2):
            total[:] = 0.0
            for b in range(q + 2):
                low, high = min(node[a], node[b]), max(node[a], node[b])
                for lane in range(lanes):
                    total[lane] += drop[b, lane] * sensitivity[low, high, lane]
            for lane in range(lanes):
                gradient[j, lane] += drop[a, lane] * total[lane]


@njit(cache=True, nogil=True)
def differentiate(conductance, row_links, column_links, sense, where, leaf, upstream, gradient):  # type: ignore[no-untyped-def]
    """dL/dG of a region's cells into ``gradient`` (shaped as ``conductance``) from dL/dY of its leaves' terminals.

    Arguments as in :func:`eliminate`; ``upstream`` (leaves, t, t) symmetric.
    """
    p, q = leaf[0], leaf[1]
    size, (_, high, wide) = 2 * (p + q), where
    count = where[0] * high * wide
    lanes, real = min(LANES, count), conductance.dtype
    network = np.empty((size + 2 * q, size + 2 * q, lanes), real)
    sensitivity = np.zeros((size + 2 * q, size + 2 * q, lanes), real)
    voltages, inverses = np.empty((p * q, size + 2 * q, lanes), real), np.empty((p, q, q, lanes), real)
    cells, ends, links = np.empty((p, q, lanes), real), np.empty((2, lanes), real), np.empty((q, lanes), real)
    top, steps, found = np.empty((q, lanes), real), np.empty((p + 1, lanes), real), np.empty((q, lanes), real)
    active = np.empty(size + 2 * q, np.int64)
    for start in range(0, count, lanes):
        load(conductance, row_links, column_links, sense, start, where, leaf, cells, ends, links, top, steps)
        factor(cells, ends, links, top, steps, network, voltages, inverses, True)
        for lane in range(lanes):
            number = min(start + lane, count - 1)
            for i in range(size):
                for j in range(i, size):
                    sensitivity[i, j, lane] = upstream[number, i, j]
        for row in range(p - 1, -1, -1):
            for j in range(q - 1, -1, -1):
                found_nodes = neighbours(row, j, p, q, active)
                back(sensitivity, size + (row % 2) * q + j, active, found_nodes, voltages[row * q + j])
            cell_sensitivities(sensitivity, row, p, q, cells[row], ends[0], ends[1], inverses[row], found)
            for lane in range(min(lanes, count - start)):
                number = start + lane
                r, c = leaf[2] + number // wide % high * p + row, leaf[3] + number % wide * q
                for j in range(q):
                    gradient[number // (high * wide), r, c + j] = found[j, lane]
