"""SI quantities as field types: a float in SI units inside, text such as ``"40 uS"`` in a file.

A type such as :data:`Siemens` is a float that pydantic checks. It takes text with a unit of the right dimension, or,
from Python only, a bare number that is already in SI units; in a *file* a bare number is refused, because ``40`` for a
conductance would mean 40 siemens. Values are finite, and not negative unless the type says so.
"""

from __future__ import annotations

import math
import re
from contextvars import ContextVar
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer

reading_file: ContextVar[bool] = ContextVar("ohmloom_reading_file", default=False)  # bare numbers are refused while set

PREFIXES = {"f": 1e-15, "p": 1e-12, "n": 1e-9, "u": 1e-6, "m": 1e-3, "": 1.0, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}
_NUMBER = re.compile(r"\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*(.*?)\s*$")


@dataclass(frozen=True)
class Dimension:
    """A physical dimension: its SI unit, its other units, an example for messages, and whether it may be negative."""

    name: str
    unit: str
    example: str
    others: dict[str, float] = field(default_factory=dict, hash=False)
    signed: bool = False
    power: int = 1  # of the metric prefix: 1 um2 = (1e-6)^2 m2

    def factor(self, unit: str) -> float | None:
        """How many SI units one ``unit`` is; None if it is not a unit of this dimension."""
        unit = unit.replace("µ", "u").replace("μ", "u").replace("Ω", "ohm").replace("²", "2")
        if unit in self.others:
            return self.others[unit]
        if unit.endswith(self.unit) and unit[: -len(self.unit)] in PREFIXES:
            return PREFIXES[unit[: -len(self.unit)]] ** self.power
        return None


TIMES = {"s": 1.0, "second": 1.0, "seconds": 1.0, "min": 60.0, "minute": 60.0, "minutes": 60.0}
TIMES |= {"h": 3600.0, "hour": 3600.0, "hours": 3600.0, "day": 86400.0, "days": 86400.0, "d": 86400.0}
TIMES |= {"week": 604800.0, "weeks": 604800.0, "year": 31557600.0, "years": 31557600.0}

CONDUCTANCE = Dimension("conductance", "S", "40 uS")
RESISTANCE = Dimension("resistance", "ohm", "2.5 ohm")
VOLTAGE = Dimension("voltage", "V", "0.5 V", signed=True)
CURRENT = Dimension("current", "A", "10 uA", signed=True)
TIME = Dimension("time", "s", "1 day", TIMES)
FREQUENCY = Dimension("frequency", "Hz", "1 GHz")
ENERGY = Dimension("energy", "J", "0.3 pJ")
POWER = Dimension("power", "W", "2 mW")
CAPACITANCE = Dimension("capacitance", "F", "48 fF")
LENGTH = Dimension("length", "m", "130 nm")
AREA = Dimension("area", "m2", "1270 um2", power=2)


def parse(value: object, dimension: Dimension) -> float:
    """Read a quantity of ``dimension`` from text with a unit.

    >>> parse("40 uS", CONDUCTANCE), parse("1 day", TIME), parse("350 um2", AREA)
    (4e-05, 86400.0, 3.5e-10)
    """
    wanted = f'a {dimension.name} such as "{dimension.example}"'
    match = _NUMBER.match(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"must be {wanted}, got {value!r}. Write a number and its unit as text.")
    scale = dimension.factor(match.group(2))
    if scale is None:
        unit = match.group(2) or "no unit"
        raise ValueError(f"must be {wanted}, got {value!r} ({unit}). Use {dimension.unit} with a metric prefix.")
    # Decimals round once, so that "0.1 uS" is the float nearest to 1e-7.
    number = float(match.group(1))
    return float(Decimal(match.group(1)) * Decimal(f"{scale:.12g}")) if math.isfinite(number) else number


def show(value: float, dimension: Dimension, digits: int = 4) -> str:
    """Write a quantity for people, with a metric prefix.

    >>> show(4e-5, CONDUCTANCE), show(86400.0, TIME), show(3.5e-10, AREA), show(0.0, ENERGY)
    ('40 µS', '1 day', '350 µm²', '0 J')
    """
    unit = dimension.unit.replace("m2", "m²").replace("ohm", "Ω")
    if value == 0 or not math.isfinite(value):
        return f"{value:g} {unit}"
    if dimension is TIME and abs(value) >= 60:
        name = next(n for n in ("day", "h", "min") if abs(value) >= TIMES[n] or n == "min")
        amount = value / TIMES[name]
        return f"{amount:.{digits}g} {name}{'s' if name == 'day' and amount != 1 else ''}"
    least = 0.01 if dimension.power == 2 else 1.0  # 0.12 mm² rather than 120000 µm²
    fitting = [p for p in PREFIXES if abs(value) >= least * PREFIXES[p] ** dimension.power * (1 - 1e-12)] or ["f"]
    prefix = fitting[-1]
    return f"{value / PREFIXES[prefix] ** dimension.power:.{digits}g} {prefix.replace('u', 'µ')}{unit}"


def _check(value: object, *, dimension: Dimension) -> float:
    plain = isinstance(value, int | float) and not isinstance(value, bool) and not reading_file.get()
    number = float(value) if plain else parse(value, dimension)  # type: ignore[arg-type]
    if not math.isfinite(number):
        raise ValueError(f'must be finite, got {value!r}. Give a {dimension.name} such as "{dimension.example}".')
    if number < 0 and not dimension.signed:
        raise ValueError(f'must not be negative, got {value!r}. Give a {dimension.name} such as "{dimension.example}".')
    return number


def _exact(value: float, *, dimension: Dimension) -> str:
    return f"{value!r} {dimension.unit}"


def _quantity(dimension: Dimension) -> tuple[BeforeValidator, PlainSerializer, Dimension]:
    write = PlainSerializer(partial(_exact, dimension=dimension), return_type=str, when_used="json")
    return BeforeValidator(partial(_check, dimension=dimension)), write, dimension


Siemens = Annotated[float, *_quantity(CONDUCTANCE)]
Ohms = Annotated[float, *_quantity(RESISTANCE)]
Volts = Annotated[float, *_quantity(VOLTAGE)]
Amperes = Annotated[float, *_quantity(CURRENT)]
Seconds = Annotated[float, *_quantity(TIME)]
Hertz = Annotated[float, *_quantity(FREQUENCY)]
Joules = Annotated[float, *_quantity(ENERGY)]
Watts = Annotated[float, *_quantity(POWER)]
Farads = Annotated[float, *_quantity(CAPACITANCE)]
Metres = Annotated[float, *_quantity(LENGTH)]
SquareMetres = Annotated[float, *_quantity(AREA)]
