"""Means and spreads as piecewise linear functions: the maximum-likelihood fit behind programming and retention.

    residual_i ~ N(offset(x_i), spread(x_i)^2 + v_i),

with ``offset`` and ``spread`` linear between knots and ``v_i`` the known variance of the measurement. Entries that lie
close together in x are summed up in bins first, so that a resample of a million cells costs a few milliseconds.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Integers = NDArray[np.int64]

BINS = 200
ROUNDS = 100
TINY = 1e-3  # of the rms residual: a spread is not followed below it
STRIDE = 0.5  # of the spread: the largest step
CLOSE = 1e-6  # of the rms residual


def hats(x: Numbers, knots: Numbers) -> Numbers:
    """The piecewise linear basis, (x, knots); constant outside the knots."""
    if len(knots) == 1:
        return np.ones((len(x), 1))
    return np.stack([np.interp(x, knots, row) for row in np.eye(len(knots))], axis=1)


def powers(x: Numbers, degree: int) -> Numbers:
    """1, x, x^2, …: (x, degree + 1)."""
    return np.stack([x**k for k in range(degree + 1)], axis=1)


class Sums:
    """Entries summed up by bins of x, for any weights of the cells."""

    def __init__(self, cell: Integers, x: Numbers, residual: Numbers, variance: Numbers) -> None:
        self.cell, self.residual, self.variance = cell, residual, variance
        levels, place = np.unique(x, return_inverse=True)
        if len(levels) > BINS:
            edges = np.unique(np.quantile(x, np.linspace(0, 1, BINS + 1)[1:-1]))
            place = np.searchsorted(edges, x, side="right")
            place = np.unique(place, return_inverse=True)[1]
        self.place, self.bins = place, int(place.max()) + 1
        count = np.bincount(place, minlength=self.bins)
        self.x = np.bincount(place, x, minlength=self.bins) / count
        self.v = np.bincount(place, variance, minlength=self.bins) / count

    def of(self, weights: Numbers) -> tuple[Numbers, Numbers, Numbers]:
        """The weight, the sum and the sum of squares of each bin."""
        each = weights[self.cell]
        first = each * self.residual
        sums = (each, first, first * self.residual)
        return tuple(np.bincount(self.place, values, minlength=self.bins) for values in sums)  # type: ignore[return-value]


@dataclass(frozen=True)
class Spread:
    """A fitted mean and spread."""

    offset: Numbers  # coefficients
    spread: Numbers
    deviance: float  # -2 log likelihood, up to a constant


def fit_spread(sums: Sums, weights: Numbers, means: Numbers | None, spreads: Numbers) -> Spread:
    """The most likely coefficients on the bases ``means`` (bins, a) (None: no offset) and ``spreads`` (bins, d).

    Alternates weighted least squares for the mean and Fisher scoring for the spread.
    """
    count, first, second = sums.of(weights)
    scale = math.sqrt(max(second.sum() / max(count.sum(), 1), 1e-300))
    count, first, second, v = count, first / scale, second / scale**2, sums.v / scale**2
    offset = np.zeros(0 if means is None else means.shape[1])
    raw = np.sqrt(np.maximum(second / np.maximum(count, 1e-9) - v, 1e-4))
    spread = _least_squares(spreads, count, count * raw)
    shift = np.zeros(len(count))
    for _ in range(ROUNDS):
        sigma = np.maximum(spreads @ spread, TINY)
        total = sigma**2 + v
        if means is not None:
            offset = _least_squares(means, count / total, first / total)
            shift = means @ offset
        squares = second - 2 * shift * first + count * shift**2
        slope = 2 * sigma / total**2
        step = _least_squares(spreads, count * slope * sigma, slope * (squares - count * total) / 2)
        reach = float((np.abs(spreads @ step) / np.maximum(sigma, 0.05)).max())
        step = step * min(1.0, STRIDE / max(reach, 1e-300))
        spread = spread + step
        if np.abs(spreads @ step).max() < CLOSE:
            break
    sigma = np.maximum(spreads @ spread, 0)
    total = np.maximum(sigma**2 + v, TINY**2)
    squares = second - 2 * shift * first + count * shift**2
    deviance = float((count * np.log(total) + squares / total).sum() + 2 * count.sum() * math.log(scale))
    return Spread(offset * scale, spread * scale, deviance)


def _least_squares(basis: Numbers, weight: Numbers, moment: Numbers) -> Numbers:
    """argmin Σ weight (basis a)^2 - 2 moment basis a; the smallest solution where a coefficient has no data."""
    found = np.linalg.lstsq(basis.T @ (weight[:, None] * basis), basis.T @ moment, rcond=1e-12)[0]
    return np.asarray(found, dtype=np.float64)


def best_by_bic(
    count: float, candidates: dict[str, tuple[int, Callable[[], Spread]]]
) -> tuple[str, dict[str, tuple[float, float]]]:
    """The name of the candidate with the least BIC, and AIC and BIC of all; ``candidates`` have their number of
    coefficients and a function that fits."""
    criteria = {}
    for name, (coefficients, fit) in candidates.items():
        deviance = fit().deviance
        criteria[name] = (deviance + 2 * coefficients, deviance + math.log(max(count, 2)) * coefficients)
    return min(criteria, key=lambda name: criteria[name][1]), criteria
