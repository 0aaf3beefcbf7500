"""Plots as data: pictures with what was found in them, and rows of small images."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from ohmloom.descriptions import Description
from ohmloom.experiments.plots.base import Plot, plain


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
