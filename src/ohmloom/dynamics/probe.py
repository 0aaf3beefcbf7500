"""What the nodes of a loop carry along its course, in volts, and what its arrays dissipate."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ohmloom.dynamics.grids import check_times
from ohmloom.dynamics.loop import Loop
from ohmloom.dynamics.methods import Heun
from ohmloom.dynamics.signals import Signal
from ohmloom.dynamics.stack import Drives, hidden
from ohmloom.errors import ShapeError, message


class Probed(NamedTuple):
    """Voltages at the times of a course; where a loop is driven, its channels are a part of ``lines[0]``."""

    lines: tuple[Tensor, ...]  # that drive each array: (times, dies, trajectories, in)
    output: Tensor  # of the last array over the resistance of a weight of one: (times, dies, trajectories, states)

    @property
    def stages(self) -> tuple[Tensor, ...]:
        """Behind the rectifier of each hidden layer: (times, dies, trajectories, width)."""
        return self.lines[1:]


def probe(
    loop: Loop, volts: Tensor, times: Tensor, *, signal: Signal | None = None, gains: Signal | None = None
) -> Probed:
    """The voltages of all nodes along ``volts`` (times, dies, trajectories, states), a course of ``loop``.

        u_0 = [v, q],   u_l = stage_l(R_f Σ (G⁺ - G⁻) u_{l-1} + b_l + q_l)

    Amplifiers count as settled: poles and delays are short beside a course, or it is not that of its equation. A
    signal that jumps at one of ``times`` is seen after its jump. Raises ShapeError for a course of other times.
    """
    check_times(times)
    if volts.dim() != 4 or len(volts) != len(times) or volts.shape[-1] != loop.states:
        rule = f"must be (times, dies, trajectories, states): {len(times)} times, {loop.states} states"
        raise ShapeError(message("volts", rule, tuple(volts.shape), "Give what `run` gave, and its times."))
    stack = loop.stack()
    state = volts.to(stack.layers[0].weight)
    sampled = loop.drives(times, Heun(), signal, gains)
    *lines, output = hidden(stack, state, Drives(tuple(None if d is None else _at_times(d) for d in sampled.layers)))
    if loop.driven:
        assert signal is not None  # or `drives` would have refused
        channels = signal.at(times).to(state)[..., : loop.driven].unsqueeze(1)
        lines[0] = torch.cat([state, channels.expand(*state.shape[:-1], -1)], -1)
    return Probed(tuple(lines), output)


def array_power(loop: Loop, probed: Probed) -> Tensor:
    """What the cells of all arrays dissipate, W, mean over times and trajectories: (dies).

        P = Σ over arrays and lines of u² Σ (G⁺ + G⁻)

    Lines end in virtual grounds; a pair's second cell sees the same voltage with the other sign.
    """
    total = torch.zeros(loop.dies, dtype=probed.output.dtype)
    for matrix, lines in zip(loop.matrices, probed.lines, strict=True):
        cells = matrix.segments.unfold(matrix.conductance().sum((1, 2))).sum(-1)[..., : lines.shape[-1]]  # (dies, in)
        total = total + (lines.square().mean((0, 2)) * cells.to(lines)).sum(-1)
    return total


def _at_times(sampled: Tensor) -> Tensor:
    """Drives sampled at both ends of every step (steps, 2, …), at all times (steps + 1, …)."""
    return torch.cat([sampled[:, 0], sampled[-1:, 1]])
