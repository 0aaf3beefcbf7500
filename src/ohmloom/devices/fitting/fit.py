"""From tables to a fitted device: numbers with intervals, held-out cells, and what the data cannot tell."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kstest

from ohmloom.devices.device import Device
from ohmloom.devices.fitting.aspects import Aspect, Check, Quantity
from ohmloom.devices.fitting.assembly import build, drawn, template
from ohmloom.devices.fitting.branches import Branches, branches
from ohmloom.devices.fitting.conduction import fit_conduction, fit_states
from ohmloom.devices.fitting.intervals import bootstrap_interval, counted_interval, resampled_weights
from ohmloom.devices.fitting.levels import fit_levels
from ohmloom.devices.fitting.programming import Entries, fit_reached
from ohmloom.devices.fitting.reads import Prepared, fit_reads, look_for_jumps, prepare
from ohmloom.devices.fitting.settings import Settings
from ohmloom.devices.fitting.stuck import find_stuck, fit_range
from ohmloom.devices.fitting.tables import Table, writings
from ohmloom.devices.fitting.telegraph import Jumps
from ohmloom.errors import DataError, message
from ohmloom.quantities import CONDUCTANCE, TIME, VOLTAGE, show
from ohmloom.random import Streams

Numbers = NDArray[np.float64]
Flags = NDArray[np.bool_]
LEAST_HELD = 20  # cells (or sweeps), to hold some out
DOUBT = 0.01  # p-value of held-out cells below which the form that was fitted is said not to hold
UNITS = {"S": CONDUCTANCE, "s": TIME, "V": VOLTAGE}


class Sample(NamedTuple):
    """What a table resamples."""

    size: int
    noun: str

    @property
    def text(self) -> str:
        """The count with its noun."""
        return f"{self.size:,} {self.noun}"


@dataclass(frozen=True)
class Number:
    """A fitted number with its interval."""

    name: str
    unit: str
    value: float
    low: float
    high: float
    level: float
    method: str
    table: str

    @property
    def text(self) -> str:
        """The number and its interval for people."""
        return f"{_say(self.value, self.unit)} ({_say(self.low, self.unit)} to {_say(self.high, self.unit)})"


@dataclass(frozen=True)
class HeldOut:
    """Cells that were held out against a fit to the others: the distance of Kolmogorov and Smirnov."""

    name: str
    cells: int
    distance: float
    p_value: float
    places: Numbers  # (cells,) in 0 … 1, sorted


@dataclass(frozen=True, eq=False)
class Fit:
    """What tables tell about a device."""

    device: Device
    numbers: tuple[Number, ...]
    held_out: tuple[HeldOut, ...]
    notes: tuple[str, ...]  # what the data cannot tell
    draws: tuple[Device, ...]  # devices fitted to resampled cells
    aspects: tuple[Aspect, ...]
    tables: Mapping[str, Table]
    settings: Settings

    def number(self, name: str) -> Number:
        """The number of that name."""
        return next(number for number in self.numbers if number.name == name)


def fit_device(
    tables: Mapping[str, Table],
    settings: Settings = Settings(),  # noqa: B008 (frozen)
    *,
    name: str = "fitted",
    advance: Callable[[str], object] = lambda what: None,
) -> Fit:
    """Fit a device to tables of ``reads``, ``sweeps`` or ``programming`` (`read_tables`), any of them.

    ``advance`` is told what comes next. Raises DataError for tables that do not tell the range of conductances.
    """
    advance("fitting")
    looked = look_for_jumps(prepare(tables["reads"])) if "reads" in tables else None
    aspects, notes, sizes = _all_aspects(tables, looked, settings)
    parts = template(aspects)
    for needed in ("g_min", "g_max"):
        if needed not in parts:
            rule = f"must tell {needed}"
            raise DataError(message("tables", rule, ", ".join(tables), "Add reads, or sweeps of both polarities."))
    advance("resampling")
    found, resampled = _resample(aspects, sizes, settings, advance)
    numbers = tuple(
        _number(quantity, aspect, found, resampled, sizes, settings)
        for aspect in aspects
        for quantity in aspect.quantities
    )
    sources = {number.name: _source(number, sizes[number.table]) for number in numbers}
    summary = f"Fitted to {', '.join(f'{kind} of {sizes[kind].text}' for kind in tables)}."
    device = build(parts, found, sources, name, summary)
    draws = (
        drawn(parts, {key: float(values[i]) for key, values in resampled.items()}, found, f"{name}-{i:03d}", summary)
        for i in range(settings.draws)
    )
    advance("held-out cells")
    held, more = _held_out(tables, None if looked is None else looked[0].jumping, settings)
    notes = (*notes, *more, *map(_differs, (h for h in held if h.p_value < DOUBT)), *_missing(tables))
    kept = tuple(draw for draw in draws if draw is not None)
    return Fit(device, numbers, held, tuple(dict.fromkeys(notes)), kept, aspects, tables, settings)


def _all_aspects(
    tables: Mapping[str, Table], looked: tuple[Prepared, Jumps | None] | None, settings: Settings
) -> tuple[tuple[Aspect, ...], tuple[str, ...], dict[str, Sample]]:
    """Every aspect, what cannot be told, and how many cells (or sweeps) each table resamples."""
    aspects: list[Aspect] = []
    notes: list[str] = []
    sizes = {kind: Sample(len(table.cells), "cells") for kind, table in tables.items()}
    if "programming" in tables:
        aspects += _programming(tables["programming"], settings, with_range="reads" not in tables)
    if looked is not None:
        found = fit_reads(*looked, settings)
        names = {quantity.name for aspect in aspects for quantity in aspect.quantities}
        aspects += [a for a in found.aspects if not names & {quantity.name for quantity in a.quantities}]
        notes += found.notes
    if "sweeps" in tables:
        data = branches(tables["sweeps"], settings.current_floor)
        sizes["sweeps"] = Sample(data.units, "devices" if data.by_device else "cycles")
        aspects += _sweeps(data, settings, with_range=not aspects)
    notes += [note for aspect in aspects for note in aspect.notes]
    return tuple(aspects), tuple(notes), sizes


def _programming(table: Table, settings: Settings, *, with_range: bool) -> list[Aspect]:
    entries, stuck = _last_pulses(table)
    found: list[Aspect] = [fit_reached(table.kind.name, entries), fit_levels(table.kind.name, entries)]
    if with_range:
        everything = _last(table)
        found.append(fit_range(table.kind.name, *everything, stuck, settings.quantiles))
    return found


def _last(table: Table) -> tuple[Any, Numbers, Numbers]:
    """Cell, conductance and target of each writing, after its last pulse."""
    order, writing = writings(table)
    last = np.append(np.flatnonzero(np.diff(writing)), len(order) - 1)
    rows = order[last]
    return table.owner[rows], table["conductance_S"][rows], table["target_S"][rows]


def _last_pulses(table: Table) -> tuple[Entries, Any]:
    cell, level, target = _last(table)
    stuck = find_stuck(len(table.cells), cell, level, target)
    fine = stuck.working[cell]
    return Entries(cell[fine], level[fine], target[fine], np.zeros(int(fine.sum()))), stuck


def _sweeps(data: Branches, settings: Settings, *, with_range: bool) -> list[Aspect]:
    law = fit_conduction(data)
    v0 = law.law(np.ones(data.units))
    states = fit_states(data, v0, settings.quantiles)
    if states is not None:
        return [states, law]
    if not with_range:
        return [law]
    level = np.exp(np.bincount(data.branch, np.log(data.current / data.voltage)) / np.bincount(data.branch))
    stuck = find_stuck(data.units, data.unit, level, None)
    return [fit_range("sweeps", data.unit, level, None, stuck, settings.quantiles), law]


def _resample(
    aspects: tuple[Aspect, ...], sizes: Mapping[str, Sample], settings: Settings, advance: Callable[[str], object]
) -> tuple[dict[str, float], dict[str, Numbers]]:
    """The numbers of the fit, and of each resample."""
    found = {key: value for a in aspects for key, value in a.values(np.ones(sizes[a.table].size)).items()}
    chances = {
        kind: np.random.default_rng(Streams(settings.seed).child("fit", kind).key("bootstrap")) for kind in sizes
    }
    resampled: dict[str, Numbers] = {key: np.empty(settings.resamples) for key in found}
    for i in range(settings.resamples):
        weights = {kind: resampled_weights(sizes[kind].size, chances[kind]) for kind in sizes}
        for aspect in aspects:
            for key, value in aspect.values(weights[aspect.table]).items():
                resampled[key][i] = value
        if (i + 1) % 10 == 0:
            advance("resampling")
    return found, resampled


def _number(
    quantity: Quantity,
    aspect: Aspect,
    found: Mapping[str, float],
    resampled: Mapping[str, Numbers],
    sizes: Mapping[str, Sample],
    settings: Settings,
) -> Number:
    value = found[quantity.name]
    if quantity.counted is not None:
        low, high = counted_interval(*quantity.counted, settings.level)
        method = f"Clopper-Pearson, {quantity.counted[0]:,} of {quantity.counted[1]:,}"
    else:
        sample = sizes[aspect.table]
        low, high = bootstrap_interval(value, resampled[quantity.name], sample.size, settings.level)
        method = f"bootstrap over {sample.text}"
    return Number(quantity.name, quantity.unit, value, low, high, settings.level, method, aspect.table)


def _source(number: Number, sample: Sample) -> str:
    span = f"{_say(number.low, number.unit)} to {_say(number.high, number.unit)}"
    return f"{number.name}; {number.table} of {sample.text}; {100 * number.level:g} %: {span}, {number.method}"


def _say(value: float, unit: str) -> str:
    if unit in UNITS:
        return ("-" if value < 0 else "") + show(abs(value), UNITS[unit])
    return f"{value:.4g}"


def _held_out(
    tables: Mapping[str, Table], jumping: Flags | None, settings: Settings
) -> tuple[tuple[HeldOut, ...], tuple[str, ...]]:
    """Judge each part of the cells of each table by a fit to the others; ``jumping``: cells of the reads that jump."""
    found: list[HeldOut] = []
    notes: list[str] = []
    for kind, table in tables.items() if settings.folds else ():
        if kind == "reads" and jumping is not None:
            count, judge = len(table.cells), partial(_held_reads, table, jumping, settings)
        elif kind == "sweeps":
            data = branches(table, settings.current_floor)
            count, judge = data.units, partial(_held_sweeps, data, settings)
        else:
            count, judge = len(table.cells), partial(_held_programming, table)
        if count < LEAST_HELD:
            notes.append(f"Too few cells in the {kind} to hold some out: the fit was not tried on others.")
            continue
        places: dict[str, list[Numbers]] = {}
        for held in _folds(count, kind, settings):
            for check in judge(held):
                places.setdefault(check.name, []).append(check.places)
        found += [_judge(name, np.concatenate(parts)) for name, parts in places.items() if sum(map(len, parts))]
    return tuple(found), tuple(notes)


def _differs(held: HeldOut) -> str:
    """What to say where the form that was fitted does not hold."""
    distance = f"Kolmogorov-Smirnov distance {held.distance:.2f} over {held.cells:,}"
    return f"The form fitted does not hold for this: {held.name} ({distance})."


def _folds(count: int, kind: str, settings: Settings) -> list[Flags]:
    """Which cells are held out together; each is once."""
    chance = np.random.default_rng(Streams(settings.seed).child("fit", kind).key("held out"))
    part = chance.permutation(count) % settings.folds
    return [part == fold for fold in range(settings.folds)]


def _judge(name: str, places: Numbers) -> HeldOut:
    found = kstest(places, "uniform")
    return HeldOut(name, len(places), float(found.statistic), float(found.pvalue), np.sort(places))


def _held_reads(table: Table, jumping: Flags, settings: Settings, held: Flags) -> list[Check]:
    parts = []
    for chosen in (~held, held):
        part = prepare(table.of(chosen))
        parts.append(Prepared(part.table, part.bursts, part.stuck, jumping[chosen]))
    return fit_reads(parts[0], None, settings).checks(parts[1])


def _held_programming(table: Table, held: Flags) -> list[Check]:
    training, _ = _last_pulses(table.of(~held))
    others, _ = _last_pulses(table.of(held))
    check = fit_reached(table.kind.name, training).check(np.ones(int((~held).sum())), others)
    return [check._replace(name=f"{check.name}, after the last pulse")]


def _held_sweeps(data: Branches, settings: Settings, held: Flags) -> list[Check]:
    training, others = data.of(~held), data.of(held)
    law = fit_conduction(training)
    ones = np.ones(training.units)
    v0 = law.law(ones)
    found = [law.check(ones, others)]
    states = fit_states(training, v0, settings.quantiles)
    return found if states is None else [*found, states.check(ones, others, v0)]


def _missing(tables: Mapping[str, Table]) -> list[str]:
    notes = []
    if "reads" not in tables:
        notes.append("There are no reads: nothing is known about read noise and retention, both are left out.")
    if "sweeps" not in tables:
        notes.append("There are no sweeps: cells are taken to be ohmic.")
    if "programming" not in tables:
        notes.append("There are no pulse trains: how many pulses a cell needs is not known.")
    return notes
