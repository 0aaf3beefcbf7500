"""Pictures of losses: a waterfall from software to hardware, and bars of single losses."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ohmloom.reports import style


class Bar(NamedTuple):
    """One bar: a loss (or a gain, below 0), and the ends of its interval where known."""

    label: str
    loss: float
    low: float | None = None
    high: float | None = None


@style.styled
def waterfall(
    start: tuple[str, float], steps: Sequence[Bar], end: tuple[str, float], axis: str, *, larger_is_better: bool = True
) -> Figure:
    """From one level to another, step by step: each bar hangs where the one before it ended."""
    figure, axes = style.canvas(0.7 + 0.34 * (len(steps) + 2))
    downward = -1 if larger_is_better else 1
    level, rows = start[1], len(steps) + 2
    axes.plot([start[1]] * 2, [-0.3, 0.3], color=style.INK, linewidth=2.2)
    for row, step in enumerate(steps, start=1):
        after = level + downward * step.loss
        axes.plot([level] * 2, [row - 1 + 0.3, row + 0.3], color=style.MUTED, linewidth=0.7)
        color = style.LOSS if step.loss >= 0 else style.GAIN
        axes.barh(row, after - level, left=level, height=0.6, color=color)
        level = after
    axes.plot([end[1]] * 2, [rows - 1.3, rows - 0.7], color=style.INK, linewidth=2.2)
    labels = [start[0], *(step.label for step in steps), end[0]]
    axes.set_yticks(range(rows), labels)
    axes.invert_yaxis()
    axes.set_xlabel(axis)
    axes.grid(axis="x")
    axes.grid(visible=False, axis="y")
    _with_numbers(axes, start[1], steps, downward, rows, end[1])
    levels = [start[1], end[1], *accumulate((downward * step.loss for step in steps), initial=start[1])]
    room = 0.18 * (max(levels) - min(levels)) or 1.0
    axes.set_xlim(min(levels) - room, max(levels) + room)
    return figure


def _with_numbers(axes: Axes, start: float, steps: Sequence[Bar], downward: int, rows: int, end: float) -> None:
    """Levels at both ends, and each loss beside its bar."""
    axes.annotate(f"{start:.4g}", (start, 0), (6, 0), textcoords="offset points", va="center", fontsize=8.5)
    level = start
    for row, step in enumerate(steps, start=1):
        after = level + downward * step.loss
        at, side = (min(level, after), "right") if downward < 0 else (max(level, after), "left")
        shift = -5 if side == "right" else 5
        text = f"{downward * step.loss:+.2g}".replace("-", "\u2212") if step.loss else "0"
        axes.annotate(text, (at, row), (shift, 0), textcoords="offset points", va="center", ha=side, fontsize=8.5)
        level = after
    axes.annotate(f"{end:.4g}", (end, rows - 1), (6, 0), textcoords="offset points", va="center", fontsize=8.5)


@style.styled
def loss_bars(bars: Sequence[Bar], axis: str, marked: str | None = None) -> Figure:
    """Losses side by side, with their intervals; the ``marked`` one stands out."""
    figure, axes = style.canvas(0.7 + 0.3 * len(bars))
    for row, bar in enumerate(bars):
        axes.barh(row, bar.loss, height=0.6, color=style.LOSS if bar.label == marked else style.LINES[0])
        if bar.low is not None and bar.high is not None:
            axes.plot([bar.low, bar.high], [row, row], color=style.INK, linewidth=1.1)
    axes.set_yticks(range(len(bars)), [bar.label for bar in bars])
    axes.invert_yaxis()
    axes.set_xlabel(axis)
    axes.grid(axis="x")
    axes.grid(visible=False, axis="y")
    return figure
