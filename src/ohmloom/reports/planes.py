"""Pictures of the plane: points and arrows in equal squares side by side. Plain numbers in, figures out."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from textwrap import fill
from typing import Any, Protocol

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ohmloom.reports import style

COLUMNS = 4  # squares in a row, at most
POINTS: dict[str, Any] = {"markersize": 2.4, "alpha": 0.55, "markeredgewidth": 0, "rasterized": True}


class Clouded(Protocol):
    """Points of one square, with arrows where there are any."""

    @property
    def title(self) -> str: ...
    @property
    def x(self) -> Sequence[float]: ...
    @property
    def y(self) -> Sequence[float]: ...
    @property
    def u(self) -> Sequence[float] | None: ...
    @property
    def v(self) -> Sequence[float] | None: ...
    @property
    def groups(self) -> Sequence[int] | None: ...


@style.styled
def point_clouds(clouds: Sequence[Clouded], span: float, groups: Sequence[str] = ()) -> Figure:
    """Samples side by side, the first one (the data) in another colour, or each of the ``groups`` in its own; what
    lies outside is counted in the title."""
    figure, squares = _squares(clouds, span)
    for number, (axes, cloud) in enumerate(squares):
        x, y = np.asarray(cloud.x), np.asarray(cloud.y)
        colour = style.LINES[1] if number == 0 and len(clouds) > 1 else style.LINES[0]
        numbers = None if cloud.groups is None else np.asarray(cloud.groups)
        for group in range(1 if numbers is None else len(groups)):
            chosen = slice(None) if numbers is None else numbers == group
            shown = colour if numbers is None else style.LINES[group % len(style.LINES)]
            axes.plot(x[chosen], y[chosen], ".", color=shown, **POINTS)
        outside = int(np.sum(np.maximum(np.abs(x), np.abs(y)) > span))
        _title(axes, cloud.title + f" ({outside}\u00a0outside)" * bool(outside))
    if groups:
        handles = [Line2D([], [], color=style.LINES[n % len(style.LINES)], marker="o", linestyle="", label=group)
                   for n, group in enumerate(groups)]  # fmt: skip
        figure.legend(handles=handles, loc="outside lower left", ncols=len(handles), fontsize=8.5)
    return figure


@style.styled
def vector_fields(clouds: Sequence[Clouded], span: float) -> Figure:
    """Arrows side by side on one scale: the longest of all is as long as its neighbours are apart."""
    figure, squares = _squares(clouds, span)
    lengths = [np.hypot(np.asarray(cloud.u), np.asarray(cloud.v)) for cloud in clouds]
    longest = max(float(length.max()) for length in lengths) or 1.0
    apart = 2 * span / max(math.sqrt(len(clouds[0].x)) - 1, 1)
    for (axes, cloud), length in zip(squares, lengths, strict=True):
        arrows = axes.quiver(cloud.x, cloud.y, cloud.u, cloud.v, length, angles="xy", scale_units="xy", pivot="mid",
                             scale=longest / (1.2 * apart), width=0.005, cmap=style.SEQUENCE)  # fmt: skip
        arrows.set_clim(0, longest)
        _title(axes, cloud.title)
    return figure


def _title(axes: Axes, text: str) -> None:
    axes.set_title(fill(text, 34), loc="left", fontsize=8, pad=3)


def _squares(clouds: Sequence[Clouded], span: float) -> tuple[Figure, Iterator[tuple[Axes, Clouded]]]:
    columns = min(len(clouds), COLUMNS)
    rows = math.ceil(len(clouds) / columns)
    width = style.WIDE / max(columns, 3)
    figure = Figure(figsize=(width * columns, (width + 0.25) * rows + 0.1), layout="constrained")
    grid = np.atleast_1d(figure.subplots(rows, columns, sharex=True, sharey=True)).ravel()
    for axes in grid:
        axes.set(xlim=(-span, span), ylim=(-span, span), aspect="equal", box_aspect=1)
        axes.grid(visible=False)
    for axes in grid[len(clouds) :]:
        axes.axis("off")
    return figure, zip(grid, clouds, strict=False)
