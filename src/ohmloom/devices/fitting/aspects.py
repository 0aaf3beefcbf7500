"""What a fit is made of: aspects, each a fixed form whose numbers are a function of the weights of the cells.

The weights are all 1 for the fit itself, and how often a cell was drawn for a bootstrap resample.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]


class Quantity(NamedTuple):
    """One number that is fitted."""

    name: str  # short text for people, unique in a fit
    unit: str = ""  # SI; "" for a share or a ratio
    counted: tuple[int, int] | None = None  # hits and trials, if it is a share of counted cells


@dataclass(frozen=True)
class Ref:
    """In the table of a device: the quantity of that name."""

    name: str


@dataclass(frozen=True)
class Given:
    """In the table of a device: a number that is not estimated, and its source."""

    value: float
    source: str


class Check(NamedTuple):
    """Held-out cells against a fit: where each lies in its predicted distribution, (cells,) in 0 … 1."""

    name: str
    places: Numbers


@dataclass(frozen=True, eq=False, kw_only=True)
class Aspect(ABC):
    """One thing that is fitted.

    ``table``: the kind of table whose cells are resampled. ``parts``: what it gives to the table of the device, with
    `Ref` and `Given` for numbers. ``noises``: the parts that it gives to the sum of the read noises. ``notes``: plain
    sentences on what the data cannot tell. ``picture``: numbers for the report.
    """

    table: str
    quantities: tuple[Quantity, ...]
    parts: Mapping[str, Any] = field(default_factory=dict)
    noises: tuple[Mapping[str, Any], ...] = ()
    notes: tuple[str, ...] = ()
    picture: Mapping[str, Any] = field(default_factory=dict)

    @abstractmethod
    def estimate(self, weights: Numbers) -> Numbers:
        """The numbers, in the order of ``quantities``, from cells with these ``weights`` (cells,)."""

    def values(self, weights: Numbers) -> dict[str, float]:
        """The numbers by name."""
        numbers = self.estimate(weights)
        return {quantity.name: float(number) for quantity, number in zip(self.quantities, numbers, strict=True)}
