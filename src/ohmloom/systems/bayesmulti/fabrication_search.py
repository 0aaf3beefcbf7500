"""The fabrication loop: recipe after recipe, each proposed from all before; and chance and a grid beside it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from math import prod
from typing import Any, NamedTuple

import numpy as np
from torch import Tensor

from ohmloom.codesign.noise_injection import search_rates
from ohmloom.experiments.search import Variable, propose, values
from ohmloom.experiments.search.proposals import Method
from ohmloom.random import Streams
from ohmloom.systems.bayesmulti.recipes import MATERIALS, Recipe, variables
from ohmloom.systems.bayesmulti.surfaces import Surface

REACHED = 0.95  # of the optimum


class Loop(NamedTuple):
    """What one search measured, and what its recipes are worth without the noise of measuring."""

    measured: list[float]
    worth: list[float]

    @property
    def course(self) -> list[float]:
        """The worth of the recipe with the best measurement so far: what an engineer would make."""
        best = [int(np.argmax(self.measured[: i + 1])) for i in range(len(self.measured))]
        return [self.worth[i] for i in best]


class _Bench:
    """Makes and measures devices; the same noise for the same number of the device in every loop of a seed."""

    def __init__(self, surface: Surface, seed: int) -> None:
        self.surface, self.loop = surface, Loop([], [])
        self._chance = np.random.default_rng(Streams(seed).child("fabrication").key("measuring"))

    def measure(self, recipe: Recipe) -> float:
        worth = self.surface.of(recipe)
        self.loop.worth.append(worth)
        self.loop.measured.append(worth + self.surface.noise * float(self._chance.standard_normal()))
        return self.loop.measured[-1]


def search(
    surface: Surface, method: Method, seed: int, *, evaluations: int, initial: int, materials: Sequence[str] = MATERIALS
) -> Loop:
    """One loop on ``surface``; ``materials`` in the order in which the search sees them."""
    bench, varied = _Bench(surface, seed), variables(materials)

    def measure(point: Sequence[float]) -> float:
        return bench.measure(Recipe(**values(varied, point)))

    def proposer(points: Tensor, found: Tensor, index: int) -> Tensor:
        return propose(points, found, index=index, seed=seed, method=method, initial=initial)

    search_rates(measure, [(0.0, 1.0)] * len(varied), proposer, evaluations=evaluations)
    return bench.loop


def grid(surface: Surface, seed: int, budget: int) -> Loop:
    """The finest full grid of at most ``budget`` recipes: one more step for one variable after the other."""
    bench, steps = _Bench(surface, seed), grid_steps(variables(), budget)
    ranges = [one.replace(steps=count).grid() for one, count in zip(variables(), steps, strict=True)]
    for numbers in product(*ranges):
        bench.measure(Recipe(*numbers))
    return bench.loop


def grid_steps(varied: Sequence[Variable], budget: int) -> list[int]:
    """How many values each variable takes; choices take all of theirs."""
    steps = [len(one.choices) or 1 for one in varied]
    grown = True
    while grown:
        grown = False
        for i, one in enumerate(varied):
            if not one.choices and prod(steps) // steps[i] * (steps[i] + 1) <= budget:
                steps[i], grown = steps[i] + 1, True
    return steps


def reached_after(course: Sequence[float], optimum: float) -> int:
    """After how many evaluations `REACHED` of the optimum is held; one more than there were if never.

    >>> reached_after([0.2, 0.96, 0.96], 1.0), reached_after([0.2, 0.3], 1.0)
    (2, 3)
    """
    return next((i + 1 for i, worth in enumerate(course) if worth >= REACHED * optimum), len(course) + 1)


def loop_of(kept: Any) -> Loop:
    """A loop that an arm has kept."""
    return Loop(*kept)
