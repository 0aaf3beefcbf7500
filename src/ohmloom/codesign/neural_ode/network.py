"""The network: dense layers whose output is a rate, driven by signals and by one constant."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from ohmloom.dynamics import Drives, Layer, Method, RungeKutta4, Samples, Stack, solve, stage_times
from ohmloom.errors import ShapeError, message

Weights = Sequence[Tensor]  # each (out, in) or (draws, out, in)


class DrivenODE(nn.Module):
    """dx/ds = gain · W_n relu(… relu(W_1 [x, u, 1])): no biases, all that is learned fits into arrays.

    The first layer sees the states, the ``inputs`` signals and a constant of one, which stands for all biases: a
    hidden unit that the constant holds up passes it on. ``gain`` is fixed; it sets the unit of time.
    """

    def __init__(self, states: int, inputs: int, hidden: tuple[int, ...], generator: torch.Generator,
                 *, gain: float = 1.0) -> None:  # fmt: skip
        super().__init__()
        self.states, self.gain = states, gain
        widths = [states + inputs + 1, *hidden, states]
        self.weights = nn.ParameterList(
            nn.Parameter(torch.randn(out, into, generator=generator) * (2 / into) ** 0.5)
            for into, out in pairwise(widths)
        )

    def solve(
        self,
        start: Tensor,
        stages: Tensor,
        step: float,
        *,
        weights: Weights | None = None,
        method: Method = RungeKutta4(),  # noqa: B008 (frozen)
    ) -> Tensor:
        """The states after each of equal steps: (steps + 1, [draws,] trajectories, states), by the fused path.

        ``start`` (trajectories, states); ``stages``: the signals as `sampled` gives them for the same method;
        ``weights``: others than the learned ones, such as draws of what cells hold of them; each draw may see
        signals of its own, (steps, stages, draws, trajectories, channels).
        """
        weights = list(self.weights) if weights is None else weights
        times = step * torch.arange(len(stages) + 1, dtype=start.dtype)
        return solve(self.stack(weights), start, times, method=method, drives=self.drives(stages, weights))

    def stack(self, weights: Weights) -> Stack:
        """The drift function of the states."""
        last = len(weights) - 1
        layers = [
            Layer(weight[..., : self.states] if number == 0 else weight, None, "identity" if number == last else "relu")
            for number, weight in enumerate(weights)
        ]
        return Stack(tuple(layers), self.gain)

    def drives(self, stages: Tensor, weights: Weights) -> Drives:
        """What the signals add before the first stage."""
        first = weights[0][..., self.states :]
        if stages.shape[-1] + 1 != first.shape[-1]:
            rule = f"must have {first.shape[-1] - 1} channels"
            raise ShapeError(message("stages", rule, stages.shape[-1], "Give the signals, without the constant."))
        seen = with_constant(stages)  # (steps, stages, trajectories, inputs + 1)
        if first.dim() == 3 and seen.dim() == 4:  # signals are those of all draws
            seen = seen.unsqueeze(2)
        return Drives((seen @ first.transpose(-1, -2), *([None] * (len(weights) - 1))))


def with_constant(signal: Tensor) -> Tensor:
    """A signal (..., channels), of which there may be none, and the constant of one beside it."""
    return torch.cat([signal, signal.new_ones(*signal.shape[:-1], 1)], -1)


def sampled(signal: Tensor, method: Method = RungeKutta4()) -> Tensor:  # noqa: B008 (frozen)
    """A signal (samples, trajectories, channels), straight between samples, at the stages of a method.

    (samples - 1, stages, trajectories, channels). Raises NotFiniteError and ShapeError for a bad signal.
    """
    index = torch.arange(len(signal), dtype=signal.dtype)
    return Samples(index, signal).stages(stage_times(index, method.nodes))
