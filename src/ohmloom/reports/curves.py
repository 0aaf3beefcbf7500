"""Pictures of accuracy: over ages, over noise, effect by effect. Plain numbers in, a matplotlib figure out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import NamedTuple, Protocol

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from ohmloom.reports import style

BEHIND = {"facecolor": style.PAPER, "edgecolor": "none", "pad": 0.6}  # so that lines do not cross a label


class Paired(Protocol):
    """Published points and our lines at common positions (None: a gap)."""

    @property
    def label(self) -> str: ...
    @property
    def published(self) -> Sequence[float | None]: ...
    @property
    def ours(self) -> Sequence[float | None]: ...
    @property
    def predicted(self) -> Sequence[float | None] | None: ...


class Series(NamedTuple):
    """One line: a label, its values (None: a gap), and the ends of its band where known."""

    label: str
    values: Sequence[float | None]
    low: Sequence[float | None] | None = None
    high: Sequence[float | None] | None = None


@style.styled
def accuracy_over_ages(
    ages: Sequence[str],
    lines: Sequence[Series],
    references: Mapping[str, float] | None = None,
    axis: str = "accuracy, %",
) -> Figure:
    """Accuracy at a few ages of the cells, one line per network or chip; error bars from low to high."""
    figure, axes = style.canvas(2.9)
    shift = 0.06 * (np.arange(len(lines)) - (len(lines) - 1) / 2)
    for line, offset in zip(lines, shift, strict=True):
        x, middle = np.arange(len(ages)) + offset, _array(line.values)
        (drawn,) = axes.plot(x, middle, "o-", label=line.label)
        if line.low is not None and line.high is not None:
            axes.vlines(x, _array(line.low), _array(line.high), color=drawn.get_color(), linewidth=1.4, alpha=0.7)
    axes.set_xticks(range(len(ages)), [fill(age, max(60 // len(ages), 8)) for age in ages])
    axes.set_xlim(-0.35, len(ages) - 0.65)
    axes.set_ylabel(axis)
    axes.margins(y=0.12)
    _references(axes, references or {})
    style.legend_above(axes, columns=2)
    return figure


@style.styled
def noise_curves(
    noise: Sequence[float],
    lines: Sequence[Series],
    references: Mapping[str, float] | None = None,
    marks: Mapping[str, float] | None = None,
    noise_axis: str = "test noise, % of max |W|",
    axis: str = "accuracy, %",
    logarithmic: bool = False,
) -> Figure:
    """Accuracy against noise, one line per network, with a band from low to high; ``marks`` are vertical lines."""
    figure, axes = style.canvas(2.9)
    for line in lines:
        (drawn,) = axes.plot(noise, _array(line.values), "o-", label=line.label)
        if line.low is not None and line.high is not None:
            axes.fill_between(noise, _array(line.low), _array(line.high), color=drawn.get_color(), alpha=0.18, lw=0)
    ticks = np.unique(np.asarray(noise, dtype=float))
    if len(ticks) <= 10 and np.diff(ticks).min(initial=np.inf) > 0.08 * np.ptp(ticks):  # or they would overlap
        axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.set_xlabel(noise_axis)
    axes.set_ylabel(axis)
    if logarithmic:
        style.decades(axes)
    _references(axes, references or {})
    _marks(axes, marks or {})
    style.legend_above(axes, columns=2)
    return figure


def _marks(axes: Axes, marks: Mapping[str, float]) -> None:
    """Vertical lines with their labels; of two that nearly touch the first has its label on the left, the second on the
    right."""
    near, before = 0.05 * float(np.diff(axes.get_xlim())[0]), -np.inf
    for label, place in sorted(marks.items(), key=lambda mark: mark[1]):
        side = "left" if place - before < near else "right"
        axes.axvline(place, color=style.MUTED, linewidth=1.1, linestyle=(0, (1, 2)), zorder=1)
        axes.text(place, 0.02, f" {label}", transform=axes.get_xaxis_transform(), color=style.MUTED, fontsize=7.5,
                  rotation=90, ha=side, va="bottom", bbox=BEHIND)  # fmt: skip
        before = place


@style.styled
def published_and_ours(
    positions: Sequence[float],
    pairs: Sequence[Paired],
    doubtful: Sequence[float] = (),
    prediction: str = "predicted",
    position_axis: str = "",
    axis: str = "",
) -> Figure:
    """Published points (hollow where doubtful), our lines through them, dashed lines for what was predicted."""
    figure, axes = style.canvas(3.1)
    hollow = np.isin(positions, doubtful)
    for pair, colour in zip(pairs, style.LINES, strict=False):
        x, known = np.asarray(positions, dtype=float), _array(pair.published)
        axes.plot(x, _array(pair.ours), "-", color=colour, label=pair.label, linewidth=1.5)
        if pair.predicted is not None:
            axes.plot(x, _array(pair.predicted), color=colour, linewidth=1.5, linestyle=(0, (2.5, 2)))
        axes.plot(x[~hollow], known[~hollow], "o", color=colour, markersize=6)
        axes.plot(x[hollow], known[hollow], "o", color=colour, markersize=6, markerfacecolor=style.PAPER)
    axes.set_xticks(positions)
    axes.set_ylim(bottom=0)
    axes.set_xlabel(position_axis)
    axes.set_ylabel(axis)
    handles = [Line2D([], [], color=colour, label=pair.label) for pair, colour in zip(pairs, style.LINES, strict=False)]
    dots = [("published", style.MUTED)] + [("published, not fitted", style.PAPER)] * bool(hollow.any())
    for label, face in dots:
        handles.append(Line2D([], [], color=style.MUTED, label=label, marker="o", markerfacecolor=face, linestyle=""))
    if any(pair.predicted is not None for pair in pairs):
        handles.append(Line2D([], [], color=style.MUTED, linestyle=(0, (2.5, 2)), label=prediction))
    style.legend_above(axes, columns=2, handles=handles)
    return figure


@style.styled
def noise_grid(
    train: Sequence[float],
    test: Sequence[float],
    accuracy: Sequence[Sequence[float | None]],
    train_axis: str = "training noise, % of max |W|",
    test_axis: str = "test noise, % of max |W|",
    axis: str = "accuracy, %",
) -> Figure:
    """A heat map (training, test); the best training noise for each test noise has a frame, gaps were not run."""
    grid = np.ma.masked_invalid(np.array([_array(row) for row in accuracy]))  # (train, test)
    figure, axes = style.canvas(1.1 + 0.36 * len(train))
    image = axes.imshow(grid, cmap=style.SEQUENCE, aspect="auto", origin="lower")
    bright = 0.45 * grid.min() + 0.55 * grid.max()  # above it the colour map needs dark text
    for (row, column), value in np.ndenumerate(grid.filled(np.nan)):
        if np.isnan(value):
            axes.text(column, row, "not run", ha="center", va="center", color=style.MUTED, fontsize=7.5)
            continue
        colour = style.DARK_TEXT if value > bright else style.LIGHT_TEXT
        axes.text(column, row, f"{value:.1f}", ha="center", va="center", color=colour, fontsize=8.5)
    for column in np.flatnonzero(grid.count(axis=0)):
        place = (column - 0.5, int(grid[:, column].argmax()) - 0.5)
        axes.add_patch(Rectangle(place, 1, 1, fill=False, edgecolor=style.LOSS, linewidth=1.8, clip_on=False))
    axes.set_xticks(range(len(test)), [f"{value:g}" for value in test])
    axes.set_yticks(range(len(train)), [f"{value:g}" for value in train])
    axes.set_xlabel(test_axis)
    axes.set_ylabel(train_axis)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    bar = figure.colorbar(image, ax=axes, label=axis, pad=0.02, aspect=30)
    bar.outline.set_visible(False)  # type: ignore[operator]
    return figure


@style.styled
def effect_waterfall(
    steps: Sequence[str], values: Sequence[float], axis: str = "accuracy, %", *, larger_is_better: bool = True
) -> Figure:
    """What each effect costs or gives when it is switched on after those above it."""
    figure, axes = style.canvas(0.8 + 0.32 * len(steps))
    before = [values[0], *values[:-1]]
    width = max(values) - min(values) or 1.0
    for row, (old, new) in enumerate(zip(before, values, strict=True)):
        colour = (
            style.MUTED if row == 0 else style.LOSS if (new < old) == larger_is_better and new != old else style.GAIN
        )
        axes.barh(row, new - old, left=old, height=0.56, color=colour)
        axes.plot([new, new], [row - 0.28, row + 0.28], color=colour, linewidth=2.2, solid_capstyle="butt")
        if row + 1 < len(steps):
            axes.plot([new, new], [row + 0.28, row + 0.72], color=style.MUTED, linewidth=0.8)
        change = "" if row == 0 else f"  ({new - old:+.2f})".replace("-", "−")
        axes.text(max(old, new) + 0.02 * width, row, f"{new:.2f}{change}", va="center", fontsize=8.5)
    axes.set_xlim(min(values) - 0.06 * width, max(values) + 0.42 * width)
    _rows(axes, steps, axis)
    return figure


@style.styled
def ablation_bars(
    labels: Sequence[str],
    values: Sequence[float | None],
    low: Sequence[float | None] | None = None,
    high: Sequence[float | None] | None = None,
    references: Mapping[str, float] | None = None,
    axis: str = "accuracy, %",
) -> Figure:
    """The same figure with one thing changed at a time, from zero, so that lengths may be compared."""
    figure, axes = style.canvas(0.8 + 0.32 * len(labels))
    known = np.nan_to_num(_array(values))
    axes.barh(range(len(labels)), known, height=0.56, color=[style.GAIN] + [style.LINES[5]] * (len(labels) - 1))
    ends = known
    if low is not None and high is not None:
        axes.hlines(range(len(labels)), _array(low), _array(high), color=style.INK, linewidth=1.4)
        ends = np.fmax(known, _array(high))
    longest = max(ends.max(), *(references or {}).values(), 1e-12)
    for row, (value, end) in enumerate(zip(values, ends, strict=True)):
        text = "not run" if value is None else f"{value:.2f}"
        axes.text(end + 0.02 * longest, row, text, va="center", fontsize=8.5, bbox=BEHIND)
    axes.set_xlim(0, 1.2 * longest)
    for label, value in (references or {}).items():
        axes.axvline(value, color=style.MUTED, linewidth=1, linestyle=(0, (4, 3)))
        axes.text(value, -0.75, label, ha="center", va="bottom", fontsize=8, color=style.MUTED)
    _rows(axes, labels, axis)
    return figure


class Bar(NamedTuple):
    """One bar: a loss (or a gain, below 0), and the ends of its interval where known."""

    label: str
    loss: float
    low: float | None = None
    high: float | None = None


@style.styled
def loss_bars(bars: Sequence[Bar], axis: str, marked: str | None = None) -> Figure:
    """Losses side by side, with their intervals; the ``marked`` one stands out."""
    figure, axes = style.canvas(0.8 + 0.32 * len(bars))
    for row, bar in enumerate(bars):
        axes.barh(row, bar.loss, height=0.56, color=style.LOSS if bar.label == marked else style.LINES[0])
        if bar.low is not None and bar.high is not None:
            axes.plot([bar.low, bar.high], [row, row], color=style.INK, linewidth=1.1)
    _rows(axes, [bar.label for bar in bars], axis)
    return figure


def _rows(axes: Axes, labels: Sequence[str], axis: str) -> None:
    """A horizontal chart: one label per row, the first on top."""
    axes.set_yticks(range(len(labels)), labels)
    axes.invert_yaxis()
    axes.set_xlabel(axis)
    axes.grid(visible=False, axis="y")
    axes.grid(visible=True, axis="x")
    axes.spines["bottom"].set_visible(False)
    axes.tick_params(axis="x", length=0)


def _references(axes: Axes, references: Mapping[str, float]) -> None:
    """Horizontal lines, each with its own dashes; their names go into the legend, where they cover no data."""
    dashes = [(0, (5, 3)), (0, (1.5, 1.5)), (0, (5, 2, 1.5, 2))]
    for number, (label, value) in enumerate(references.items()):
        axes.axhline(value, color=style.MUTED, linewidth=1.1, linestyle=dashes[number % 3], zorder=1, label=label)


def _array(values: Sequence[float | None]) -> np.ndarray:
    return np.array([np.nan if value is None else value for value in values], dtype=float)
