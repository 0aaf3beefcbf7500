"""Plots as data: arrays, cores, levels of cells, pulses and costs."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, PositiveInt, model_validator

from ohmloom.descriptions import Description
from ohmloom.experiments.plots.base import Gappy, Labels, Numbers, Plot, check_length, plain
from ohmloom.quantities import Siemens


class LevelHistograms(Plot):
    """Conductances of the cells written to each of a few levels, by age.

    ``edges``: bins, shared; ``counts[age][level][bin]``; ``levels``: the targets. Conductances in siemens.
    """

    kind: Literal["level_histograms"] = "level_histograms"
    ages: Labels
    levels: tuple[Siemens, ...]
    edges: tuple[Siemens, ...]
    counts: Annotated[tuple[tuple[tuple[float, ...], ...], ...], BeforeValidator(plain)]

    @model_validator(mode="after")
    def _one_histogram_per_age_and_level(self) -> Self:
        check_length("counts", self.counts, len(self.ages), "ages")
        for by_level in self.counts:
            check_length("counts of an age", by_level, len(self.levels), "levels")
            for histogram in by_level:
                check_length("a histogram", histogram, len(self.edges) - 1, "bins")
        return self


class PulseHistogram(Plot):
    """How many cells took 0, 1, 2, … programming pulses; ``references`` are marked means."""

    kind: Literal["pulse_histogram"] = "pulse_histogram"
    counts: Numbers
    references: dict[str, float] = Field(default_factory=dict)


class CostBars(Plot):
    """Shares of a cost by component or layer, in the SI unit ``unit``."""

    kind: Literal["cost_bars"] = "cost_bars"
    labels: Labels
    values: Numbers
    unit: Literal["J", "s", "m2"] = "J"

    @model_validator(mode="after")
    def _one_value_per_label(self) -> Self:
        check_length("values", self.values, len(self.labels), "labels")
        return self


class Panel(Description):
    """One map of an array: ``values[row][column]``, row 0 on top."""

    title: str
    values: Annotated[tuple[Gappy, ...], BeforeValidator(plain), Field(min_length=1)]


class ArrayMaps(Plot):
    """Maps of one array side by side, each with its own scale."""

    kind: Literal["array_maps"] = "array_maps"
    panels: Annotated[tuple[Panel, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _one_size(self) -> Self:
        for panel in self.panels:
            for row in panel.values:
                check_length(f"a row of '{panel.title}'", row, len(panel.values[0]), "columns")
        return self


class Rectangle(Description):
    """A part of a core that holds (a part of) a layer; stops are exclusive."""

    core: Annotated[int, Field(ge=0)]
    row_start: Annotated[int, Field(ge=0)]
    row_stop: PositiveInt
    column_start: Annotated[int, Field(ge=0)]
    column_stop: PositiveInt
    layer: str


class FloorPlan(Plot):
    """Which layer sits where: one square per core, one rectangle per placed part, coloured by layer."""

    kind: Literal["floor_plan"] = "floor_plan"
    cores: PositiveInt
    core_rows: PositiveInt
    core_columns: PositiveInt
    rectangles: tuple[Annotated[Rectangle, BeforeValidator(lambda value: _rectangle(value))], ...]

    @model_validator(mode="after")
    def _inside_their_cores(self) -> Self:
        for r in self.rectangles:
            if r.core >= self.cores or r.row_stop > self.core_rows or r.column_stop > self.core_columns:
                size = f"{self.cores} cores of {self.core_rows} x {self.core_columns}"
                raise ValueError(f"a rectangle must lie inside {size}, got {r}. Correct the placement.")
        return self


def _rectangle(value: Any) -> Any:
    """Any row with the fields of `Rectangle`, such as one of a chip's placement table."""
    if isinstance(value, dict | Rectangle):
        return value
    return {field: getattr(value, field) for field in Rectangle.model_fields if hasattr(value, field)}
