"""Cells that do not hold what is written, and the range of those that do."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ohmloom.devices.fitting.aspects import Aspect, Given, Quantity, Ref

Numbers = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]

FAR = 6.0  # robust deviations from what cells with that target hold
HIGH, LOW = 0.9, 0.3  # of the largest target; of the cell's own target
DEAD = 0.01  # of the median conductance: cells without a target that do not conduct
ENOUGH = 20  # cells for a yield
WINDOW = 51  # cells with neighbouring targets that say what is usual


@dataclass(frozen=True)
class Stuck:
    """Which cells are stuck (cells,), and which could be seen to be."""

    on: Flags
    off: Flags
    on_judged: Flags
    off_judged: Flags

    @property
    def working(self) -> Flags:
        return ~(self.on | self.off)

    @property
    def judged(self) -> Flags:
        """The cells that could be seen to be stuck in either way; in one way if the former are few."""
        both = self.on_judged & self.off_judged
        return both if both.sum() >= ENOUGH else self.on_judged | self.off_judged


def find_stuck(cells: int, cell: Integers, level: Numbers, target: Numbers | None) -> Stuck:
    """Judge each cell by what it held after each of its writings; entries are writings.

    With targets, a cell is stuck on if each time it holds at least `HIGH` of the largest target, and stuck off if it
    holds less than `LOW` of its own one, `FAR` robust deviations away from cells of about that target. It could be seen
    to be so if that level is so far away. Without targets a cell below `DEAD` of the median does not conduct.
    """
    if target is None:
        sound = level > 0
        dead = level < DEAD * np.median(level[sound])
        off = np.bincount(cell[dead], minlength=cells) == np.bincount(cell, minlength=cells)
        return Stuck(np.zeros(cells, bool), off, np.zeros(cells, bool), np.ones(cells, bool))
    middle, width = _usual(level, target)
    far = np.abs(level - middle) > FAR * width
    high, low = HIGH * float(target.max()), LOW * target
    return Stuck(
        _always(cells, cell, far & (level >= high)),
        _always(cells, cell, far & (level < low)),
        np.bincount(cell[high > middle + FAR * width], minlength=cells) > 0,
        np.bincount(cell[low < middle - FAR * width], minlength=cells) > 0,
    )


def _always(cells: int, cell: Integers, seen: Flags) -> Flags:
    hits = np.bincount(cell[seen], minlength=cells)
    return (hits > 0) & (hits == np.bincount(cell, minlength=cells))


def _usual(level: Numbers, target: Numbers) -> tuple[Numbers, Numbers]:
    """The median and the robust deviation of cells with about the same target."""
    order = np.argsort(target, kind="stable")
    edges = np.unique(np.append(np.arange(0, len(level), WINDOW), len(level)))
    middle, width = np.empty(len(level)), np.empty(len(level))
    for start, stop in pairwise(edges.tolist()):
        group = order[max(0, min(start, stop - WINDOW)) : stop]
        offsets = level[group] - target[group]
        shift = np.median(offsets)
        middle[order[start:stop]] = target[order[start:stop]] + shift
        width[order[start:stop]] = 1.4826 * np.median(np.abs(offsets - shift))
    return middle, np.maximum(width, 1e-3 * float(target.max()))


@dataclass(frozen=True, eq=False, kw_only=True)
class Range(Aspect):
    """g_min and g_max as quantiles of what the working cells hold; with targets also stuck cells and the yield."""

    cell: Integers  # of each writing of a working cell
    level: Numbers  # S
    stuck: Stuck
    at: tuple[float, float]

    def estimate(self, weights: Numbers) -> Numbers:
        low, high = weighted_quantiles(self.level, weights[self.cell], self.at)
        if len(self.quantities) == 2:
            return np.array([low, high])
        on, off = self.stuck.on_judged, self.stuck.off_judged
        shares = (_share(weights, self.stuck.on, on), _share(weights, self.stuck.off, off))
        return np.array([low, high, *shares, _share(weights, self.stuck.working, self.stuck.judged)])


def fit_range(
    table: str, cell: Integers, level: Numbers, target: Numbers | None, stuck: Stuck, at: tuple[float, float]
) -> Range:
    """The range and the yield from ``level`` (writings,) S of the cells ``cell``; the stuck ones are left out."""
    fine = stuck.working[cell]
    low, high = (f"{100 * share:g} % quantile" for share in at)
    counts = [
        (int((flags & judged).sum()), int(judged.sum()))
        for flags, judged in ((stuck.on, stuck.on_judged), (stuck.off, stuck.off_judged))
    ]
    whole = (int((stuck.judged & stuck.working).sum()), int(stuck.judged.sum()))
    quantities: tuple[Quantity, ...] = (
        Quantity(f"g_min: {low} of the conductances", "S"),
        Quantity(f"g_max: {high} of the conductances", "S"),
        Quantity("share of cells stuck on", counted=counts[0]),
        Quantity("share of cells stuck off", counted=counts[1]),
        Quantity("yield: share of cells that work", counted=whole),
    )
    parts: dict[str, Any] = {"g_min": Ref(quantities[0].name), "g_max": Ref(quantities[1].name)}
    notes = []
    if target is None:
        stays = "Tables without target_S cannot tell cells that are stuck on"
        quantities = quantities[:2]
        notes.append(f"{stays}, nor whether a cell that does not conduct is stuck off or was never formed.")
    else:
        parts["faults"] = {
            "kind": "random",
            "stuck_on": Ref(quantities[2].name),
            "stuck_off": Ref(quantities[3].name),
            "unformed": Given(0.0, "assumed: counted among the cells stuck off"),
        }
        for word, (_, judged) in zip(("on", "off"), counts, strict=True):
            if judged < len(stuck.on):
                told = f"Only {judged:,} of {len(stuck.on):,} cells have a target at which being stuck {word} shows."
                notes.append(told)
    return Range(
        table=table,
        quantities=quantities,
        parts=parts,
        notes=tuple(notes),
        picture={"conductances": level[fine], "quantiles": at},
        cell=cell[fine],
        level=level[fine],
        stuck=stuck,
        at=at,
    )


def weighted_quantiles(values: Numbers, weights: Numbers, at: tuple[float, ...]) -> list[float]:
    """Quantiles of repeated values: linear between the middles of their shares."""
    order = np.argsort(values, kind="stable")
    known = order[weights[order] > 0]
    share = np.cumsum(weights[known]) - 0.5 * weights[known]
    return [float(q) for q in np.interp(np.asarray(at) * weights[known].sum(), share, values[known])]


def _share(weights: Numbers, flags: Flags, judged: Flags) -> float:
    total = float(weights[judged].sum())
    return float(weights[flags & judged].sum()) / total if total else 0.0
