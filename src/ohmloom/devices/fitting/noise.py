"""Read noise from bursts of evenly spaced reads: how much it is at each conductance, and how much of it is slow.

Half the mean squared difference of reads that lie k spacings apart (the variogram) of white noise w(g) and of
1/f noise between the frequencies f1 and f2 is on average

    gamma_k(g) = w(g) + s² g² phi(k),    phi(k) = 1 - [Ci(2 pi f2 k dt) - Ci(2 pi f1 k dt)] / log(f2 / f1),

which is linear in what is looked for, whatever the length of the bursts. The band of the data is f1 = 1 / duration,
f2 = 1 / (2 dt).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls
from scipy.special import ndtr, sici

from ohmloom.devices.fitting.aspects import Aspect, Check, Given, Quantity, Ref
from ohmloom.devices.fitting.spreads import hats
from ohmloom.devices.fitting.traces import Bursts
from ohmloom.quantities import CONDUCTANCE, TIME, show

Numbers = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]

FORMS = ("additive", "relative", "additive and relative", "tabulated")
TABLE = 6  # knots
SURE = 3.0  # a slow part must exceed its own standard error so many times
READ_TIME = 1e-6
ROUNDS = 4  # of weights that follow the fit


@dataclass(frozen=True)
class Variograms:
    """Half the mean squared differences of reads ``lag`` spacings apart, (lags, bursts)."""

    lags: Integers
    gamma: Numbers
    pairs: Numbers  # (lags, bursts), 0 where a burst is too short
    g: Numbers  # (bursts,) S, mean
    cell: Integers
    spacing: float  # s
    slowest: float  # Hz
    fastest: float

    def slow(self) -> Numbers:
        """phi of each lag."""
        return slow_growth(np.asarray(self.lags * self.spacing, dtype=np.float64), self.slowest, self.fastest)


def slow_growth(tau: Numbers, slowest: float, fastest: float) -> Numbers:
    """phi: the variogram of 1/f noise of unit variance at the times ``tau`` > 0."""
    high, low = (sici(2 * math.pi * f * tau)[1] for f in (fastest, slowest))
    return 1 - (high - low) / math.log(fastest / slowest)


def variograms(bursts: Bursts, chosen: Flags) -> Variograms | None:
    """Of the ``chosen`` bursts that are long enough and as evenly spaced as most; None if there are none."""
    long = chosen & bursts.noisy
    if not long.any():
        return None
    spacing = float(np.median(bursts.spacing[long]))
    long &= np.abs(bursts.spacing / spacing - 1) < 0.2
    picked = np.flatnonzero(long)
    place = np.full(len(bursts), -1)
    place[picked] = np.arange(len(picked))
    owner = place[bursts.owner()]
    typical = int(np.median(np.repeat(bursts.count[picked], bursts.count[picked])))  # of the burst of a read
    lags = 2 ** np.arange(max(1, int(math.log2(typical)) - 1))
    gamma, pairs = np.zeros((len(lags), len(picked))), np.zeros((len(lags), len(picked)))
    for row, lag in enumerate(lags):
        same = (owner[lag:] == owner[:-lag]) & (owner[lag:] >= 0)
        squares = (bursts.reads[lag:][same] - bursts.reads[:-lag][same]) ** 2
        pairs[row] = np.bincount(owner[lag:][same], minlength=len(picked))
        gamma[row] = np.bincount(owner[lag:][same], squares, minlength=len(picked)) / (2 * np.maximum(pairs[row], 1))
    band = 1 / (typical * spacing), 1 / (2 * spacing)
    return Variograms(lags, gamma, pairs, bursts.mean[picked], bursts.cell[picked], spacing, *band)


@dataclass(frozen=True, eq=False, kw_only=True)
class Noise(Aspect):
    """White noise in one of `FORMS`, and 1/f noise in proportion to the conductance if there is any."""

    form: str
    knots: Numbers
    slow: bool
    moments: Numbers  # (cells, p, p + 1): each cell's normal equations
    data: Variograms

    def coefficients(self, weights: Numbers) -> Numbers:
        """The variances that multiply the basis: those of the white noise, then s²."""
        total = np.tensordot(weights, self.moments, axes=1)
        return _solve(total[:, :-1], total[:, -1])

    def estimate(self, weights: Numbers) -> Numbers:
        return np.sqrt(self.coefficients(weights))

    def variance(self, coefficients: Numbers, g: Numbers, phi: float = 1.0) -> Numbers:
        """That of one read at g, (g,) S²; with ``phi`` half the mean squared difference at that lag."""
        return _basis(self.form, self.knots, g, phi, self.slow) @ coefficients

    def of_means(self, g: Numbers, count: Integers) -> Numbers:
        """The variance of means over ``count`` evenly spaced reads."""
        found = self.coefficients(np.ones(len(self.moments)))
        white = self.variance(found, g, 0.0) / count
        if not self.slow:
            return white
        sizes = np.unique(count)
        kept = np.array([_kept(int(size), self.data) for size in sizes])
        return white + found[-1] * g**2 * kept[np.searchsorted(sizes, count)]

    def check(self, weights: Numbers, bursts: Bursts, chosen: Flags) -> Check:
        """Where the difference of the two middle reads of each burst of other cells lies."""
        picked = np.flatnonzero(chosen & bursts.noisy)
        middle = bursts.first[picked] + bursts.count[picked] // 2
        step = bursts.reads[middle] - bursts.reads[middle - 1]
        phi = float(self.data.slow()[0])
        width = np.sqrt(2 * self.variance(self.coefficients(weights), bursts.mean[picked], phi))
        return Check("difference of two neighbouring reads", ndtr(step[width > 0] / width[width > 0]))


def fit_noise(table: str, cells: int, data: Variograms, read_time: float | None) -> Noise:
    """Keep a slow part if it is `SURE`, and choose the form of the white noise by BIC."""
    phi = data.slow()
    knots = np.unique(np.quantile(data.g, np.linspace(0.02, 0.98, TABLE)))
    slow = _slow_is_sure("additive and relative", knots, data, phi, cells)
    forms = [form for form in FORMS if form != "tabulated" or len(knots) > 2]
    deviances = {form: _deviance(form, knots, data, phi, slow, cells) for form in forms}
    count = {"additive": 1, "relative": 1, "additive and relative": 2, "tabulated": len(knots)}
    bic = {form: value + math.log(len(data.g)) * count[form] for form, value in deviances.items()}
    form = min(bic, key=lambda name: bic[name])
    slow = slow and _slow_is_sure(form, knots, data, phi, cells)
    moments = _moments(form, knots, data, phi, slow, cells)
    quantities, noises = _parts(form, knots, slow, data, read_time)
    found = Noise(
        table=table, quantities=quantities, noises=noises, notes=_notes(data, slow, read_time), form=form, knots=knots,
        slow=slow, moments=moments, data=data, picture={"criteria": bic},
    )  # fmt: skip
    found.picture.update(_picture(found))  # type: ignore[attr-defined]
    return found


def _basis(form: str, knots: Numbers, g: Numbers, phi: float, slow: bool) -> Numbers:
    """The functions of g whose coefficients are variances, (g, p)."""
    square = (g**2)[:, None]
    white = {
        "additive": lambda: np.ones((len(g), 1)),
        "relative": lambda: square,
        "additive and relative": lambda: np.hstack([np.ones((len(g), 1)), square]),
        "tabulated": lambda: hats(g, knots),
    }[form]()
    return np.hstack([white, phi * square]) if slow else white


def _solve(matrix: Numbers, moment: Numbers) -> Numbers:
    """argmin of x'Mx - 2 m'x with x >= 0."""
    scale = 1 / np.sqrt(np.maximum(np.diag(matrix), 1e-300))
    values, vectors = np.linalg.eigh(matrix * np.outer(scale, scale))
    root = np.sqrt(np.clip(values, 1e-12, None))
    found, _ = nnls(root[:, None] * vectors.T, (vectors.T @ (moment * scale)) / root)
    return found * scale


def _moments(form: str, knots: Numbers, data: Variograms, phi: Numbers, slow: bool, cells: int) -> Numbers:
    """The normal equations of each cell, (cells, p, p + 1); weights are the inverse variances of gamma as fitted."""
    bases = np.stack([_basis(form, knots, data.g, p, slow) for p in phi])  # (lags, bursts, p)
    freedom = data.pairs / (1.0 + data.lags[:, None])
    model = np.repeat((data.gamma * data.pairs).sum(0)[None] / data.pairs.sum(0), len(phi), axis=0)
    model = np.maximum(model, 1e-3 * np.median(model[model > 0])) if (model > 0).any() else np.ones_like(model)
    size = bases.shape[-1]
    parts, right = np.zeros((len(data.g), size, size)), np.zeros((len(data.g), size))
    for _ in range(ROUNDS):
        weight = freedom / model**2
        parts = np.einsum("lb,lbi,lbj->bij", weight, bases, bases)
        right = np.einsum("lb,lbi,lb->bi", weight, bases, data.gamma)
        found = _solve(parts.sum(0), right.sum(0))
        fresh = bases @ found
        model = np.maximum(fresh, 1e-6 * fresh.max())
    moments = np.zeros((cells, size, size + 1))
    np.add.at(moments, data.cell, np.concatenate([parts, right[:, :, None]], axis=2))
    return moments


def _deviance(form: str, knots: Numbers, data: Variograms, phi: Numbers, slow: bool, cells: int) -> float:
    """-2 log likelihood of the differences of neighbouring reads, as sums of squares of Gaussian numbers."""
    moments = _moments(form, knots, data, phi, slow, cells).sum(0)
    model = _basis(form, knots, data.g, float(phi[0]), slow) @ _solve(moments[:, :-1], moments[:, -1])
    model = np.maximum(model, 1e-9 * model.max())
    return float((data.pairs[0] / 1.5 * (np.log(model) + data.gamma[0] / model)).sum())


def _slow_is_sure(form: str, knots: Numbers, data: Variograms, phi: Numbers, cells: int) -> bool:
    """Is s² larger than `SURE` times its standard error from cell to cell?"""
    if len(data.lags) < 3:
        return False
    moments = _moments(form, knots, data, phi, True, cells)
    matrix, right = moments[:, :, :-1], moments[:, :, -1]
    found = _solve(matrix.sum(0), right.sum(0))
    inverse = np.linalg.pinv(matrix.sum(0), rcond=1e-14, hermitian=True)
    influence = (right - matrix @ found) @ inverse  # (cells, p)
    return bool(found[-1] > SURE * math.sqrt((influence[:, -1] ** 2).sum()))


def _kept(count: int, data: Variograms) -> float:
    """The variance of a mean over ``count`` reads of 1/f noise of unit variance."""
    if count == 1:
        return 1.0
    apart = np.arange(1, count, dtype=np.float64)
    correlation = 1 - slow_growth(np.asarray(apart * data.spacing), data.slowest, data.fastest)
    return float((count + 2 * ((count - apart) * correlation).sum()) / count**2)


def _parts(
    form: str, knots: Numbers, slow: bool, data: Variograms, read_time: float | None
) -> tuple[tuple[Quantity, ...], tuple[dict[str, Any], ...]]:
    source = "assumed: tables do not tell how long a read takes" if read_time is None else "assumed: stated by the user"
    duration = Given(READ_TIME if read_time is None else read_time, source)
    additive, relative = Quantity("read noise, additive", "S"), Quantity("read noise, relative")
    table = tuple(Quantity(f"read noise at {show(knot, CONDUCTANCE)}", "S") for knot in knots)
    white = {"additive": (additive,), "relative": (relative,), "additive and relative": (additive, relative)}
    quantities = white.get(form, table)
    if form == "tabulated":
        places = [Given(float(knot), "fitted: quantiles of the conductances read") for knot in knots]
        deviations = [Ref(quantity.name) for quantity in table]
        noises = [{"kind": form, "conductances": places, "deviations": deviations, "read_time": duration}]
    else:
        noises = [
            {"kind": quantity.name.rpartition(" ")[2], "deviation": Ref(quantity.name), "read_time": duration}
            for quantity in quantities
        ]
    if slow:
        quantity = Quantity("read noise, slow (1/f), relative")
        band = "fitted: the band of the reads, 1 / duration to 1 / (2 spacing)"
        ends = {"slowest": Given(data.slowest, band), "fastest": Given(data.fastest, band)}
        noises.append({"kind": "flicker", "deviation": Ref(quantity.name)} | ends)
        quantities = (*quantities, quantity)
    return quantities, tuple(noises)


def _notes(data: Variograms, slow: bool, read_time: float | None) -> tuple[str, ...]:
    long = show(1 / data.slowest, TIME)
    notes = [f"Noise slower than {long}, the length of the bursts, cannot be told from programming and retention."]
    if not slow:
        notes.append(f"No slow (1/f) part of the read noise stands out within {long}.")
    if read_time is None:
        notes.append(f"Tables do not tell how long a read takes: {show(READ_TIME, TIME)} is assumed (--read-time).")
    return tuple(notes)


def _picture(noise: Noise) -> dict[str, Any]:
    data, found = noise.data, noise.coefficients(np.ones(len(noise.moments)))
    line = np.linspace(float(data.g.min()), float(data.g.max()), 60)
    middle = float(np.median(data.g))
    pooled = (data.gamma * data.pairs).sum(1) / np.maximum(data.pairs.sum(1), 1)
    model = np.array([float((noise.variance(found, data.g, p)).mean()) for p in data.slow()])
    return {
        "g": data.g,
        "deviation": np.sqrt(data.gamma[0]),
        "line": line,
        "fitted": np.sqrt(noise.variance(found, line, float(data.slow()[0]))),
        "lags": data.lags * data.spacing,
        "variogram": np.sqrt(pooled),
        "model": np.sqrt(model),
        "slow_share": float(found[-1] * middle**2 / noise.variance(found, np.array([middle]))[0])
        if noise.slow
        else 0.0,
    }
