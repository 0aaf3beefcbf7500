"""The inner loops of :mod:`ohmloom.dynamics.fused`, compiled: all steps of one die, forward and in reverse.

All arrays are contiguous and of one type, float32 or float64. A stack is packed: ``sizes`` are the widths (states,
hidden ..., states), ``weights`` the matrices (out, in) one after the other, ``biases`` the biases. A drive of layer l
begins at ``places[l]`` of ``drive`` (-1: none) and is (steps · stages, copies[l], out). ``limits`` (layers, 3) holds
low, high and unit of each stage. ``gains`` (times, 2, states) multiply output and state; one row serves all times.
A block of trajectories passes through all steps before the next one does, so that it stays in the cache.
"""

from __future__ import annotations

import numpy as np
from numba import njit

RELU, TANH, IDENTITY = 0, 1, 2
FAST = {"contract", "nsz", "reassoc"}
SAFE = {"contract", "nsz"}
DOUBLINGS = 6


@njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def multiply_vector(weight, held, sums):  # type: ignore[no-untyped-def]
    """sums = weight held, four outputs at once."""
    outputs, inputs = weight.shape
    for o in range(0, outputs - 3, 4):
        w0, w1, w2, w3 = weight[o], weight[o + 1], weight[o + 2], weight[o + 3]
        s0 = s1 = s2 = s3 = held[0] - held[0]
        for i in range(inputs):
            x = held[i]
            s0 += w0[i] * x
            s1 += w1[i] * x
            s2 += w2[i] * x
            s3 += w3[i] * x
        sums[o], sums[o + 1], sums[o + 2], sums[o + 3] = s0, s1, s2, s3
    for o in range(outputs - outputs % 4, outputs):
        total = held[0] - held[0]
        for i in range(inputs):
            total += weight[o, i] * held[i]
        sums[o] = total


@njit(cache=True, nogil=True, error_model="numpy", fastmath=SAFE)
def bend_tanh(values, slopes, unit, series, wanted):  # type: ignore[no-untyped-def]
    """unit tanh(x / unit) in place, and its slope: tanh y = -q / (q + 2) with q = expm1(-2y), which doubles by
    q(2z) = q(z) (q(z) + 2), so that no digit is lost near zero and the processor's vectors stay full.

    ``series`` holds 1/10, 1/9, ..., 1/2, 1, 2, the largest 2y, and the first 2^-doublings.
    """
    one, two, largest, first = series[9], series[10], series[11], series[12]
    for i in range(len(values)):
        scaled = values[i] / unit
        size = min(two * abs(scaled), largest)
        z = -size * first
        q = one
        for n in range(9):
            q = one + q * z * series[n]
        q *= z
        for _ in range(DOUBLINGS):
            q *= q + two
        t = -q / (q + two)
        values[i] = unit * (t if scaled >= 0 else -t)
        if wanted:
            slopes[i] = one - t * t


@njit(cache=True, nogil=True, error_model="numpy", fastmath=SAFE)
def bend(kind, values, slopes, limits, series, wanted):  # type: ignore[no-untyped-def]
    """The stage of a layer in place, and its slope where ``wanted``; arrays of one axis."""
    low, high, unit = limits[0], limits[1], limits[2]
    zero, one = unit - unit, series[9]
    if kind == RELU:
        if wanted:
            for i in range(len(values)):
                slopes[i] = one if values[i] > zero else zero
        for i in range(len(values)):
            values[i] = max(values[i], zero)
    elif kind == TANH:
        bend_tanh(values, slopes, unit, series, wanted)
    elif wanted:
        slopes[:] = one
    if low > -np.inf or high < np.inf:
        for i in range(len(values)):
            held = min(max(values[i], low), high)
            if wanted and held != values[i]:
                slopes[i] = zero
            values[i] = held


@njit(cache=True, nogil=True, error_model="numpy", fastmath=SAFE)
def add_rows(values, bias, drive, place, copies, time, row):  # type: ignore[no-untyped-def]
    """Add the bias and the drive of this time to every row; ``row`` is the first trajectory of the block."""
    rows, width = values.shape
    for r in range(rows):
        line = values[r]
        for o in range(width):
            line[o] += bias[o]
        if place >= 0:
            copy = row + r if copies > 1 else 0
            begin = place + (time * copies + copy) * width
            driven = drive[begin : begin + width]
            for o in range(width):
                line[o] += driven[o]


@njit(cache=True, nogil=True, error_model="numpy", fastmath=SAFE)
def network(net, held, slopes, rows, time, row, drive, wanted):  # type: ignore[no-untyped-def]
    """All layers for a block of trajectories: ``held`` (packed, input first) gets what leaves each of them."""
    weights, biases, sizes, kinds, limits, places, copies, series = net
    at, weight_at, bias_at, slope_at = 0, 0, 0, 0
    for layer in range(len(kinds)):
        inputs, outputs = sizes[layer], sizes[layer + 1]
        before = held[at : at + rows * inputs]
        at += rows * inputs
        after = held[at : at + rows * outputs]
        weight = weights[weight_at : weight_at + inputs * outputs].reshape(outputs, inputs)
        table = after.reshape(rows, outputs)
        if rows == 1:
            multiply_vector(weight, before, after)
        else:
            np.dot(before.reshape(rows, inputs), weight.T, table)
        add_rows(table, biases[bias_at : bias_at + outputs], drive, places[layer], copies[layer], time, row)
        bend(kinds[layer], after, slopes[slope_at : slope_at + rows * outputs], limits[layer], series, wanted)
        weight_at += inputs * outputs
        bias_at += outputs
        slope_at += rows * outputs


@njit(cache=True, nogil=True, error_model="numpy", fastmath=SAFE)
def rate(slope, output, state, gain, offset, rail):  # type: ignore[no-untyped-def]
    """slope = gain₀ output + gain₁ state + offset, frozen at the rails; all (rows · states), gain (2, states), offset
    (states)."""
    states, zero = len(offset), rail - rail if rail < np.inf else offset[0] - offset[0]
    for begin in range(0, len(slope), states):
        for i in range(states):
            slope[begin + i] = gain[0, i] * output[begin + i] + gain[1, i] * state[begin + i] + offset[i]
    if rail < np.inf:
        for i in range(len(slope)):
            if (state[i] >= rail and slope[i] > zero) or (state[i] <= -rail and slope[i] < zero):
                slope[i] = zero


@njit(cache=True, nogil=True, error_model="numpy", fastmath=SAFE)
def clip(values, rail):  # type: ignore[no-untyped-def]
    if rail < np.inf:
        for i in range(len(values)):
            values[i] = min(max(values[i], -rail), rail)


@njit(cache=True, nogil=True, error_model="numpy", fastmath=SAFE)
def forward(net, drive, gains, offset, rail, steps, nodes, shares, increments, block, out):  # type: ignore[no-untyped-def]
    """All steps: ``out`` (steps + 1, trajectories, states) holds the start in its first row."""
    sizes = net[2]
    trajectories, states, stages = out.shape[1], out.shape[2], len(nodes)
    width, wide = states, 0
    for layer in range(1, len(sizes)):
        wide += sizes[layer]
    held, slopes = np.empty(block * (width + wide), out.dtype), np.empty(0, out.dtype)
    wanted = len(slopes) > 0  # never: as a constant it would have all stages compiled a second time
    slope, total = np.empty(block * states, out.dtype), np.empty(block * states, out.dtype)
    for row in range(0, trajectories, block):
        rows = min(block, trajectories - row)
        count = rows * states
        last = rows * (width + wide) - count
        for n in range(len(steps)):
            h = steps[n]
            now = out[n, row : row + rows].ravel()
            for i in range(count):
                held[i] = now[i]
                total[i] = now[i]
            for stage in range(stages):
                time = n * stages + stage
                if stage > 0:
                    ahead = h * nodes[stage]
                    for i in range(count):
                        held[i] = now[i] + ahead * slope[i]
                    clip(held[:count], rail)
                network(net, held, slopes, rows, time, row, drive, wanted)
                gain = gains[time if len(gains) > 1 else 0]
                rate(slope[:count], held[last : last + count], held[:count], gain, offset, rail)
                part = h * shares[stage]
                for i in range(count):
                    total[i] += part * slope[i]
            if len(increments) > 0:
                drawn = increments[n, row : row + rows].ravel()
                for i in range(count):
                    total[i] += drawn[i]
            clip(total[:count], rail)
            after = out[n + 1, row : row + rows].ravel()
            for i in range(count):
                after[i] = total[i]


@njit(cache=True, nogil=True, error_model="numpy", fastmath=SAFE)
def back_through(net, held, slopes, rows, time, row, gradient, spare, weight_gradient, bias_gradient, drive_gradient):  # type: ignore[no-untyped-def]
    """Reverse of `network`: ``gradient`` (by the output, packed) becomes that by the input; others are added to."""
    weights, _, sizes, kinds, _, places, copies, _ = net
    held_end, weight_end, bias_end, slope_end = 0, len(weights), 0, 0
    for layer in range(len(sizes)):
        held_end += rows * sizes[layer]
    for layer in range(len(kinds)):
        bias_end += sizes[layer + 1]
        slope_end += rows * sizes[layer + 1]
    for back in range(len(kinds)):
        layer = len(kinds) - 1 - back
        inputs, outputs = sizes[layer], sizes[layer + 1]
        held_end -= rows * outputs
        slope = slopes[slope_end - rows * outputs : slope_end]
        pulled = gradient[: rows * outputs]
        for i in range(rows * outputs):
            pulled[i] *= slope[i]
        slope_end -= rows * outputs
        table = pulled.reshape(rows, outputs)
        begin = places[layer] + (time * copies[layer] + (row if copies[layer] > 1 else 0)) * outputs
        for r in range(rows):
            line, bias = table[r], bias_gradient[bias_end - outputs : bias_end]
            for o in range(outputs):
                bias[o] += line[o]
            if places[layer] >= 0 and len(drive_gradient) > 0:
                shift = begin + (r * outputs if copies[layer] > 1 else 0)
                driven = drive_gradient[shift : shift + outputs]
                for o in range(outputs):
                    driven[o] += line[o]
        bias_end -= outputs
        first = weight_end - inputs * outputs
        before = held[held_end - rows * inputs : held_end].reshape(rows, inputs)
        weight = weights[first:weight_end].reshape(outputs, inputs)
        by_weight = weight_gradient[first:weight_end]
        if rows == 1:
            for o in range(outputs):
                line = by_weight[o * inputs : (o + 1) * inputs]
                for i in range(inputs):
                    line[i] += pulled[o] * before[0, i]
        else:
            product = spare[: inputs * outputs]
            np.dot(table.T, before, product.reshape(outputs, inputs))
            for i in range(inputs * outputs):
                by_weight[i] += product[i]
        result = spare[: rows * inputs]
        if rows == 1:
            result[:] = 0
            for o in range(outputs):
                line, pull = weight[o], pulled[o]
                for i in range(inputs):
                    result[i] += line[i] * pull
        else:
            np.dot(table, weight, result.reshape(rows, inputs))
        for i in range(rows * inputs):
            gradient[i] = result[i]
        weight_end = first


@njit(cache=True, nogil=True, error_model="numpy", fastmath=SAFE)
def backward(
    net, drive, gains, offset, rail, steps, nodes, shares, increments, block, out, pulls,
    start_gradient, weight_gradient, bias_gradient, drive_gradient, offset_gradient, increment_gradient,
):  # type: ignore[no-untyped-def]  # fmt: skip
    """Reverse of `forward`: ``pulls`` (steps + 1, trajectories, states) is the gradient by every state.

    The stages of a step are computed again from the state before it, which alone was kept.
    """
    sizes = net[2]
    trajectories, states, stages = out.shape[1], out.shape[2], len(nodes)
    wide, widest, largest = 0, 0, 0
    for layer in range(len(sizes)):
        widest = max(widest, sizes[layer])
        wide += sizes[layer] if layer > 0 else 0
        largest = max(largest, sizes[layer] * sizes[layer - 1] if layer > 0 else 0)
    held = np.empty((stages, block * (states + wide)), out.dtype)
    slopes = np.empty((stages, block * wide), out.dtype)
    wanted = len(slopes) > 0  # always; see `forward`
    slope, ahead = np.empty((stages, block * states), out.dtype), np.empty((stages, block * states), out.dtype)
    total, pull = np.empty(block * states, out.dtype), np.empty(block * states, out.dtype)
    by_slope, by_state = np.empty((stages, block * states), out.dtype), np.empty(block * states, out.dtype)
    gradient, spare = np.empty(block * widest, out.dtype), np.empty(max(block * widest, largest), out.dtype)
    for row in range(0, trajectories, block):
        rows = min(block, trajectories - row)
        count = rows * states
        last = rows * (states + wide) - count
        end = pulls[len(steps), row : row + rows].ravel()
        for i in range(count):
            pull[i] = end[i]
        for back in range(len(steps)):
            n = len(steps) - 1 - back
            h = steps[n]
            now = out[n, row : row + rows].ravel()
            for i in range(count):
                held[0, i] = now[i]
                total[i] = now[i]
            for stage in range(stages):
                time = n * stages + stage
                if stage > 0:
                    reach = h * nodes[stage]
                    for i in range(count):
                        ahead[stage, i] = now[i] + reach * slope[stage - 1, i]
                        held[stage, i] = ahead[stage, i]
                    clip(held[stage, :count], rail)
                network(net, held[stage], slopes[stage], rows, time, row, drive, wanted)
                gain = gains[time if len(gains) > 1 else 0]
                output = held[stage, last : last + count]
                rate(slope[stage, :count], output, held[stage, :count], gain, offset, rail)
                part = h * shares[stage]
                for i in range(count):
                    total[i] += part * slope[stage, i]
            if len(increments) > 0:
                drawn = increments[n, row : row + rows].ravel()
                for i in range(count):
                    total[i] += drawn[i]
            for i in range(count):
                if abs(total[i]) > rail:
                    pull[i] *= 0
            if len(increment_gradient) > 0:
                by_increment = increment_gradient[n, row : row + rows].ravel()
                for i in range(count):
                    by_increment[i] = pull[i]
            for stage in range(stages):
                part = h * shares[stage]
                for i in range(count):
                    by_slope[stage, i] = part * pull[i]
            for stage in range(stages - 1, -1, -1):
                time = n * stages + stage
                gain = gains[time if len(gains) > 1 else 0]
                for i in range(count):
                    frozen = slope[stage, i] == 0 and abs(held[stage, i]) >= rail
                    by_slope[stage, i] *= 0 if frozen else 1
                    by_state[i] = gain[1, i % states] * by_slope[stage, i]
                    gradient[i] = gain[0, i % states] * by_slope[stage, i]
                    offset_gradient[i % states] += by_slope[stage, i]
                back_through(
                    net, held[stage], slopes[stage], rows, time, row, gradient, spare,
                    weight_gradient, bias_gradient, drive_gradient,
                )  # fmt: skip
                for i in range(count):
                    by_state[i] += gradient[i]
                if stage > 0:
                    reach = h * nodes[stage]
                    for i in range(count):
                        if abs(ahead[stage, i]) > rail:
                            by_state[i] *= 0
                        by_slope[stage - 1, i] += reach * by_state[i]
                for i in range(count):
                    pull[i] += by_state[i]
            earlier = pulls[n, row : row + rows].ravel()
            for i in range(count):
                pull[i] += earlier[i]
        first = start_gradient[row : row + rows].ravel()
        for i in range(count):
            first[i] = pull[i]
