"""Labelled images as a data set holds them, and as a network takes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ohmloom.data.formats import Origin
from ohmloom.errors import ConfigurationError, ShapeError, message, unknown

if TYPE_CHECKING:  # torch is slow to import, and `ohmloom list data` does without
    import torch
    from torch import Tensor

Bytes = NDArray[np.uint8]


class Labelled(NamedTuple):
    """Images and their classes as tensors."""

    images: Tensor  # (n, 1, rows, columns), in [0, 1]
    labels: Tensor  # (n,) int64


@dataclass(frozen=True, eq=False)
class Images:
    """A labelled set of grey images in a training and a test part, and where it came from.

    The arrays are unsigned bytes, read-only: images (n, rows, columns), labels (n,). ``origin`` is printed beside every
    figure that comes from these images; ``source`` is the folder they were read from, or the generator that made them.
    Raises ShapeError if the shapes do not fit one another.
    """

    name: str
    training_images: Bytes
    training_labels: Bytes
    test_images: Bytes
    test_labels: Bytes
    origin: Origin
    source: str
    licence: str

    def __post_init__(self) -> None:
        for part in ("training", "test"):
            images, labels = f"{part}_images", f"{part}_labels"
            for field, axes in ((images, 3), (labels, 1)):
                object.__setattr__(self, field, _read_only(f"{self.name}.{field}", getattr(self, field), axes))
            if len(getattr(self, images)) != len(getattr(self, labels)):
                given = f"{len(getattr(self, labels))} labels for {len(getattr(self, images))} images"
                raise ShapeError(message(f"{self.name}.{labels}", "must be one per image", given, "Give as many."))

    def tensors(self, part: Literal["training", "test"], *, dtype: torch.dtype | None = None) -> Labelled:
        """The images of one part in [0, 1], shape (n, 1, rows, columns), and their labels, shape (n,).

        ``dtype`` is torch's default if not given. Raises UnknownNameError for another part.
        """
        if part not in ("training", "test"):
            raise unknown("part", str(part), ("training", "test"))
        return _labelled(getattr(self, f"{part}_images"), getattr(self, f"{part}_labels"), dtype)

    def only(self, classes: Sequence[int]) -> Images:
        """The images of some classes, which become classes 0, 1, … in the order given.

        Raises ConfigurationError for a class that is given twice or that one of the parts lacks.
        """
        if len(set(classes)) < len(classes) or not classes:
            rule = "must be different classes"
            raise ConfigurationError(message("classes", rule, list(classes), "Name each once."))
        arrays = {part: _chosen(self, part, classes) for part in ("training", "test")}
        fields = {f"{part}_{what}": array for part, pair in arrays.items() for what, array in pair.items()}
        return replace(self, **fields)

    def split(self, validation: int, *, seed: int = 0, dtype: torch.dtype | None = None) -> tuple[Labelled, Labelled]:
        """The training part without ``validation`` images drawn at random, and those images; both in the given order.

        The same seed draws the same images. Raises ConfigurationError unless both parts get an image.
        """
        import torch

        from ohmloom.random import Streams

        total = len(self.training_images)
        if not 0 < validation < total:
            rule = f"must be between 1 and {total - 1} (the training part holds {total} images)"
            raise ConfigurationError(message("validation", rule, validation, "Choose another number."))
        generator = Streams(seed).child("data", self.name).generator("validation")
        held_out = np.zeros(total, bool)
        held_out[torch.randperm(total, generator=generator)[:validation].numpy()] = True
        training = _labelled(self.training_images[~held_out], self.training_labels[~held_out], dtype)
        return training, _labelled(self.training_images[held_out], self.training_labels[held_out], dtype)


def _chosen(images: Images, part: str, classes: Sequence[int]) -> dict[str, Bytes]:
    """Images and new labels of one part."""
    labels = getattr(images, f"{part}_labels")
    new = np.full(256, 255, np.uint8)
    for number, label in enumerate(classes):
        if not (labels == label).any():
            rule = f"must be among those of {images.name}'s {part} part, {np.unique(labels).tolist()}"
            raise ConfigurationError(message("classes", rule, label, "Choose another class, or add images of it."))
        new[label] = number
    chosen = new[labels] < 255
    return {"images": getattr(images, f"{part}_images")[chosen], "labels": new[labels[chosen]]}


def _labelled(images: Bytes, labels: Bytes, dtype: torch.dtype | None) -> Labelled:
    import torch

    pixels = torch.tensor(images).unsqueeze(1).to(dtype or torch.get_default_dtype())  # (n, 1, rows, columns)
    return Labelled(pixels.div_(255), torch.tensor(labels).long())


def _read_only(field: str, array: Bytes, axes: int) -> Bytes:
    if array.dtype != np.uint8 or array.ndim != axes:
        rule = f"must be unsigned bytes with {axes} {'axis' if axes == 1 else 'axes'}"
        given = f"{array.dtype} of shape {array.shape}"
        raise ShapeError(message(field, rule, given, "Reshape it, and scale grey levels to 0 ... 255."))
    view = array.view()
    view.flags.writeable = False
    return view
