"""Random-telegraph noise: a trap near the filament that is filled and emptied makes a cell jump between two states."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Literal

import numpy as np
import torch
from pydantic import Field
from scipy.integrate import trapezoid
from torch import Tensor

from ohmloom.devices.read_noise import ReadNoise
from ohmloom.quantities import Seconds

TAIL = 50.0  # frequency x read time above which a read keeps less than 1 part in 1000 of the noise


class TelegraphNoise(ReadNoise):
    """Jumps between two states, ``amplitude`` g apart, in a ``share`` of the cells.

    A cell stays ``dwell_low`` in the lower and ``dwell_high`` in the upper state on average, so that (S. Machlup,
    Journal of Applied Physics 25, 341, 1954), with 1/tau = 1/dwell_low + 1/dwell_high,

        variance = (amplitude g)^2 dwell_low dwell_high / (dwell_low + dwell_high)^2,
        density  = variance 4 tau / (1 + (2 pi f tau)^2).

    A read of T seconds keeps 2 (tau/T) (1 - (tau/T) (1 - exp(-T/tau))) of the variance. The noise has the spectrum and
    the variance of the *average* cell (``share`` times that of one that jumps), not two sharp levels. What is slower
    than 1 / span counts as frozen.
    """

    kind: Literal["telegraph"] = "telegraph"
    share: float = Field(ge=0, le=1)
    amplitude: float = Field(ge=0)
    dwell_low: Seconds = Field(gt=0)
    dwell_high: Seconds = Field(gt=0)

    @property
    def quiet(self) -> bool:
        return self.share == 0 or self.amplitude == 0

    @property
    def relaxation_time(self) -> float:
        """tau in seconds: that of the exponential correlation."""
        return self.dwell_low * self.dwell_high / (self.dwell_low + self.dwell_high)

    def density(self, g: Tensor, frequency: float) -> Tensor:
        tau = self.relaxation_time
        return g.square() * (self._power * 4 * tau / (1 + (2 * math.pi * frequency * tau) ** 2))

    def variance(self, g: Tensor, integration: float | None) -> Tensor:
        return g.square() * (self._power * _kept(self.relaxation_time, integration))

    def frozen_share(self, g: Tensor, span: float, integration: float | None = None) -> Tensor:
        return torch.full_like(g, _frozen(self.relaxation_time, span, integration))

    @property
    def _power(self) -> float:
        occupied = self.dwell_high / (self.dwell_low + self.dwell_high)
        return self.share * self.amplitude**2 * occupied * (1 - occupied)


def _kept(tau: float, integration: float | None) -> float:
    """The share of the variance that a mean over ``integration`` keeps."""
    if integration is None:
        return 1.0
    x = integration / tau
    return 1 - x / 3 if x < 1e-4 else 2 / x * (1 + math.expm1(-x) / x)  # the closed form would cancel


@lru_cache(maxsize=256)
def _frozen(tau: float, span: float, integration: float | None) -> float:
    """The integral of 4 tau / (1 + (2 pi f tau)^2) sinc^2(f T) up to 1 / span, over that up to infinity."""
    if integration is None or integration / tau < 1e-4:
        return 2 / math.pi * math.atan(2 * math.pi * tau / span)
    edge = min(1 / span, TAIL / integration)
    steps = max(4096, int(64 * edge * integration))
    # even in the angle of 2 pi f tau, where the Lorentzian is flat, and in f, where the filter swings
    angles = np.linspace(0, math.atan(2 * math.pi * edge * tau), steps)
    f = np.union1d(np.tan(angles) / (2 * math.pi * tau), np.linspace(0, edge, steps))
    lorentzian = 4 * tau / (1 + (2 * math.pi * f * tau) ** 2)
    return min(1.0, float(trapezoid(lorentzian * np.sinc(f * integration) ** 2, f)) / _kept(tau, integration))
