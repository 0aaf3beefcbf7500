"""How numbers and verdicts are written on the page."""

from __future__ import annotations

import re

from ohmloom.experiments import Table, say
from ohmloom.experiments.claims import Claim
from ohmloom.experiments.figures import Figure
from ohmloom.quantities import TIME, show

DIRECTIONS = {"at_least": "≥", "at_most": "≤", "within": "="}
MARKS = {
    "reproduced": "✓",
    "held": "✓",
    "not reproduced": "✗",
    "failed": "✗",
    "not comparable": "≠",
    "not run": "–",
}
STAMPS = {
    "real": "real data",
    "embedded": "embedded subset",
    "synthetic stand-in": "synthetic stand-in",
}


def typeset(text: str) -> str:
    """Typographic minus signs, and no line break between a number and its unit.

    >>> typeset("-3.2 pJ")
    '−3.2\\xa0pJ'
    """
    text = re.sub(r"(?<![\w.])-(?=\d)", "−", text)
    text = text.replace(" × ", "\xa0×\xa0")
    return re.sub(r"(?<=\d) (?=[^\W\d]{1,6}(?:\W|$)|%)", "\xa0", text)


def value(number: float | None, unit: str = "") -> str:
    """A number with its unit; a dash for none."""
    return "—" if number is None else typeset(say(number, unit))


def interval(figure: Figure) -> str:
    """The interval of a figure, in its unit."""
    if figure.interval is None:
        return ""
    return typeset(f"{100 * figure.interval.level:.3g} %: ") + between(
        figure.interval.low, figure.interval.high, figure.unit
    )


def method(figure: Figure) -> str:
    """How an interval was made, and from what."""
    if figure.interval is None:
        return ""
    over = f" over {spread(figure)}" if figure.values else ""
    return figure.interval.method + over


def spread(figure: Figure) -> str:
    """What the values of a figure are spread over.

    >>> spread(Figure.over("accuracy", [98.9], "%", "seeds"))
    '1 seed'
    """
    over = figure.spread_over or ""
    return f"{len(figure.values)} {over[:-1] if len(figure.values) == 1 else over}"


def reach(figure: Figure) -> str:
    """The smallest and the largest of a figure's values."""
    known = [v for v in figure.values if v is not None]
    return between(min(known), max(known), figure.unit) if len(known) > 1 else ""


def between(low: float, high: float, unit: str) -> str:
    """Two numbers, with their unit once if it is the same.

    >>> between(8.04, 8.17, "pulses"), between(9e-7, 1.1e-6, "s")
    ('8.04 … 8.17\\xa0pulses', '900\\xa0ns … 1.1\\xa0µs')
    """
    first, last = say(low, unit), say(high, unit)
    if " " in first and first.split(" ", 1)[1] == last.split(" ", 1)[1]:
        first = first.split(" ", 1)[0]
    return typeset(f"{first} … {last}")


def number_columns(table: Table) -> list[bool]:
    """Which columns of a table hold numbers (or nothing) only, and are set flush right."""
    columns = zip(*table.rows, strict=True) if table.rows else [()] * len(table.columns)
    return [
        bool(column) and all(cell is None or isinstance(cell, int | float) for cell in column) for column in columns
    ]


def published(claim: Claim) -> str:
    """A published figure with its direction and tolerance."""
    sign = DIRECTIONS[claim.direction]
    return typeset(f"{sign} {say(claim.published, claim.unit)}")


def tolerance(claim: Claim) -> str:
    """The tolerance of a claim and where it comes from."""
    if not claim.tolerance:
        return ""
    sign = {"at_least": "−", "at_most": "+", "within": "±"}[claim.direction]
    amount = say(claim.tolerance, "points" if claim.unit == "%" else claim.unit)
    return typeset(f"{sign} {amount} ({claim.tolerance_source})")


def duration(seconds: float) -> str:
    """How long a run took."""
    return typeset(show(seconds, TIME, digits=3)) if seconds >= 1 else "under 1 s"
