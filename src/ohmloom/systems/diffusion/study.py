"""One run of `diffusion-ring`: its networks, its data, its random streams, and the ways it generates points."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ohmloom.codesign.diffusion import Score, ScoreNetwork, VariancePreserving, histogram_divergence, radii, sample
from ohmloom.devices import Device
from ohmloom.experiments import Context, Figure
from ohmloom.random import Streams
from ohmloom.systems.diffusion.loops import analogue_sampler
from ohmloom.systems.diffusion.settings import SAMPLERS, Kind, RingSettings, Wanted
from ohmloom.systems.diffusion.training import ring_data

MEASURES = ("KL(data || generated)", "KL(generated || data)", "radius", "spread", "within the band, %")


class Study:
    """One run: its networks, its data to compare with, and its random streams."""

    def __init__(self, context: Context[RingSettings], networks: dict[Wanted, ScoreNetwork]) -> None:
        self.context, self.settings, self.findings = context, context.settings, context.findings
        self.networks, self.schedule = networks, VariancePreserving()
        self.streams = Streams(context.seed).child("diffusion")
        self.data = ring_data(self.settings.samples, context.seed, "test data")

    def network(self, kind: Kind = "noisy", seed: int | None = None) -> ScoreNetwork:
        """A trained network; by default that of the first seed."""
        return self.networks[Wanted(self.context.seed if seed is None else seed, kind)]

    def arm(self, name: str, compute: Callable[[], Any]) -> Any:
        """What is computed once per run folder."""
        words = "/".join("-".join(re.findall(r"[a-z0-9.]+", part.lower())) for part in name.split("/"))
        return self.findings.arm(words, compute)

    def figure(self, name: str, values: list[float], unit: str = "", over: str = "seeds") -> Figure:
        """Record the mean of ``values``."""
        return self.findings.figure(Figure.over(name, values, unit, over))  # type: ignore[arg-type]

    def start(self, samples: int, purpose: str = "start") -> Tensor:
        """N(0, 1): (samples, 2)."""
        return torch.randn(samples, 2, generator=self.streams.generator(purpose))

    def measures(self, points: Tensor) -> list[float]:
        """`MEASURES` of generated points against fresh data."""
        return [*histogram_divergence(self.data, points), *radii(points)]

    def digital(self, score: Score, sampler: str, seed: int) -> Tensor:
        """Points that a digital solver generates."""
        reverse, generator = SAMPLERS[sampler], Streams(seed).child("digital", sampler).generator("noise")
        training = ring_data(self.settings.data, seed)
        start = reverse.starts(self.settings.samples, 2, generator, self.schedule, training)
        return sample(score, self.schedule, reverse, start, steps=self.settings.steps, generator=generator)

    def on_cells(
        self, kind: Kind, sampler: str, device: Device, name: str, dies: int, seed: int | None = None
    ) -> list[list[float]]:
        """`MEASURES` of what each die's loop generates."""
        streams = self.streams.child(name)
        analogue = analogue_sampler(
            self.network(kind, seed), device, SAMPLERS[sampler], self.settings.loop, streams, dies=dies
        )
        points = analogue.run(self.start(self.settings.samples), streams.generator("noise")).points[-1]
        return [self.measures(of_die) for of_die in points]


def mean(values: list[float]) -> float:
    """Of at least one value."""
    return sum(values) / len(values)
