"""Pictures of the chip: its floor plan, its conductances, its programming, its cost. Plain numbers in, figures out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from ohmloom.experiments.figures import say
from ohmloom.reports import style


class Placed(Protocol):
    """A row of a placement table: which cells of which core a (part of a) layer takes; stops are exclusive."""

    @property
    def core(self) -> int: ...
    @property
    def row_start(self) -> int: ...
    @property
    def row_stop(self) -> int: ...
    @property
    def column_start(self) -> int: ...
    @property
    def column_stop(self) -> int: ...
    @property
    def layer(self) -> str: ...


@style.styled
def floor_plan(cores: int, core_rows: int, core_columns: int, rectangles: Sequence[Placed]) -> Figure:
    """The cores as a grid with one rectangle per placed part, coloured by layer; row 0 is on top."""
    layers = list(dict.fromkeys(r.layer for r in rectangles))
    columns = _grid_columns(cores, core_columns / core_rows)
    rows = math.ceil(cores / columns)
    gap = 0.14 * core_columns, 0.24 * core_rows  # between cores; the upper one holds the core's number
    pitch_x, pitch_y = core_columns + gap[0], core_rows + gap[1]
    plan = style.WIDE * rows * pitch_y / (columns * pitch_x)  # inches
    legend = 0.1 + 0.2 * math.ceil(len(layers) / 4)
    figure = Figure(figsize=(style.WIDE, plan + legend))
    axes = figure.add_axes((0.003, legend / (plan + legend), 0.994, plan / (plan + legend)))
    for core in range(cores):
        x, y = core % columns * pitch_x, core // columns * pitch_y
        edge = style.MUTED if core in {r.core for r in rectangles} else style.RULE
        axes.add_patch(Rectangle((x, y), core_columns, core_rows, fill=False, edgecolor=edge, lw=0.9, zorder=3))
        axes.text(x, y - 0.04 * core_rows, str(core), fontsize=7, color=style.MUTED, va="bottom")
    for r in rectangles:
        x, y = r.core % columns * pitch_x + r.column_start, r.core // columns * pitch_y + r.row_start
        size = r.column_stop - r.column_start, r.row_stop - r.row_start
        axes.add_patch(Rectangle((x, y), *size, **_fill(layers.index(r.layer))))
    cells = {name: sum(_cells(r) for r in rectangles if r.layer == name) for name in layers}
    patches = [Patch(label=f"{name} ({cells[name]:,} cells)", **_fill(i)) for i, name in enumerate(layers)]
    if patches:
        figure.legend(handles=patches, loc="lower left", bbox_to_anchor=(0, 0), ncols=4, fontsize=8.5)
    axes.set_xlim(0, columns * pitch_x - gap[0])
    axes.set_ylim(rows * pitch_y - gap[1], -gap[1])
    axes.axis("off")
    return figure


class Mapped(Protocol):
    """One map of an array."""

    @property
    def title(self) -> str: ...
    @property
    def values(self) -> Sequence[Sequence[float | None]]: ...


@style.styled
def array_maps(panels: Sequence[Mapped]) -> Figure:
    """Maps of one array side by side; rows are driven from the left, columns sensed at the bottom."""
    figure = Figure(figsize=(style.WIDE, 0.6 + style.WIDE / max(len(panels), 2) * 0.8), layout="constrained")
    for axes, panel in zip(np.atleast_1d(figure.subplots(1, len(panels))), panels, strict=True):
        values = np.array([[np.nan if v is None else v for v in row] for row in panel.values], dtype=float)
        image = axes.imshow(values, cmap=style.SEQUENCE, interpolation="nearest")
        axes.set_title(panel.title, loc="left", fontsize=9, pad=4)
        axes.grid(visible=False)
        axes.set_xticks([])
        axes.set_yticks([])
        axes.set_xlabel("columns, sensed below")
        axes.set_ylabel("rows, driven from the left")
        bar = figure.colorbar(image, ax=axes, pad=0.02, aspect=26)
        bar.outline.set_visible(False)  # type: ignore[operator]
    return figure


@style.styled
def level_histograms(
    ages: Sequence[str],
    levels: Sequence[float],
    edges: Sequence[float],
    counts: Sequence[Sequence[Sequence[float]]],
) -> Figure:
    """One panel per age with the conductances (in siemens) of the cells written to each level; a line per target.

    Each panel has its own scale: right after programming the peaks are many times higher than a day later.
    """
    figure = Figure(figsize=(style.WIDE, 0.75 + 1.15 * len(ages)), layout="constrained")
    panels = np.atleast_1d(figure.subplots(len(ages), sharex=True))
    colours = matplotlib.colormaps["viridis"](np.linspace(0.2, 0.95, len(levels)))
    micro = 1e6 * np.asarray(edges)
    for panel, age, by_level in zip(panels, ages, counts, strict=True):
        for level, histogram, colour in zip(levels, by_level, colours, strict=True):
            share = 100 * np.asarray(histogram, dtype=float) / max(sum(histogram), 1e-300)
            panel.axvline(1e6 * level, color=style.MUTED, linewidth=0.7, linestyle=(0, (2, 2)), zorder=1)
            first, last = _extent(share)
            bars, ends = share[first:last], micro[first : last + 1]
            panel.stairs(bars, ends, fill=True, color=colour, alpha=0.5, zorder=2)
            panel.stairs(bars, ends, color=colour, linewidth=1.1, zorder=3)
        panel.set_title(age, loc="left", fontsize=9, pad=3)
        panel.set_ylim(bottom=0)
    panels[-1].set_xlabel("conductance, µS; dashed: what was to be written")
    figure.supylabel("share of the level's cells, %", fontsize=9, color=style.MUTED)
    return figure


@style.styled
def pulse_histogram(counts: Sequence[float], references: Mapping[str, float] | None = None) -> Figure:
    """How many cells took 0, 1, 2, … pulses; ``references`` are marked, such as our mean and the published one."""
    figure, axes = style.canvas(2.7)
    total = max(sum(counts), 1e-300)
    axes.bar(range(len(counts)), [100 * count / total for count in counts], width=0.86, color=style.LINES[5])
    for number, (label, value) in enumerate((references or {}).items()):
        colour = style.LINES[number % 2]
        axes.axvline(value, color=colour, linewidth=1.4, linestyle="-" if number == 0 else (0, (4, 3)), label=label)
    axes.set_xlabel("programming pulses per cell")
    axes.set_ylabel("share of cells, %")
    if references:
        axes.legend(loc="upper right")
    return figure


@style.styled
def cost_bars(labels: Sequence[str], values: Sequence[float], unit: str = "J") -> Figure:
    """The parts of a cost in the given order, each with its share of the sum."""
    figure, axes = style.canvas(0.55 + 0.3 * len(labels))
    total = math.fsum(values) or 1.0
    largest = max(values) or 1.0
    axes.barh(range(len(labels)), values, height=0.6, color=style.LINES[0])
    for row, value in enumerate(values):
        text = f"{say(value, unit)} · {100 * value / total:.1f} %"
        axes.text(value + 0.015 * largest, row, text, va="center", fontsize=8.5)
    axes.set_yticks(range(len(labels)), labels)
    axes.invert_yaxis()
    axes.set_xlim(0, 1.45 * largest)
    axes.xaxis.set_visible(False)
    axes.grid(visible=False)
    axes.spines["bottom"].set_visible(False)
    return figure


def _grid_columns(cores: int, aspect: float, wanted: float = 2.8) -> int:
    """The number of core columns that leaves few places empty and is about ``wanted`` times as wide as high."""

    def badness(columns: int) -> float:
        rows = math.ceil(cores / columns)
        return abs(math.log(columns / rows / aspect / wanted)) + 2 * (rows * columns - cores) / cores

    return min(range(1, cores + 1), key=badness)


def _extent(share: np.ndarray) -> tuple[int, int]:
    """The first bin that is not empty, and one past the last (at least one bin)."""
    full = np.flatnonzero(share)
    return (int(full[0]), int(full[-1]) + 1) if len(full) else (0, 1)


def _fill(index: int) -> dict[str, Any]:
    """The look of the layer with this index: nine colours, then the same ones hatched."""
    hatch = ("", "///", "...", "xxx")[index // len(style.AREAS) % 4]
    return {
        "facecolor": style.AREAS[index % len(style.AREAS)],
        "edgecolor": style.PAPER,
        "linewidth": 0.5,
        "hatch": hatch,
    }


def _cells(r: Placed) -> int:
    return (r.row_stop - r.row_start) * (r.column_stop - r.column_start)
