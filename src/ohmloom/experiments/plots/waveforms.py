"""Plots as data: what a circuit's nodes carry over time, as on the screen of an oscilloscope."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from ohmloom.descriptions import Description
from ohmloom.experiments.plots.base import Numbers, Plot, check_length


class Trace(Description):
    """What one node carries, at the common times."""

    label: str
    values: Numbers


class Track(Description):
    """Nodes in one pair of axes; ``bounds`` are what they cannot exceed; ``held``: a value stays until the next."""

    title: str
    axis: str
    traces: Annotated[tuple[Trace, ...], Field(min_length=1)]
    bounds: tuple[float, ...] = ()
    held: bool = False


class Waveforms(Plot):
    """Tracks one above the other over the same times."""

    kind: Literal["waveforms"] = "waveforms"
    times: Numbers
    time_axis: str
    tracks: Annotated[tuple[Track, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _one_value_per_time(self) -> Self:
        for track in self.tracks:
            for trace in track.traces:
                check_length(f"trace '{trace.label}' of '{track.title}'", trace.values, len(self.times), "times")
        return self
