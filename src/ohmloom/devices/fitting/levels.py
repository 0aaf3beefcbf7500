"""Level statistics: what cells hold at each target, or, without targets, the quartiles of all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ohmloom.devices.fitting.aspects import Aspect, Quantity
from ohmloom.devices.fitting.programming import LEVELS, Entries
from ohmloom.devices.fitting.stuck import weighted_quantiles
from ohmloom.quantities import CONDUCTANCE, show

Numbers = NDArray[np.float64]
QUARTILES = (0.25, 0.5, 0.75)


@dataclass(frozen=True, eq=False, kw_only=True)
class Levels(Aspect):
    """Mean and deviation of the measured conductances at each target, read noise included."""

    entries: Entries
    targets: Numbers

    def estimate(self, weights: Numbers) -> Numbers:
        assert self.entries.target is not None
        each = weights[self.entries.cell]
        place = np.searchsorted(self.targets, self.entries.target)
        count, size = np.bincount(place, each, len(self.targets)), len(self.targets)
        with np.errstate(invalid="ignore", divide="ignore"):  # a resample may lack a level: NaN
            mean = np.bincount(place, each * self.entries.level, size) / count
            square = np.bincount(place, each * (self.entries.level - mean[place]) ** 2, size)
            return np.concatenate([mean, np.sqrt(square / (count - 1))])


@dataclass(frozen=True, eq=False, kw_only=True)
class Quartiles(Aspect):
    """The quartiles of the measured conductances of the working cells."""

    entries: Entries

    def estimate(self, weights: Numbers) -> Numbers:
        return np.array(weighted_quantiles(self.entries.level, weights[self.entries.cell], QUARTILES))


def fit_levels(table: str, entries: Entries) -> Levels | Quartiles:
    """One row per target if there are at most `LEVELS`, else the quartiles."""
    targets = np.zeros(0) if entries.target is None else np.unique(entries.target)
    if not 0 < len(targets) <= LEVELS:
        names = ("first quartile of the conductances", "median conductance", "third quartile of the conductances")
        return Quartiles(table=table, quantities=tuple(Quantity(name, "S") for name in names), entries=entries)
    at = [show(float(target), CONDUCTANCE) for target in targets]
    words = ("mean", "deviation, read noise included")
    quantities = tuple(Quantity(f"level {place}: {word}", "S") for word in words for place in at)
    return Levels(table=table, quantities=quantities, entries=entries, targets=targets)
