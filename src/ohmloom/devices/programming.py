"""Programming: from wanted conductances to written cells. The closed loop is in `ohmloom.devices.write_verify`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Literal

import torch
from pydantic import Field
from torch import Tensor

from ohmloom.descriptions import Part
from ohmloom.devices.cells import Cells, Fresh, Written

if TYPE_CHECKING:
    from ohmloom.devices.device import Device


class Programming(Part, ABC):
    """A way to write conductances."""

    @abstractmethod
    def write(self, device: Device, fresh: Fresh, generator: torch.Generator) -> Written:
        """Write the targets of ``fresh`` cells, which were checked, and say what was reached. Faulty cells hold what
        ``device.with_faults`` says."""


class Ideal(Programming):
    """One pulse writes the target exactly."""

    kind: Literal["ideal"] = "ideal"

    def write(self, device: Device, fresh: Fresh, generator: torch.Generator) -> Written:
        return _blind(device, fresh, generator)


class OpenLoop(Programming):
    """One pulse, no verification: written = max(0, target + sigma(target) z).

    sigma = g_max (d_0 + d_1 x + d_2 x^2 + ...) with x = target / g_max and d = ``deviation``; negative counts as 0.
    With ``levels`` a programmer aims at so many equal steps of the range only; targets below g_min stay as they are.
    """

    kind: Literal["open-loop"] = "open-loop"
    deviation: tuple[float, ...] = Field(min_length=1)
    levels: int | None = Field(default=None, ge=2)

    def aims(self, device: Device, targets: Tensor) -> Tensor:
        """The levels nearest to ``targets``, S."""
        if self.levels is None:
            return targets
        step = (device.g_max - device.g_min) / (self.levels - 1)
        nearest = device.g_min + ((targets - device.g_min) / step).round() * step
        return torch.where(targets < device.g_min, targets, nearest)

    def spread(self, device: Device, targets: Tensor) -> Tensor:
        """sigma(target) in S."""
        level = targets / device.g_max
        total = torch.zeros_like(level)
        for coefficient in reversed(self.deviation):
            total = total * level + coefficient
        return total.clamp_min(0) * device.g_max

    def write(self, device: Device, fresh: Fresh, generator: torch.Generator) -> Written:
        targets = fresh.targets
        z = torch.randn(targets.shape, generator=generator, dtype=targets.dtype, device=generator.device)
        aims = self.aims(device, targets)
        reached = (aims + self.spread(device, aims) * z).clamp_min(0)
        return _blind(device, fresh._replace(targets=reached), generator)


def _blind(device: Device, fresh: Fresh, generator: torch.Generator) -> Written:
    """One pulse for each wanted cell, which reaches its target, then one noisy read that nobody acts on."""
    reached, faults, latent, wanted = fresh
    held = device.with_faults(reached, faults)
    written = torch.where(wanted, held, 0.0)
    read_back = torch.where(wanted, noisy_read(device, held, generator), 0.0)
    pulses = wanted.to(torch.int32)
    on = torch.where(wanted, device.g_max, torch.zeros_like(written))
    return Written(Cells(written, faults, latent, pulses, on), read_back, torch.zeros_like(wanted))


def noisy_read(device: Device, g: Tensor, generator: torch.Generator) -> Tensor:
    """One read of each cell for ``device.read_time``."""
    if device.read_noise.quiet:
        return g.clone()
    z = torch.randn(g.shape, generator=generator, dtype=g.dtype, device=generator.device)
    return g + device.read_noise.variance(g, device.read_time).sqrt() * z
