"""Quantities: text with units and floats in SI are the same numbers; what has the wrong dimension is refused."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ohmloom import quantities as q
from ohmloom.descriptions import Description
from ohmloom.errors import ConfigurationError, OhmloomError
from ohmloom.quantities import Dimension, Joules, Seconds, Siemens, Volts, parse, show

DIMENSIONS = [value for value in vars(q).values() if isinstance(value, Dimension)]


class Probe(Description):
    """One field of each kind that matters."""

    g: Siemens
    v: Volts = 0.0
    t: Seconds = 1.0
    e: Joules = 0.0


def test_all_dimensions_are_tested() -> None:
    assert len(DIMENSIONS) == 11


@pytest.mark.parametrize("dimension", DIMENSIONS, ids=lambda d: d.name)
def test_the_example_of_every_message_is_valid(dimension: Dimension) -> None:
    assert parse(dimension.example, dimension) > 0


@given(dimension=st.sampled_from(DIMENSIONS), value=st.floats(allow_nan=False, allow_infinity=False, width=64))
def test_exact_text_round_trips(dimension: Dimension, value: float) -> None:
    assert parse(f"{value!r} {dimension.unit}", dimension) == value


@given(
    dimension=st.sampled_from(DIMENSIONS), digits=st.integers(1, 10**9), places=st.integers(0, 9),
    prefix=st.sampled_from(sorted(q.PREFIXES)),
)  # fmt: skip
def test_text_is_the_nearest_float(dimension: Dimension, digits: int, places: int, prefix: str) -> None:
    """Decimal digits times a power of ten, rounded once, as Python would read the number without the prefix."""
    text = f"{digits}e-{places} {prefix}{dimension.unit}"
    exponent = round(math.log10(q.PREFIXES[prefix])) * dimension.power - places
    assert parse(text, dimension) == float(f"{digits}e{exponent}")


@given(
    dimension=st.sampled_from(DIMENSIONS), mantissa=st.floats(1, 9.999), exponent=st.integers(-11, 9),
)  # fmt: skip
def test_what_is_shown_is_read_again(dimension: Dimension, mantissa: float, exponent: int) -> None:
    value = mantissa * 10.0**exponent
    value = value**dimension.power if dimension.power == 2 else value
    assert parse(show(value, dimension, digits=12), dimension) == pytest.approx(value, rel=1e-10)


@pytest.mark.parametrize(
    ("text", "dimension", "value"),
    [
        ("40 uS", q.CONDUCTANCE, 4e-5), ("40µS", q.CONDUCTANCE, 4e-5), ("0.1 μS", q.CONDUCTANCE, 1e-7),
        ("2.5 Ω", q.RESISTANCE, 2.5), ("1 kohm", q.RESISTANCE, 1e3), ("-0.3 V", q.VOLTAGE, -0.3),
        ("1 day", q.TIME, 86400.0), ("2 h", q.TIME, 7200.0), ("1 ms", q.TIME, 1e-3), ("1 min", q.TIME, 60.0),
        ("350 µm²", q.AREA, 3.5e-10), ("1 mm2", q.AREA, 1e-6), ("1 GHz", q.FREQUENCY, 1e9),
        ("  3.e1 fJ ", q.ENERGY, 3e-14),
    ],
)  # fmt: skip
def test_units_people_write(text: str, dimension: Dimension, value: float) -> None:
    assert parse(text, dimension) == value


@pytest.mark.parametrize(
    "wrong",
    ["40 V", "40", "uS", "", "40 uSS", "4 0 uS", "nan S", "inf S", "1e999 S", "40 xS", True, None, [1.0], "0x1 S"],
)  # fmt: skip
def test_what_is_no_conductance_is_refused_with_an_example(wrong: object) -> None:
    with pytest.raises(ConfigurationError, match=r"Probe\.g: .*got .*") as caught:
        Probe(g=wrong)
    assert '"40 uS"' in str(caught.value)
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, OhmloomError)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, -1e-6, "-1 uS"])
def test_bare_numbers_are_finite_and_not_negative(value: object) -> None:
    with pytest.raises(ConfigurationError, match="must"):
        Probe(g=value)


def test_some_dimensions_may_be_negative() -> None:
    assert Probe(g=0.0, v="-200 mV").v == -0.2
    assert {d.name for d in DIMENSIONS if d.signed} == {"voltage", "current"}


def test_bare_numbers_are_si_in_python_and_refused_in_files() -> None:
    assert Probe(g=4e-5) == Probe(g="40 uS") == Probe.parse({"g": 4e-5}) == Probe.parse({"g": "40 uS"}, file="x.toml")
    for number in (40, 4e-5):
        with pytest.raises(ConfigurationError, match=r"x\.toml: Probe\.g: .*unit as text"):
            Probe.parse({"g": number}, file="x.toml")
    assert Probe(g=4e-5).g == 4e-5  # the refusal ended with the file


def test_minutes_are_not_metres_and_prefixes_need_a_unit() -> None:
    with pytest.raises(ConfigurationError):
        Probe(g=0.0, t="3 m")
    with pytest.raises(ConfigurationError):
        Probe(g=0.0, e="3 p")
