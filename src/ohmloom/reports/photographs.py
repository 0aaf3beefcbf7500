"""Photographs with what was found in them, and rows of small images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from ohmloom.reports import style

COLOURS = ("#f0e442", "#0072b2", "#d55e00")  # Okabe and Ito; light, dark, between: apart in grey as well
LONGEST = 300  # pixels a side that are shown
MARGIN = 1.3  # inches, for the titles of rows of images
DARKENED = 0.75  # so that the lightest colour stands out


class Pictured(Protocol):
    """A picture in a file of the run's folder."""

    @property
    def title(self) -> str: ...
    @property
    def file(self) -> str: ...


class Imaged(Protocol):
    """A row of small square grey images, two hexadecimal digits for each pixel."""

    @property
    def title(self) -> str: ...
    @property
    def images(self) -> Sequence[str]: ...
    @property
    def side(self) -> int: ...


@style.styled
def image_grid(rows: Sequence[Imaged]) -> Figure:
    """Rows of small grey images, light on dark, with their titles on the left."""
    longest = max(len(row.images) for row in rows)
    size = min((style.WIDE - MARGIN) / longest, 0.7)  # inches of an image
    figure = Figure(figsize=(MARGIN + size * longest, size * len(rows)), layout="constrained")
    figure.get_layout_engine().set(hspace=0.02, h_pad=0.01, w_pad=0.01)  # type: ignore[union-attr]
    for axes, row in zip(np.atleast_1d(figure.subplots(len(rows), 1)), rows, strict=True):
        axes.imshow(strip(row, longest), cmap="gray", vmin=0, vmax=1, interpolation="none")
        axes.set_ylabel(row.title, rotation=0, ha="right", va="center", fontsize=8.5, color=style.INK)
        axes.grid(visible=False)
        axes.spines[:].set_visible(False)
        axes.set(xticks=[], yticks=[])
    return figure


def strip(row: Imaged, longest: int) -> np.ndarray:
    """The images of a row beside one another, a pixel apart (not a number), as wide as the ``longest`` row."""
    side = row.side
    shown = np.full((side, longest * (side + 1) - 1), np.nan)
    for number, image in enumerate(row.images):
        levels = np.frombuffer(bytes.fromhex(image), np.uint8).reshape(side, side) / 255
        shown[:, number * (side + 1) : number * (side + 1) + side] = levels
    return shown


@style.styled
def segmentations(panels: Sequence[Pictured], marks: Sequence[str], folder: Path | None = None) -> Figure:
    """Grey pictures side by side with coloured marks; a frame with words where ``folder`` has no such file."""
    figure = Figure(figsize=(style.WIDE, 0.6 + style.WIDE / max(len(panels), 2)), layout="constrained")
    for axes, panel in zip(np.atleast_1d(figure.subplots(1, max(len(panels), 2))), panels, strict=False):
        _picture(axes, None if folder is None else folder / panel.file)
        axes.set_title(panel.title, loc="left", fontsize=9, pad=4)
    for axes in figure.axes[len(panels) :]:
        axes.set_visible(False)
    for axes in figure.axes:
        axes.grid(visible=False)
        axes.set_xticks([])
        axes.set_yticks([])
    handles = [Patch(label=mark, facecolor=colour) for mark, colour in zip(marks, COLOURS, strict=False)]
    figure.legend(handles=handles, loc="outside lower left", ncols=len(handles), fontsize=8.5)
    return figure


def coloured(levels: np.ndarray, marks: np.ndarray) -> np.ndarray:
    """Grey levels (rows, columns) and marks as colours (rows, columns, 3) in bytes, not more than `LONGEST` a side.

    A pixel of the smaller picture has the mean level of its block and the most frequent mark that is not 0 if at least
    a quarter of the block is marked.
    """
    step = -(-max(levels.shape) // LONGEST)
    rows, columns = (size // step for size in levels.shape)
    cut = (slice(rows * step), slice(columns * step))
    grey = levels[cut].reshape(rows, step, columns, step).mean((1, 3)) / 255 * DARKENED
    blocks = marks[cut].reshape(rows, step, columns, step)
    counts = np.stack([(blocks == number).sum((1, 3)) for number in range(1, len(COLOURS) + 1)])
    shown = np.where(4 * counts.sum(0) >= step * step, counts.argmax(0) + 1, 0)
    picture = np.repeat(grey[..., None], 3, axis=2)
    for number, colour in enumerate(COLOURS, 1):
        picture[shown == number] = to_rgb(colour)
    return np.rint(255 * picture).astype(np.uint8)


def _picture(axes: Axes, file: Path | None) -> None:
    if file is None or not file.is_file():
        axes.text(0.5, 0.5, "kept in the run's own folder", ha="center", va="center", color=style.MUTED,
                  transform=axes.transAxes)  # fmt: skip
        return
    with np.load(file) as held:
        axes.imshow(coloured(held["levels"], held["marks"]), interpolation="none")
