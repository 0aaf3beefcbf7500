"""Figures: a value or a reason, never NaN."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ohmloom.errors import ConfigurationError
from ohmloom.experiments import Figure, say


def test_the_mean_over_dies_has_their_interval() -> None:
    figure = Figure.over("accuracy", [98.0, 99.0, 100.0], "%", "dies")
    assert figure.value == pytest.approx(99.0)
    assert figure.interval is not None
    assert (figure.interval.low + figure.interval.high) / 2 == pytest.approx(99.0)
    assert (figure.spread_over, figure.interval.method, figure.text) == ("dies", "Student t", "99.00 %")


def test_one_seed_has_no_interval() -> None:
    assert Figure.over("accuracy", [98.0], "%", "seeds").interval is None


@given(bad=st.sampled_from([math.nan, math.inf, -math.inf, None]), place=st.integers(0, 2))
def test_one_die_without_a_value_makes_the_mean_none(bad: float | None, place: int) -> None:
    values: list[float | None] = [98.0, 98.5, 99.0]
    values[place] = bad
    figure = Figure.over("accuracy", values, "%", "dies")
    assert figure.value is None
    assert figure.values[place] is None
    assert figure.reason == "1 of 3 dies gave no finite value"


@given(bad=st.sampled_from([math.nan, math.inf, -math.inf]))
def test_a_value_that_is_not_finite_becomes_none_with_its_reason(bad: float) -> None:
    figure = Figure.of("accuracy", bad, "%")
    assert (figure.value, figure.reason) == (None, f"the computed value is {bad}")


def test_a_figure_says_what_its_values_are() -> None:
    with pytest.raises(ConfigurationError, match="spread over"):
        Figure(name="a", value=1.0, values=(1.0, 1.0))
    with pytest.raises(ConfigurationError, match="must say why"):
        Figure(name="a", value=None)
    with pytest.raises(ConfigurationError, match="finite"):
        Figure(name="a", value=math.nan)


def test_a_share_is_in_per_cent_with_a_binomial_interval() -> None:
    figure = Figure.share("accuracy", 990, 1000)
    assert figure.value == pytest.approx(99.0)
    assert figure.interval is not None
    assert 98 < figure.interval.low < 99 < figure.interval.high < 100
    assert Figure.share("accuracy", 990, 1000, method="Wilson").interval != figure.interval


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (3.2e-12, "J", "3.2 pJ"),
        (-4e-6, "S", "-4 µS"),
        (1.2e-7, "m2", "0.12 mm²"),
        (0.98, "", "0.98"),
        (5, "%", "5.00 %"),
    ],
)
def test_numbers_for_people(value: float, unit: str, text: str) -> None:
    assert say(value, unit) == text
