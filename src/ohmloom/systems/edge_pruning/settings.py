"""How much the edge-pruning systems train and evaluate, and with which of the published numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from pydantic import Field

from ohmloom.data import Subset
from ohmloom.descriptions import Description

Split = Literal["random", "speaker"]
Kind = Literal["edges", "held", "formed", "shuffled", "weights", "retrained"]


class Recipe(Description):
    """How networks are trained: SGD with a cosine schedule, as in the authors' scripts; weights at a rate of their own.

    ``limits``: the limiter of reprogramming starts at the first and is lowered towards the second in ``limit_steps``,
    each time the validation accuracy is the best so far. ``weights_rate`` is the best of 0.02, 0.05 and 0.1 on
    validation samples of both tasks. ``clip`` bounds the norm of the gradient (0: not at all, as published).
    """

    rate: float = 0.1
    weights_rate: float = 0.05
    weights_optimiser: Literal["sgd", "adam"] = "sgd"
    momentum: float = 0.9
    decay: float = 5e-4
    cosine: bool = True
    batch: int = Field(default=60, ge=2)
    clip: float = Field(default=5.0, ge=0)
    kept: float = 0.5
    limits: tuple[float, float] = (0.01, 0.007)
    limit_steps: int = 15


SPOKEN = Recipe(
    batch=30, limits=(0.009, 0.007), limit_steps=10
)  # of the authors' software run; their hardware run has neither momentum nor decay nor schedule


class EdgeSettings(Description):
    """Sizes of a run."""

    subset: Subset = "full"
    split: Split = "random"  # of recordings; images have their own
    speaker: str = "theo"  # who is held out where the split is by speaker
    features: Literal["mfcc", "log-mel"] = "log-mel"  # of recordings; better on validation clips
    speakers: tuple[str, ...] = ()  # each held out in turn, beside the split above
    speaker_epochs: int = 30
    training_samples: int = Field(default=55_000, ge=100)
    validation_samples: int = Field(default=5_000, ge=50)
    epochs: int = Field(default=8, ge=1)
    control_epochs: int = 2  # with shuffled labels, and of training on after the edges moved to another die
    recipe: Recipe = Recipe()
    limit_factors: tuple[float, ...] = (1.0, 2.0)  # times the recipe's limits; each is trained
    errors: tuple[float, ...] = (0.0, 0.02, 0.05, 0.1, 0.15)  # of programming, relative to a layer's largest weight
    trained_errors: tuple[float, ...] = (0.02, 0.05, 0.1)  # with which weights are trained as well
    read_noises: tuple[float, ...] = (0.0, 0.05, 0.1, 0.2, 0.4)  # relative to each weight, fresh in each batch
    draws: int = Field(default=5, ge=1)  # of programming errors and of read noise
    dies: int = Field(default=5, ge=1)  # to which the learned edges are moved
    test_samples: int = 10_000
    few_samples: int = 2_000  # of read noise, other dies and controls


VESSELS = Recipe(batch=64, weights_rate=1e-3, weights_optimiser="adam")  # weights: Adam, as published


class DriveSettings(Description):
    """Sizes of a run on photographs of the retina. ``cell_images``, ``cell_side``: how many, and how large a square in
    the middle of each, the cells compute; the cells take some hundred times as long as software does.
    """

    real: bool = True  # else trees drawn by a procedure
    width: int = Field(default=8, ge=2)  # channels on the first level; published 32
    patch: int = Field(default=48, ge=16)  # pixels a side; published 64
    patches: int = Field(default=2_500, ge=32)  # in training; published 5,000
    held_out: int = Field(default=4, ge=1)  # training images for validation
    epochs: int = Field(default=8, ge=1)
    control_epochs: int = Field(default=3, ge=1)
    recipe: Recipe = VESSELS
    tile: int = Field(default=96, ge=16)  # of a photograph that is looked through
    stride: int = Field(default=80, ge=1)  # from tile to tile; published 16
    errors: tuple[float, ...] = (0.0, 0.02, 0.05, 0.1)
    trained_errors: tuple[float, ...] = (0.02, 0.05, 0.1)
    read_noises: tuple[float, ...] = (0.0, 0.05, 0.1, 0.2)
    draws: int = Field(default=5, ge=1)
    dies: int = Field(default=5, ge=1)
    few_images: int = Field(default=4, ge=1)  # of noises
    cell_images: int = Field(default=2, ge=1)
    cell_side: int = Field(default=144, ge=16)
    shown: int = Field(default=2, ge=1)  # pictures


class Wanted(NamedTuple):
    """One network of a run: what is trained, from which seed, with which programming error in each forward."""

    seed: int
    kind: Kind
    error: float = 0.0
    speaker: str = ""  # held out
    factor: float = 1.0  # of the limits that hold flips back

    @property
    def file(self) -> str:
        """Its name in the run's folder."""
        without = f"-without-{self.speaker}" * bool(self.speaker)
        limits = f"-{self.factor:g}-times" * (self.kind == "held")
        return f"seed-{self.seed}-{self.kind}-{self.error:g}{limits}{without}.safetensors"

    def settings(self, settings: EdgeSettings) -> EdgeSettings:
        """The settings that this network is trained with."""
        if not self.speaker:
            return settings
        return settings.replace(split="speaker", speaker=self.speaker, epochs=settings.speaker_epochs)


def wanted(settings: EdgeSettings, seeds: Sequence[int]) -> list[Wanted]:
    """All networks of a run but those that need another one; long trainings first.

    Edges, weights, and weights trained with the error are those of all seeds, everything else is of the first.
    """
    kinds: tuple[Kind, ...] = ("edges", "weights")
    main = [Wanted(seed, kind) for kind in kinds for seed in seeds]
    held = [Wanted(seeds[0], "held", factor=factor) for factor in settings.limit_factors]
    noisy = [Wanted(seed, "weights", error) for error in settings.trained_errors for seed in seeds]
    apart = [Wanted(seeds[0], kind, speaker=name) for name in settings.speakers for kind in kinds]
    return [*main, Wanted(seeds[0], "formed"), *held, *noisy, *apart, Wanted(seeds[0], "shuffled")]
