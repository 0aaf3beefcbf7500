"""Converters: from a sensed value to a code, and back to the value that the code stands for.

The full range r of a converter is in the units of the sensed value; one step is r / steps. Static errors (gain,
offset) are drawn once per die and column; noise is drawn at each conversion.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Literal, NamedTuple

import torch
from pydantic import Field
from torch import Tensor

from ohmloom.crossbars.clipping import clip
from ohmloom.crossbars.conversion import Ties
from ohmloom.crossbars.random_bits import neuron_bits
from ohmloom.descriptions import Part


class ColumnErrors(NamedTuple):
    """Static errors of one die's converters, per column: value → gain · value + offset · step."""

    gain: Tensor
    offset: Tensor


class Converted(NamedTuple):
    """What a conversion gives: the value that each code stands for, how many clipped, and the counting steps done."""

    value: Tensor
    clipped: Tensor | int
    steps: Callable[[], Tensor] | None = None  # of each value; worked out only where somebody counts


class Converter(Part, ABC):
    """Abstract: senses to codes. Errors and noise are in steps (least significant bits)."""

    gain_spread: float = Field(default=0.0, ge=0)  # relative standard deviation between columns
    offset_spread: float = Field(default=0.0, ge=0)  # standard deviation between columns, in steps
    noise: float = Field(default=0.0, ge=0)  # rms of one conversion, in steps

    @property
    @abstractmethod
    def output_bits(self) -> int | None:
        """Bits of a code, sign included; None for an analogue output."""

    @property
    @abstractmethod
    def steps(self) -> float:
        """Codes on one side of zero: one step is range / steps."""

    @property
    def linear(self) -> bool:
        """True if partial sums may be added after conversion."""
        return True

    def fewer_bits(self, less: int) -> Converter:
        """The same converter stopped ``less`` bits early, for a group of fewer phases."""
        return self if less == 0 or self.output_bits is None else self.replace(bits=self.output_bits - less)

    @property
    def scalable(self) -> bool:
        """True if what a code stands for scales with the sensed value, so that digital scales may follow."""
        return self.linear

    @abstractmethod
    def convert(self, value: Tensor, full_range: Tensor, generator: torch.Generator | None) -> Converted:
        """Codes of ``value`` as values; may overwrite it. ``full_range`` broadcasts against it."""

    def column_errors(self, columns: tuple[int, ...], generator: torch.Generator) -> ColumnErrors | None:
        """Draw the static errors of one die; None where there are none."""
        if self.gain_spread == 0 and self.offset_spread == 0:
            return None
        gain = 1 + self.gain_spread * torch.randn(columns, generator=generator)
        return ColumnErrors(gain, self.offset_spread * torch.randn(columns, generator=generator))

    @property
    def ties(self) -> Ties | None:
        """How a code is rounded, where it is the nearest of -steps … steps; None where it is made otherwise."""
        return None

    def counter(self, value: Tensor, full_range: Tensor) -> Callable[[], Tensor] | None:
        """Counting steps of each of the codes that stand for ``value``; None for converters that do not count."""
        return None

    def sense(
        self, value: Tensor, full_range: Tensor, errors: ColumnErrors | None, generator: torch.Generator | None
    ) -> Converted:
        """The whole conversion in its order: gain, offset, noise, code."""
        if errors is not None:
            value = value * errors.gain.to(value) + errors.offset.to(value) * (full_range / self.steps)
        if self.noise > 0:
            noise = torch.randn(value.shape, dtype=value.dtype, device=value.device, generator=generator)
            value = value + noise * (self.noise * full_range / self.steps)
        return self.convert(value, full_range, generator)


class NoConverter(Converter):
    """The analogue value itself: loops of analogue stages, and tests."""

    kind: Literal["none"] = "none"

    @property
    def output_bits(self) -> int | None:
        return None

    @property
    def steps(self) -> float:
        return 1.0

    def convert(self, value: Tensor, full_range: Tensor, generator: torch.Generator | None) -> Converted:
        return Converted(value, 0)


class Uniform(Converter):
    """Mid-tread ADC with codes -N … N, N = 2^(bits-1) - 1, and a cubic integral non-linearity.

    ``nonlinearity`` is the deviation at 1/√3 of the range, in steps: inl(u) = nonlinearity · 3√3/2 · (u - u³).
    """

    kind: Literal["uniform"] = "uniform"
    bits: int = Field(ge=2, le=16)
    nonlinearity: float = 0.0

    @property
    def output_bits(self) -> int:
        return self.bits

    @property
    def steps(self) -> float:
        return float(2 ** (self.bits - 1) - 1)

    @property
    def ties(self) -> Ties | None:
        return None if self.nonlinearity else "even"

    def convert(self, value: Tensor, full_range: Tensor, generator: torch.Generator | None) -> Converted:
        step = full_range / self.steps
        code = value.div_(step)
        if self.nonlinearity:
            share = (code / self.steps).clamp(-1, 1)
            code = code + self.nonlinearity * (3 * 3**0.5 / 2) * (share - share**3)
        inside, clipped = clip(code.round_(), -self.steps, self.steps)
        return Converted(inside.mul_(step), clipped)


class ChargeDecrement(Converter):
    """Sign first, then a fixed charge is taken away until the sign flips; the count is the code (NeuRRAM).

    The first decrement is half a step, so that code = sign · min(⌊|v|/step + 1/2⌋, N). ``max_steps`` = N is
    2^(bits-1) - 1 unless given (the chip counts at most 128). ``activation``: ``linear``; ``relu`` stops negative
    values at once; ``tanh`` and ``sigmoid`` lengthen the decrement while counting so that the count follows the
    function of v/range·gain, with outputs in [-1, 1] and [0, 1].
    Source: Wan et al. 2022, doi:10.1038/s41586-022-04992-8, Extended Data Fig. 4; the schedule of the decrements for
    tanh and sigmoid is not published (ours: the inverse function at half codes).
    """

    kind: Literal["charge-decrement"] = "charge-decrement"
    bits: int = Field(ge=2, le=9)
    max_steps: int | None = Field(default=None, ge=1, le=128)
    activation: Literal["linear", "relu", "tanh", "sigmoid"] = "linear"
    reach: float = Field(default=3.0, gt=0)  # tanh and sigmoid: the argument at full range

    @property
    def output_bits(self) -> int:
        return self.bits

    @property
    def steps(self) -> float:
        return float(min(2 ** (self.bits - 1) - 1, self.max_steps or 128))

    @property
    def linear(self) -> bool:
        return self.activation == "linear"

    @property
    def ties(self) -> Ties | None:
        return "away" if self.linear else None

    def counter(self, value: Tensor, full_range: Tensor) -> Callable[[], Tensor]:
        return lambda: self.counted((value / (full_range / self.steps)).abs().round_())

    @property
    def scalable(self) -> bool:
        return self.activation in ("linear", "relu")

    def convert(self, value: Tensor, full_range: Tensor, generator: torch.Generator | None) -> Converted:
        if self.activation in ("tanh", "sigmoid"):
            return self._curved(value / full_range * self.reach)
        step = full_range / self.steps
        code = value.div_(step)
        if self.activation == "relu":
            code = code.clamp_(min=0)
        count, clipped = clip(code.abs().add_(0.5).floor_(), 0.0, self.steps)
        stopped = self.activation == "relu"  # at once, where the sign is negative

        def steps() -> Tensor:
            return self.counted(count) * (code > 0) if stopped else self.counted(count)

        return Converted(torch.copysign(count, code).mul_(step), clipped, steps)

    def counted(self, count: Tensor) -> Tensor:
        """Decrements done with early stop: one more than the code, to see the sign flip, but never more than N."""
        return (count + 1).clamp(max=self.steps)

    def thresholds(self) -> Tensor:
        """The |argument| at which the count of a curved activation reaches 1, 2, …, N."""
        half = (torch.arange(1, int(self.steps) + 1, dtype=torch.float64) - 0.5) / self.steps
        return torch.atanh(half) * (2 if self.activation == "sigmoid" else 1)

    def _curved(self, argument: Tensor) -> Converted:
        thresholds = self.thresholds().to(argument)
        count = torch.bucketize(argument.abs(), thresholds, right=True).to(argument)
        odd = count / self.steps * argument.sign()
        return Converted(odd if self.activation == "tanh" else (1 + odd) / 2, 0, lambda: self.counted(count))


class Comparator(Converter):
    """One bit: +1 where the value exceeds 0, else -1. Offset and noise are in units of the full range."""

    kind: Literal["comparator"] = "comparator"

    @property
    def output_bits(self) -> int:
        return 1

    @property
    def steps(self) -> float:
        return 1.0

    @property
    def linear(self) -> bool:
        return False

    def convert(self, value: Tensor, full_range: Tensor, generator: torch.Generator | None) -> Converted:
        return Converted(torch.where(value > 0, 1.0, -1.0).to(value), 0)


class StochasticNeuron(Converter):
    """A comparator with pseudo-random charge: 1 where v/range + amplitude · Σ_s ±1 > 0, else 0.

    The ±1 of ``sources`` sources come from two counter-propagating shift-register chains XORed
    (:mod:`ohmloom.crossbars.random_bits`). With many sources the probability approaches a normal, hence nearly a
    logistic, curve of v. Source: Wan et al. 2022, doi:10.1038/s41586-022-04992-8 (structure; amplitude assumed).
    """

    kind: Literal["stochastic-neuron"] = "stochastic-neuron"
    amplitude: float = Field(default=0.025, gt=0)
    sources: int = Field(default=8, ge=1, le=32)

    @property
    def output_bits(self) -> int:
        return 1

    @property
    def steps(self) -> float:
        return 1.0

    @property
    def linear(self) -> bool:
        return False

    def convert(self, value: Tensor, full_range: Tensor, generator: torch.Generator | None) -> Converted:
        vectors = value.numel() // value.shape[-1]
        bits = neuron_bits(vectors * self.sources, value.shape[-1], generator).view(vectors, self.sources, -1)
        charge = (2 * bits.sum(1) - self.sources).view(value.shape).to(value) * self.amplitude
        return Converted((value / full_range + charge > 0).to(value), 0)
