"""Plots as data: what a picture shows, kept in ``result.json``; how it looks is the business of `ohmloom.reports`.

A system calls ``findings.plot("noise_grid", caption="…", train=…, test=…, accuracy=…)``; the fields of each kind are
those of the class below with that ``kind``. Arrays and tensors are taken as they are; NaN means "not run".
"""

from __future__ import annotations

import math
from abc import ABC
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, PositiveInt, model_validator

from ohmloom.descriptions import Description, Part
from ohmloom.quantities import Siemens

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


class AccuracyOverAges(Plot):
    """Accuracy against the age of the cells; ``references`` are horizontal lines such as software or published."""

    kind: Literal["accuracy_over_ages"] = "accuracy_over_ages"
    ages: Labels
    lines: tuple[Line, ...]
    references: dict[str, float] = Field(default_factory=dict)
    axis: str = "accuracy, %"

    @model_validator(mode="after")
    def _one_value_per_age(self) -> Self:
        _check_lines(self.lines, len(self.ages), "ages")
        return self


class EffectWaterfall(Plot):
    """Accuracy after each effect is switched on in turn: ``values[i]`` holds with ``steps[: i + 1]``."""

    kind: Literal["effect_waterfall"] = "effect_waterfall"
    steps: Labels
    values: Numbers
    axis: str = "accuracy, %"

    @model_validator(mode="after")
    def _one_value_per_step(self) -> Self:
        _check_length("values", self.values, len(self.steps), "steps")
        return self


class AblationBars(Plot):
    """The same figure with one thing left out at a time."""

    kind: Literal["ablation_bars"] = "ablation_bars"
    labels: Labels
    values: Gappy
    low: Gappy | None = None
    high: Gappy | None = None
    references: dict[str, float] = Field(default_factory=dict)
    axis: str = "accuracy, %"

    @model_validator(mode="after")
    def _one_value_per_label(self) -> Self:
        for field in ("values", "low", "high"):
            if (given := getattr(self, field)) is not None:
                _check_length(field, given, len(self.labels), "labels")
        return self


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
        _check_length("counts", self.counts, len(self.ages), "ages")
        for by_level in self.counts:
            _check_length("counts of an age", by_level, len(self.levels), "levels")
            for histogram in by_level:
                _check_length("a histogram", histogram, len(self.edges) - 1, "bins")
        return self


class NoiseGrid(Plot):
    """Accuracy for each pair of training and test noise: ``accuracy[train][test]``, None where not run."""

    kind: Literal["noise_grid"] = "noise_grid"
    train: Numbers
    test: Numbers
    accuracy: Annotated[tuple[Gappy, ...], BeforeValidator(plain)]
    train_axis: str = "training noise, % of max |W|"
    test_axis: str = "test noise, % of max |W|"
    axis: str = "accuracy, %"

    @model_validator(mode="after")
    def _one_value_per_pair(self) -> Self:
        _check_length("accuracy", self.accuracy, len(self.train), "training noises")
        for row in self.accuracy:
            _check_length("accuracy of one training noise", row, len(self.test), "test noises")
        return self


class NoiseCurves(Plot):
    """Accuracy against noise (or any other number), one line per network.

    ``references`` are horizontal lines; ``marks`` are vertical ones, such as where two networks cross.
    """

    kind: Literal["noise_curves"] = "noise_curves"
    noise: Numbers
    lines: tuple[Line, ...]
    references: dict[str, float] = Field(default_factory=dict)
    marks: dict[str, float] = Field(default_factory=dict)
    noise_axis: str = "test noise, % of max |W|"
    axis: str = "accuracy, %"

    @model_validator(mode="after")
    def _one_value_per_noise(self) -> Self:
        _check_lines(self.lines, len(self.noise), "noises")
        return self


class Pair(Description):
    """What was published and ours at the same positions; ``predicted`` is ours by constants that saw fewer points."""

    label: str
    published: Gappy
    ours: Gappy
    predicted: Gappy | None = None


class PublishedAndOurs(Plot):
    """Published points and our lines through them; points at the ``doubtful`` positions are hollow."""

    kind: Literal["published_and_ours"] = "published_and_ours"
    positions: Numbers
    pairs: tuple[Pair, ...]
    doubtful: tuple[float, ...] = ()
    prediction: str = "predicted"  # what the predicted lines are called
    position_axis: str
    axis: str

    @model_validator(mode="after")
    def _one_value_per_position(self) -> Self:
        for pair in self.pairs:
            for field in ("published", "ours", "predicted"):
                if (given := getattr(pair, field)) is not None:
                    _check_length(f"{field} of '{pair.label}'", given, len(self.positions), "positions")
        return self


class CostBars(Plot):
    """Shares of a cost by component or layer, in the SI unit ``unit``."""

    kind: Literal["cost_bars"] = "cost_bars"
    labels: Labels
    values: Numbers
    unit: Literal["J", "s", "m2"] = "J"

    @model_validator(mode="after")
    def _one_value_per_label(self) -> Self:
        _check_length("values", self.values, len(self.labels), "labels")
        return self


class PulseHistogram(Plot):
    """How many cells took 0, 1, 2, … programming pulses; ``references`` are marked means."""

    kind: Literal["pulse_histogram"] = "pulse_histogram"
    counts: Numbers
    references: dict[str, float] = Field(default_factory=dict)


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
                _check_length(f"a row of '{panel.title}'", row, len(panel.values[0]), "columns")
        return self


class Course(Description):
    """One line of a panel: ``y`` over ``x``, which need not increase."""

    label: str
    x: Numbers
    y: Gappy

    @model_validator(mode="after")
    def _one_value_per_place(self) -> Self:
        _check_length(f"course '{self.label}'", self.y, len(self.x), "places")
        return self


class CoursePanel(Description):
    """Lines in one pair of axes."""

    title: str
    x_axis: str
    y_axis: str
    lines: Annotated[tuple[Course, ...], Field(min_length=1)]


class Courses(Plot):
    """Trajectories, phase portraits or hysteresis loops: panels side by side; a label has one colour in all of them."""

    kind: Literal["courses"] = "courses"
    panels: Annotated[tuple[CoursePanel, ...], Field(min_length=1)]


class Picture(Description):
    """A picture in a file of the run's folder (npz): ``levels`` (rows, columns), unsigned bytes, and ``marks``, 0 or
    the number of a mark from 1."""

    title: str
    file: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*\.npz$")]


class Segmentations(Plot):
    """Grey pictures with what was found in them in colours, such as hits, false alarms and misses.

    The pictures stay in files of the run's folder, so that ``result.json`` can be passed on where they may not: without
    them the report says that they are elsewhere. ``marks`` names what the numbers from 1 in the files mean.
    """

    kind: Literal["segmentations"] = "segmentations"
    panels: Annotated[tuple[Picture, ...], Field(min_length=1)]
    marks: Annotated[tuple[str, ...], Field(min_length=1, max_length=3)]


def hexed(value: Any) -> Any:
    """Grey levels from 0 to 1 (rows, columns) as two hexadecimal digits each, row by row."""
    if isinstance(value, str):
        return value
    rows = [[min(max(float(level), 0.0), 1.0) for level in row] for row in plain(value)]
    return "".join(f"{round(255 * level):02x}" for row in rows for level in row)


class ImageRow(Description):
    """Small square grey images side by side: arrays (images, side, side) of levels from 0 to 1 are taken."""

    title: str
    images: Annotated[tuple[Annotated[str, BeforeValidator(hexed)], ...], BeforeValidator(plain), Field(min_length=1)]

    @property
    def side(self) -> int:
        """Pixels of a side."""
        return math.isqrt(len(self.images[0]) // 2)

    @model_validator(mode="after")
    def _square(self) -> Self:
        for image in self.images:
            if len(image) != 2 * self.side**2 or not image:
                given = f"{len(image) // 2} pixels"
                raise ValueError(f"images of '{self.title}' must be square and of one size, got {given}. Pad them.")
        return self


class ImageGrid(Plot):
    """Rows of small grey images, such as generated ones below real ones."""

    kind: Literal["image_grid"] = "image_grid"
    rows: Annotated[tuple[ImageRow, ...], Field(min_length=1)]


class Cloud(Description):
    """Points of a plane at ``x``, ``y``, with one arrow each where ``u``, ``v`` are given; ``groups`` are the numbers
    of the groups that they belong to, from 0."""

    title: str
    x: Numbers
    y: Numbers
    u: Numbers | None = None
    v: Numbers | None = None
    groups: tuple[int, ...] | None = None

    @model_validator(mode="after")
    def _one_of_each(self) -> Self:
        for field in ("y", "u", "v", "groups"):
            if (given := getattr(self, field)) is not None:
                _check_length(f"{field} of '{self.title}'", given, len(self.x), "points")
        if (self.u is None) != (self.v is None):
            raise ValueError(f"'{self.title}' must have both u and v or none, got one. Give the other one.")
        return self


class PointClouds(Plot):
    """Points side by side in equal squares from ``-span`` to ``span``, such as samples beside data.

    ``groups`` names the groups of points, such as classes, where there are any.
    """

    kind: Literal["point_clouds"] = "point_clouds"
    clouds: Annotated[tuple[Cloud, ...], Field(min_length=1)]
    span: Annotated[float, Field(gt=0)]
    groups: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _groups_have_names(self) -> Self:
        for cloud in self.clouds:
            if cloud.groups is not None and not 0 <= min(cloud.groups) <= max(cloud.groups) < len(self.groups):
                given = f"{min(cloud.groups)} to {max(cloud.groups)}"
                rule = f"groups of '{cloud.title}' must be among the {len(self.groups)} that have names"
                raise ValueError(f"{rule}, got {given}. Name the others.")
        return self


class VectorFields(Plot):
    """Arrows side by side in equal squares from ``-span`` to ``span``; all arrows of a picture have one scale."""

    kind: Literal["vector_fields"] = "vector_fields"
    clouds: Annotated[tuple[Cloud, ...], Field(min_length=1)]
    span: Annotated[float, Field(gt=0)]

    @model_validator(mode="after")
    def _all_have_arrows(self) -> Self:
        for cloud in self.clouds:
            if cloud.u is None:
                raise ValueError(f"'{cloud.title}' must have arrows, got points only. Give u and v.")
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


def _check_length(what: str, given: tuple[Any, ...], count: int, of: str) -> None:
    if len(given) != count:
        raise ValueError(f"{what} must have one entry for each of the {count} {of}, got {len(given)}. Give {count}.")


def _check_lines(lines: tuple[Line, ...], count: int, of: str) -> None:
    for line in lines:
        _check_length(f"line '{line.label}'", line.values, count, of)
