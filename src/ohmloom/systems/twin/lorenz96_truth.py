"""The truth: Lorenz96, dx_i/dt = (x_{i+1} - x_{i-2}) x_{i-1} - x_i + F on a ring of n states, and records of it.

Lorenz, "Predictability: a problem partly solved" (1996). With n = 6 and F = 8 it is chaotic.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ohmloom.random import Streams

STATES, FORCE = 6, 8.0
INTERVAL = 0.05  # of the equation's time, between samples
REFINED = 10  # steps of the truth for each sample
SETTLING = 200  # samples from a random start until a course counts as on the attractor


def rate(state: Tensor) -> Tensor:
    """dx/dt of (..., states)."""
    return (state.roll(-1, -1) - state.roll(2, -1)) * state.roll(1, -1) - state + FORCE


def advance(state: Tensor, samples: int = 1) -> Tensor:
    """``samples`` intervals on, by the classical method with `REFINED` steps for each."""
    step = INTERVAL / REFINED
    for _ in range(samples * REFINED):
        first = rate(state)
        second = rate(state + step / 2 * first)
        third = rate(state + step / 2 * second)
        fourth = rate(state + step * third)
        state = state + step / 6 * (first + 2 * second + 2 * third + fourth)
    return state


def courses(count: int, samples: int, streams: Streams) -> Tensor:
    """Courses on the attractor from random starts of their own: (samples + 1, count, states), double precision."""
    generator = streams.generator("starts")
    state = FORCE + torch.randn(count, STATES, generator=generator, dtype=torch.float64)
    kept = [advance(state, SETTLING)]
    for _ in range(samples):
        kept.append(advance(kept[-1]))
    return torch.stack(kept)


class Scale(NamedTuple):
    """The map to the network's numbers: mean zero and deviation one over all states of the training, which are alike.

    The states of a ring have one mean and one deviation by symmetry.
    """

    mean: float
    deviation: float

    @classmethod
    def of(cls, states: Tensor) -> Scale:
        return cls(float(states.mean()), float(states.std()))

    def standard(self, states: Tensor) -> Tensor:
        """States as the network sees them."""
        return (states - self.mean) / self.deviation

    def states(self, standard: Tensor) -> Tensor:
        """What the network's numbers stand for."""
        return standard * self.deviation + self.mean
