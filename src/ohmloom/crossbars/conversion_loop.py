"""The inner loops of :mod:`ohmloom.crossbars.conversion`, compiled. All arrays are float32 and contiguous."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from ohmloom.crossbars.normal_loop import fill

ZERO, HALF, ONE, TWO = np.float32(0), np.float32(0.5), np.float32(1), np.float32(2)
# What clips in a row is counted in float32, exact to 2^24: sums of int32 become int64 and halve the width of the walk.


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc"})
def drive(x, limit, out, lowest, steps, unit):  # type: ignore[no-untyped-def]
    """unit · round(clip(x / limit, lowest, 1) · steps) into ``out`` (vectors, inputs), and how many clipped.

    ``limit`` has one number for each vector, or one.
    """
    vectors, inputs = x.shape
    highest, clipped = np.float32(1), 0
    for vector in range(vectors):
        largest, beyond = limit[vector % len(limit)], ZERO
        for index in range(inputs):
            share = x[vector, index] / largest
            inside = highest if share > highest else lowest if share < lowest else share
            beyond += ONE if share != inside else ZERO
            out[vector, index] = np.rint(inside * steps) * unit
        clipped += int(beyond)
    return clipped


@njit(cache=True, nogil=True, fastmath={"reassoc"})
def inside(x, gradient, low, high, out):  # type: ignore[no-untyped-def]
    """The gradient where low <= x <= high, else 0, into ``out``; its sums below and above. All (vectors, inputs)."""
    below, above = 0.0, 0.0
    for vector in range(len(x)):
        under, over = ZERO, ZERO
        for index in range(x.shape[1]):
            value, slope = x[vector, index], gradient[vector, index]
            under += slope if value < low else ZERO
            over += slope if value > high else ZERO
            out[vector, index] = ZERO if value < low or value > high else slope
        below += under
        above += over
    return below, above


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc"})
def convert(mean, power, pull, column, own, source, weights, reads, gain, offset, step, steps, away, batch):  # type: ignore[no-untyped-def]
    """Add phases, draw, distort, round and clip reads; and how many clipped.

    ``mean`` and ``pull`` are (phases, rows, columns), ``power`` is (rows, columns), where a row is one vector on one
    array: ``batch`` rows in turn share one of the converters described by ``step`` (groups,), ``own`` (groups,),
    ``column``, ``gain`` and ``offset`` (groups, columns), and groups repeat. ``source`` is that of normal numbers.
    Absent ones are None. The values that the codes stand for overwrite the first phase of ``mean``. ``away``: ties are
    rounded away from zero, otherwise to even.
    """
    phases, rows, columns = mean.shape
    variance, noise = np.empty(columns, np.float32), np.empty((4, columns), np.float32)
    clipped = 0
    for row in range(rows):
        group = (row // batch) % len(step)
        value, width, beyond = mean[0, row], step[group], ZERO
        if source is not None:
            if row % 4 == 0:  # whatever the columns, four rows take whole words
                few = (min(rows - row, 4) * columns + 3) // 4 * 4
                fill(noise.ravel()[:few], source[0], source[1], source[2], source[3])
            if power is None:
                variance[:] = own[group]
            else:
                for j in range(columns):
                    variance[j] = power[row, j] + own[group]
        if pull is not None:
            for phase in range(phases):
                for j in range(columns):
                    m = mean[phase, row, j]
                    variance[j] += reads[phase] * (m * (m * column[group, j] - TWO * pull[phase, row, j]))
        if phases > 1:
            for j in range(columns):
                value[j] *= weights[0]
            for phase in range(1, phases):
                for j in range(columns):
                    value[j] += weights[phase] * mean[phase, row, j]
        if source is not None:
            drawn = noise[row % 4]
            for j in range(columns):
                spread = variance[j] if variance[j] > ZERO else ZERO
                value[j] += drawn[j] * math.sqrt(spread)
        if gain is not None:
            for j in range(columns):
                value[j] = value[j] * gain[group, j] + offset[group, j] * width
        for j in range(columns):
            code = value[j] / width
            if away:
                count = np.floor(abs(code) + HALF)
                code = -count if code < ZERO else count
            else:
                code = np.rint(code)
            inside = steps if code > steps else -steps if code < -steps else code
            beyond += ONE if inside != code else ZERO
            value[j] = inside * width
        clipped += int(beyond)
    return clipped


@njit(cache=True, nogil=True, fastmath={"reassoc"})
def activity(levels, squares, driven):  # type: ignore[no-untyped-def]
    """Σ d² and how many d are not zero, over the vectors of each group: (groups, vectors, rows) → (groups, rows)."""
    groups, vectors, rows = levels.shape
    for group in range(groups):
        for vector in range(vectors):
            for row in range(rows):
                level = levels[group, vector, row]
                squares[group, row] += level * level
                driven[group, row] += np.int32(level != ZERO)
