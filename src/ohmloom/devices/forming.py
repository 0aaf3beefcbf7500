"""Forming: dielectric breakdown makes cells out of a pristine array, and gives them their random on state."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from ohmloom.descriptions import Part
from ohmloom.quantities import Siemens, Volts


class Forming(Part, ABC):
    """How pristine cells break down, and the two states that formed cells are switched between."""

    voltage: Volts  # applied when none is stated

    @abstractmethod
    def breakdown(self, shape: Sequence[int], generator: torch.Generator) -> Tensor:
        """The breakdown voltage of each cell, V, float32, of ``shape``."""

    @abstractmethod
    def on_state(self, shape: Sequence[int], generator: torch.Generator) -> Tensor:
        """The conductance in S that each cell has once broken down: its own on state."""

    @abstractmethod
    def set_again(self, on: Tensor, generator: torch.Generator) -> Tensor:
        """The conductance in S after a set pulse: the cell's own on state with its noise from cycle to cycle."""

    @abstractmethod
    def reset(self, on: Tensor, generator: torch.Generator) -> Tensor:
        """The residual conductance in S after a reset pulse."""

    @property
    @abstractmethod
    def off_level(self) -> float:
        """The typical residual conductance in S: a cell counts as on above the mean of this and its on state."""


class Breakdown(Forming):
    """Gaussian breakdown voltages, Gaussian on states (truncated at the off level), Gaussian residual off states.

    A cell forms if its breakdown voltage is not above the applied one: P = Phi((V - mean) / spread).

    >>> array = Breakdown(voltage=3.433, mean=3.433, spread=0.114, on=12.3e-6, on_spread=1.8e-6, off=1e-7)
    >>> array.probability(3.433)
    0.5
    """

    kind: Literal["breakdown"] = "breakdown"
    mean: Volts
    spread: Volts = Field(ge=0)
    on: Siemens = Field(gt=0)
    on_spread: Siemens = 0.0
    cycle_spread: float = Field(0.0, ge=0)  # of the on state from one set pulse to the next, relative
    off: Siemens
    off_spread: Siemens = 0.0

    @property
    def off_level(self) -> float:
        return self.off

    def probability(self, voltage: float) -> float:
        """The share of cells that ``voltage`` forms."""
        if self.spread == 0:
            return float(voltage >= self.mean)
        return 0.5 * math.erfc((self.mean - voltage) / (self.spread * math.sqrt(2)))

    def breakdown(self, shape: Sequence[int], generator: torch.Generator) -> Tensor:
        return self.mean + self.spread * torch.randn(tuple(shape), generator=generator, device=generator.device)

    def on_state(self, shape: Sequence[int], generator: torch.Generator) -> Tensor:
        z = torch.randn(tuple(shape), generator=generator, device=generator.device)
        return (self.on + self.on_spread * z).clamp_min(self.off)

    def set_again(self, on: Tensor, generator: torch.Generator) -> Tensor:
        z = torch.randn(on.shape, generator=generator, dtype=on.dtype, device=generator.device)
        return (on * (1 + self.cycle_spread * z)).clamp_min(self.off)

    def reset(self, on: Tensor, generator: torch.Generator) -> Tensor:
        z = torch.randn(on.shape, generator=generator, dtype=on.dtype, device=generator.device)
        return (self.off + self.off_spread * z).clamp_min(0)
