"""One run of `diffusion-ring`: its data to compare with, and what is found of generated points."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from ohmloom.codesign.diffusion import Score, ScoreNetwork, histogram_divergence, radii, sample
from ohmloom.experiments import Context
from ohmloom.random import Streams
from ohmloom.systems.diffusion.loops import AnalogueSampler
from ohmloom.systems.diffusion.settings import SAMPLERS, RingSettings, Wanted
from ohmloom.systems.diffusion.study import Study
from ohmloom.systems.diffusion.training import ring_data


class RingStudy(Study[RingSettings]):
    """Points of the ring, generated and drawn."""

    samplers = SAMPLERS
    measures = ("KL(data || generated)", "KL(generated || data)", "radius", "spread", "within the band, %")

    def __init__(self, context: Context[RingSettings], networks: Mapping[Wanted, ScoreNetwork]) -> None:
        super().__init__(context, networks)
        self.data = ring_data(self.settings.samples, context.seed, "test data")

    def start(self, samples: int, purpose: str = "start") -> Tensor:
        """N(0, 1): (samples, 2)."""
        return torch.randn(samples, 2, generator=self.streams.generator(purpose))

    def generated(self, analogue: AnalogueSampler, generator: torch.Generator, samples: int | None = None) -> Tensor:
        """(dies, samples, 2)."""
        return analogue.run(self.start(samples or self.settings.samples), generator).points[-1]

    def measured(self, points: Tensor, seed: int) -> list[float]:
        """Against fresh data."""
        return [*histogram_divergence(self.data, points), *radii(points)]

    def digital(self, score: Score, sampler: str, seed: int) -> Tensor:
        """Points that a digital solver generates."""
        reverse, generator = SAMPLERS[sampler], Streams(seed).child("digital", sampler).generator("noise")
        training = ring_data(self.settings.data, seed)
        start = reverse.starts(self.settings.samples, 2, generator, self.schedule, training)
        return sample(score, self.schedule, reverse, start, steps=self.settings.steps, generator=generator)
