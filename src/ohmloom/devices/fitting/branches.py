"""Sweeps cut into branches: runs of points of one sign on which the voltage returns to zero and the cell stays put."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ohmloom.devices.fitting.tables import Table
from ohmloom.errors import DataError, message

Numbers = NDArray[np.float64]
Integers = NDArray[np.int64]

POINTS = 5  # of a branch at least
DEVICES = 5  # from so many on, devices are resampled; of fewer, their cycles
LIMITED = 0.001  # so near to the largest current of a sweep points count as held there by a current limit,
PLATEAU = 5  # if they are so many
NEAR_ZERO = 0.02  # of the largest voltage: points below it say more about the meter than about the cell


@dataclass(frozen=True)
class Branches:
    """Points of branches; ``branch`` (points,) numbers them. The units are what is resampled and held out."""

    voltage: Numbers  # (points,) V, magnitudes
    current: Numbers  # A, magnitudes
    branch: Integers
    unit: Integers  # (branches,)
    device: Integers
    positive: NDArray[np.bool_]  # (branches,)
    units: int
    by_device: bool
    returning: bool  # False: the sweeps only rise
    left_out: int  # points at the floor or at the current limit, or of branches that are too short

    def of(self, chosen: NDArray[np.bool_]) -> Self:
        """Those of some of the units, ``chosen`` (units,)."""
        kept = chosen[self.unit]
        points = kept[self.branch]
        number = np.cumsum(kept) - 1
        return replace(
            self,
            voltage=self.voltage[points],
            current=self.current[points],
            branch=number[self.branch[points]],
            unit=(np.cumsum(chosen) - 1)[self.unit[kept]],
            device=self.device[kept],
            positive=self.positive[kept],
            units=int(chosen.sum()),
        )


def branches(table: Table, floor: float) -> Branches:
    """The returning branches of a table of sweeps, or the rising ones if none returns.

    Raises DataError for a table without branches of at least `POINTS` points.
    """
    volts, device = table["voltage_V"], table.owner
    sweep = np.unique(np.stack([device, table["cycle"].astype(np.int64)]), axis=1, return_inverse=True)[1].ravel()
    size, sign = np.abs(volts), np.sign(volts)
    same = (sweep[1:] == sweep[:-1]) & (sign[1:] == sign[:-1])
    for returning in (True, False):
        moves = same & ((size[1:] < size[:-1]) if returning else (size[1:] > size[:-1]))
        inside = np.concatenate([[False], moves]) | np.concatenate([moves, [False]])
        starts = inside & ~np.concatenate([[False], moves])
        found = _collect(table, sweep, np.cumsum(starts) - 1, inside, floor, returning)
        if found is not None:
            return found
    rule = f"must hold branches of at least {POINTS} points that rise or fall with a current above the floor"
    raise DataError(message(table.file, rule, f"none in {len(table)} rows", "Give sweeps in the order of time."))


def _limited(sweep: Integers, current: Numbers) -> NDArray[np.bool_]:
    """The points at which a current limit (compliance) and not the cell sets the current."""
    largest = np.zeros(int(sweep.max()) + 1)
    np.maximum.at(largest, sweep, current)
    near = current >= (1 - LIMITED) * largest[sweep]
    return near & (np.bincount(sweep[near], minlength=len(largest)) >= PLATEAU)[sweep]


def _collect(
    table: Table, sweep: Integers, branch: Integers, inside: NDArray[np.bool_], floor: float, returning: bool
) -> Branches | None:
    size, current = np.abs(table["voltage_V"]), np.abs(table["current_A"])
    usable = inside & (size > NEAR_ZERO * size.max())
    keep = usable & (current > floor) & ~_limited(sweep, current)
    if not keep.any():
        return None
    counts = np.bincount(branch[keep], minlength=int(branch.max()) + 1)
    keep &= counts[branch] >= POINTS
    if not keep.any():
        return None
    rows = np.flatnonzero(keep)
    _, first, number = np.unique(branch[rows], return_index=True, return_inverse=True)
    device = table.owner[rows[first]]
    by_device = len(np.unique(device)) >= DEVICES
    unit = np.unique(device if by_device else sweep[rows[first]], return_inverse=True)[1]
    return Branches(
        voltage=size[rows],
        current=current[rows],
        branch=number,
        unit=unit,
        device=device,
        positive=table["voltage_V"][rows[first]] > 0,
        units=int(unit.max()) + 1,
        by_device=by_device,
        returning=returning,
        left_out=int((usable & ~keep).sum()),
    )
