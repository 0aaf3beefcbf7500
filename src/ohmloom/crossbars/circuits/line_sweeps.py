"""The inner loops of :mod:`.solving`, compiled: exact solves along lines, conjugate gradients on them.

All arrays are (rows, columns) of float64; a line is (segment, first, last): the conductance of one segment and of what
joins its first and its last cell to a held voltage (0: open). With D the columns' correction and L the admittance of
the lines alone, the rows are eliminated exactly and the rest is preconditioned by exact column solves P:

    (M_b - g M_w⁻¹ g) D = r,   M_w = L_w + g,   M_b = L_b + g,   P = M_b⁻¹.

Since M_b P = 1, (M_b - g M_w⁻¹ g) P r = r - g M_w⁻¹ g P r: one iteration is one column and one row solve. Pivots are
sums of positive numbers only (a ladder's resistance seen from one end), so that nothing cancels however good the wires.
Rows are solved ``LANES`` at a time, side by side in a buffer, so that the processor's vectors are full.
"""

from __future__ import annotations

import numpy as np
from numba import njit

LANES = 16
FAST = {"contract", "reassoc", "nsz"}
EXACT = {"contract"}  # what leaves one node enters the next one, to the last digit: no re-ordering


@njit(cache=True, nogil=True, fastmath=FAST)
def factor_columns(g, line, inverse):  # type: ignore[no-untyped-def]
    """Reciprocal pivots of M_b into ``inverse`` (rows, columns)."""
    segment, first, last = line
    rows, columns = g.shape
    seen = np.empty(columns)
    for j in range(columns):
        seen[j] = g[0, j] + first
    for i in range(rows - 1):
        for j in range(columns):
            pivot = 1 / (seen[j] + segment)
            inverse[i, j] = pivot
            seen[j] = g[i + 1, j] + segment * seen[j] * pivot
    for j in range(columns):
        inverse[rows - 1, j] = 1 / (seen[j] + last)


@njit(cache=True, nogil=True, fastmath=FAST)
def factor_rows(g, line, inverse):  # type: ignore[no-untyped-def]
    """Reciprocal pivots of M_w into ``inverse`` (blocks, columns, LANES); rows that are not there hold no cells."""
    segment, first, last = line
    rows, columns = g.shape
    seen, here = np.empty(LANES), np.zeros(LANES)
    for block in range(inverse.shape[0]):
        start = block * LANES
        count = min(LANES, rows - start)
        here[:] = 0
        for j in range(columns):
            for k in range(count):
                here[k] = g[start + k, j]
            for k in range(LANES):
                seen[k] = here[k] + first if j == 0 else here[k] + segment * seen[k] * inverse[block, j - 1, k]
                inverse[block, j, k] = 1 / (seen[k] + (last if j == columns - 1 else segment))


@njit(cache=True, nogil=True, fastmath=FAST)
def solve_lanes(lanes, inverse, segment):  # type: ignore[no-untyped-def]
    """M_w⁻¹ of ``lanes`` (columns, LANES), in place."""
    columns = lanes.shape[0]
    for k in range(LANES):
        lanes[0, k] *= inverse[0, k]
    for j in range(1, columns):
        for k in range(LANES):
            lanes[j, k] = (lanes[j, k] + segment * lanes[j - 1, k]) * inverse[j, k]
    for j in range(columns - 2, -1, -1):
        for k in range(LANES):
            lanes[j, k] += segment * inverse[j, k] * lanes[j + 1, k]


@njit(cache=True, nogil=True, fastmath=FAST)
def solve_block(values, inverse, segment, block, lanes):  # type: ignore[no-untyped-def]
    """M_w⁻¹ of one block of rows of ``values``, in place."""
    rows, columns = values.shape
    start = block * LANES
    count = min(LANES, rows - start)
    for j in range(columns):
        for k in range(count):
            lanes[j, k] = values[start + k, j]
    solve_lanes(lanes, inverse[block], segment)
    for k in range(count):
        for j in range(columns):
            values[start + k, j] = lanes[j, k]


@njit(cache=True, nogil=True, fastmath=FAST)
def solve_rows(values, inverse, segment):  # type: ignore[no-untyped-def]
    """M_w⁻¹ of ``values``, in place."""
    lanes = np.zeros((values.shape[1], LANES))
    for block in range(inverse.shape[0]):
        solve_block(values, inverse, segment, block, lanes)


@njit(cache=True, nogil=True, fastmath=FAST)
def eliminate_rows(g, segment, inverse, row_rest, column_rest, r):  # type: ignore[no-untyped-def]
    """r = column_rest - g M_w⁻¹ row_rest."""
    rows, columns = g.shape
    r[:] = row_rest
    solve_rows(r, inverse, segment)
    for i in range(rows):
        for j in range(columns):
            r[i, j] = column_rest[i, j] - g[i, j] * r[i, j]


@njit(cache=True, nogil=True, fastmath=FAST)
def complete_rows(g, segment, inverse, row_rest, column_step, row_step):  # type: ignore[no-untyped-def]
    """row_step = M_w⁻¹ (row_rest - g column_step)."""
    rows, columns = g.shape
    for i in range(rows):
        for j in range(columns):
            row_step[i, j] = row_rest[i, j] - g[i, j] * column_step[i, j]
    solve_rows(row_step, inverse, segment)


@njit(cache=True, nogil=True, fastmath=FAST)
def sweep_down(r, segment, inverse, z):  # type: ignore[no-untyped-def]
    """The forward half of a column solve: z_i = (r_i + segment z_{i-1}) / pivot_i."""
    rows, columns = r.shape
    for j in range(columns):
        z[0, j] = r[0, j] * inverse[0, j]
    for i in range(1, rows):
        for j in range(columns):
            z[i, j] = (r[i, j] + segment * z[i - 1, j]) * inverse[i, j]


@njit(cache=True, nogil=True, fastmath=FAST)
def sweep_up(r, segment, inverse, z):  # type: ignore[no-untyped-def]
    """The backward half, z_i += segment z_{i+1} / pivot_i; returns r · z."""
    rows, columns = r.shape
    total = 0.0
    for i in range(rows - 1, -1, -1):
        if i < rows - 1:
            for j in range(columns):
                z[i, j] += segment * inverse[i, j] * z[i + 1, j]
        for j in range(columns):
            total += r[i, j] * z[i, j]
    return total


@njit(cache=True, nogil=True, fastmath=FAST)
def apply(g, segment, inverse, r, z, s):  # type: ignore[no-untyped-def]
    """s = r - g M_w⁻¹ g z, which is (M_b - g M_w⁻¹ g) z for z = P r; returns z · s."""
    rows, columns = r.shape
    lanes = np.zeros((columns, LANES))
    total = 0.0
    for block in range(inverse.shape[0]):
        low = block * LANES
        high = min(low + LANES, rows)
        for i in range(low, high):
            for j in range(columns):
                s[i, j] = g[i, j] * z[i, j]
        solve_block(s, inverse, segment, block, lanes)
        for i in range(low, high):
            for j in range(columns):
                value = r[i, j] - g[i, j] * s[i, j]
                s[i, j] = value
                total += z[i, j] * value
    return total


@njit(cache=True, nogil=True, fastmath=FAST)
def direct(beta, length, way, direction, place):  # type: ignore[no-untyped-def]
    """Direction = way + β direction, place += length direction; few arrays, or the compiler does not vectorise."""
    for j in range(len(place)):
        direction[j] = way[j] + beta * direction[j]
        place[j] += length * direction[j]


@njit(cache=True, nogil=True, fastmath=FAST)
def advance(alpha, beta, segment, inverse, x, r, p, q, z, s):  # type: ignore[no-untyped-def]
    """p = z + β p, q = s + β q, x += α p, r -= α q, and at once the forward half of the next column solve into z."""
    rows, columns = r.shape
    for i in range(rows):
        direct(beta, alpha, z[i], p[i], x[i])
        direct(beta, -alpha, s[i], q[i], r[i])
        if i == 0:
            for j in range(columns):
                z[0, j] = r[0, j] * inverse[0, j]
        else:
            for j in range(columns):
                z[i, j] = (r[i, j] + segment * z[i - 1, j]) * inverse[i, j]


@njit(cache=True, nogil=True, fastmath=FAST)
def correct_one(  # type: ignore[no-untyped-def]
    g, row_segment, row_inverse, column_segment, column_inverse, rests, limits, steps, work
):
    """`correct` of one input: returns iterations and the first r · P r."""
    row_rest, column_rest = rests
    target, tolerance, forcing, most = limits
    row_step, x = steps
    r, z, s, p, q = work[0], work[1], work[2], work[3], work[4]
    eliminate_rows(g, row_segment, row_inverse, row_rest, column_rest, r)
    sweep_down(r, column_segment, column_inverse, z)
    first = sweep_up(r, column_segment, column_inverse, z)
    if not first > target:
        x[:], row_step[:] = 0, 0
        return 0, first
    # A Newton step squares its residual, so a linear system is solved about as far as that reaches.
    target = max(target / 4, first * min(forcing, first * tolerance / target))
    x[:], p[:], q[:] = 0, 0, 0
    iteration, now, alpha, beta = 0, first, 1.0, 0.0
    while iteration < most and now > target:
        along = apply(g, row_segment, row_inverse, r, z, s)
        alpha = now / (along - beta * now / alpha)
        if not alpha > 0:  # rounding has won: the caller starts anew from what is left
            break
        advance(alpha, beta, column_segment, column_inverse, x, r, p, q, z, s)
        before, now = now, sweep_up(r, column_segment, column_inverse, z)
        beta = now / before
        iteration += 1
    complete_rows(g, row_segment, row_inverse, row_rest, x, row_step)
    return iteration, first


@njit(cache=True, nogil=True)
def factor(g, row_line, column_line, row_inverse, column_inverse):  # type: ignore[no-untyped-def]
    """Factors of M_w and M_b for every slope in ``g`` (slopes, rows, columns)."""
    for k in range(g.shape[0]):
        factor_rows(g[k], row_line, row_inverse[k])
        factor_columns(g[k], column_line, column_inverse[k])


@njit(cache=True, nogil=True)
def correct(  # type: ignore[no-untyped-def]
    g, row_segment, row_inverse, column_segment, column_inverse, rests, targets, stops, most, steps, counts, norms, work
):
    """The correction of every input that makes its rests vanish, by conjugate gradients.

    g is (inputs or 1, rows, columns), rests and steps (2, inputs, rows, columns) for rows and columns. r · P r is the
    square of a residual, in amperes times volts; ``targets`` (inputs) are ``stops[0]`` of a reference. Where it is at
    most the target the correction is 0; else it falls to ``stops[1]`` of its first value, or as far as that value is
    below its reference, if ``most`` iterations suffice. Iterations go to ``counts``, the first r · P r to ``norms``
    (inputs); ``work`` is (5, rows, columns).
    """
    for k in range(rests.shape[1]):
        at = k if g.shape[0] > 1 else 0
        counts[k], norms[k] = correct_one(
            g[at], row_segment, row_inverse[at], column_segment, column_inverse[at],
            (rests[0, k], rests[1, k]), (targets[k], stops[0], stops[1], most[k]), (steps[0, k], steps[1, k]), work,
        )  # fmt: skip


@njit(cache=True, nogil=True, fastmath=EXACT)
def balance(current, row_line, column_line, drops, rests, found):  # type: ignore[no-untyped-def]
    """What is left at each node, current - L_w U and current - L_b D, into ``rests``.

    drops and rests are (2, inputs, rows, columns). Into ``found`` (4, inputs) go the largest rest; the energy lost in
    the lines, the sum of current (U + D); the sum of segment drop², whose rounding no step can undo; and the largest
    current of a cell, a row or a column.
    """
    inputs, rows, columns = current.shape
    worst, held, lost = np.empty(columns), np.empty(columns), np.empty(columns)
    peak, through = np.empty(columns), np.empty(columns)
    for k in range(inputs):
        worst[:], held[:], lost[:], peak[:], through[:] = 0, 0, 0, 0, 0
        most = 0.0
        for i in range(rows):
            row_balance(current[k, i], row_line, drops[0, k, i], rests[0, k, i])
            column_balance(current[k], column_line, drops[1, k], rests[1, k], i)
            for j in range(columns):
                worst[j] = max(worst[j], abs(rests[0, k, i, j]), abs(rests[1, k, i, j]))
                lost[j] += current[k, i, j] * (drops[0, k, i, j] + drops[1, k, i, j])
                held[j] += row_line[0] * drops[0, k, i, j] ** 2 + column_line[0] * drops[1, k, i, j] ** 2
            for j in range(columns):
                peak[j] = max(peak[j], abs(current[k, i, j]))
                through[j] += current[k, i, j]
            most = max(most, abs(total(current[k, i])))
        found[0, k], found[1, k], found[2, k] = worst.max(), lost.sum(), held.sum()
        found[3, k] = max(most, peak.max(), np.abs(through).max())


@njit(cache=True, nogil=True, fastmath=FAST)
def total(values):  # type: ignore[no-untyped-def]
    """Σ of values (numbers,)."""
    found = 0.0
    for j in range(len(values)):
        found += values[j]
    return found


@njit(cache=True, nogil=True, fastmath=FAST)
def product(ones, others):  # type: ignore[no-untyped-def]
    """Σ ones others of two arrays (rows, columns)."""
    found = 0.0
    for i in range(ones.shape[0]):
        for j in range(ones.shape[1]):
            found += ones[i, j] * others[i, j]
    return found


@njit(cache=True, nogil=True)
def along(rests, steps, found):  # type: ignore[no-untyped-def]
    """How steeply the potential falls along the steps, Σ rests steps (inputs), both (2, inputs, rows, columns)."""
    for k in range(rests.shape[1]):
        found[k] = product(rests[0, k], steps[0, k]) + product(rests[1, k], steps[1, k])


@njit(cache=True, nogil=True, fastmath=EXACT)
def move(applied, start, steps, lengths, drops, voltage):  # type: ignore[no-untyped-def]
    """Drops = start + length step, and voltage = applied - drops of rows and of columns; lengths (inputs)."""
    _, inputs, rows, _ = drops.shape
    for k in range(inputs):
        for i in range(rows):
            for line in range(2):
                go(start[line, k, i], lengths[k], steps[line, k, i], drops[line, k, i])
            remain(applied[k, i], drops[0, k, i], drops[1, k, i], voltage[k, i])


@njit(cache=True, nogil=True, fastmath=EXACT)
def go(start, length, step, place):  # type: ignore[no-untyped-def]
    """Place = start + length step."""
    for j in range(len(place)):
        place[j] = start[j] + length * step[j]


@njit(cache=True, nogil=True, fastmath=EXACT)
def remain(applied, one, other, voltage):  # type: ignore[no-untyped-def]
    """Voltage = applied - one - other."""
    for j in range(len(voltage)):
        voltage[j] = applied[j] - one[j] - other[j]


@njit(cache=True, nogil=True, fastmath=EXACT)
def row_balance(current, line, drop, rest):  # type: ignore[no-untyped-def]
    """One row of `balance`; differences of neighbours first, so that nothing cancels."""
    segment, first, last = line
    columns = len(drop)
    rest[0] = current[0] - first * drop[0]
    for j in range(1, columns):
        rest[j] = current[j] - segment * (drop[j] - drop[j - 1])
    for j in range(columns - 1):
        rest[j] -= segment * (drop[j] - drop[j + 1])
    rest[columns - 1] -= last * drop[columns - 1]


@njit(cache=True, nogil=True, fastmath=EXACT)
def column_balance(current, line, drop, rest, i):  # type: ignore[no-untyped-def]
    """Row ``i`` of the columns' part of `balance`."""
    segment, first, last = line
    rows, columns = drop.shape
    for j in range(columns):
        before = segment * (drop[i, j] - drop[i - 1, j]) if i else first * drop[i, j]
        after = segment * (drop[i, j] - drop[i + 1, j]) if i < rows - 1 else last * drop[i, j]
        rest[i, j] = current[i, j] - before - after
