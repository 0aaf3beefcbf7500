"""One run of `diffusion-letters`: its images, the autoencoders and the judge, and what is found of generated points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from ohmloom.codesign.diffusion import ImageAutoencoder, Score, ScoreNetwork, histogram_divergence, sample
from ohmloom.experiments import Context
from ohmloom.random import Streams
from ohmloom.systems.diffusion.letters_data import SCALE, Corpus, Prepared, latents
from ohmloom.systems.diffusion.letters_training import Judge
from ohmloom.systems.diffusion.loops import AnalogueSampler
from ohmloom.systems.diffusion.settings import LETTER_SAMPLERS, LetterSettings, Wanted
from ohmloom.systems.diffusion.study import Study, mean

BINS = 16  # a side, of the divergences: few, as there are few points in each class


class LetterStudy(Study[LetterSettings]):
    """Latent points of three classes, generated and encoded, and the images that they decode to."""

    samplers = LETTER_SAMPLERS
    measures = ("class accuracy, %", "KL(data || generated)", "KL(generated || data)", "spread over the data's")

    def __init__(
        self, context: Context[LetterSettings], networks: Mapping[Wanted, ScoreNetwork], corpus: Corpus,
        images: Prepared, coders: Mapping[int, ImageAutoencoder], judge: Judge,
    ) -> None:  # fmt: skip
        super().__init__(context, networks)
        self.corpus, self.images, self.coders, self.judge = corpus, images, coders, judge
        self.classes = len(corpus.labels)
        self._data = {seed: self._encoded(seed, "test latents") for seed in coders}

    def data(self, seed: int) -> list[Tensor]:
        """Latents of the test images of each class: (images, 2)."""
        return self._data[seed]

    def fresh(self, seed: int) -> list[Tensor]:
        """Another draw of the same latents' codes."""
        return self._encoded(seed, "other test latents")

    def start(self, samples: int, purpose: str = "start") -> Tensor:
        """N(0, 1): (classes, samples, 2)."""
        return torch.randn(self.classes, samples, 2, generator=self.streams.generator(purpose))

    def generated(self, analogue: AnalogueSampler, generator: torch.Generator) -> Tensor:
        """(dies, classes, samples, 2): one run for each class, on the same cells."""
        start = self.start(self.settings.samples)
        ends = [analogue.of_class(label).run(begin, generator).points[-1] for label, begin in enumerate(start)]
        return torch.stack(ends, 1)

    def measured(self, points: Tensor | Sequence[Tensor], seed: int) -> list[float]:
        """Of points (classes, samples, 2): how often their image shows what was asked for, and how they lie."""
        pairs = list(zip(self.data(seed), points, strict=True))
        divergences = [histogram_divergence(data, made, bins=BINS) for data, made in pairs]
        wide = [float((made.var(0).sum() / data.var(0).sum()).sqrt()) for data, made in pairs]
        accuracy = self.accuracy(points, seed)
        return [accuracy, *(mean(list(column)) for column in zip(*divergences, strict=True)), mean(wide)]

    def decoded(self, points: Tensor, seed: int) -> Tensor:
        """Images of points (..., 2): (..., 12, 12)."""
        images = self.coders[seed].decode(SCALE * points.flatten(0, -2))
        return images.view(*points.shape[:-1], *images.shape[-2:])

    def answers(self, points: Tensor, seed: int) -> Tensor:
        """The class that the judge sees in the image of each point: (...)."""
        images = self.decoded(points, seed)
        return self.judge(images.flatten(0, -3).unsqueeze(1)).argmax(-1).view(points.shape[:-1])

    def accuracy(self, points: Tensor | Sequence[Tensor], seed: int, shift: int = 0) -> float:
        """How often (%) the judge sees the class that was asked for in points (classes, samples, 2), or with a
        ``shift`` the one so much further."""
        right = [self.answers(made, seed) == (label + shift) % self.classes for label, made in enumerate(points)]
        return 100 * float(torch.cat(right).double().mean())

    def digital(self, scores: list[Score], sampler: str) -> Tensor:
        """Points that a digital solver generates with the score of each class: (classes, samples, 2)."""
        reverse, generator = self.samplers[sampler], self.streams.child("digital", sampler).generator("noise")
        start, steps = self.start(self.settings.samples), self.settings.steps
        return torch.stack([sample(score, self.schedule, reverse, begin, steps=steps, generator=generator)
                            for score, begin in zip(scores, start, strict=True)])  # fmt: skip

    def _encoded(self, seed: int, purpose: str) -> list[Tensor]:
        points = latents(self.coders[seed], self.images.test_images, Streams(seed).child("letters").generator(purpose))
        return [points[self.images.test_labels == label] for label in range(self.classes)]
