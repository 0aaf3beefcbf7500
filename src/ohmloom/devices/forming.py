"""Forming: dielectric breakdown makes cells out of a pristine array, and gives them their random on state."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor

from ohmloom.descriptions import Part
from ohmloom.devices.measured import read_array
from ohmloom.errors import ConfigurationError, message
from ohmloom.quantities import VOLTAGE, Siemens, Volts, show


class Forming(Part, ABC):
    """How pristine cells break down, and the two states that formed cells are switched between.

    Breakdown voltages are Gaussian: a voltage V forms a share P = Phi((V - mean) / spread) of the cells. ``measured``
    are the lowest and the highest voltage at which breakdown was observed.
    """

    voltage: Volts  # applied when none is stated
    mean: Volts
    spread: Volts = Field(ge=0)
    measured: tuple[Volts, Volts] | None = None
    cycle_spread: float = Field(default=0.0, ge=0)  # of the on state from one set pulse to the next, relative
    cycle_limit: float | None = Field(default=None, gt=0)  # deviations at which that noise is clipped; absent: never
    off: Siemens
    off_spread: Siemens = 0.0

    @model_validator(mode="after")
    def _range_is_ordered(self) -> Self:
        if self.measured is not None and not self.measured[0] < self.measured[1]:
            ends = " and ".join(show(volts, VOLTAGE) for volts in self.measured)
            raise ValueError(message("forming.measured", "must be lowest, then highest voltage", ends, "Swap them."))
        return self

    @abstractmethod
    def breakdown(self, shape: Sequence[int], generator: torch.Generator) -> Tensor:
        """The breakdown voltage of each cell, V, of ``shape``."""

    @abstractmethod
    def on_state(self, shape: Sequence[int], generator: torch.Generator) -> Tensor:
        """The conductance in S that each cell has once broken down: its own on state."""

    def probability(self, voltage: float) -> float:
        """The share of cells that ``voltage`` forms."""
        if self.spread == 0:
            return float(voltage >= self.mean)
        return 0.5 * math.erfc((self.mean - voltage) / (self.spread * math.sqrt(2)))

    def applied(self, voltage: float | None, *, extrapolate: bool = False) -> float:
        """The voltage that cells see: ``voltage``, or the usual one.

        Raises ConfigurationError outside the ``measured`` range unless ``extrapolate``.
        """
        chosen = self.voltage if voltage is None else voltage
        if self.measured is not None and not (extrapolate or self.measured[0] <= chosen <= self.measured[1]):
            low, high = (show(volts, VOLTAGE) for volts in self.measured)
            remedy = "Choose one inside, or ask for extrapolate=True: the Gaussian's tails are then a guess."
            rule = f"must lie where breakdown was measured, {low} to {high}"
            raise ConfigurationError(message("voltage", rule, show(chosen, VOLTAGE), remedy))
        return chosen

    def cycle(self, like: Tensor, generator: torch.Generator) -> Tensor:
        """The factor, near 1, by which a switched cell misses its state: the noise from cycle to cycle, shaped as
        ``like``."""
        z = torch.randn(like.shape, generator=generator, dtype=like.dtype, device=generator.device)
        z = z if self.cycle_limit is None else z.clamp_(-self.cycle_limit, self.cycle_limit)
        return z.mul_(self.cycle_spread).add_(1)

    def set_again(self, on: Tensor, generator: torch.Generator) -> Tensor:
        """The conductance in S after a set pulse: the cell's own on state with its noise from cycle to cycle."""
        return (on * self.cycle(on, generator)).clamp_min(self.off)

    def reset(self, on: Tensor, generator: torch.Generator) -> Tensor:
        """The residual conductance in S after a reset pulse."""
        z = torch.randn(on.shape, generator=generator, dtype=on.dtype, device=generator.device)
        return (self.off + self.off_spread * z).clamp_min(0)


class Breakdown(Forming):
    """Gaussian breakdown voltages, Gaussian on states (truncated at the off level), Gaussian residual off states.

    A cell forms if its breakdown voltage is not above the applied one: P = Phi((V - mean) / spread).

    >>> array = Breakdown(voltage=3.433, mean=3.433, spread=0.114, on=12.3e-6, on_spread=1.8e-6, off=1e-7)
    >>> array.probability(3.433)
    0.5
    """

    kind: Literal["breakdown"] = "breakdown"
    on: Siemens = Field(gt=0)
    on_spread: Siemens = 0.0

    def breakdown(self, shape: Sequence[int], generator: torch.Generator) -> Tensor:
        return self.mean + self.spread * torch.randn(tuple(shape), generator=generator, device=generator.device)

    def on_state(self, shape: Sequence[int], generator: torch.Generator) -> Tensor:
        z = torch.randn(tuple(shape), generator=generator, device=generator.device)
        return (self.on + self.on_spread * z).clamp_min(self.off)


class Measured(Forming):
    """Cells as they were measured: published arrays, replayed.

    ``arrays`` names CSV files of conductances in µS, zero where a cell did not break down at ``voltage``; each line
    is one column of the array, that is one output of the matrix. A matrix of exactly the size of one of them gets
    *these* cells, in their places; the same on every die. Any other shape draws its cells with replacement from all of
    them together. Breakdown voltages are Gaussian, given which cells broke down at ``voltage``; a cell that only a
    higher voltage forms takes an on state drawn from the measured ones.

    Files are named as they are shipped (without ``.csv``), or by their path.
    """

    kind: Literal["measured"] = "measured"
    arrays: tuple[str, ...] = Field(min_length=1)

    def array(self, shape: Sequence[int]) -> Tensor | None:
        """The measured array, S, of which (..., rows, columns) is the shape; None if there is none."""
        found = (read_array(name) for name in self.arrays)
        alone = math.prod(shape) == math.prod(tuple(shape)[-2:])
        return next((held for held in found if alone and held.shape == torch.Size(tuple(shape)[-2:])), None)

    def pool(self) -> Tensor:
        """All measured cells, S."""
        return torch.cat([read_array(name).flatten() for name in self.arrays])

    def breakdown(self, shape: Sequence[int], generator: torch.Generator) -> Tensor:
        held, pool = self.array(shape), self.pool()
        cells = pool[_choice(len(pool), shape, generator)] if held is None else held.expand(tuple(shape))
        below = min(max(self.probability(self.voltage), 1e-6), 1 - 1e-6)  # of breakdown voltages
        u = torch.rand(tuple(shape), generator=generator, dtype=torch.float64, device=generator.device)
        share = torch.where(cells.to(u.device) > 0, u * below, below + (1 - u) * (1 - below))
        return self.mean + self.spread * torch.special.ndtri(share.clamp(1e-12, 1 - 1e-12))

    def on_state(self, shape: Sequence[int], generator: torch.Generator) -> Tensor:
        formed = self.pool()
        formed = formed[formed > 0].to(generator.device)
        drawn = formed[_choice(len(formed), shape, generator)]
        held = self.array(shape)
        return drawn if held is None else torch.where(held.to(drawn) > 0, held.to(drawn), drawn)


def _choice(count: int, shape: Sequence[int], generator: torch.Generator) -> Tensor:
    return torch.randint(count, tuple(shape), generator=generator, device=generator.device)
