"""Plots as data: trajectories, phase portraits, hysteresis loops."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from ohmloom.descriptions import Description
from ohmloom.experiments.plots.base import Gappy, Numbers, Plot, check_length


class Course(Description):
    """One line of a panel: ``y`` over ``x``, which need not increase."""

    label: str
    x: Numbers
    y: Gappy

    @model_validator(mode="after")
    def _one_value_per_place(self) -> Self:
        check_length(f"course '{self.label}'", self.y, len(self.x), "places")
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
