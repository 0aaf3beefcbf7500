"""Claims and controls: every verdict, on both sides of its bound."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ohmloom.errors import ConfigurationError
from ohmloom.experiments import Claim, Control, Figure, Interval


def claim(**changes: Any) -> Claim:
    fields = {"name": "c", "published": 99.0, "unit": "%", "version": "v", "source": "s", "direction": "at_least"}
    return Claim(**fields | {"figure": "f"} | changes)


def control(**changes: Any) -> Control:
    return Control(**{"name": "c", "expectation": "e", "figure": "f", "rule": "at_most", "bound": 20.0} | changes)


def verdict(judged: Claim | Control) -> str:
    assert judged.reason
    return judged.verdict


def figures(value: float, unit: str = "%", **fields: Any) -> dict[str, Figure]:
    return {"f": Figure(name="f", value=value, unit=unit, **fields)}


@pytest.mark.parametrize(
    ("direction", "value", "expected"),
    [
        ("at_least", 98.5, "reproduced"),  # exactly at the bound
        ("at_least", 98.499, "not reproduced"),
        ("at_most", 99.5, "reproduced"),
        ("at_most", 99.501, "not reproduced"),
        ("within", 98.5, "reproduced"),
        ("within", 99.5, "reproduced"),
        ("within", 98.499, "not reproduced"),
        ("within", 99.501, "not reproduced"),
    ],
)
def test_both_sides_of_the_bound(direction: str, value: float, expected: str) -> None:
    judged = claim(direction=direction, tolerance=0.5, tolerance_source="t").judge(figures(value), {})
    assert verdict(judged) == expected
    assert judged.ours == value


@given(scale=st.sampled_from([1e-15, 1e-9, 1.0, 1e9]), miss=st.floats(1e-6, 10))
def test_a_verdict_does_not_depend_on_the_unit_of_measure(scale: float, miss: float) -> None:
    bound = claim(published=scale, unit="J", direction="at_most")
    assert verdict(bound.judge(figures(scale * (1 + miss), "J"), {})) == "not reproduced"
    assert verdict(bound.judge(figures(scale * (1 - miss / 20), "J"), {})) == "reproduced"


def test_a_claim_without_a_figure_did_not_run() -> None:
    judged = claim(figure="acuracy").judge({"accuracy": Figure.of("accuracy", 99.9, "%")}, {})
    assert verdict(judged) == "not run"
    assert "Did you mean 'accuracy'?" in judged.reason
    absent = claim().judge({"f": Figure.absent("f", "%", "too long for this tier")}, {})
    assert (verdict(absent), absent.reason, absent.ours) == ("not run", "too long for this tier", None)


@pytest.mark.parametrize(
    ("origin", "expected"),
    [("real", "reproduced"), ("embedded", "not comparable"), ("synthetic stand-in", "not comparable")],
)
def test_a_claim_on_a_data_set_needs_the_real_one(origin: Any, expected: str) -> None:
    assert verdict(claim(data="mnist").judge(figures(99.9), {"mnist": origin})) == expected
    assert verdict(claim(data="mnist").judge(figures(99.9), {"fashion-mnist": origin})) == "not comparable"


@pytest.mark.parametrize(("seeds", "expected"), [(4, "not comparable"), (5, "reproduced")])
def test_a_claim_about_training_needs_its_seeds(seeds: int, expected: str) -> None:
    values = tuple([99.9] * seeds)
    by_seed = figures(99.9, values=values, spread_over="seeds")
    assert verdict(claim(least_seeds=5).judge(by_seed, {})) == expected
    by_die = figures(99.9, values=values, spread_over="dies")
    assert verdict(claim(least_seeds=5).judge(by_die, {})) == "not comparable", "dies are not seeds"


def test_an_objection_makes_it_not_comparable() -> None:
    judged = claim().judge(figures(99.9), {}, "another network")
    assert (verdict(judged), judged.reason) == ("not comparable", "another network")
    absent = claim().judge({"f": Figure.absent("f", "%", "there is no basis")}, {}, "another network")
    assert (verdict(absent), absent.ours, absent.reason) == ("not comparable", None, "another network")


@pytest.mark.parametrize(("low", "doubt"), [(98.9, True), (99.05, False)])
def test_an_interval_across_the_bound_is_said(low: float, doubt: bool) -> None:
    interval = Interval(low=low, high=99.3, method="m")
    judged = claim().judge(figures(99.1, interval=interval), {})
    assert verdict(judged) == "reproduced"
    assert ("reaches across the bound" in judged.reason) == doubt


def test_units_are_not_mixed_and_tolerances_have_sources() -> None:
    with pytest.raises(ConfigurationError, match="must have the unit of the figure"):
        claim(unit="points").judge(figures(99.0), {})
    with pytest.raises(ConfigurationError, match="must have a source"):
        claim(tolerance=0.5)
    with pytest.raises(ConfigurationError, match="points"):
        control(unit="%", against="g").judge(figures(50, "points") | {"g": Figure.of("g", 1, "points")})


@pytest.mark.parametrize(
    ("rule", "value", "expected"),
    [("at_most", 20, "held"), ("at_most", 20.01, "failed"), ("at_least", 20, "held"), ("at_least", 19.99, "failed")],
)
def test_a_control_can_hold_and_fail(rule: str, value: float, expected: str) -> None:
    assert verdict(control(rule=rule, unit="%").judge(figures(value))) == expected


@pytest.mark.parametrize(("other", "expected"), [(70.0, "held"), (80.0, "failed")])
def test_a_control_on_a_difference(other: float, expected: str) -> None:
    both = figures(90.0) | {"g": Figure.of("g", other, "%")}
    judged = control(rule="at_least", bound=15, unit="points", against="g").judge(both)
    assert (verdict(judged), judged.ours) == (expected, 90.0 - other)


def test_a_control_without_its_figures_did_not_run() -> None:
    assert verdict(control().judge({})) == "not run"
    assert verdict(control(unit="points", against="g").judge(figures(1.0))) == "not run"
