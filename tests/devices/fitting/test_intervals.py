"""Intervals hold what they promise on distributions that are known."""

import numpy as np
import pytest

from ohmloom.devices.fitting.intervals import (
    bootstrap_interval,
    counted_interval,
    percentile_interval,
    resampled_weights,
)
from ohmloom.devices.fitting.stuck import weighted_quantiles


def test_intervals_of_a_deviation_hold_the_truth():
    """300 samples of 60: 95 % ± 1.3 %; five of these are 6.5 %."""
    chance = np.random.default_rng(0)
    held = 0
    for _ in range(300):
        sample = chance.standard_normal(60)
        weights = np.stack([resampled_weights(60, chance) for _ in range(200)])
        mean = weights @ sample / 60
        spread = np.sqrt(weights @ sample**2 / 60 - mean**2)
        low, high = bootstrap_interval(float(sample.std()), spread, 60, 0.95)
        held += low <= 1 <= high
    assert held / 300 == pytest.approx(0.95, abs=0.065)


def test_a_number_at_a_bound_has_an_interval_of_percentiles():
    resampled = np.array([0.0] * 20 + [1.0] * 80)
    assert bootstrap_interval(1.0, resampled, 50, 0.95) == percentile_interval(1.0, resampled, 50, 0.95)
    assert bootstrap_interval(1.0, resampled, 50, 0.95)[0] == 0.0
    assert bootstrap_interval(2.0, np.array([np.nan, 2.0]), 50, 0.95) == (2.0, 2.0)


def test_counted_intervals_are_exact():
    assert counted_interval(0, 10, 0.95) == pytest.approx((0, 1 - 0.025**0.1))
    assert counted_interval(0, 0, 0.95) == (0.0, 1.0)


def test_weighted_quantiles_are_those_of_repeated_values():
    values, weights = np.array([3.0, 1.0, 2.0, 9.0]), np.array([1.0, 2.0, 1.0, 0.0])
    assert weighted_quantiles(values, weights, (0.5,)) == pytest.approx([1.5], abs=0.25)
    assert weighted_quantiles(values, weights, (0.0, 1.0)) == [1.0, 3.0]
