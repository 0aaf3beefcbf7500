"""Trimming a die: gain and offset of the converter that drives it, found on records of what it is to follow.

What write errors do to a driven loop is first of all that both signs of the drive move it too far or not far enough;
two numbers for each die mend that without touching a cell.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ohmloom.codesign.neural_ode.network import DrivenODE, Weights, sampled


class Trim(NamedTuple):
    """The drive of a die: gain · signal + offset; each (dies), in the network's units."""

    gain: Tensor
    offset: Tensor

    def drives(self, signal: Tensor) -> Tensor:
        """What each die sees of a signal (samples, trajectories, channels): (samples, dies, trajectories, channels)."""
        return self.gain[:, None, None] * signal.unsqueeze(1) + self.offset[:, None, None]


class Measured(NamedTuple):
    """Records of what is followed: ``signal`` (samples, records, channels), ``states`` (samples, records, states), and
    the step between samples."""

    signal: Tensor
    states: Tensor
    step: float


def trim(
    network: DrivenODE, held: Weights, measured: Measured, *, gain: float = 0.3, offset: float = 0.2, points: int = 9,
    rounds: int = 4,
) -> Trim:  # fmt: skip
    """The trim of each die with the least mean relative error on ``measured``, on grids that close in on the best.

    ``held``: what the cells of each die hold, (dies, out, in) for each layer. The first grid reaches ``gain`` to both
    sides of one and ``offset`` to both sides of zero with ``points`` each; the next ones a third as far.
    """
    dies, like, records = len(held[0]), held[0], measured.states.shape[1]
    wanted, signal = measured.states.to(like), measured.signal.to(like)
    start = wanted[0].repeat(points**2, 1)  # (points² · records, states)
    best = Trim(like.new_ones(dies), like.new_zeros(dies))
    for number in range(rounds):
        reach = torch.linspace(-1, 1, points, dtype=like.dtype) / 3**number
        tried = Trim((best.gain[:, None] + gain * reach).repeat_interleave(points, 1).flatten(),
                     (best.offset[:, None] + offset * reach).repeat(1, points).flatten())  # fmt: skip
        seen = tried.drives(signal).unflatten(1, (dies, -1)).flatten(2, 3)  # (samples, dies, points² · records, …)
        found = solve_dies(network, held, start, seen, measured.step).unflatten(2, (-1, records))
        error = ((found - wanted[:, None, None]).abs() / wanted[:, None, None].abs()).mean((0, 3, 4))
        least = error.nan_to_num(nan=float("inf")).argmin(1, keepdim=True)  # (dies, 1)
        best = Trim(*(values.unflatten(0, (dies, -1)).gather(1, least)[:, 0] for values in tried))
    return best


def solve_dies(network: DrivenODE, held: Weights, start: Tensor, signal: Tensor, step: float) -> Tensor:
    """The states (samples, dies, trajectories, states) of dies that see signals of their own.

    ``start`` (trajectories, states), ``signal`` (samples, dies, trajectories, channels).
    """
    stages = sampled(signal.flatten(1, 2)).unflatten(2, signal.shape[1:3])
    with torch.no_grad():
        return network.solve(start.to(held[0]), stages, step, weights=held)
