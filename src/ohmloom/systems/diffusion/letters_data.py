"""The three classes of images: capital letters where their official files are, else digits of another data set."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, NamedTuple

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional

from ohmloom.codesign.diffusion import Coded, ImageAutoencoder, drawn
from ohmloom.data import Images, Subset, available, load

SHRUNK, SIDE = 14, 12  # pixels: images are resized, then their middle is taken, as released
SCALE = 8.0  # latents are divided by it, as released, so that they are of the size of the circuit's units


class Corpus(NamedTuple):
    """Three classes of a data set."""

    name: str
    labels: tuple[int, ...]
    titles: tuple[str, ...]
    note: str


LETTERS = Corpus("emnist", (17, 20, 30), ("H", "K", "U"), "EMNIST by class, capitals H, K and U, as published")
OTHER = "real, other data set: digits 0, 1 and 2 of MNIST in place of the capitals H, K and U of EMNIST"
DIGITS = Corpus("mnist", (0, 1, 2), ("0", "1", "2"), OTHER)


class Prepared(NamedTuple):
    """Images (images, 1, 12, 12) in [0, 1] and their classes 0, 1, 2."""

    training_images: Tensor
    training_labels: Tensor
    test_images: Tensor
    test_labels: Tensor


def corpus(subset: Subset) -> Corpus:
    """The published letters where all of their official files are on this machine and wanted."""
    return LETTERS if subset == "full" and available("emnist") else DIGITS


def prepare(path: Path, chosen: Corpus, subset: Subset) -> None:
    """Read a corpus, shrink its images, and write them to ``path``."""
    images = load(chosen.name, subset=subset)
    assert isinstance(images, Images)
    parts = images.only(chosen.labels)
    save_file({f"{part}_{what}": tensor.contiguous() for part in ("training", "test")
               for what, tensor in _small(parts, part).items()}, str(path))  # type: ignore[arg-type]  # fmt: skip


def prepared(path: str | Path) -> Prepared:
    """What `prepare` wrote."""
    return Prepared(**load_file(path))


def latents(coder: ImageAutoencoder, images: Tensor, generator: torch.Generator) -> Tensor:
    """A draw of each image's code, in units of the circuit: (images, 2)."""
    with torch.no_grad():
        coded = Coded(*(torch.cat(part) for part in zip(*map(coder.encode, images.split(1_000)), strict=True)))
        return drawn(coded, generator) / SCALE


def _small(images: Images, part: Literal["training", "test"]) -> dict[str, Tensor]:
    held = images.tensors(part, dtype=torch.float32)
    shrunk = functional.interpolate(held.images, size=(SHRUNK, SHRUNK), mode="bilinear", antialias=True)
    edge = (SHRUNK - SIDE) // 2
    return {"images": shrunk[..., edge : edge + SIDE, edge : edge + SIDE], "labels": held.labels}
