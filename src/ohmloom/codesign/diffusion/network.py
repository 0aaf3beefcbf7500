"""The score network as the circuit has it: three arrays, rectifiers, and time and class added before each rectifier."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from ohmloom.codesign.diffusion.schedule import VariancePreserving
from ohmloom.errors import ConfigurationError, ShapeError, message

EARLIEST = 1e-5  # the least time whose deviation divides an output
Null = Literal["zero", "class-0"]


class Passed(NamedTuple):
    """What a network put out (its score times `ScoreNetwork.divisor`), and the activations of its hidden layers."""

    output: Tensor  # (..., points, states)
    hidden: tuple[Tensor, ...]  # (..., points, width) each


class ScoreNetwork(nn.Module):
    """s(x, t, c) = gain / d(t) · (W₃ u₂ + b₃), u_k = relu(W_k u_{k-1} + b_k + e(t) + e(c)), u₀ = x.

    e(t) = [sin 2πωt, cos 2πωt] for ``width / 2`` frequencies ω ~ N(0, 1), which are not trained; e(c) is a trained
    embedding of the class. Both are computed digitally and enter every hidden layer alike. Sizes, gain and embeddings
    are those released with the analogue solver (2-14-14-2, gain 5).
    ``divided``: a schedule whose deviation is d, so that the arrays put out the noise in a point, which is of one size
    at all times, and the multiplier behind them, which follows the schedule anyway, does the rest; absent, as released:
    d = 1 and the arrays put out the score itself, which grows as 1 / d towards t = 0.
    """

    frequencies: Tensor

    def __init__(
        self, states: int = 2, width: int = 14, depth: int = 2, *, classes: int = 0, gain: float = 5.0,
        divided: VariancePreserving | None = None, seed: int = 0,
    ) -> None:  # fmt: skip
        super().__init__()
        if width % 2 or width < 2 or depth < 1:
            given = f"width {width}, depth {depth}"
            rule = "must have an even width (a sine and a cosine each) and a hidden layer"
            raise ConfigurationError(message("network", rule, given, "Change them."))
        generator = torch.Generator().manual_seed(seed)
        self.states, self.classes, self.gain, self.divided = states, classes, gain, divided
        sizes = (states, *[width] * depth, states)
        self.layers = nn.ModuleList(nn.Linear(before, after) for before, after in pairwise(sizes))
        self.register_buffer("frequencies", torch.randn(width // 2, generator=generator))
        self.embedding = (
            nn.Sequential(nn.Linear(classes, width), nn.GELU(), nn.Linear(width, width)) if classes else None
        )
        for parameter in self.parameters():
            fan_in = parameter.shape[-1] if parameter.dim() > 1 else width
            nn.init.uniform_(parameter, -(fan_in**-0.5), fan_in**-0.5, generator=generator)

    @property
    def matrices(self) -> list[tuple[Tensor, Tensor]]:
        """Weights (out, in) and bias (out) of each array."""
        return [(layer.weight, layer.bias) for layer in self.layers]  # type: ignore[misc]

    def divisor(self, t: Tensor) -> Tensor:
        """d(t), by which the score is smaller than what the network puts out: (...)."""
        return torch.ones_like(t) if self.divided is None else self.divided.deviation(t.clamp_min(EARLIEST))

    def time_signals(self, t: Tensor) -> Tensor:
        """e(t): (...) to (..., width)."""
        phase = 2 * torch.pi * t.unsqueeze(-1) * self.frequencies
        return torch.cat([phase.sin(), phase.cos()], -1)

    def class_signals(self, labels: Tensor) -> Tensor:
        """e(c) of classes 0, 1, …: (...) to (..., width); -1 is no class, whose embedding is zero.

        Raises ConfigurationError for a network without classes, and for a class that it lacks.
        """
        if self.embedding is None or (len(labels) and int(labels.max()) >= self.classes):
            given = int(labels.max()) if self.embedding is not None else "labels"
            rule = f"must be one of the network's {self.classes} classes"
            raise ConfigurationError(message("labels", rule, given, "Train with that class, or leave labels out."))
        chosen = nn.functional.one_hot(labels.clamp_min(0), self.classes).to(self.frequencies)
        return self.embedding(chosen) * (labels >= 0).unsqueeze(-1)

    def signals(self, t: Tensor, labels: Tensor | None = None) -> Tensor:
        """What enters the hidden layers from outside: (..., width)."""
        signals = self.time_signals(t)
        return signals if labels is None else signals + self.class_signals(labels)

    def passed(self, x: Tensor, signals: Tensor, matrices: Sequence[tuple[Tensor, Tensor]] | None = None) -> Passed:
        """Through the given ``matrices`` (absent: its own; with a first axis of dies if they have one).

        ``x`` (..., points, states), ``signals`` (..., width). Raises ShapeError.
        """
        if x.shape[-1] != self.states:
            rule = f"must be (..., {self.states})"
            raise ShapeError(message("x", rule, tuple(x.shape), "Give points of the network's states."))
        *inner, (last, bias) = self.matrices if matrices is None else matrices
        hidden: list[Tensor] = []
        for weight, offset in inner:
            before = x if not hidden else hidden[-1]
            hidden.append(_sums(before, weight, _row(offset) + signals).relu())
        return Passed(self.gain * _sums(hidden[-1], last, _row(bias)), tuple(hidden))

    def forward(self, x: Tensor, t: Tensor, labels: Tensor | None = None) -> Tensor:
        """The score at points ``x`` (..., points, states), times ``t`` (points or one) and classes."""
        return self.passed(x, self.signals(t, labels)).output / self.divisor(t).unsqueeze(-1)

    def guided(self, x: Tensor, t: Tensor, labels: Tensor, strength: float, *, null: Null = "zero") -> Tensor:
        """(1 + w) s(x, t, c) - w s(x, t, no class), for ``strength`` w and one class for each point, or one for all.

        ``null = "class-0"`` takes class 0 for no class, as the released code does: with w > 0 its guidance pulls away
        from class 0 instead of from the mixture.
        """
        of_class = self(x, t, labels)
        if strength == 0:
            return of_class
        none = torch.full_like(labels, 0 if null == "class-0" else -1)
        return (1 + strength) * of_class - strength * self(x, t, none)


def _sums(before: Tensor, weight: Tensor, added: Tensor) -> Tensor:
    """W h + ``added``; many networks beside each other in one call."""
    if before.dim() == weight.dim() == 3:
        return torch.baddbmm(added, before, weight.mT)
    return before @ weight.mT + added


def _row(bias: Tensor) -> Tensor:
    """A bias (out) as it is, one of dies (dies, out) beside points."""
    return bias if bias.dim() == 1 else bias.unsqueeze(-2)
