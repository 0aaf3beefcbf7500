"""Reads in order: the writings of each cell, and the bursts of evenly spaced reads in which it was looked at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ohmloom.devices.fitting.tables import Table, writings

Numbers = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]

GAP = 5.0  # times the usual spacing: a longer gap ends a burst; within one, spacings differ less than this
LEAST = 4  # reads of a burst, unless it is short against its age
SHORT = 1.1  # latest over earliest time of such a short burst
NOISE_READS = 8  # of a burst that tells of noise


@dataclass(frozen=True, eq=False)
class Bursts:
    """Reads of one writing, close together; one entry per burst, in the order of cells, targets and times.

    ``first`` and ``count`` are places in ``reads``, all conductances in that order.
    """

    reads: Numbers  # (rows,) S
    first: Integers
    count: Integers
    writing: Integers  # the number of the writing
    rank: Integers  # 0 for the first burst of its writing
    cell: Integers
    target: Numbers | None  # S
    time: Numbers  # s, of the first read
    spacing: Numbers  # s, mean; 0 for a single read
    mean: Numbers  # S

    def __len__(self) -> int:
        return len(self.first)

    @property
    def noisy(self) -> Flags:
        """The bursts that are long enough to tell of noise."""
        return self.count >= NOISE_READS

    def owner(self) -> Integers:
        """The burst of each read, (rows,)."""
        return np.repeat(np.arange(len(self)), self.count)

    def read(self, burst: int) -> Numbers:
        """The reads of one burst, S."""
        return self.reads[self.first[burst] : self.first[burst] + self.count[burst]]


def bursts(table: Table) -> Bursts:
    """Cut a table of reads into bursts.

    A gap longer than `GAP` times the median one ends a burst. What is left is a burst if its reads are evenly spaced
    and at least `LEAST`, or short against its age (reads repeated at one age); other reads stand alone.
    """
    order, writing = writings(table)
    time, reads = table["time_s"][order], table["conductance_S"][order]
    first, count = _cut(writing, time)
    last = first + count - 1
    spacing = np.where(count > 1, (time[last] - time[first]) / np.maximum(count - 1, 1), 0.0)
    owner = writing[first]
    starts = np.concatenate([[True], np.diff(owner) != 0])
    rank = np.arange(len(first)) - np.flatnonzero(starts)[np.cumsum(starts) - 1]
    target = table["target_S"][order][first] if "target_S" in table.columns else None
    mean = np.add.reduceat(reads, first) / count
    return Bursts(reads, first, count, owner, rank, table.owner[order][first], target, time[first], spacing, mean)


def _cut(writing: Integers, time: Numbers) -> tuple[Integers, Integers]:
    same = np.diff(writing) == 0
    gaps = np.diff(time)
    usual = float(np.median(gaps[same])) if same.any() else 0.0
    starts = np.flatnonzero(np.concatenate([[True], ~same | (gaps > GAP * usual)]))
    count = np.diff(np.append(starts, len(time)))
    alone = np.zeros(len(time), dtype=bool)
    for start, length in zip(starts, count, strict=True) if len(starts) < len(time) else ():
        if length > 1 and not _even(time[start : start + length], gaps[start : start + length - 1]):
            alone[start : start + length] = True
    starts = np.union1d(starts, np.flatnonzero(alone))
    return starts, np.diff(np.append(starts, len(time)))


def _even(time: Numbers, gaps: Numbers) -> bool:
    if gaps.max() > GAP * gaps.min():
        return False
    return len(time) >= LEAST or time[-1] <= SHORT * time[0]
