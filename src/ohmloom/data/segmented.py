"""Photographs with a mask of what is to be found in them, one image file each, as in DRIVE."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveInt

from ohmloom.data.formats import Format, Location, Origin, PlainFile, Provenance
from ohmloom.data.images import Bytes
from ohmloom.data.progress import track
from ohmloom.descriptions import Description
from ohmloom.errors import DataError, ShapeError, message, unknown

Mask = NDArray[np.bool_]


class Segmented(NamedTuple):
    """One part of a segmented set; n photographs."""

    images: Bytes  # (n, rows, columns, 3), red, green, blue
    vessels: Mask  # (n, rows, columns), what the first observer marked
    fields: Mask  # (n, rows, columns), the field of view: only pixels in it count
    second: Mask | None = None  # (n, rows, columns), what a second observer marked, if one did


@dataclass(frozen=True, eq=False)
class SegmentedImages:
    """Photographs with masks in a training and a test part, and where they came from.

    Arrays are read-only. Raises ShapeError if the masks do not fit their images.
    """

    name: str
    training: Segmented
    test: Segmented
    origin: Origin
    source: str
    licence: str

    def __post_init__(self) -> None:
        for part in ("training", "test"):
            _check(f"{self.name}.{part}", getattr(self, part))

    def part(self, name: Literal["training", "test"]) -> Segmented:
        """One of the two parts by its name; raises UnknownNameError for another."""
        if name not in ("training", "test"):
            raise unknown("part", str(name), ("training", "test"))
        return self.training if name == "training" else self.test


class Layout(Description):
    """How the files of one distribution are named; ``{}`` is the number of an image with two digits."""

    image: Annotated[str, Field(pattern=r"\{\}")]
    vessels: Annotated[str, Field(pattern=r"\{\}")]
    field: Annotated[str, Field(pattern=r"\{\}")]
    second: Annotated[str, Field(pattern=r"\{\}")] | None = None

    def names(self, number: int) -> list[str]:
        """The files of one image: itself, its vessels, its field of view and, if there is one, the second observer."""
        patterns = (self.image, self.vessels, self.field, self.second)
        return [pattern.replace("{}", f"{number:02d}") for pattern in patterns if pattern is not None]


class Distribution(Description):
    """The names of both parts in one distribution."""

    training: Layout
    test: Layout


class SegmentedFiles(Format):
    """Photographs and masks as single image files, in one of several distributions of the same set."""

    kind: Literal["segmented images"] = "segmented images"
    training: tuple[PositiveInt, ...]  # the numbers of the images
    test: tuple[PositiveInt, ...]
    rows: PositiveInt
    columns: PositiveInt
    distributions: Annotated[tuple[Distribution, ...], Field(min_length=1)]

    @property
    def files(self) -> tuple[PlainFile, ...]:
        return tuple(PlainFile(file=name) for name in self._names(self.distributions[0]))

    @property
    def counts(self) -> dict[str, int]:
        return {"training": len(self.training), "test": len(self.test)}

    def lacking(self, folder: Location) -> list[str]:
        return self._found(folder)[1]

    def read(self, folder: Location, about: Provenance, *, remedy: str) -> SegmentedImages:
        found, missing = self._found(folder)
        if missing:
            path = str(folder.joinpath(missing[0]))
            raise DataError(message(path, "must be there beside the other files", "no such file", remedy))
        training = self._read(folder, found.training, self.training, remedy)
        test = self._read(folder, found.test, self.test, remedy)
        return SegmentedImages(about.name, training, test, about.origin, about.source, about.licence)

    def _names(self, distribution: Distribution) -> Iterator[str]:
        for layout, numbers in ((distribution.training, self.training), (distribution.test, self.test)):
            for number in numbers:
                yield from layout.names(number)

    def _found(self, folder: Location) -> tuple[Distribution, list[str]]:
        """The distribution of which most files are in ``folder``, and which of them are not."""
        missing = [[n for n in self._names(d) if not folder.joinpath(n).is_file()] for d in self.distributions]
        best = min(range(len(missing)), key=lambda k: len(missing[k]))
        return self.distributions[best], missing[best]

    def _read(self, folder: Location, layout: Layout, numbers: tuple[int, ...], remedy: str) -> Segmented:
        names = [[folder.joinpath(name) for name in layout.names(number)] for number in numbers]
        pictures = [
            (self._picture(image, "RGB", remedy), *(self._picture(mask, "L", remedy) > 127 for mask in masks))
            for image, *masks in track(names, f"reading {len(names)} images")
        ]
        return Segmented(*(np.stack(arrays) for arrays in zip(*pictures, strict=True)))

    def _picture(self, path: Location, mode: str, remedy: str) -> Bytes:
        """An image file in colour (mode RGB) or in grey (mode L)."""
        from PIL import Image  # here: it is slow to import

        try:
            with path.open("rb") as stream, Image.open(stream) as picture:
                values: Any = np.asarray(picture.convert(mode))
        except (OSError, SyntaxError, ValueError) as error:
            raise DataError(message(str(path), "must be a whole image file", error, remedy)) from None
        if values.shape[:2] != (self.rows, self.columns):
            rule = f"must have {self.rows} x {self.columns} pixels"
            raise DataError(message(str(path), rule, " x ".join(map(str, values.shape[:2])), remedy))
        return values


def _check(label: str, part: Segmented) -> None:
    images = part.images
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] != 3:
        rule = "must be unsigned bytes of shape (n, rows, columns, 3)"
        raise ShapeError(message(f"{label}.images", rule, f"{images.dtype} of {images.shape}", "Convert them."))
    for name in ("vessels", "fields", "second"):
        mask: Mask | None = getattr(part, name)
        if mask is not None and (mask.dtype != np.bool_ or mask.shape != images.shape[:3]):
            rule = f"must be true or false, of shape {images.shape[:3]}"
            raise ShapeError(message(f"{label}.{name}", rule, f"{mask.dtype} of {mask.shape}", "Give one per image."))
        if mask is not None:
            mask.flags.writeable = False
    images.flags.writeable = False
