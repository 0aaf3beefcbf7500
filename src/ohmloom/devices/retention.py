"""Retention: the conductance of a cell as a function of the time since it was written.

Time is absolute. Published spreads shrink again between one and two days at some levels, so increments cannot be
composed; instead one latent number per cell fixes its whole way through time.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from itertools import pairwise
from typing import Literal, Self

import numpy as np
import torch
from pydantic import Field, model_validator
from torch import Tensor

from ohmloom.descriptions import Part
from ohmloom.errors import ConfigurationError, message
from ohmloom.quantities import TIME, Seconds, Siemens, show


class Retention(Part, ABC):
    """Where a cell is, ``elapsed`` seconds after it was written.

    Pure, differentiable, elementwise; at ``elapsed`` zero exactly what was written; never negative.
    """

    @abstractmethod
    def relaxed(self, written: Tensor, latent: Tensor, elapsed: float, *, extrapolate: bool = False) -> Tensor:
        """The conductance in S after ``elapsed`` seconds; ``latent`` is the cell's own N(0, 1).

        Raises ConfigurationError for a time that is negative, not finite, or beyond what was measured without
        ``extrapolate``.
        """


class Stable(Retention):
    """A cell keeps what was written."""

    kind: Literal["none"] = "none"

    def relaxed(self, written: Tensor, latent: Tensor, elapsed: float, *, extrapolate: bool = False) -> Tensor:
        _check(elapsed, math.inf, extrapolate)
        return written


class Relaxation(Retention):
    """g(t) = max(0, g + sigma_t(g) latent), with sigma_t a polynomial in g / scale at each published time.

    Between published times sigma is interpolated linearly in u(t) = log(1 + t / onset), which is log time from
    ``onset`` on and makes sigma zero at time zero. Above ``scale``, where the polynomials were not fitted, sigma keeps
    its value at ``scale``; where a polynomial is negative sigma is zero. With ``extrapolate`` the spread of the last
    published time is held.

    Units: ``coefficients[i][k]`` times ``unit`` belongs to (g / scale)^k at ``times[i]``.
    """

    kind: Literal["relaxation"] = "relaxation"
    scale: Siemens = Field(gt=0)
    unit: Siemens = Field(gt=0)
    onset: Seconds = Field(gt=0)
    times: tuple[Seconds, ...] = Field(min_length=1)
    coefficients: tuple[tuple[float, ...], ...]

    @model_validator(mode="after")
    def _rows_fit(self) -> Self:
        lengths = {len(row) for row in self.coefficients}
        if len(self.coefficients) != len(self.times) or len(lengths) != 1 or 0 in lengths:
            rule = f"must have one row of equal length for each of the {len(self.times)} times"
            raise ValueError(message("coefficients", rule, f"rows of {sorted(lengths)}", "Add or remove a row."))
        if self.times[0] <= 0 or any(a >= b for a, b in pairwise(self.times)):
            raise ValueError(message("times", "must be positive and increasing", self.times, "Sort them."))
        return self

    def deviation(self, written: Tensor, elapsed: float, *, extrapolate: bool = False) -> Tensor:
        """sigma_t(written) in S: the spread after ``elapsed`` seconds before clamping at zero."""
        _check(elapsed, self.times[-1], extrapolate)
        knots = [0.0, *(math.log1p(t / self.onset) for t in self.times)]
        rows = np.array([[0.0] * len(self.coefficients[0]), *self.coefficients])
        now = math.log1p(elapsed / self.onset)
        level = (written / self.scale).clamp(0, 1)
        total = torch.zeros_like(level)
        for column in reversed(range(rows.shape[1])):
            total = total * level + float(np.interp(now, knots, rows[:, column])) * self.unit
        return total.clamp_min(0)

    def relaxed(self, written: Tensor, latent: Tensor, elapsed: float, *, extrapolate: bool = False) -> Tensor:
        return (written + self.deviation(written, elapsed, extrapolate=extrapolate) * latent).clamp_min(0)


class PowerLawDrift(Retention):
    """g(t) = g (t / start)^-nu for t > start and g before, with nu = exponent + spread x latent of each cell."""

    kind: Literal["power-law"] = "power-law"
    exponent: float
    spread: float = Field(default=0.0, ge=0)
    start: Seconds = Field(gt=0)
    measured_until: Seconds | None = None

    def relaxed(self, written: Tensor, latent: Tensor, elapsed: float, *, extrapolate: bool = False) -> Tensor:
        _check(elapsed, math.inf if self.measured_until is None else self.measured_until, extrapolate)
        decades = math.log(max(elapsed, self.start) / self.start)
        return written * torch.exp(-(self.exponent + self.spread * latent) * decades)


def _check(elapsed: float, last: float, extrapolate: bool) -> None:
    if not (math.isfinite(elapsed) and elapsed >= 0):
        raise ConfigurationError(
            message("elapsed", "must be a finite time since programming, not negative", f"{elapsed} s", "Give seconds.")
        )
    if elapsed > last and not extrapolate:
        rule = f"must not exceed the last measured time, {show(last, TIME)}"
        raise ConfigurationError(
            message("elapsed", rule, show(elapsed, TIME), "Say extrapolate=True to go on beyond the data.")
        )
