"""Retention: how conductances change between bursts of reads at different ages, in the forms that a device can have."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from ohmloom.devices.fitting.aspects import Aspect, Check, Given, Quantity, Ref
from ohmloom.devices.fitting.spreads import Sums, fit_spread, powers
from ohmloom.devices.fitting.traces import Bursts
from ohmloom.quantities import TIME, show

Numbers = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]

DEGREES = (0, 1, 2)
ALIKE = 1.5  # ratio of the ages of a rank, over cells, up to which they count as one age
ONSET = 1e-6  # s
LEAST = 8  # writings


class Ages(NamedTuple):
    """Changes since the first burst; entries (writings, ages)."""

    cell: Integers  # (writings,)
    first: Numbers  # (writings,) S, at the first age
    change: Numbers  # S
    variance: Numbers  # S², of the measurement of each change, without that of ``first``
    first_variance: Numbers  # (writings,) S²
    times: Numbers  # (ages + 1,) s, the first one included


def ages(bursts: Bursts, variance: Numbers, chosen: Flags) -> tuple[Ages | None, str]:
    """The writings that were looked at equally often at like ages; or none, and why."""
    if len(bursts) == 0 or bursts.rank.max() == 0:
        return None, "Each cell was read in one go, at one age: nothing is known about retention."
    counts = np.bincount(bursts.writing[chosen], minlength=int(bursts.writing.max()) + 1)
    usual = int(np.bincount(counts[counts > 1]).argmax()) if (counts > 1).any() else 0
    rows = np.flatnonzero(chosen & (counts[bursts.writing] == usual)) if usual else np.zeros(0, int)
    if len(rows) < LEAST * max(usual, 1):
        return None, "Too few cells were read at the same number of ages: nothing is known about retention."
    grid = rows.reshape(-1, usual)  # bursts are in order of writing, then time
    time = bursts.time[grid]
    typical = np.median(time, axis=0)
    beside = (time > typical * ALIKE) | (time * ALIKE < typical)
    grid = grid[~beside.any(axis=1)]
    if len(grid) < LEAST:
        return None, "Cells were read at ages that differ from cell to cell: nothing is said about retention."
    mean = bursts.mean[grid]
    found = Ages(
        bursts.cell[grid[:, 0]],
        mean[:, 0],
        mean[:, 1:] - mean[:, :1],
        variance[grid[:, 1:]],
        variance[grid[:, 0]],
        typical,
    )
    return found, ""


@dataclass(frozen=True, eq=False, kw_only=True)
class Kept(Aspect):
    """No change that stands out of the read noise."""

    data: Ages

    def estimate(self, weights: Numbers) -> Numbers:
        return np.zeros(0)

    def check(self, weights: Numbers, others: Ages) -> Check:
        """Where the last change of other cells lies in the read noise alone."""
        return _check(others, np.zeros(len(others.first)), np.zeros(len(others.first)))


@dataclass(frozen=True, eq=False, kw_only=True)
class Drift(Aspect):
    """g(t) = g (t / start)^-nu, nu different from cell to cell."""

    data: Ages
    nu: Numbers  # (writings,) of each, and the variance of its measurement
    nu_variance: Numbers

    def estimate(self, weights: Numbers) -> Numbers:
        each = weights[self.data.cell]
        precision = each / (self.nu_variance + np.median(self.nu_variance) + self.nu.var())
        mean = float((precision * self.nu).sum() / precision.sum())
        spread = float((precision * ((self.nu - mean) ** 2 - self.nu_variance)).sum() / precision.sum())
        return np.array([mean, math.sqrt(max(spread, 0))])

    def check(self, weights: Numbers, others: Ages) -> Check:
        """Where the last change of other cells lies."""
        mean, spread = self.estimate(weights)
        decades = math.log(others.times[-1] / _start(self.data))
        kept = np.exp(-mean * decades)
        return _check(others, others.first * (kept - 1), others.first * kept * spread * decades)


@dataclass(frozen=True, eq=False, kw_only=True)
class Relaxing(Aspect):
    """g(t) = g + sigma_t(g) z, sigma_t a polynomial in g at each age."""

    data: Ages
    degree: int
    scale: float  # S
    sums: tuple[Sums, ...]

    def estimate(self, weights: Numbers) -> Numbers:
        rows = [fit_spread(sums, weights, None, powers(sums.x, self.degree)).spread for sums in self.sums]
        return np.concatenate(rows)

    def check(self, weights: Numbers, others: Ages) -> Check:
        """Where the last change of other cells lies."""
        last = self.estimate(weights)[-self.degree - 1 :]
        sigma = powers(np.clip(others.first / self.scale, 0, 1), self.degree) @ last
        return _check(others, np.zeros(len(others.first)), np.maximum(sigma, 0))


def fit_retention(table: str, data: Ages) -> Kept | Drift | Relaxing:
    """The form with the least BIC; all are judged by the Gaussian likelihood of the changes of a cell together."""
    scale = float(data.first.max())
    forms: dict[str, tuple[Kept | Drift | Relaxing, Numbers, Numbers, int]] = {}
    zero = np.zeros_like(data.change)
    forms["none"] = Kept(table=table, quantities=(), parts=_stable(data), notes=_notes(data), data=data), zero, zero, 0
    ones = np.ones(int(data.cell.max()) + 1)
    drift = _drift(table, data)
    mean, spread = drift.estimate(ones)
    decades = np.log(np.maximum(data.times[1:] / _start(data), 1.0))
    kept = data.first[:, None] * np.exp(-mean * decades)
    forms["power-law"] = drift, kept - data.first[:, None], -kept * spread * decades, 2
    for degree in DEGREES:
        form = _relaxing(table, data, degree, scale)
        rows = form.estimate(ones).reshape(-1, degree + 1)
        sigma = np.maximum(powers(np.clip(data.first / scale, 0, 1), degree) @ rows.T, 0)
        forms[f"relaxation, degree {degree}"] = form, zero, sigma, rows.size
    criteria = {
        name: _deviance(data, mean, load) + math.log(len(data.first)) * count
        for name, (_, mean, load, count) in forms.items()
    }
    chosen = forms[min(criteria, key=lambda name: criteria[name])][0]
    chosen.picture.update({"criteria": criteria, **_picture(data, forms, criteria)})  # type: ignore[attr-defined]
    return chosen


def _deviance(data: Ages, mean: Numbers, load: Numbers) -> float:
    """-2 log likelihood of changes with covariance load loadᵀ + first_variance 11ᵀ + diag(variance)."""
    noise = np.maximum(data.variance, 1e-12 * float((data.first**2).mean()))
    count = data.change.shape[1]
    covariance = load[:, :, None] * load[:, None, :] + data.first_variance[:, None, None]
    covariance = covariance + np.eye(count) * noise[:, :, None]
    error = data.change - mean
    solved = np.linalg.solve(covariance, error[:, :, None])[:, :, 0]
    return float(np.linalg.slogdet(covariance)[1].sum() + (error * solved).sum())


def _check(others: Ages, mean: Numbers, spread: Numbers) -> Check:
    width = np.sqrt(spread**2 + others.variance[:, -1] + others.first_variance)
    name = f"change from {show(others.times[0], TIME)} to {show(others.times[-1], TIME)}"
    return Check(name, ndtr((others.change[:, -1] - mean) / np.maximum(width, 1e-30)))


def _start(data: Ages) -> float:
    """The first age above zero."""
    return float(data.times[data.times > 0][0])


def _stable(data: Ages) -> dict[str, Any]:
    return {"retention": {"kind": "none"}}


def _notes(data: Ages) -> tuple[str, ...]:
    first, last = show(float(data.times[0]), TIME), show(float(data.times[-1]), TIME)
    return (f"Changes before the first reads ({first}) count as programming; nothing is known of times beyond {last}.",)


def _drift(table: str, data: Ages) -> Drift:
    quantities = (Quantity("drift: exponent nu"), Quantity("drift: deviation of nu from cell to cell"))
    reads = "fitted: age of the first reads"
    part = {
        "kind": "power-law",
        "exponent": Ref(quantities[0].name),
        "spread": Ref(quantities[1].name),
        "start": Given(_start(data), reads),
        "measured_until": Given(float(data.times[-1]), "fitted: age of the last reads"),
    }
    decades = np.log(np.maximum(data.times[1:] / _start(data), 1.0))
    first = np.maximum(data.first, 1e-3 * np.median(data.first))
    ratio = -np.log(np.maximum(1 + data.change / first[:, None], 1e-3))
    # least squares through the first age: nu = Σ decades y / Σ decades², with the noise of that age in every y
    square = float((decades**2).sum())
    nu = ratio @ decades / square
    noise = data.variance / first[:, None] ** 2
    variance = noise @ decades**2 / square**2 + data.first_variance / first**2 * (decades.sum() / square) ** 2
    return Drift(
        table=table, quantities=quantities, parts={"retention": part}, notes=_notes(data), data=data, nu=nu,
        nu_variance=variance,
    )  # fmt: skip


def _relaxing(table: str, data: Ages, degree: int, scale: float) -> Relaxing:
    ages_shown = [show(float(t), TIME) for t in data.times[1:]]
    names = [[f"relaxation after {age}: c{k}" for k in range(degree + 1)] for age in ages_shown]
    quantities = tuple(Quantity(name, "S") for row in names for name in row)
    onset = float(data.times[0]) or ONSET
    kind = "fitted: age of the first reads" if data.times[0] > 0 else "assumed: the length of a programming pulse"
    part = {
        "kind": "relaxation",
        "scale": Given(scale, "fitted: the largest conductance, to which the polynomials belong"),
        "unit": Given(1.0, "assumed: the polynomials are in siemens"),
        "onset": Given(onset, kind),
        "times": [Given(float(t), "fitted: ages of the reads") for t in data.times[1:]],
        "coefficients": [[Ref(name) for name in row] for row in names],
    }
    x = np.clip(data.first / scale, 0, 1)
    sums = tuple(
        Sums(data.cell, x, data.change[:, k], data.variance[:, k] + data.first_variance)
        for k in range(data.change.shape[1])
    )
    return Relaxing(
        table=table, quantities=quantities, parts={"retention": part}, notes=_notes(data), data=data, degree=degree,
        scale=scale, sums=sums,
    )  # fmt: skip


def _picture(data: Ages, forms: dict[str, Any], criteria: dict[str, float]) -> dict[str, Any]:
    _, mean, load, _ = forms[min(criteria, key=lambda name: criteria[name])]
    first = data.first[data.first > 0][:, None]
    mean, load, change = (values[data.first > 0] / first for values in (mean, load, data.change))
    noise = (data.variance + data.first_variance[:, None])[data.first > 0] / first**2
    return {
        "times": data.times[1:],
        "mean": change.mean(0),
        "deviation": change.std(0),
        "fitted_mean": mean.mean(0),
        "fitted_deviation": np.sqrt((load**2 + noise).mean(0)),
        "form": min(criteria, key=lambda name: criteria[name]),
    }
