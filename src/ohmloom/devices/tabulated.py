"""Parts that are tables against conductance, as measurements give them: what one pulse reaches, and noise."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor

from ohmloom.devices.cells import Fresh, Written
from ohmloom.devices.programming import Programming, blind
from ohmloom.devices.read_noise import ReadNoise, averaging
from ohmloom.errors import message
from ohmloom.quantities import Seconds, Siemens

if TYPE_CHECKING:
    from ohmloom.devices.device import Device


class TabulatedOpenLoop(Programming):
    """One pulse, no verification: written = max(0, target + offset(target) + sigma(target) z).

    Aiming at ``targets[i]`` reaches ``means[i]`` ± ``deviations[i]`` from cell to cell. Between the targets the offset
    ``means[i] - targets[i]`` and the deviation are interpolated linearly, outside they keep their values at the ends.
    """

    kind: Literal["tabulated"] = "tabulated"
    targets: tuple[Siemens, ...] = Field(min_length=1)
    means: tuple[Siemens, ...]
    deviations: tuple[Siemens, ...]

    @model_validator(mode="after")
    def _columns_fit(self) -> Self:
        _check_columns("targets", self.targets, {"means": self.means, "deviations": self.deviations})
        return self

    def offset(self, targets: Tensor) -> Tensor:
        """What cells reach on average, less their target, S."""
        return interpolate(targets, self.targets, [m - t for m, t in zip(self.means, self.targets, strict=True)])

    def spread(self, targets: Tensor) -> Tensor:
        """sigma(target) in S."""
        return interpolate(targets, self.targets, self.deviations)

    def write(self, device: Device, fresh: Fresh, generator: torch.Generator) -> Written:
        aims = fresh.targets
        z = torch.randn(aims.shape, generator=generator, dtype=aims.dtype, device=generator.device)
        reached = (aims + self.offset(aims) + self.spread(aims) * z).clamp_min(0)
        return blind(device, fresh._replace(targets=reached), generator)


class TabulatedNoise(ReadNoise):
    """White noise tabulated against conductance: variance = deviation(g)^2 read_time / T.

    Between ``conductances`` the *variance* is interpolated linearly, outside it keeps its value at the ends.
    """

    kind: Literal["tabulated"] = "tabulated"
    conductances: tuple[Siemens, ...] = Field(min_length=1)
    deviations: tuple[Siemens, ...]
    read_time: Seconds = Field(gt=0)

    @model_validator(mode="after")
    def _columns_fit(self) -> Self:
        _check_columns("conductances", self.conductances, {"deviations": self.deviations})
        return self

    @property
    def quiet(self) -> bool:
        return not any(self.deviations)

    def density(self, g: Tensor, frequency: float) -> Tensor:
        return self.variance(g, None) * (2 * self.read_time)

    def variance(self, g: Tensor, integration: float | None) -> Tensor:
        whole = interpolate(g, self.conductances, [deviation**2 for deviation in self.deviations])
        return whole * averaging(self.read_time, integration)

    def frozen_share(self, g: Tensor, span: float, integration: float | None = None) -> Tensor:
        return torch.zeros_like(g)


def interpolate(x: Tensor, knots: tuple[float, ...], values: list[float] | tuple[float, ...]) -> Tensor:
    """Linear interpolation of ``values`` at increasing ``knots``; constant outside. The shape is that of ``x``."""
    known = torch.tensor(values, dtype=x.dtype, device=x.device)
    if len(knots) == 1:
        return known[0].expand(x.shape).clone()
    places = torch.tensor(knots, dtype=x.dtype, device=x.device)
    left = (torch.bucketize(x, places) - 1).clamp(0, len(knots) - 2)
    share = ((x - places[left]) / (places[left + 1] - places[left])).clamp(0, 1)
    return known[left] * (1 - share) + known[left + 1] * share


def _check_columns(name: str, knots: tuple[float, ...], columns: dict[str, tuple[float, ...]]) -> None:
    for other, values in columns.items():
        if len(values) != len(knots):
            rule = f"must have one entry for each of the {len(knots)} {name}"
            raise ValueError(message(other, rule, len(values), "Add or remove entries."))
    if any(a >= b for a, b in pairwise(knots)):
        raise ValueError(message(name, "must increase", knots, "Sort them, and leave out repeated ones."))
