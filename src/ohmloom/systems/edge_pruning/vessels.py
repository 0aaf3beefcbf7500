"""Vessels in photographs of the retina: patches to learn from, and whole photographs looked through tile by tile."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from ohmloom.data import Labelled, SegmentedImages, load
from ohmloom.data.photographs import prepared
from ohmloom.data.segmented import Segmented
from ohmloom.data.synthetic import vessel_images
from ohmloom.errors import ConfigurationError, message
from ohmloom.random import Streams

BATCH = 16  # tiles of one photograph that share one range of input codes


class Photographs(NamedTuple):
    """Prepared photographs (n, rows, columns): grey levels in [0, 1], and masks."""

    levels: Tensor
    vessels: Tensor  # bool, what the first observer marked
    fields: Tensor  # bool, the field of view: only pixels in it count
    second: Tensor | None = None  # bool, what a second observer marked

    def part(self, chosen: slice) -> Photographs:
        """Some of them."""
        return Photographs(*(None if x is None else x[chosen] for x in self))  # type: ignore[arg-type]

    def middle(self, side: int) -> Photographs:
        """A square in the middle of each, not larger than they are."""
        rows, columns = ((size - min(side, size)) // 2 for size in self.levels.shape[1:])
        cut = (slice(None), slice(rows, rows + side), slice(columns, columns + side))
        return Photographs(*(None if x is None else x[cut] for x in self))  # type: ignore[arg-type]


def read(real: bool) -> SegmentedImages:
    """DRIVE, or trees drawn by a procedure in its place."""
    return load("drive") if real else vessel_images(training=6, test=3)


def write_prepared(images: SegmentedImages, path: Path) -> None:
    """Prepare all photographs once, for all processes of a run (safetensors)."""
    tensors = {}
    for name in ("training", "test"):
        part: Segmented = images.part(name)  # type: ignore[arg-type]
        tensors[f"{name}.levels"] = torch.from_numpy(prepared(part.images)).float()
        masks = {"vessels": part.vessels, "fields": part.fields, "second": part.second}
        tensors |= {f"{name}.{key}": torch.tensor(mask) for key, mask in masks.items() if mask is not None}
    save_file(tensors, path)


def read_prepared(path: Path, part: str) -> Photographs:
    """The photographs of one part, "training" or "test"."""
    found = load_file(path)
    return Photographs(*(found.get(f"{part}.{field}") for field in Photographs._fields))  # type: ignore[arg-type]


def patches(photographs: Photographs, count: int, side: int, seed: int) -> Labelled:
    """Squares whose centres lie in the field of view, any of them as likely as any other: levels (count, 1, side, side)
    and the classes of their pixels, 1 for a vessel. Near a border they are moved inside. Raises ConfigurationError."""
    rows, columns = photographs.levels.shape[1:]
    if side > min(rows, columns):
        rule = f"must be at most {min(rows, columns)}, the shorter side of the photographs"
        raise ConfigurationError(message("patch", rule, side, "Take smaller patches."))
    centres = photographs.fields.nonzero()
    if not len(centres):
        given = "none in any photograph"
        raise ConfigurationError(message("fields", "must have pixels to take patches from", given, "Check the masks."))
    generator = Streams(seed).child("edges", "patches").generator("centres")
    chosen = centres[torch.randint(len(centres), (count,), generator=generator)]
    tops = (chosen[:, 1] - side // 2).clamp(0, rows - side)
    lefts = (chosen[:, 2] - side // 2).clamp(0, columns - side)
    along = torch.arange(side)
    where = chosen[:, 0, None, None], (tops[:, None] + along)[:, :, None], (lefts[:, None] + along)[:, None, :]
    return Labelled(photographs.levels[where].unsqueeze(1), photographs.vessels[where].long())


def starts(size: int, tile: int, stride: int) -> list[int]:
    """Where tiles begin so that they cover ``size`` pixels: every ``stride``, the last one at the end."""
    last = max(size - tile, 0)
    return [*range(0, last, stride), last]


@torch.no_grad()
def looked_through(network: nn.Module, photograph: Tensor, tile: int, stride: int) -> Tensor:
    """The probability of a vessel in each pixel (rows, columns), the mean of all tiles that cover it."""
    network.eval()
    rows, columns = photograph.shape
    places = [(top, left) for top in starts(rows, tile, stride) for left in starts(columns, tile, stride)]
    cuts = [(slice(top, top + tile), slice(left, left + tile)) for top, left in places]
    total, times = torch.zeros_like(photograph), torch.zeros_like(photograph)
    for first in range(0, len(cuts), BATCH):
        group = cuts[first : first + BATCH]
        outputs = network(torch.stack([photograph[cut] for cut in group]).unsqueeze(1))
        for cut, found in zip(group, outputs.softmax(1)[:, 1], strict=True):
            total[cut] += found
            times[cut] += 1
    return total / times
