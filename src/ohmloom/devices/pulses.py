"""A stochastic model of what one programming pulse does to a cell."""

from __future__ import annotations

from typing import NamedTuple

import torch
from pydantic import Field
from torch import Tensor

from ohmloom.descriptions import Description
from ohmloom.quantities import Siemens, Volts


class PulseModel(Description):
    """A pulse of voltage V moves a cell a share of the way to the end of its range, and that share is random:

        g  ->  e + (g - e) exp(-k),     k = exp((V - threshold) / slope + cycle_spread z),

    with e the cell's ceiling for a set and the floor for a reset pulse, and z a fresh N(0, 1). Each cell has its own
    two thresholds (Gaussian) and its own ceiling (log-normal around ``ceiling``). So a step grows exponentially with
    the voltage, saturates at both ends, never leaves the range, and differs from cell to cell and from pulse to pulse;
    cells whose ceiling is too low for their target are those that a controller gives up.
    Fresh cells start at ``initial``, with a log-normal spread. Spreads of log-normal values are relative.
    """

    set_threshold: Volts
    reset_threshold: Volts
    threshold_spread: Volts = Field(ge=0)
    set_slope: Volts = Field(gt=0)
    reset_slope: Volts = Field(gt=0)
    cycle_spread: float = Field(ge=0)
    ceiling: Siemens = Field(gt=0)
    ceiling_spread: float = Field(ge=0)
    floor: Siemens
    initial: Siemens = Field(gt=0)
    initial_spread: float = Field(ge=0)

    def draw(self, count: int, dtype: torch.dtype, generator: torch.Generator) -> tuple[Traits, Tensor]:
        """The traits of ``count`` fresh cells and their conductances in S."""
        z = torch.randn(4, count, generator=generator, dtype=dtype, device=generator.device)
        traits = Traits(
            set_threshold=self.set_threshold + self.threshold_spread * z[0],
            reset_threshold=self.reset_threshold + self.threshold_spread * z[1],
            ceiling=self.ceiling * torch.exp(self.ceiling_spread * z[2]),
        )
        initial = torch.minimum(self.initial * torch.exp(self.initial_spread * z[3]), traits.ceiling)
        return traits, initial.clamp_min(self.floor)

    def pulse(self, g: Tensor, raising: Tensor, voltage: Tensor, traits: Traits, generator: torch.Generator) -> Tensor:
        """Conductances in S after one pulse of ``voltage``: set where ``raising``, reset elsewhere; all (cells,)."""
        z = torch.randn(g.shape, generator=generator, dtype=g.dtype, device=generator.device)
        threshold = torch.where(raising, traits.set_threshold, traits.reset_threshold)
        slope = torch.where(raising, 1 / self.set_slope, 1 / self.reset_slope)
        k = ((voltage - threshold) * slope).add_(z, alpha=self.cycle_spread).exp_()
        end = torch.where(raising, traits.ceiling, self.floor)
        return end + (g - end) * k.neg_().exp_()


class Traits(NamedTuple):
    """What stays the same in a cell from pulse to pulse; an infinite threshold is a cell that no pulse moves."""

    set_threshold: Tensor  # (cells,) V
    reset_threshold: Tensor  # (cells,) V
    ceiling: Tensor  # (cells,) S
