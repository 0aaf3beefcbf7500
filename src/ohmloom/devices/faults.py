"""Faults: cells that do not hold what is written."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor

from ohmloom.descriptions import Part
from ohmloom.devices.cells import Fault
from ohmloom.errors import message


class Faults(Part, ABC):
    """Which cells of a fresh array are faulty."""

    @abstractmethod
    def draw(self, shape: Sequence[int], generator: torch.Generator) -> Tensor:
        """A map of `Fault` codes, int8, of ``shape``."""


class NoFaults(Faults):
    """Every cell works."""

    kind: Literal["none"] = "none"

    def draw(self, shape: Sequence[int], generator: torch.Generator) -> Tensor:
        return torch.zeros(tuple(shape), dtype=torch.int8, device=generator.device)


class RandomFaults(Faults):
    """Independent faults with stated shares; at most one per cell."""

    kind: Literal["random"] = "random"
    stuck_on: float = Field(default=0.0, ge=0, le=1)
    stuck_off: float = Field(default=0.0, ge=0, le=1)
    unformed: float = Field(default=0.0, ge=0, le=1)

    @model_validator(mode="after")
    def _shares_fit(self) -> Self:
        total = self.stuck_on + self.stuck_off + self.unformed
        if total > 1:
            raise ValueError(message("faults", "shares must add up to at most 1", f"{total:g}", "Lower them."))
        return self

    def draw(self, shape: Sequence[int], generator: torch.Generator) -> Tensor:
        chance = torch.rand(tuple(shape), generator=generator, dtype=torch.float64, device=generator.device)
        faults = torch.full(tuple(shape), int(Fault.NONE), dtype=torch.int8, device=generator.device)
        edge = 0.0
        for share, fault in (
            (self.stuck_on, Fault.STUCK_ON),
            (self.stuck_off, Fault.STUCK_OFF),
            (self.unformed, Fault.UNFORMED),
        ):
            faults[(chance >= edge) & (chance < edge + share)] = int(fault)
            edge += share
        return faults
