"""Pictures of courses: trajectories over time, phase portraits, hysteresis loops. Plain numbers in, a figure out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ohmloom.reports import style

COLUMNS = 4  # panels in a row


class Line(Protocol):
    """``y`` over ``x`` (None: a gap)."""

    @property
    def label(self) -> str: ...
    @property
    def x(self) -> Sequence[float]: ...
    @property
    def y(self) -> Sequence[float | None]: ...


class Panel(Protocol):
    """Lines in one pair of axes."""

    @property
    def title(self) -> str: ...
    @property
    def x_axis(self) -> str: ...
    @property
    def y_axis(self) -> str: ...
    @property
    def lines(self) -> Sequence[Line]: ...


@style.styled
def courses(panels: Sequence[Panel]) -> Figure:
    """Panels side by side, `COLUMNS` in a row; the first label is drawn broad and grey, as the truth beneath others."""
    columns = min(len(panels), COLUMNS)
    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(style.WIDE, 0.5 + 2.3 * rows), layout="constrained")
    labels = list(dict.fromkeys(line.label for panel in panels for line in panel.lines))
    looks = {label: _look(number) for number, label in enumerate(labels)}
    grid = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axes, panel in zip(grid, panels, strict=False):
        for line in panel.lines:
            axes.plot(line.x, np.array([np.nan if y is None else y for y in line.y], float), **looks[line.label])
        axes.set_title(panel.title, loc="left", fontsize=9, pad=4)
        axes.set_xlabel(panel.x_axis)
        axes.set_ylabel(panel.y_axis)
    for axes in grid[len(panels) :]:
        axes.set_visible(False)
    handles = [Line2D([], [], label=label, **looks[label]) for label in labels]
    figure.legend(handles=handles, loc="outside upper left", ncols=min(len(labels), 5), columnspacing=1.4)
    return figure


def _look(number: int) -> dict[str, Any]:
    if number == 0:
        return {"color": style.MUTED, "linewidth": 3.2, "alpha": 0.45}
    return {"color": style.LINES[(number - 1) % len(style.LINES)], "linewidth": 1.3}
