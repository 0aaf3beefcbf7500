"""Pictures of waveforms: what a circuit's nodes carry, one track above the other. Plain numbers in, a figure out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from matplotlib.figure import Figure

from ohmloom.reports import style

NAMED = 4  # traces of a track that are told apart by name and colour; more share one look
NEAR = 0.6  # a bound is drawn where traces come within this share of it


class Trace(Protocol):
    """What one node carries."""

    @property
    def label(self) -> str: ...
    @property
    def values(self) -> Sequence[float]: ...


class Track(Protocol):
    """Nodes in one pair of axes."""

    @property
    def title(self) -> str: ...
    @property
    def axis(self) -> str: ...
    @property
    def traces(self) -> Sequence[Trace]: ...
    @property
    def bounds(self) -> Sequence[float]: ...
    @property
    def held(self) -> bool: ...


@style.styled
def waveforms(times: Sequence[float], time_axis: str, tracks: Sequence[Track]) -> Figure:
    """Tracks one above the other over common times; few traces are named, many are a bundle; bounds are dashed."""
    figure = Figure(figsize=(style.WIDE, 0.6 + 1.25 * len(tracks)), layout="constrained")
    column = figure.subplots(len(tracks), 1, sharex=True, squeeze=False)[:, 0]
    for axes, track in zip(column, tracks, strict=True):
        named = len(track.traces) <= NAMED
        for number, trace in enumerate(track.traces):
            colour = style.LINES[number % len(style.LINES)]
            axes.plot(times, trace.values, color=colour, label=trace.label, linewidth=1.4 if named else 0.8,
                      alpha=1 if named else 0.75, drawstyle="steps-post" if track.held else "default")  # fmt: skip
        largest = max(abs(value) for trace in track.traces for value in trace.values)
        for bound in track.bounds:
            if largest >= NEAR * abs(bound):
                axes.axhline(bound, color=style.MUTED, linewidth=0.9, linestyle=(0, (4, 3)))
        axes.set_title(track.title, loc="left", fontsize=9, pad=4)
        axes.set_ylabel(track.axis)
        if named and len(track.traces) > 1:
            axes.legend(loc="lower right", bbox_to_anchor=(1, 1.0), ncols=NAMED, borderaxespad=0.1, columnspacing=1.4)
    column[-1].set_xlabel(time_axis)
    column[-1].set_xlim(times[0], times[-1])
    figure.align_ylabels(list(column))
    return figure
