"""Pictures of measured cells beside the device fitted to them. Plain numbers in, a matplotlib figure out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ohmloom.reports import style

Numbers = NDArray[np.float64]
MICRO = 1e6
DOTS = 2000  # drawn at most: more make a page heavy and show nothing new
BINS = 48
KOLMOGOROV = 1.36  # over sqrt(cells): the distance that 5 % of true predictions exceed


@style.styled
def conductance_histogram(groups: Mapping[str, Numbers], marks: Mapping[str, float]) -> Figure:
    """How many cells hold which conductance (S), by group; ``marks`` are vertical lines."""
    figure, axes = style.canvas(2.9)
    everything = np.concatenate(list(groups.values())) * MICRO
    wide = everything.min() > 0 and everything.max() > 100 * everything.min()
    ends = everything.min(), everything.max()
    edges = np.geomspace(*ends, BINS + 1) if wide else np.linspace(*ends, BINS + 1)
    for (label, values), colour in zip(groups.items(), style.LINES, strict=False):
        counts, _ = np.histogram(values * MICRO, edges)
        axes.stairs(counts, edges, fill=True, alpha=0.45, color=colour, label=label)
        axes.stairs(counts, edges, color=colour, linewidth=1.1)
    if wide:
        axes.set_xscale("log")
    _marks(axes, {label: place * MICRO for label, place in marks.items()})
    axes.set_xlabel("conductance, µS")
    axes.set_ylabel("number")
    if len(groups) > 1:
        style.legend_above(axes)
    return figure


@style.styled
def reached_against_target(target: Numbers, level: Numbers, knots: Numbers, means: Numbers, spreads: Numbers) -> Figure:
    """The error of each cell against its target (S), with the fitted mean and a band of twice the fitted spread."""
    figure, axes = style.canvas(2.9)
    shown = _some(len(target))
    error = (level - target) * MICRO
    axes.plot(target[shown] * MICRO, error[shown], ".", color=style.LINES[5], markersize=3.5, alpha=0.6)
    line = np.linspace(target.min(), target.max(), 200)
    offset = np.interp(line, knots, means - knots) * MICRO
    width = np.interp(line, knots, spreads) * MICRO
    axes.plot(line * MICRO, offset, color=style.LINES[0], label="fitted mean")
    axes.fill_between(line * MICRO, offset - 2 * width, offset + 2 * width, color=style.LINES[0], alpha=0.16, lw=0,
                      label="± 2 fitted deviations")  # fmt: skip
    axes.set_xlabel("target, µS")
    axes.set_ylabel("reached less target, µS")
    style.legend_above(axes)
    return figure


@style.styled
def quantile_plot(places: Mapping[str, Numbers]) -> Figure:
    """Where held-out cells lie in their predicted distribution: on the diagonal if the prediction is right.

    The band is that of the test of Kolmogorov and Smirnov at 5 % for the shortest list.
    """
    figure, axes = style.canvas(3.4)
    band = KOLMOGOROV / math.sqrt(min(len(values) for values in places.values()))
    axes.fill_between([0, 1], [-band, 1 - band], [band, 1 + band], color=style.RULE, alpha=0.6, lw=0)
    axes.plot([0, 1], [0, 1], color=style.MUTED, linewidth=1)
    for label, values in places.items():
        share = (np.arange(len(values)) + 0.5) / len(values)
        axes.plot(share, values, drawstyle="steps-mid", linewidth=1.5, label=f"{label} ({len(values):,})")
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.set_xlabel("expected share of cells below")
    axes.set_ylabel("predicted share below")
    style.legend_above(axes, columns=1)
    return figure


@style.styled
def noise_against_conductance(g: Numbers, deviation: Numbers, line: Numbers, fitted: Numbers) -> Figure:
    """The deviation of neighbouring reads of each burst against its conductance, and the fitted one; S."""
    figure, axes = style.canvas(2.9)
    shown = _some(len(g))
    axes.plot(g[shown] * MICRO, deviation[shown] * MICRO, ".", color=style.LINES[5], markersize=3.5, alpha=0.6,
              label="each burst of reads")  # fmt: skip
    axes.plot(line * MICRO, fitted * MICRO, color=style.LINES[0], label="fitted")
    axes.set_xlabel("conductance, µS")
    axes.set_ylabel("noise of a read, µS")
    axes.set_ylim(0, 1.15 * max(float(np.quantile(deviation, 0.99)), float(fitted.max())) * MICRO)
    style.legend_above(axes)
    return figure


@style.styled
def noise_against_time(lags: Numbers, measured: Numbers, fitted: Numbers) -> Figure:
    """The rms difference of reads (over the square root of two) against the time between them; s, S."""
    figure, axes = style.canvas(2.9)
    axes.plot(lags, measured * MICRO, "o", color=style.LINES[1], label="measured, all cells")
    axes.plot(lags, fitted * MICRO, color=style.LINES[0], label="fitted: white and 1/f")
    axes.set_xscale("log")
    axes.set_ylim(0, 1.15 * max(float(measured.max()), float(fitted.max())) * MICRO)
    axes.set_xlabel("time between two reads, s")
    axes.set_ylabel("difference / √2, µS")
    style.legend_above(axes)
    return figure


@style.styled
def change_over_time(
    times: Numbers, mean: Numbers, deviation: Numbers, fitted_mean: Numbers, fitted_deviation: Numbers
) -> Figure:
    """The relative change since the first reads: measured mean ± deviation, and the fitted ones; s."""
    figure, axes = style.canvas(2.9)
    axes.errorbar(times, 100 * mean, 100 * deviation, fmt="o", color=style.LINES[1], label="measured ± deviation")
    low, high = 100 * (fitted_mean - fitted_deviation), 100 * (fitted_mean + fitted_deviation)
    axes.plot(times, 100 * fitted_mean, color=style.LINES[0], label="fitted")
    axes.fill_between(times, low, high, color=style.LINES[0], alpha=0.16, lw=0)
    axes.set_xscale("log")
    axes.set_xlabel("time since programming, s")
    axes.set_ylabel("change, %")
    style.legend_above(axes)
    return figure


@style.styled
def current_voltage(curves: Sequence[tuple[Numbers, Numbers, float]], scale: float | None) -> Figure:
    """Measured branches (V, A) and the fitted law through them; ``scale``: v0 of the sinh in V, None if ohmic."""
    figure, axes = style.canvas(2.9)
    for number, ((voltage, current, g), colour) in enumerate(zip(curves, style.LINES, strict=False)):
        line = np.linspace(voltage.min(), voltage.max(), 100)
        law = g * (line if scale is None else scale * np.sinh(line / scale))
        axes.plot(voltage, current, "o", color=colour, markersize=3, label="measured" if number == 0 else None)
        axes.plot(line, law, color=colour, linewidth=1.3, label="fitted" if number == 0 else None)
    axes.set_yscale("log")
    axes.set_xlabel("voltage, V (magnitude)")
    axes.set_ylabel("current, A")
    style.legend_above(axes)
    return figure


@style.styled
def jumping_cells(series: Sequence[tuple[int, Numbers, float, float]], spacing: float) -> Figure:
    """Reads of a few cells that jump, with their two levels; S, spacing in s."""
    figure = Figure(figsize=(style.WIDE, 0.5 + 1.1 * len(series)), layout="constrained")
    panels = np.atleast_1d(figure.subplots(len(series), sharex=True))
    for axes, (cell, reads, low, high) in zip(panels, series, strict=True):
        part = reads[:DOTS]
        axes.plot(spacing * np.arange(len(part)), part * MICRO, color=style.LINES[0], linewidth=0.8)
        for level in (low, high):
            axes.axhline(level * MICRO, color=style.LINES[1], linewidth=1, linestyle=(0, (4, 3)))
        axes.set_title(f"cell {cell}", loc="left", fontsize=8.5, pad=2)
        axes.grid(visible=False)
    panels[-1].set_xlabel("time, s")
    figure.supylabel("conductance, µS", fontsize=9, color=style.MUTED)
    return figure


def _some(count: int) -> NDArray[np.int64]:
    """Evenly spread places of at most `DOTS` entries."""
    return np.unique(np.linspace(0, count - 1, min(count, DOTS)).astype(int))


def _marks(axes: Axes, marks: Mapping[str, float]) -> None:
    for label, place in marks.items():
        axes.axvline(place, color=style.MUTED, linewidth=1.1, linestyle=(0, (4, 3)))
        axes.text(place, 0.97, f" {label}", transform=axes.get_xaxis_transform(), color=style.MUTED, fontsize=8,
                  ha="left", va="top", bbox={"facecolor": style.PAPER, "edgecolor": "none", "pad": 0.6})  # fmt: skip
