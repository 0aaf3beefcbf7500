"""Intervals: how far a figure may be from the truth, given the few seeds, dies or test images it rests on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Self

import numpy as np
from pydantic import Field, model_validator
from scipy.special import betaincinv, ndtri, stdtrit

from ohmloom.descriptions import Description
from ohmloom.errors import ConfigurationError, message

Level = Annotated[float, Field(gt=0.5, lt=1)]


class Interval(Description):
    """An interval that holds the true value with probability ``level``, made by ``method``."""

    low: float
    high: float
    level: Level = 0.95
    method: str

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.low > self.high:
            raise ValueError(f"low must not exceed high, got {self.low} and {self.high}. Swap them.")
        return self


def t_interval(values: Sequence[float], level: float = 0.95) -> Interval:
    """Student's interval of a mean over at least two independent values (seeds or dies).

    ``mean ± t(n - 1, (1 + level) / 2) s / sqrt(n)``; exact for normally distributed values.
    """
    sample = _sample(values)
    half = float(stdtrit(len(sample) - 1, (1 + level) / 2)) * sample.std(ddof=1) / math.sqrt(len(sample))
    return Interval(low=sample.mean() - half, high=sample.mean() + half, level=level, method="Student t")


def bootstrap_interval(values: Sequence[float], level: float = 0.95, *, draws: int = 9999, seed: int = 0) -> Interval:
    """The percentile bootstrap interval of a mean: no distribution assumed, too narrow below about ten values."""
    sample = _sample(values)
    rows = np.random.default_rng(seed).integers(len(sample), size=(draws, len(sample)))  # (draws, n)
    low, high = np.quantile(sample[rows].mean(axis=1), [(1 - level) / 2, (1 + level) / 2])
    return Interval(low=float(low), high=float(high), level=level, method="bootstrap")


def median_interval(values: Sequence[float], level: float = 0.95) -> Interval:
    """The interval of a median between two of the ordered values, no distribution assumed; its level is its own.

    Below the k-th smallest and above the k-th largest of n values the median lies with chance 2 P(B < k), B binomial
    (n, 1/2): the largest k whose interval still holds ``level``, or the two extremes where none does.
    Raises ConfigurationError for fewer than three values.
    """
    ordered = np.sort(_sample(values))
    if len(ordered) < 3:
        rule = "must be at least three for an interval of their median"
        raise ConfigurationError(message("values", rule, len(ordered), "Run more."))
    below = np.cumsum([math.comb(len(ordered), i) for i in range(len(ordered) // 2)]) / 2.0 ** len(ordered)  # P(B < k)
    rank = max(int(np.sum(2 * below <= 1 - level)), 1)
    low, high = float(ordered[rank - 1]), float(ordered[-rank])
    return Interval(low=low, high=high, level=1 - 2 * float(below[rank - 1]), method="order statistics")


def clopper_pearson(hits: int, trials: int, level: float = 0.95) -> Interval:
    """The exact binomial interval of a share, such as an accuracy on ``trials`` test images.

    C. J. Clopper and E. S. Pearson, Biometrika 26 (1934), 404-413. It holds at least ``level``, often more.
    """
    _check_counts(hits, trials)
    low = float(betaincinv(hits, trials - hits + 1, (1 - level) / 2)) if hits > 0 else 0.0
    high = float(betaincinv(hits + 1, trials - hits, (1 + level) / 2)) if hits < trials else 1.0
    return Interval(low=low, high=high, level=level, method="Clopper-Pearson")


def wilson(hits: int, trials: int, level: float = 0.95) -> Interval:
    """The score interval of a share: narrower than Clopper-Pearson, holds ``level`` on average.

    E. B. Wilson, Journal of the American Statistical Association 22 (1927), 209-212.
    """
    _check_counts(hits, trials)
    z, share = float(ndtri((1 + level) / 2)), hits / trials
    middle = (share + z * z / (2 * trials)) / (1 + z * z / trials)
    half = z / (1 + z * z / trials) * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    return Interval(low=max(0.0, middle - half), high=min(1.0, middle + half), level=level, method="Wilson")


def _sample(values: Sequence[float]) -> np.ndarray:
    if len(values) < 2:
        rule = "must be at least two, an interval over one has no width"
        raise ConfigurationError(message("values", rule, len(values), "Run more seeds or dies."))
    return np.asarray(values, dtype=float)


def _check_counts(hits: int, trials: int) -> None:
    if not 0 <= hits <= trials or trials < 1:
        given = f"{hits} of {trials}"
        raise ConfigurationError(message("hits", "must lie between 0 and trials >= 1", given, "Count again."))
