"""Conduction from sweeps: ohmic or sinh, and the on and off states between which the cells switch.

On a branch I = g f(V) with f(V) = V or v0 sinh(V / v0), v0 common to all, g of each branch its own. Errors are
relative: log |I| is fitted by least squares. v0 is looked for on a grid, so that a resample only adds up sums.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from ohmloom.devices.fitting.aspects import Aspect, Check, Quantity, Ref
from ohmloom.devices.fitting.branches import Branches
from ohmloom.devices.fitting.stuck import weighted_quantiles

Numbers = NDArray[np.float64]

GRID = np.geomspace(0.04, 25.0, 61)  # v0 over the largest voltage
FINE = np.geomspace(1 / 1.15, 1.15, 41)  # around the best one
CYCLES = 3  # per device, to tell how well a state repeats


def log_law(voltage: Numbers, v0: float | None) -> Numbers:
    """log f(V) for V > 0; None is ohmic."""
    if v0 is None:
        return np.log(voltage)
    x = voltage / v0
    return math.log(v0) + x + np.log(-np.expm1(-2 * x) / 2)


def _sums(data: Branches, v0: float | None) -> tuple[Numbers, Numbers, Numbers]:
    """log g of each branch, the sum of squares around it, and the number of its points."""
    y = np.log(data.current) - log_law(data.voltage, v0)
    count = np.bincount(data.branch).astype(np.float64)
    mean = np.bincount(data.branch, y) / count
    squares = np.bincount(data.branch, (y - mean[data.branch]) ** 2)
    return mean, squares.astype(np.float64), count


@dataclass(frozen=True, eq=False, kw_only=True)
class Conduction(Aspect):
    """The scale of sinh conduction and its residual, or the residual alone."""

    data: Branches
    sinh: bool
    scales: Numbers  # (grid or 1,) V
    squares: Numbers  # (grid or 1, units)
    points: Numbers  # (units,)

    def estimate(self, weights: Numbers) -> Numbers:
        total = self.squares @ weights
        best = int(total.argmin())
        freedom = float((self.points * weights).sum())
        if not self.sinh:
            return np.array([math.sqrt(float(total[0]) / freedom)])
        place, least = float(np.log(self.scales[best])), float(total[best])
        if 0 < best < len(self.scales) - 1:
            near = slice(best - 1, best + 2)
            a, b, c = np.polyfit(np.log(self.scales[near]) - place, total[near], 2)
            place, least = place - b / (2 * a), float(c - b**2 / (4 * a))
        return np.array([math.exp(place), math.sqrt(least / freedom)])

    def law(self, weights: Numbers) -> float | None:
        """v0 in V, None if ohmic."""
        return float(self.estimate(weights)[0]) if self.sinh else None

    def check(self, weights: Numbers, others: Branches) -> Check:
        """Where one point of each branch of other units, half way up, lies around that branch's own law."""
        y = np.log(others.current) - log_law(others.voltage, self.law(weights))
        count = np.bincount(others.branch)
        mean = np.bincount(others.branch, y) / count
        first = np.concatenate([[0], np.cumsum(count)[:-1]])
        middle = first + count // 2
        residual = (y[middle] - mean) / np.sqrt(1 - 1 / count)
        return Check("current half way along a branch", ndtr(residual / self.estimate(weights)[-1]))


def fit_conduction(data: Branches) -> Conduction:
    """Choose between ohmic and sinh by BIC."""
    scales = float(data.voltage.max()) * GRID
    coarse = _squares(data, scales)
    best = int(coarse.sum(1).argmin())
    fine = scales[best] * FINE
    scales, place = np.unique(np.concatenate([scales, fine]), return_index=True)
    per_law = {
        "ohmic": np.stack([np.bincount(data.unit, _sums(data, None)[1])]),
        "sinh": np.concatenate([coarse, _squares(data, fine)])[place],
    }
    count, size = _sums(data, None)[2], len(data.branch)
    criteria = {}
    for name, squares in per_law.items():
        numbers = len(count) + 1 + (name == "sinh")
        deviance = size * math.log(max(float(squares.sum(1).min()), 1e-300) / size)
        criteria[name] = {"AIC": deviance + 2 * numbers, "BIC": deviance + math.log(size) * numbers}
    sinh = criteria["sinh"]["BIC"] < criteria["ohmic"]["BIC"] and 0 < best < len(GRID) - 1
    scale, residual = Quantity("sinh conduction: voltage scale v0", "V"), Quantity("relative deviation from the law")
    part = {"kind": "sinh", "scale": Ref(scale.name)} if sinh else {"kind": "ohmic"}
    found = Conduction(
        table="sweeps",
        quantities=(scale, residual) if sinh else (residual,),
        parts={"conduction": part},
        notes=_notes(data),
        picture={"criteria": criteria},
        data=data,
        sinh=sinh,
        scales=scales,
        squares=per_law["sinh" if sinh else "ohmic"],
        points=np.bincount(data.unit, count - 1).astype(np.float64),
    )
    found.picture.update(_picture(data, found.law(np.ones(data.units))))  # type: ignore[attr-defined]
    return found


def _squares(data: Branches, scales: Numbers) -> Numbers:
    """Sums of squares for each v0, (scales, units)."""
    return np.stack([np.bincount(data.unit, _sums(data, float(v0))[1]) for v0 in scales]).astype(np.float64)


def _notes(data: Branches) -> tuple[str, ...]:
    notes = []
    if not data.by_device:
        notes.append("There are few devices: cycles were resampled, and intervals lack the spread between devices.")
    if not data.returning:
        notes.append("The sweeps do not return to zero: cells may have switched on the branches that were fitted.")
    if data.left_out:
        share = 100 * data.left_out / (data.left_out + len(data.branch))
        notes.append(
            f"{share:.1f} % of the points of branches were left out: at the floor, at the limit, or short branches."
        )
    return tuple(notes)


def _picture(data: Branches, v0: float | None) -> dict[str, object]:
    g = np.exp(_sums(data, v0)[0])
    chosen = np.unique(np.argsort(g)[np.linspace(0, len(g) - 1, min(6, len(g))).astype(int)])
    curves = [(data.voltage[data.branch == b], data.current[data.branch == b], float(g[b])) for b in chosen]
    return {"curves": curves, "v0": v0}


@dataclass(frozen=True, eq=False, kw_only=True)
class States(Aspect):
    """The on and off states, and how well a state repeats from cycle to cycle."""

    data: Branches
    log_g: Numbers  # (branches,)
    on: NDArray[np.bool_]
    repeated: Numbers  # (branches,) deviation of log g from that of its device and state, squared
    freedom: Numbers
    at: tuple[float, float]

    def estimate(self, weights: Numbers) -> Numbers:
        each = weights[self.data.unit]
        low, high = weighted_quantiles(np.exp(self.log_g), each, self.at)
        off, on = (math.exp(_mean(self.log_g[s], each[s])) for s in (~self.on, self.on))
        spread = math.sqrt(float((each * self.repeated).sum()) / max(float((each * self.freedom).sum()), 1e-9))
        wide = [_deviation(self.log_g[s], each[s]) for s in (~self.on, self.on)]
        return np.array([low, max(high, low * (1 + 1e-6)), off, on, spread, off * spread, on * spread, *wide])

    def check(self, weights: Numbers, others: Branches, v0: float | None) -> Check:
        """Where the conductances of the branches of other units lie in log-normal states."""
        values = self.estimate(weights)
        g, on = _sums(others, v0)[0], self.is_on(others)
        middle = np.where(on, math.log(values[3]), math.log(values[2]))
        width = np.where(on, values[8], values[7])
        return Check("conductance of a branch (log-normal)", ndtr((g - middle) / np.maximum(width, 1e-12)))

    def is_on(self, data: Branches) -> NDArray[np.bool_]:
        """The branches on the side on which cells conduct better."""
        side = bool(self.on[self.data.positive].all()) if self.data.positive.any() else False
        return data.positive == side


def fit_states(data: Branches, v0: float | None, at: tuple[float, float]) -> States | None:
    """The states from the conductances of branches at small voltage; None if sweeps have one polarity only."""
    if data.positive.all() or not data.positive.any():
        return None
    log_g = _sums(data, v0)[0]
    on = data.positive == (np.median(log_g[data.positive]) >= np.median(log_g[~data.positive]))
    group = np.unique(np.stack([data.device, on]), axis=1, return_inverse=True)[1].ravel()
    count = np.bincount(group)
    mean = np.bincount(group, log_g) / count
    low, high = (f"{100 * share:g} % quantile" for share in at)
    quantities = (
        Quantity(f"{low} of the conductances of branches", "S"),
        Quantity(f"{high} of the conductances of branches", "S"),
        Quantity("off state, geometric mean", "S"),
        Quantity("on state, geometric mean", "S"),
        Quantity("deviation of a state from cycle to cycle, relative"),
        Quantity("deviation of the off state from cycle to cycle", "S"),
        Quantity("deviation of the on state from cycle to cycle", "S"),
        Quantity("deviation of the off state over all, of its logarithm"),
        Quantity("deviation of the on state over all, of its logarithm"),
    )
    parts: dict[str, object] = {"g_min": Ref(quantities[0].name), "g_max": Ref(quantities[1].name)}
    notes = ["Sweeps do not show how well levels between the two states can be written, nor how long they last."]
    if np.median(count) >= CYCLES and math.exp(_mean(log_g[on], np.ones(int(on.sum())))) > math.exp(
        _mean(log_g[~on], np.ones(int((~on).sum())))
    ):
        off_on = [Ref(quantities[2].name), Ref(quantities[3].name)]
        spreads = [Ref(quantities[5].name), Ref(quantities[6].name)]
        parts["programming"] = {"kind": "tabulated", "targets": off_on, "means": off_on, "deviations": spreads}
        notes.append("The spread of a state from cycle to cycle stands for the error of writing.")
    else:
        notes.append(f"Fewer than {CYCLES} cycles per device: nothing is known about the error of writing.")
    freedom = (1 - 1 / count)[group]
    return States(
        table="sweeps", quantities=quantities, parts=parts, notes=tuple(notes), data=data, log_g=log_g, on=on,
        repeated=(log_g - mean[group]) ** 2, freedom=freedom, at=at,
        picture={"conductances": np.exp(log_g), "on": on, "quantiles": at},
    )  # fmt: skip


def _mean(values: Numbers, weights: Numbers) -> float:
    return float((values * weights).sum() / max(float(weights.sum()), 1e-12))


def _deviation(values: Numbers, weights: Numbers) -> float:
    mean = _mean(values, weights)
    return math.sqrt(_mean((values - mean) ** 2, weights))
