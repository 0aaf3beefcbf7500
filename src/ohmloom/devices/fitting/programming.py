"""Programming: what cells hold when they were aimed at a target, or, without targets, as they came."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from ohmloom.devices.fitting.aspects import Aspect, Check, Given, Quantity, Ref
from ohmloom.devices.fitting.spreads import Spread, Sums, best_by_bic, fit_spread, hats
from ohmloom.devices.fitting.stuck import Stuck
from ohmloom.quantities import CONDUCTANCE, show

Numbers = NDArray[np.float64]
Integers = NDArray[np.int64]

KNOTS = (1, 2, 4, 8)
LEVELS = 16  # so many different targets are taken one by one
LEAST = 8  # entries for each knot


@dataclass(frozen=True)
class Entries:
    """What was reached: one entry per writing of a working cell."""

    cell: Integers
    level: Numbers  # S
    target: Numbers | None  # S
    variance: Numbers  # S², of the measurement of the level


@dataclass(frozen=True, eq=False, kw_only=True)
class Reached(Aspect):
    """Mean and spread of the conductance against the target, piecewise linear."""

    sums: Sums
    knots: Numbers

    def estimate(self, weights: Numbers) -> Numbers:
        basis = hats(self.sums.x, self.knots)
        found = fit_spread(self.sums, weights, basis, basis)
        return np.concatenate([self.knots + found.offset, np.maximum(found.spread, 0)])

    def check(self, weights: Numbers, entries: Entries) -> Check:
        """Where entries of other cells lie in what cells with these ``weights`` predict."""
        assert entries.target is not None
        means, spreads = np.split(self.estimate(weights), 2)
        basis = hats(entries.target, self.knots)
        offset, sigma = basis @ (means - self.knots), basis @ spreads
        z = (entries.level - entries.target - offset) / np.sqrt(sigma**2 + entries.variance)
        return Check("conductance reached, against its target", ndtr(z))


def fit_reached(table: str, entries: Entries) -> Reached:
    """Choose the number of knots by BIC; with at most `LEVELS` targets, these may be the knots themselves."""
    assert entries.target is not None
    levels = np.unique(entries.target)
    sums = Sums(entries.cell, entries.target, entries.level - entries.target, entries.variance)
    ones = np.ones(int(entries.cell.max()) + 1)
    low, high = float(levels[0]), float(levels[-1])
    choices = {
        f"{n} knot{'s' * (n > 1)}": np.linspace(low, high, n) if n > 1 else np.array([(low + high) / 2]) for n in KNOTS
    }
    choices = {name: knots for name, knots in choices.items() if len(knots) <= max(1, len(entries.cell) // LEAST)}
    choices = {name: knots for name, knots in choices.items() if len(knots) <= max(1, len(levels))}
    if 1 < len(levels) <= LEVELS:
        choices["one knot per level"] = levels

    def trial(knots: Numbers) -> tuple[int, Callable[[], Spread]]:
        basis = hats(sums.x, knots)
        return 2 * len(knots), lambda: fit_spread(sums, ones, basis, basis)

    name, criteria = best_by_bic(len(entries.cell), {name: trial(knots) for name, knots in choices.items()})
    knots = choices[name]
    at = [show(knot, CONDUCTANCE) for knot in knots]
    means = tuple(Quantity(f"mean reached at a target of {place}", "S") for place in at)
    spreads = tuple(Quantity(f"deviation reached at a target of {place}", "S") for place in at)
    parts = {
        "programming": {
            "kind": "tabulated",
            "targets": [Given(float(knot), "fitted: places chosen by BIC, " + name) for knot in knots],
            "means": [Ref(quantity.name) for quantity in means],
            "deviations": [Ref(quantity.name) for quantity in spreads],
        }
    }
    notes = () if entries.variance.any() else _blurred()
    picture = {"target": entries.target, "level": entries.level, "knots": knots, "criteria": criteria}
    return Reached(
        table=table, quantities=means + spreads, parts=parts, notes=notes, picture=picture, sums=sums, knots=knots
    )


def _blurred() -> tuple[str, ...]:
    return ("Each cell was read too seldom to tell read noise from programming error: the spread holds both.",)


@dataclass(frozen=True, eq=False, kw_only=True)
class AsFormed(Aspect):
    """Cells without targets: a Gaussian on state, and the share of cells that conduct."""

    cell: Integers
    level: Numbers  # S, conducting cells
    variance: Numbers
    stuck: Stuck
    voltage_spread: float

    def estimate(self, weights: Numbers) -> Numbers:
        each = weights[self.cell]
        mean = float((each * self.level).sum() / each.sum())
        spread = float((each * ((self.level - mean) ** 2 - self.variance)).sum() / max(each.sum() - 1, 1))
        share = np.clip((weights * self.stuck.working).sum() / weights.sum(), *_within(len(weights)))
        return np.array([mean, math.sqrt(max(spread, 0)), share, 1 - self.voltage_spread * float(ndtri(share))])

    def check(self, weights: Numbers, entries: Entries) -> Check:
        """Where conducting cells lie in what cells with these ``weights`` predict."""
        mean, spread = self.estimate(weights)[:2]
        return Check("conductance of the cells that conduct", ndtr((entries.level - mean) / spread))


def _within(cells: int) -> tuple[float, float]:
    """A share that is 0 or 1 in so many cells is taken for half a cell more or less: its quantile must be finite."""
    return 0.5 / cells, 1 - 0.5 / cells


def fit_as_formed(table: str, entries: Entries, stuck: Stuck, dead: Numbers) -> AsFormed:
    """The on states of cells as they came; ``dead``: conductances in S of the cells that do not conduct."""
    conducts = int(stuck.working.sum())
    quantities = (
        Quantity("on state: mean of the cells that conduct", "S"),
        Quantity("on state: deviation from cell to cell", "S"),
        Quantity("share of cells that conduct", counted=(conducts, len(stuck.working))),
        Quantity("mean breakdown voltage that gives this share", "V"),
    )
    spread, unknown = 0.1, "assumed: the tables do not say at which voltage cells were formed"
    residual = max(float(dead.mean()), 0.0) if len(dead) else 0.0
    off = "fitted: mean of the cells that do not conduct" if len(dead) else "assumed: all cells conduct"
    forming = {
        "kind": "breakdown",
        "voltage": Given(1.0, unknown),
        "mean": Ref(quantities[3].name),
        "spread": Given(spread, unknown),
        "on": Ref(quantities[0].name),
        "on_spread": Ref(quantities[1].name),
        "cycle_spread": Given(0.0, "assumed: each cell was formed once"),
        "off": Given(residual, off),
        "off_spread": Given(0.0, "assumed: the residual off state was not measured"),
    }
    notes = (
        "Without target_S nothing is known about writing: programming is taken to be exact, and the spread of the "
        "cells is given as that of forming.",
    )
    return AsFormed(
        table=table,
        quantities=quantities,
        parts={"forming": forming, "g_unformed": Given(residual, off)},
        notes=notes,
        picture={"level": entries.level},
        cell=entries.cell,
        level=entries.level,
        variance=entries.variance,
        stuck=stuck,
        voltage_spread=spread,
    )
