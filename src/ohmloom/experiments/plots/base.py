"""What all plots have: a name, a caption, numbers that are plain, lines of equal length."""

from __future__ import annotations

import math
from abc import ABC
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, model_validator

from ohmloom.descriptions import Description, Part

DIGITS = 6  # significant digits that are kept: more than any picture shows


def plain(value: Any) -> Any:
    """Arrays and tensors as nested lists, floats rounded to `DIGITS`, non-finite ones as None."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple | range):
        return [plain(v) for v in value]
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}") if math.isfinite(value) else None
    return value


Numbers = Annotated[tuple[float, ...], BeforeValidator(plain), Field(min_length=1)]
Gappy = Annotated[tuple[float | None, ...], BeforeValidator(plain), Field(min_length=1)]
Labels = Annotated[tuple[str, ...], Field(min_length=1)]


class Plot(Part, ABC):
    """A picture of a run as data. ``name`` is that of its file in ``figures/``."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")]
    title: str = ""
    caption: Annotated[str, Field(min_length=1)]

    @staticmethod
    def kinds() -> dict[str, type[Plot]]:
        """All kinds of plots by name."""
        return {cls.model_fields["kind"].default: cls for cls in Plot.__subclasses__()}


class Line(Description):
    """One line of a plot: values at the common positions, with a band from ``low`` to ``high`` where known."""

    label: str
    values: Gappy
    low: Gappy | None = None
    high: Gappy | None = None

    @model_validator(mode="after")
    def _same_length(self) -> Self:
        for end in (self.low, self.high):
            if end is not None and len(end) != len(self.values):
                raise ValueError(f"the band must have {len(self.values)} values, got {len(end)}. Give one per value.")
        return self


def check_length(what: str, given: tuple[Any, ...], count: int, of: str) -> None:
    """Raises ValueError unless there is one for each."""
    if len(given) != count:
        raise ValueError(f"{what} must have one entry for each of the {count} {of}, got {len(given)}. Give {count}.")


def check_lines(lines: tuple[Line, ...], count: int, of: str) -> None:
    """The same of every line."""
    for line in lines:
        check_length(f"line '{line.label}'", line.values, count, of)
