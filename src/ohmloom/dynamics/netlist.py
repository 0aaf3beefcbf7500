"""A whole loop as a circuit for ngspice: arrays, amplifiers, rectifiers, integrators and sources.

Nodes: ``s<k>`` state k and ``ns<k>`` its inverse, ``q<c>`` and ``nq<c>`` channel c of the signal, ``a<l>_<o>`` output o
of amplifier l, ``u<l>_<o>`` behind its rectifier and ``nu<l>_<o>`` the inverse, ``j<l>_<o>`` the virtual ground of its
line. A positive cell is driven by the inverse, because amplifiers invert. Amplifiers have one pole: a transconductance
of 1 S into A0 and 1 / (2π GBW). Capacitors across the last amplifiers integrate; with rails, a clamp across each
carries what would push it further (that is what a projected integrator is).
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from ohmloom.chips import StoredMatrix
from ohmloom.crossbars.circuits.netlist import RESULTS
from ohmloom.crossbars.circuits.ngspice import run_transient
from ohmloom.dynamics.grids import check_times
from ohmloom.dynamics.loop import Loop, weight_conductance
from ohmloom.dynamics.methods import Euler
from ohmloom.dynamics.signals import Signal
from ohmloom.dynamics.stack import Layer, hidden, sums
from ohmloom.errors import ConfigurationError, message

OPEN_LOOP_GAIN = 1e6
FAST = 1e9  # Hz: the bandwidth of amplifiers of a loop that names none
CLAMP = 1e3  # how much better a clamp conducts than the line that it relieves
OPTIONS = ".options reltol=1e-6 trtol=1 abstol=1e-12 vntol=1e-9 chgtol=1e-18 method=gear"


def loop_netlist(
    loop: Loop,
    start: Tensor,
    times: Tensor,
    *,
    die: int = 0,
    signal: Signal | None = None,
    current_density: float = 0.0,
    interval: float = 0.0,
    seed: int = 1,
) -> str:
    """The netlist of one die's loop from ``start`` (states), V, over ``times``, s.

    ``current_density``: two-sided density of a white noise current into every integrator, A²/Hz, made of numbers
    ``interval`` seconds apart (it is white well below 1 / interval). Raises ConfigurationError for matrices that are
    not one slice of pairs of cells, for wires, and for errors of multipliers.
    """
    check_times(times)
    if loop.circuit.multipliers is not None:
        rule = "must be ideal to be written for SPICE, which has the loop without multipliers"
        remedy = "Leave multipliers out."
        raise ConfigurationError(message("circuit.multipliers", rule, loop.circuit.multipliers, remedy))
    step, end = float(times.diff().min()), float(times[-1])
    lines = [f"ohmloom: a loop of {len(loop.matrices)} arrays, {loop.states} states", *_amplifier(loop)]
    for k in range(loop.states):
        lines.append(f"ens{k} ns{k} 0 s{k} 0 -1")
    lines += _signals(signal, times)
    settled = _settled(loop, start, times, signal, die)
    for number, matrix in enumerate(loop.matrices):
        lines += _array(loop, number, matrix, die)
        if number < len(loop.matrices) - 1:
            lines += _stages(loop, number, settled[number].tolist())
    lines += _integrators(loop, start.tolist(), die)
    if current_density:
        deviation = math.sqrt(current_density / interval)
        last = len(loop.matrices) - 1
        lines += [f"inoise{k} 0 j{last}_{k} dc 0 trnoise({deviation!r} {interval!r} 0 0)" for k in range(loop.states)]
    wanted = " ".join(f"v(s{k})" for k in range(loop.states))
    control = [".control", "set noaskquit", "set filetype=binary", f"setseed {seed}",
               f"tran {step!r} {end!r} 0 {step!r} uic", f"write {RESULTS} {wanted}", "quit", ".endc"]  # fmt: skip
    return "\n".join([*lines, OPTIONS, *control, ".end", ""])


def solve_in_ngspice(loop: Loop, start: Tensor, times: Tensor, **how: object) -> Tensor:
    """What ngspice finds for `loop_netlist`: (times, states), V. Raises SpiceError."""
    found = run_transient(loop_netlist(loop, start, times, **how))  # type: ignore[arg-type]
    at = times.double().numpy()
    courses = [np.interp(at, found["time"], found[f"v(s{k})"]) for k in range(loop.states)]
    return torch.from_numpy(np.stack(courses, 1))


def _amplifier(loop: Loop) -> Iterator[str]:
    pole = 1 / (2 * math.pi * (loop.circuit.gain_bandwidth or FAST))
    yield ".subckt amplifier in out begin=0"
    yield "gt 0 x 0 in 1"
    yield f"rt x 0 {OPEN_LOOP_GAIN!r}"
    yield f"ct x 0 {pole!r} ic={{begin}}"
    yield "eo out 0 x 0 1"
    yield ".ends"


def _signals(signal: Signal | None, times: Tensor) -> Iterator[str]:
    """Sources of straight lines between the times; a jump takes a millionth of an interval."""
    if signal is None:
        return
    before, after = signal.at(times, before=True)[:, 0].double(), signal.at(times)[:, 0].double()
    edge = 1e-6 * float(times.diff().min())
    for channel in range(after.shape[1]):
        points = [f"0 {after[0, channel].item()!r}"]
        for n, time in enumerate(times.tolist()[1:], 1):
            points.append(f"{time!r} {before[n, channel].item()!r}")
            if before[n, channel] != after[n, channel]:
                points.append(f"{time + edge!r} {after[n, channel].item()!r}")
        yield f"vq{channel} q{channel} 0 pwl("
        yield from (f"+ {point}" for point in points)
        yield "+ )"
        yield f"enq{channel} nq{channel} 0 q{channel} 0 -1"


def _inputs(loop: Loop, number: int) -> list[str]:
    if number:
        return [f"u{number - 1}_{i}" for i in range(loop.matrices[number].shape[1])]
    return [f"s{k}" for k in range(loop.states)] + [f"q{c}" for c in range(loop.driven)]


def _array(loop: Loop, number: int, matrix: StoredMatrix, die: int) -> Iterator[str]:
    """Pairs of cells, and for biases, offsets and added channels a source behind the resistance of a weight of one."""
    positive, negative = _pairs(matrix, die)
    for i, node in enumerate(_inputs(loop, number)):
        for o in range(matrix.shape[0]):
            for name, driver, g in (("p", f"n{node}", positive[i][o]), ("m", node, negative[i][o])):
                if g > 0:
                    yield f"r{name}{number}_{i}_{o} {driver} j{number}_{o} {1 / g!r}"
    one = 1 / weight_conductance(matrix)
    bias = loop.each_bias[number]
    added = loop.each_added[number]
    for o in range(matrix.shape[0]):
        if bias is not None:
            yield f"vb{number}_{o} b{number}_{o} 0 dc {-float(bias[o]) * loop.circuit.unit!r}"
            yield f"rb{number}_{o} b{number}_{o} j{number}_{o} {one!r}"
        if added is not None:
            yield f"rq{number}_{o} nq{added[0] + o} j{number}_{o} {one!r}"


def _pairs(matrix: StoredMatrix, die: int) -> tuple[list[list[float]], list[list[float]]]:
    """The conductances of positive and negative cells (in, out), S."""
    held = matrix.conductance()[die % matrix.dies]  # (slices, signs, segments, rows, columns)
    if held.shape[:2] != (1, 2) or not matrix.wires.absent:
        rule = "must be one slice of pairs of cells on ideal wires to be written for SPICE"
        given = f"{held.shape[0]} slices of {held.shape[1]} cells, wires {matrix.wires}"
        raise ConfigurationError(message(f"{matrix.name}.mapping", rule, given, "Use a pair layout without wires."))
    positive, negative = (matrix.segments.unfold(held[0, sign]).double().tolist() for sign in range(2))
    return positive, negative


def _stages(loop: Loop, number: int, settled: list[float]) -> Iterator[str]:
    """Transimpedance amplifiers, R_f = 1 / g0, and their rectifiers."""
    feedback = 1 / weight_conductance(loop.matrices[number])
    layer = loop.stack().layers[number]
    for o, value in enumerate(settled):
        name = f"{number}_{o}"
        yield f"xa{name} j{name} a{name} amplifier begin={value!r}"
        yield f"rf{name} j{name} a{name} {feedback!r}"
        yield f"bu{name} u{name} 0 v={_bent(layer, f'v(a{name})')}"
        yield f"eu{name} nu{name} 0 u{name} 0 -1"


def _bent(layer: Layer, voltage: str) -> str:
    """The stage as an expression."""
    text = {"relu": f"max({voltage},0)", "tanh": f"{layer.unit!r}*tanh({voltage}/{layer.unit!r})"}
    bent = text.get(layer.activation, voltage)
    return bent if math.isinf(layer.high) else f"max(min({bent},{layer.high!r}),{layer.low!r})"


def _integrators(loop: Loop, start: list[float], die: int) -> Iterator[str]:
    last = len(loop.matrices) - 1
    line = np.sum(_pairs(loop.matrices[last], die), axis=(0, 1))
    for k, value in enumerate(start):
        yield f"xs{k} j{last}_{k} s{k} amplifier begin={value!r}"
        yield f"ci{k} j{last}_{k} s{k} {loop.circuit.capacitance!r} ic={-value!r}"
        if loop.circuit.leak is not None:
            yield f"rl{k} j{last}_{k} s{k} {loop.circuit.leak!r}"
        if loop.circuit.rail is not None:
            strength, rail = CLAMP * float(line[k]), loop.circuit.rail
            excess = f"max(v(s{k})-{rail!r},0)-max(-{rail!r}-v(s{k}),0)"
            yield f"bc{k} s{k} j{last}_{k} i={strength!r}*({excess})"


def _settled(loop: Loop, start: Tensor, times: Tensor, signal: Signal | None, die: int) -> list[Tensor]:
    """What the amplifiers of the hidden layers put out at the beginning, V."""
    stack = loop.stack()
    sample = loop.drives(times[:2], Euler(), signal).at(0, 0)
    held = hidden(stack, start.view(1, 1, -1).to(stack.layers[0].weight), sample)
    found = [sums(layer, h, d) for layer, h, d in zip(stack.layers, held, sample.layers, strict=False)]
    return [value[die % value.shape[0], 0] for value in found[:-1]]
