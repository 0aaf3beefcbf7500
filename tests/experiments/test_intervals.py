"""Intervals against scipy's own, and how often they hold the truth."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from ohmloom.errors import ConfigurationError
from ohmloom.experiments import Interval, bootstrap_interval, clopper_pearson, median_interval, t_interval, wilson


@given(values=st.lists(st.floats(-100, 100), min_size=2, max_size=12), level=st.floats(0.6, 0.999))
def test_t_interval_is_scipys(values: list[float], level: float) -> None:
    ours = t_interval(values, level)
    if np.std(values) == 0:
        assert ours.low == pytest.approx(ours.high)
        return
    low, high = stats.t.interval(level, len(values) - 1, np.mean(values), stats.sem(values))
    assert (ours.low, ours.high) == pytest.approx((low, high), rel=1e-6, abs=1e-9)


@given(data=st.data(), trials=st.integers(1, 10000), level=st.floats(0.6, 0.999))
@pytest.mark.parametrize(("ours", "method"), [(clopper_pearson, "exact"), (wilson, "wilson")])
def test_binomial_intervals_are_scipys(data, trials, level, ours, method) -> None:
    hits = data.draw(st.integers(0, trials))
    theirs = stats.binomtest(hits, trials).proportion_ci(level, method=method)
    interval = ours(hits, trials, level)
    assert (interval.low, interval.high) == pytest.approx((theirs.low, theirs.high), abs=1e-9)
    assert interval.low - 1e-12 <= hits / trials <= interval.high + 1e-12


def test_bootstrap_agrees_with_scipys_percentile_bootstrap() -> None:
    sample = np.random.default_rng(1).normal(98, 0.5, 40)
    ours = bootstrap_interval(list(sample))
    theirs = stats.bootstrap((sample,), np.mean, method="percentile", rng=np.random.default_rng(2)).confidence_interval
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.02)
    assert ours == bootstrap_interval(list(sample)), "the same values give the same interval"


def test_t_interval_holds_the_mean_as_often_as_it_says() -> None:
    generator = np.random.default_rng(0)
    intervals = [t_interval(list(generator.normal(0, 1, 5)), 0.9) for _ in range(2000)]
    share = np.mean([interval.low <= 0 <= interval.high for interval in intervals])
    assert share == pytest.approx(0.9, abs=4 * np.sqrt(0.9 * 0.1 / 2000))


@pytest.mark.parametrize("make", [t_interval, bootstrap_interval])
def test_one_value_has_no_interval(make) -> None:
    with pytest.raises(ConfigurationError, match="at least two"):
        make([98.0])


@pytest.mark.parametrize(("hits", "trials"), [(-1, 10), (11, 10), (0, 0)])
def test_impossible_counts_are_refused(hits: int, trials: int) -> None:
    with pytest.raises(ConfigurationError, match="hits"):
        clopper_pearson(hits, trials)


def test_an_interval_upside_down_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="must not exceed high"):
        Interval(low=2, high=1, method="by hand")


@pytest.mark.parametrize("count", [3, 5, 6, 20, 21])
def test_the_interval_of_a_median_holds_its_level(count: int) -> None:
    """Against many samples of a skewed law whose median is known."""
    samples = np.random.default_rng(0).exponential(size=(4000, count))
    found = [median_interval(sample.tolist()) for sample in samples]
    held = np.mean([one.low <= np.log(2) <= one.high for one in found])
    level = found[0].level
    assert abs(held - level) < 4 * np.sqrt(level * (1 - level) / len(samples))
    assert level >= 0.95 or found[0].low == samples[0].min()
    with pytest.raises(ConfigurationError, match="must be at least three"):
        median_interval([1.0, 2.0])
