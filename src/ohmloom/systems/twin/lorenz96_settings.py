"""Sizes of a run of `twin-lorenz96`, and what its networks are trained on."""

from __future__ import annotations

from pydantic import Field
from torch import Tensor

from ohmloom.codesign.neural_ode import Records, sampled
from ohmloom.random import Streams
from ohmloom.systems.twin import lorenz96_truth as truth
from ohmloom.systems.twin.networks import Lesson, Task
from ohmloom.systems.twin.settings import TwinSettings

UNIT = 0.25  # of the equation's time in one of the network's: standardised states move by some 4 per unit of the former


class LorenzSettings(TwinSettings):
    """Sizes of a run."""

    records: int = Field(default=200, ge=1)  # of training, each from a start of its own
    length: int = Field(default=50, ge=1)  # samples of each
    starts: int = Field(default=50, ge=20)  # of tests, each of its own
    horizon: int = Field(default=240, ge=20)  # samples of a test
    span: int = Field(default=2000, ge=100)  # samples of a long run
    runs: int = Field(default=20, ge=2)  # long runs
    rounds: int = Field(default=400, ge=10)  # of the measurement of Lyapunov exponents, of five samples each


def training(settings: LorenzSettings, seed: int, samples: int | None = None) -> Tensor:
    """The training records, in the equation's numbers, and how they go on if more ``samples`` are asked for.

    (samples + 1, records, states).
    """
    return truth.courses(settings.records, samples or settings.length, Streams(seed).child("lorenz96", "training"))


def lesson(settings: LorenzSettings, seed: int, model: str) -> Lesson:
    """Records from many starts, standardised; the same for every model."""
    states = training(settings, seed)
    standard = truth.Scale.of(states).standard(states).float()
    return Lesson(Records(standard, sampled(standard[..., :0])), TASK.step)


TASK = Task(states=truth.STATES, inputs=0, hidden=(64, 64), step=truth.INTERVAL / UNIT, lesson=lesson)
