"""All that a table of reads tells: stuck cells, range, what was reached, noise, telegraph jumps, retention."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ohmloom.devices.fitting.aspects import Aspect, Check
from ohmloom.devices.fitting.levels import fit_levels
from ohmloom.devices.fitting.noise import Noise, fit_noise, variograms
from ohmloom.devices.fitting.programming import AsFormed, Entries, Reached, fit_as_formed, fit_reached
from ohmloom.devices.fitting.retention import Drift, Kept, Relaxing, ages, fit_retention
from ohmloom.devices.fitting.settings import Settings
from ohmloom.devices.fitting.stuck import Stuck, find_stuck, fit_range
from ohmloom.devices.fitting.tables import Table
from ohmloom.devices.fitting.telegraph import READS, Jumps, find_jumps, fit_telegraph
from ohmloom.devices.fitting.traces import Bursts, bursts

Numbers = NDArray[np.float64]
Flags = NDArray[np.bool_]
NOISE_CELLS = 5  # with bursts, to fit noise
CALM_CELLS = 8


@dataclass(frozen=True, eq=False)
class Prepared:
    """A table of reads cut into bursts, with the cells that are stuck and those that jump."""

    table: Table
    bursts: Bursts
    stuck: Stuck
    jumping: Flags  # (cells,)

    @property
    def working(self) -> Flags:
        """The bursts of working cells."""
        return self.stuck.working[self.bursts.cell]

    @property
    def calm(self) -> Flags:
        """The bursts of working cells that do not jump: what was written shows only there.

        All working ones where hardly a cell keeps still.
        """
        still = self.working & ~self.jumping[self.bursts.cell]
        return still if len(np.unique(self.bursts.cell[still])) >= CALM_CELLS else self.working


@dataclass(frozen=True, eq=False)
class ReadsFit:
    """The aspects of a table of reads."""

    cells: int
    aspects: tuple[Aspect, ...]
    notes: tuple[str, ...]
    reached: Reached | AsFormed | None
    noise: Noise | None
    retention: Kept | Drift | Relaxing | None

    def checks(self, others: Prepared) -> list[Check]:
        """Cells that were not fitted against this fit."""
        ones = np.ones(self.cells)
        found = []
        entries = self.entries(others)
        if self.reached is not None and len(entries.level):
            found.append(self.reached.check(ones, entries))
        if self.noise is not None and (others.calm & others.bursts.noisy).any():
            found.append(self.noise.check(ones, others.bursts, others.calm))
        if self.retention is not None:
            aged, _ = ages(others.bursts, self.variances(others), others.calm)
            if aged is not None:
                found.append(self.retention.check(ones, aged))
        return [check._replace(places=check.places[np.isfinite(check.places)]) for check in found]

    def variances(self, data: Prepared) -> Numbers:
        """Those of the means of all bursts, S²; zero where nothing is known of the noise."""
        if self.noise is None:
            return np.zeros(len(data.bursts))
        return self.noise.of_means(data.bursts.mean, data.bursts.count)

    def entries(self, data: Prepared) -> Entries:
        """What the cells that keep still held when they were first looked at."""
        return _entries(data, self.variances(data), data.calm)


def prepare(table: Table) -> Prepared:
    """Cut into bursts and find the cells that are stuck; jumps are looked for by `look_for_jumps`."""
    cut = bursts(table)
    first = cut.rank == 0
    target = None if cut.target is None else cut.target[first]
    stuck = find_stuck(len(table.cells), cut.cell[first], cut.mean[first], target)
    return Prepared(table, cut, stuck, np.zeros(len(table.cells), bool))


def look_for_jumps(data: Prepared) -> tuple[Prepared, Jumps | None]:
    """The same with the cells that jump."""
    jumps = find_jumps(data.bursts, len(data.table.cells), data.working)
    found = data.jumping if jumps is None else jumps.found
    return Prepared(data.table, data.bursts, data.stuck, found), jumps


def fit_reads(data: Prepared, jumps: Jumps | None, settings: Settings) -> ReadsFit:
    """Fit every aspect that the table tells of."""
    name, cells = data.table.kind.name, len(data.table.cells)
    notes: list[str] = []
    noise = _noise(data, settings, notes)
    variance = np.zeros(len(data.bursts)) if noise is None else noise.of_means(data.bursts.mean, data.bursts.count)
    entries = _entries(data, variance, data.calm)
    first = data.bursts.rank == 0
    level, cell = data.bursts.mean[first], data.bursts.cell[first]
    targets = None if data.bursts.target is None else data.bursts.target[first]
    aspects: list[Aspect] = [fit_range(name, cell, level, targets, data.stuck, settings.quantiles)]
    if targets is None:
        reached = fit_as_formed(name, entries, data.stuck, level[~data.stuck.working[cell]])
    else:
        reached = fit_reached(name, entries)
    aspects += [reached, fit_levels(name, _entries(data, variance, data.working))]
    if noise is not None:
        aspects.append(noise)
    aspects += _telegraph(data, jumps, notes)
    aged, reason = ages(data.bursts, variance, data.calm)
    retention = None if aged is None else fit_retention(name, aged)
    if retention is None:
        notes.append(reason)
    else:
        aspects.append(retention)
    return ReadsFit(cells, tuple(aspects), tuple(notes), reached, noise, retention)


def _noise(data: Prepared, settings: Settings, notes: list[str]) -> Noise | None:
    found = variograms(data.bursts, data.calm)
    if found is None or len(np.unique(found.cell)) < NOISE_CELLS or not found.gamma.any():
        notes.append("No cell was read often enough in a row: nothing is known about read noise, it is left out.")
        return None
    return fit_noise(data.table.kind.name, len(data.table.cells), found, settings.read_time)


def _telegraph(data: Prepared, jumps: Jumps | None, notes: list[str]) -> list[Aspect]:
    if jumps is None:
        notes.append(f"No burst has {READS} reads: telegraph noise cannot be told from other noise.")
        return []
    found = fit_telegraph(data.table.kind.name, data.bursts, jumps)
    if found is None:
        looked = int(jumps.looked.sum())
        notes.append(f"None of {looked:,} cells jumps between two levels further apart than twice its other noise.")
        return []
    return [found]


def _entries(data: Prepared, variance: Numbers, chosen: Flags) -> Entries:
    chosen = (data.bursts.rank == 0) & chosen
    target = None if data.bursts.target is None else data.bursts.target[chosen]
    return Entries(data.bursts.cell[chosen], data.bursts.mean[chosen], target, variance[chosen])
