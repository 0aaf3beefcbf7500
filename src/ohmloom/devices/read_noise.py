"""Read noise: how a conductance fluctuates when it is looked at.

One object with two faces that agree: a spectral density (for loops in continuous time) and the variance of one read
(for matrix products). A read that averages for T seconds sees the density through sinc^2(f T).
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Literal, Self

import torch
from pydantic import Field, model_validator
from scipy.special import sici
from torch import Tensor

from ohmloom.descriptions import Choice, Part
from ohmloom.errors import message
from ohmloom.quantities import Hertz, Seconds, Siemens


class ReadNoise(Part, ABC):
    """Stationary, zero-mean fluctuation of a conductance ``g`` (S, any shape, results have its shape).

    ``integration`` is the duration of one read in seconds; None means the read for which the figures are stated.
    """

    @property
    @abstractmethod
    def quiet(self) -> bool:
        """True if the noise is identically zero."""

    @abstractmethod
    def density(self, g: Tensor, frequency: float) -> Tensor:
        """One-sided spectral density in S^2/Hz at ``frequency``."""

    @abstractmethod
    def variance(self, g: Tensor, integration: float | None) -> Tensor:
        """Variance in S^2 of one read."""

    @abstractmethod
    def frozen_share(self, g: Tensor, span: float, integration: float | None = None) -> Tensor:
        """The share in [0, 1] of that variance which is slower than ``span`` seconds.

        It is common to all reads within ``span``: drawn once per call, not once per vector.
        """


class Quiet(ReadNoise):
    """Every read returns the conductance."""

    kind: Literal["none"] = "none"

    @property
    def quiet(self) -> bool:
        return True

    def density(self, g: Tensor, frequency: float) -> Tensor:
        return torch.zeros_like(g)

    def variance(self, g: Tensor, integration: float | None) -> Tensor:
        return torch.zeros_like(g)

    def frozen_share(self, g: Tensor, span: float, integration: float | None = None) -> Tensor:
        return torch.zeros_like(g)


class AdditiveNoise(ReadNoise):
    """White noise of the same size for every cell: variance = deviation^2 read_time / T.

    The density is 2 deviation^2 read_time, because a mean over T seconds keeps 1 / (2T) of it.
    """

    kind: Literal["additive"] = "additive"
    deviation: Siemens
    read_time: Seconds = Field(gt=0)

    @property
    def quiet(self) -> bool:
        return self.deviation == 0

    def density(self, g: Tensor, frequency: float) -> Tensor:
        return torch.full_like(g, 2 * self.deviation**2 * self.read_time)

    def variance(self, g: Tensor, integration: float | None) -> Tensor:
        return torch.full_like(g, self.deviation**2 * averaging(self.read_time, integration))

    def frozen_share(self, g: Tensor, span: float, integration: float | None = None) -> Tensor:
        return torch.zeros_like(g)


class RelativeNoise(ReadNoise):
    """White noise in proportion to the conductance: variance = (deviation g)^2 read_time / T."""

    kind: Literal["relative"] = "relative"
    deviation: float = Field(ge=0)
    read_time: Seconds = Field(gt=0)

    @property
    def quiet(self) -> bool:
        return self.deviation == 0

    def density(self, g: Tensor, frequency: float) -> Tensor:
        return g.square() * (2 * self.deviation**2 * self.read_time)

    def variance(self, g: Tensor, integration: float | None) -> Tensor:
        return g.square() * (self.deviation**2 * averaging(self.read_time, integration))

    def frozen_share(self, g: Tensor, span: float, integration: float | None = None) -> Tensor:
        return torch.zeros_like(g)


class FlickerNoise(ReadNoise):
    """Slow noise, density A / f between ``slowest`` and ``fastest``, in proportion to the conductance.

    The total deviation is ``deviation`` g, so A = (deviation g)^2 / log(fastest / slowest). A read of T seconds keeps

        integral of (A / f) sinc^2(f T) df  =  A [F(pi fastest T) - F(pi slowest T)],
        F(x) = Ci(2x) - sin(2x) / (2x) - sin^2(x) / (2x^2),

    which hardly averages while T is short against 1 / fastest. Noise below 1 / span counts as frozen.
    """

    kind: Literal["flicker"] = "flicker"
    deviation: float = Field(ge=0)
    slowest: Hertz = Field(gt=0)
    fastest: Hertz = Field(gt=0)

    @model_validator(mode="after")
    def _band_is_open(self) -> Self:
        if self.fastest <= self.slowest:
            raise ValueError(message("fastest", "must exceed slowest", f"{self.fastest} Hz", "Widen the band."))
        return self

    @property
    def quiet(self) -> bool:
        return self.deviation == 0

    def density(self, g: Tensor, frequency: float) -> Tensor:
        inside = self.slowest <= frequency <= self.fastest
        return g.square() * (self._amplitude / frequency if inside else 0.0)

    def variance(self, g: Tensor, integration: float | None) -> Tensor:
        return g.square() * (self._amplitude * _flicker(self.slowest, self.fastest, integration))

    def frozen_share(self, g: Tensor, span: float, integration: float | None = None) -> Tensor:
        edge = min(max(1 / span, self.slowest), self.fastest)
        share = _flicker(self.slowest, edge, integration) / _flicker(self.slowest, self.fastest, integration)
        return torch.full_like(g, share)

    @property
    def _amplitude(self) -> float:
        return self.deviation**2 / math.log(self.fastest / self.slowest)


class SumOfNoises(ReadNoise):
    """Independent noises together: densities and variances add."""

    kind: Literal["sum"] = "sum"
    parts: tuple[Choice[ReadNoise], ...] = Field(min_length=1)

    @property
    def quiet(self) -> bool:
        return all(part.quiet for part in self.parts)

    def density(self, g: Tensor, frequency: float) -> Tensor:
        return torch.stack([part.density(g, frequency) for part in self.parts]).sum(0)

    def variance(self, g: Tensor, integration: float | None) -> Tensor:
        return torch.stack([part.variance(g, integration) for part in self.parts]).sum(0)

    def frozen_share(self, g: Tensor, span: float, integration: float | None = None) -> Tensor:
        variances = torch.stack([part.variance(g, integration) for part in self.parts])
        shares = torch.stack([part.frozen_share(g, span, integration) for part in self.parts])
        total = variances.sum(0)
        return torch.where(total > 0, (variances * shares).sum(0) / total.clamp_min(torch.finfo(g.dtype).tiny), 0.0)


def averaging(read_time: float, integration: float | None) -> float:
    """What a read of ``integration`` keeps of the variance of white noise stated for ``read_time``."""
    return 1.0 if integration is None else read_time / integration


def _flicker(low: float, high: float, integration: float | None) -> float:
    """The integral of sinc^2(f T) / f over the band; log(high / low) for a read too short to average (or None)."""
    if integration is None or integration * high < 1e-4:  # the filter is 1 to 1e-7; the closed form would cancel
        return math.log(high / low)
    return _primitive(math.pi * high * integration) - _primitive(math.pi * low * integration)


def _primitive(x: float) -> float:
    """F(x) of `FlickerNoise`, a primitive of sin^2(x) / x^3."""
    return float(sici(2 * x)[1]) - math.sin(2 * x) / (2 * x) - math.sin(x) ** 2 / (2 * x * x)
