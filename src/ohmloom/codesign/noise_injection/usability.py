"""How usable a measured device is for weights, and weights as such a device holds them.

A device's conductance against voltage rises only for a while. The *run* is its longest stretch of successive points
that rises, two steps down allowed; L = its steps (points less one) / 100. Decoded from the code and the tables released
with arXiv 2412.02779 (the formula as printed in the paper is not known to us):

    usability = L (1 - sigma)          ("linear", reproduces the released table of 37 devices)
    usability = L exp(-sigma)          ("exponential", the later table of 43 devices)
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field, model_validator
from torch import Tensor

from ohmloom.errors import ConfigurationError, message
from ohmloom.nn import LogNormalDrift, Perturbation

Estimator = Literal["ratio-std", "log-std", "log-rms"]
Form = Literal["linear", "exponential"]
POINTS = 100  # of a sweep that are looked at, and what a run is counted in
STEPS = 35  # that weights need: the run of the best device


class Run(NamedTuple):
    """A stretch of successive points."""

    start: int
    length: int  # points

    @property
    def share(self) -> float:
        """L: its steps, as a share of 100."""
        return (self.length - 1) / POINTS


def usability(share: float, sigma: float, form: Form = "linear") -> float:
    """From the length of the run as a share of 100 points, and sigma.

    >>> round(usability(0.62, 0.2704), 4), round(usability(0.22, 2.3458), 4)
    (0.4524, -0.2961)
    """
    return share * (1 - sigma) if form == "linear" else share * math.exp(-sigma)


def longest_run(curve: Sequence[float] | NDArray[Any], decreases: int = 2) -> Run:
    """The longest stretch of successive points with at most ``decreases`` steps down; the first of equals.

    Raises ConfigurationError for fewer than two points or numbers that are not finite.
    """
    values = np.asarray(curve, dtype=float)
    if values.ndim != 1 or len(values) < 2 or not np.isfinite(values).all():
        given = f"shape {values.shape}" if np.isfinite(values).all() else "NaN or infinity"
        raise ConfigurationError(message("curve", "must be two or more finite numbers", given, "Leave points out."))
    down, start, best = np.diff(values) < 0, 0, Run(0, 1)
    spent = 0
    for end in range(1, len(values)):
        spent += int(down[end - 1])
        while spent > decreases:
            spent -= int(down[start])
            start += 1
        if end - start + 1 > best.length:
            best = Run(start, end - start + 1)
    return best


def limited_share(currents: Sequence[float] | NDArray[Any], limit: float, tolerance: float = 0.02) -> float:
    """The share of currents (A) within ``tolerance`` of the instrument's ``limit``.

    There I / V rises as V falls whatever the device does: a run of such points is the instrument's.
    """
    values = np.asarray(currents, dtype=float)
    return float((np.abs(values - limit) <= tolerance * limit).mean())


def spread_over_cycles(conductance: NDArray[Any], estimator: Estimator = "log-std") -> float:
    """sigma from conductances (cycles, points), by one of three estimators that do not agree:

    - ``log-std``: standard deviation of ln G about its mean at each voltage, the sigma of a log-normal law;
    - ``log-rms``: root mean square of ln(G / mean G), as the drift law has it, without a free mean;
    - ``ratio-std``: standard deviation of G / mean G, what the released code fits (and calls log-normal): for one
      released device it gives 0.71 where ``log-std`` gives 1.35.

    Raises ConfigurationError for one cycle, and for conductances that are not above zero.
    """
    values = np.asarray(conductance, dtype=float)
    if values.ndim != 2 or len(values) < 2:
        rule, remedy = "must be (cycles, points) of two cycles or more", "A spread needs repetitions."
        raise ConfigurationError(message("conductance", rule, f"shape {values.shape}", remedy))
    if not (values > 0).all():
        raise ConfigurationError(message("conductance", "must be above zero", values.min(), "Leave such points out."))
    cycles, ratio = len(values), values / values.mean(0)
    if estimator == "ratio-std":
        return float(ratio.std())
    if estimator == "log-rms":
        return float(np.sqrt(np.square(np.log(ratio)).mean()))
    logs = np.log(values)
    return float(np.sqrt(np.square(logs - logs.mean(0)).mean() * cycles / (cycles - 1)))


class DeviceWeights(Perturbation):
    """Weights on a measured device: |θ| / max |θ| of each tensor is one of ``steps`` along the device's run.

    The levels are the ``run_length`` first steps after ``run_start`` of ``curve`` (S). A weight whose step lies beyond
    the run is multiplied by (c - c_min) / (c_max - c_min), c the conductance found there; then everything is multiplied
    by exp(N(0, deviation²)). A device whose run has all the steps only drifts. Decoded from the released code.
    """

    every_parameter: ClassVar[bool] = True

    kind: Literal["device-weights"] = "device-weights"
    run_start: int = Field(default=0, ge=0)
    run_length: int = Field(ge=1)
    deviation: float = Field(ge=0)
    curve: tuple[float, ...] = ()
    steps: int = Field(default=STEPS, ge=2)

    @model_validator(mode="after")
    def _a_curve_where_it_is_needed(self) -> Self:
        if self.run_length < self.steps and not self.curve:
            rule = f"must be given for a run of fewer than {self.steps} points"
            raise ValueError(message("curve", rule, "none", "Give the device's mean conductances."))
        if self.curve and min(self.curve) == max(self.curve):
            raise ValueError(message("curve", "must not be constant", self.curve[0], "Measure again."))
        return self

    def perturb(self, weights: Mapping[str, Tensor], generator: torch.Generator | None = None) -> dict[str, Tensor]:
        held = {name: value * self.factors(value) for name, value in weights.items()}
        return LogNormalDrift(deviation=self.deviation).perturb(held, generator)

    def factors(self, value: Tensor) -> Tensor:
        """What the missing steps make of each element: 1 within the run."""
        largest = value.detach().abs().amax().clamp(min=1e-30)
        step = (value.detach().abs() / largest * (self.steps - 1)).round().long()
        if self.run_length >= self.steps:
            return torch.ones_like(value)
        curve = torch.tensor(self.curve, dtype=value.dtype, device=value.device)
        low, high = curve.aminmax()
        found = (curve[(self.run_start + step).clamp(max=len(curve) - 1)] - low) / (high - low)
        return torch.where(step < self.run_length, torch.ones_like(value), found)
