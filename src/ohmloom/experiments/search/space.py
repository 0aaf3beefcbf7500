"""The space of a search: variables with their ranges, and points of the unit cube that stand for their values."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor

from ohmloom.descriptions import Description
from ohmloom.errors import ConfigurationError, message

MOST = 4096  # points of a finite space that are weighed one by one


class Variable(Description):
    """One thing that a search varies: a number from ``low`` to ``high``, or one of ``choices``.

    ``path`` names it with dots, such as ``chip.mapping.readout.converter.bits``. A number is spread evenly, or over its
    logarithm with ``log``; ``integer`` rounds it; with a ``unit`` it is given as text ("0.2 V"). ``steps`` is how many
    values a grid takes.
    """

    path: str = Field(min_length=1)
    low: float | None = None
    high: float | None = None
    choices: tuple[Any, ...] = ()
    log: bool = False
    integer: bool = False
    unit: str = ""
    steps: int = Field(default=5, ge=1)

    @model_validator(mode="after")
    def _a_range(self) -> Self:
        if self.choices:
            if self.low is not None or self.high is not None:
                raise ValueError(f"{self.path} must have choices or a range, got both. Remove one.")
            return self
        if self.low is None or self.high is None:
            raise ValueError(f"{self.path} must have low and high, or choices, got neither. Give one.")
        if not self.low < self.high:
            raise ValueError(f"{self.path}: low must be below high, got {self.low} to {self.high}. Widen the range.")
        if self.log and self.low <= 0:
            raise ValueError(f"{self.path}: low must be above 0 for a logarithm, got {self.low}. Raise it.")
        if self.integer and (self.log or self.low % 1 or self.high % 1):
            got = "log" if self.log else f"{self.low} to {self.high}"
            raise ValueError(f"{self.path}: an integer must go evenly between integers, got {got}. Or use choices.")
        return self

    @property
    def count(self) -> int | None:
        """How many values it can have; None if it is continuous."""
        if self.choices:
            return len(self.choices)
        return (
            int(self.high - self.low) + 1 if self.integer and self.low is not None and self.high is not None else None
        )

    def snapped(self, share: float) -> float:
        """The share in the middle of those that stand for the same value, so that a model sees one point for it."""
        return share if self.count is None else (self._place(share) + 0.5) / self.count

    def _place(self, share: float) -> int:
        assert self.count is not None
        return min(int(share * self.count), self.count - 1)

    def value(self, share: float) -> Any:
        """The value at ``share`` of the way, 0 to 1."""
        if self.choices:
            return self.choices[self._place(share)]
        assert self.low is not None
        assert self.high is not None
        if self.integer:
            number: float = int(self.low) + self._place(share)
        elif self.log:
            number = math.exp(math.log(self.low) + share * (math.log(self.high) - math.log(self.low)))
        else:
            number = self.low + share * (self.high - self.low)
        return f"{number!r} {self.unit}" if self.unit else number

    def grid(self) -> list[Any]:
        """Its values on a grid: all choices, all integers up to ``steps``, or ``steps`` numbers from end to end."""
        if self.choices:
            return list(self.choices)
        assert self.low is not None
        assert self.high is not None
        count = min(self.steps, self.count or self.steps)
        shares = [0.5] if count == 1 else [i / (count - 1) for i in range(count)]
        return list(dict.fromkeys(self.value(min(share, 1 - 1e-12) if self.integer else share) for share in shares))


def values(variables: Sequence[Variable], point: Sequence[float]) -> dict[str, Any]:
    """The values that a point of the unit cube stands for, by path."""
    return {one.path: one.value(float(share)) for one, share in zip(variables, point, strict=True)}


def snapped(variables: Sequence[Variable], point: Sequence[float]) -> tuple[float, ...]:
    """The one point of the unit cube that stands for the same values as ``point``."""
    return tuple(one.snapped(float(share)) for one, share in zip(variables, point, strict=True))


def finite(variables: Sequence[Variable], most: int = MOST) -> Tensor | None:
    """All points of a finite space, (points, variables), float64; None if it is not finite or has over ``most``."""
    counts = [one.count for one in variables]
    if any(count is None for count in counts) or math.prod(count or 1 for count in counts) > most:
        return None
    sides = [(torch.arange(count or 1, dtype=torch.float64) + 0.5) / (count or 1) for count in counts]
    return torch.cartesian_prod(*sides).view(-1, len(sides))


def check_paths(variables: Sequence[Variable]) -> None:
    """Raises ConfigurationError without variables, and for two of one path."""
    if not variables:
        raise ConfigurationError(message("variables", "must be at least one", "none", "Add [[variables]]."))
    paths = [one.path for one in variables]
    twice = sorted({path for path in paths if paths.count(path) > 1})
    if twice:
        raise ConfigurationError(message("variables", "must have different paths", f"{twice[0]} twice", "Remove one."))


def replaced(table: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of nested tables with the values at dotted paths changed; lists are reached by number.

    Raises ConfigurationError for a path that does not lead to a field.

    >>> replaced({"a": {"b": 1}}, {"a.b": 2})
    {'a': {'b': 2}}
    """
    import copy

    result: dict[str, Any] = copy.deepcopy(dict(table))
    for path, value in changes.items():
        *way, last = path.split(".")
        place: Any = result
        for step in way:
            place = _entered(place, step, path)
        if isinstance(place, list):
            place[_number(place, last, path)] = value
        elif isinstance(place, dict):
            place[last] = value
        else:
            raise _nowhere(path, last, place)
    return result


def _entered(place: Any, step: str, path: str) -> Any:
    if isinstance(place, list):
        return place[_number(place, step, path)]
    if not isinstance(place, dict) or step not in place:
        raise _nowhere(path, step, place)
    return place[step]


def _number(place: list[Any], step: str, path: str) -> int:
    if not step.isdigit() or int(step) >= len(place):
        raise _nowhere(path, step, place)
    return int(step)


def _nowhere(path: str, step: str, place: Any) -> ConfigurationError:
    known = ", ".join(map(str, place)) if isinstance(place, dict) else f"{len(place)} entries" if isinstance(
        place, list) else type(place).__name__  # fmt: skip
    rule = f"must lead to a field; '{step}' does not"
    return ConfigurationError(message(f"variable {path}", rule, f"there are {known}", "Mend the path."))
