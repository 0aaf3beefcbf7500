"""The compiled forward loop for many trajectories: a block is held feature by feature, its trajectories side by side.

So the processor's vectors run over trajectories, and layers of any few features fill them; :mod:`.fused_loop`, whose
conventions hold here, keeps the features of one trajectory side by side, which suits few of them.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from ohmloom.dynamics.fused_loop import IDENTITY, RELU, SAFE, TANH, bend, clip


@njit(cache=True, nogil=True, error_model="numpy", fastmath=SAFE)
def shift_columns(kind, values, shift, zero):  # type: ignore[no-untyped-def]
    """Add to each line of ``values`` (outputs, rows) its ``shift``; with the rectifier, where that is the stage."""
    for o in range(len(values)):
        line, added = values[o], shift[o]
        if kind == RELU:
            for r in range(len(line)):
                line[r] = max(line[r] + added, zero)
        else:
            for r in range(len(line)):
                line[r] += added


@njit(cache=True, nogil=True, error_model="numpy", fastmath=SAFE)
def network_columns(net, held, shift, rows, time, row, drive):  # type: ignore[no-untyped-def]
    """All layers for a block: ``held`` (packed, each layer (features, rows), input first) gets what leaves each."""
    weights, biases, sizes, kinds, limits, places, copies, series = net
    at, weight_at, bias_at = 0, 0, 0
    for layer in range(len(kinds)):
        inputs, outputs = sizes[layer], sizes[layer + 1]
        before = held[at : at + inputs * rows].reshape(inputs, rows)
        at += inputs * rows
        after = held[at : at + outputs * rows]
        weight = weights[weight_at : weight_at + inputs * outputs].reshape(outputs, inputs)
        shared = places[layer] >= 0 and copies[layer] == 1
        for o in range(outputs):
            shift[o] = biases[bias_at + o]
            if shared:
                shift[o] += drive[places[layer] + time * outputs + o]
        table = after.reshape(outputs, rows)
        np.dot(weight, before, table)
        if copies[layer] > 1:
            begin = places[layer] + (time * copies[layer] + row) * outputs
            for o in range(outputs):
                line = table[o]
                for r in range(rows):
                    line[r] += drive[begin + r * outputs + o]
        kind = kinds[layer]
        shift_columns(kind, table, shift, series[9] - series[9])
        if kind == TANH or limits[layer, 0] > -np.inf or limits[layer, 1] < np.inf:
            bend(IDENTITY if kind == RELU else kind, after, after, limits[layer], series, False)
        weight_at += inputs * outputs
        bias_at += outputs


@njit(cache=True, nogil=True, error_model="numpy", fastmath=SAFE)
def rate_columns(slope, output, state, gain, offset, rail):  # type: ignore[no-untyped-def]
    """slope = gain₀ output + gain₁ state + offset, frozen at the rails; all (states, rows), gain (2, states), offset
    (states)."""
    states, rows = slope.shape
    zero = offset[0] - offset[0]
    for k in range(states):
        line, out, now, shift = slope[k], output[k], state[k], offset[k]
        factor, loss = gain[0, k], gain[1, k]
        for r in range(rows):
            line[r] = factor * out[r] + loss * now[r] + shift
        if rail < np.inf:
            for r in range(rows):
                if (now[r] >= rail and line[r] > zero) or (now[r] <= -rail and line[r] < zero):
                    line[r] = zero


@njit(cache=True, nogil=True, error_model="numpy", fastmath=SAFE)
def forward_columns(net, drive, gains, offset, rail, steps, nodes, shares, increments, block, out):  # type: ignore[no-untyped-def]
    """All steps: ``out`` (steps + 1, trajectories, states) holds the start in its first row."""
    sizes = net[2]
    trajectories, states, stages = out.shape[1], out.shape[2], len(nodes)
    wide, widest = 0, 0
    for layer in range(len(sizes)):
        wide += sizes[layer]
        widest = max(widest, sizes[layer])
    space, shift = np.empty(block * wide, out.dtype), np.empty(widest, out.dtype)
    spare = np.empty((3, block * states), out.dtype)
    for row in range(0, trajectories, block):
        rows = min(block, trajectories - row)
        count = rows * states
        held = space[: rows * wide]
        first, last = held[:count], held[len(held) - count :]
        now, slope, total = spare[0, :count], spare[1, :count], spare[2, :count]
        for k in range(states):
            for r in range(rows):
                now[k * rows + r] = out[0, row + r, k]
        for n in range(len(steps)):
            h = steps[n]
            first[:], total[:] = now, now
            for stage in range(stages):
                time = n * stages + stage
                if stage > 0:
                    ahead = h * nodes[stage]
                    for i in range(count):
                        first[i] = now[i] + ahead * slope[i]
                    clip(first, rail)
                network_columns(net, held, shift, rows, time, row, drive)
                gain = gains[time if len(gains) > 1 else 0]
                rate_columns(slope.reshape(states, rows), last.reshape(states, rows), first.reshape(states, rows),
                             gain, offset, rail)  # fmt: skip
                part = h * shares[stage]
                for i in range(count):
                    total[i] += part * slope[i]
            if len(increments) > 0:
                for k in range(states):
                    for r in range(rows):
                        total[k * rows + r] += increments[n, row + r, k]
            clip(total, rail)
            now[:] = total
            for k in range(states):
                for r in range(rows):
                    out[n + 1, row + r, k] = total[k * rows + r]
