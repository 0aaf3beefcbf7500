"""Figures: named numbers that a run found, with their unit, spread and interval; or none, and the reason."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from ohmloom import quantities
from ohmloom.descriptions import Description
from ohmloom.errors import ConfigurationError, message
from ohmloom.experiments.intervals import Interval, bootstrap_interval, clopper_pearson, t_interval, wilson

Name = Annotated[str, Field(min_length=1)]
Spread = Literal["dies", "seeds", "draws"]
DIMENSIONS = {  # by SI unit: figures in these are shown with a metric prefix
    dimension.unit: dimension for dimension in vars(quantities).values() if isinstance(dimension, quantities.Dimension)
}


class Figure(Description):
    """A number that a run found: ``value`` in ``unit``, or None and the ``reason``.

    ``values`` are those of the single dies, training seeds or draws of a fitted device, which ``spread_over`` says. The
    name is text for people, such as "accuracy after 1 day", and is the key of the figure in ``result.json``.
    """

    name: Name = Field(exclude=True)
    value: float | None
    unit: str = ""
    values: tuple[float | None, ...] = ()
    spread_over: Spread | None = None
    interval: Interval | None = None
    reason: str | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.value is None and not self.reason:
            raise ValueError("a figure without a value must say why, got no reason. Give a reason.")
        if self.values and self.spread_over is None:
            raise ValueError("must say what the values are spread over, got None. Give spread_over, such as 'dies'.")
        return self

    @classmethod
    def of(cls, name: str, value: float, unit: str = "", *, interval: Interval | None = None) -> Figure:
        """A single number; one that is not finite becomes None with that reason."""
        number = float(value)
        if not math.isfinite(number):
            return cls.absent(name, unit, f"the computed value is {number}")
        return cls(name=name, value=number, unit=unit, interval=interval)

    @classmethod
    def absent(cls, name: str, unit: str, reason: str) -> Figure:
        """A figure that this run does not have, and why."""
        return cls(name=name, value=None, unit=unit, reason=reason)

    @classmethod
    def over(
        cls,
        name: str,
        values: Sequence[float | None],
        unit: str,
        spread_over: Spread,
        *,
        level: float = 0.95,
        method: Literal["t", "bootstrap"] = "t",
    ) -> Figure:
        """The mean over dies, seeds or draws of a fit with its interval (none for a single value).

        One missing or non-finite value makes the mean None: an average of those that happened to work would flatter.
        """
        known = [float(v) if v is not None and math.isfinite(v) else None for v in values]
        finite = [v for v in known if v is not None]
        if not finite or len(finite) < len(known):
            reason = f"{len(known) - len(finite)} of {len(known)} {spread_over} gave no finite value"
            return cls(name=name, value=None, unit=unit, values=tuple(known), spread_over=spread_over, reason=reason)
        interval_of = {"t": t_interval, "bootstrap": bootstrap_interval}[method]
        interval = interval_of(finite, level) if len(finite) > 1 else None
        mean = math.fsum(finite) / len(finite)
        fields = {"values": tuple(finite), "spread_over": spread_over, "interval": interval}
        return cls(name=name, value=mean, unit=unit, **fields)

    @classmethod
    def share(
        cls,
        name: str,
        hits: int,
        trials: int,
        *,
        level: float = 0.95,
        method: Literal["Clopper-Pearson", "Wilson"] = "Clopper-Pearson",
    ) -> Figure:
        """A share in per cent, such as one network's accuracy, with its binomial interval."""
        share = {"Clopper-Pearson": clopper_pearson, "Wilson": wilson}[method](hits, trials, level)
        interval = share.replace(low=100 * share.low, high=100 * share.high)
        return cls(name=name, value=100 * hits / trials, unit="%", interval=interval)

    @property
    def text(self) -> str:
        """The value for people."""
        return say(self.value, self.unit)


def say(value: float | None, unit: str = "") -> str:
    """A number with its unit for people: SI units get a prefix, per cent two decimals.

    >>> say(99.016, "%"), say(3.2e-12, "J"), say(8.52, "pulses"), say(46664, "cells"), say(None, "J")
    ('99.02 %', '3.2 pJ', '8.52 pulses', '46,664 cells', 'none')
    """
    if value is None:
        return "none"
    if unit in DIMENSIONS:
        sign = "-" if value < 0 else ""
        return sign + quantities.show(abs(value), DIMENSIONS[unit])
    number = f"{value:.2f}" if unit in ("%", "points") else f"{value:.4g}"
    if 1000 <= abs(value) < 1e9:
        number = f"{value:,.0f}"
    return f"{number} {unit}".rstrip()


def check_same_unit(what: str, unit: str, figure: Figure) -> None:
    """Refuse to compare numbers of different units."""
    if unit != figure.unit:
        rule = f"must have the unit of the figure '{figure.name}' ({figure.unit or 'none'})"
        raise ConfigurationError(message(f"{what}.unit", rule, repr(unit), "Convert one of them."))
