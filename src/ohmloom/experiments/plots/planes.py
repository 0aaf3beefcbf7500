"""Plots as data: points and arrows in a plane."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from ohmloom.descriptions import Description
from ohmloom.experiments.plots.base import Numbers, Plot, check_length


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
                check_length(f"{field} of '{self.title}'", given, len(self.x), "points")
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
