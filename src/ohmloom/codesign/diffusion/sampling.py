"""Reverse processes and their digital solvers: the reference that an analogue loop is held against."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from ohmloom.codesign.diffusion.distributions import Distribution
from ohmloom.codesign.diffusion.schedule import VariancePreserving
from ohmloom.descriptions import Description
from ohmloom.errors import ConfigurationError, NotFiniteError, message

Score = Callable[[Tensor, Tensor], Tensor]  # of points (..., points, states) and one time ()


class Reverse(Description):
    """dx = [β x / 2 + a β s(x, t)] dτ + λ sqrt(β) dw, τ = 1 - t, which for a = (1 + λ²)/2 undoes the diffusion.

    ``stochastic`` is λ: 0 is the probability-flow equation, 1 the reverse stochastic one, and any other number of 0
    to 1 is as right. ``share`` is a (absent: the exact one); the released firmware multiplies by a = 1 whether its
    noise is on or not. ``rate_factor`` multiplies β: with the released schedule that starts from N(0, 1) it is 2 (1.5
    for letters), which is inexact but makes up for a diffusion that stops too early. ``start``: N(0, 1), or what the
    schedule diffused the data to (``marginal``).
    """

    stochastic: float = Field(default=0.0, ge=0, le=1)
    share: float | None = Field(default=None, ge=0)
    rate_factor: float = Field(default=1.0, gt=0)
    start: Literal["normal", "marginal"] = "normal"
    end: float = Field(default=1e-4, ge=0, lt=1)  # the last time t

    @property
    def score_share(self) -> float:
        """a."""
        return (1 + self.stochastic**2) / 2 if self.share is None else self.share

    def times(self, steps: int) -> Tensor:
        """From 1 down to the end: (steps + 1), float64."""
        if steps < 1:
            raise ConfigurationError(message("steps", "must be at least 1", steps, "Give a number of steps."))
        return torch.linspace(1.0, self.end, steps + 1, dtype=torch.float64)

    def starts(
        self, count: int, states: int, generator: torch.Generator, schedule: VariancePreserving, data: Tensor | None
    ) -> Tensor:
        """Points to start from: (count, states). Raises ConfigurationError for ``marginal`` without data."""
        z = torch.randn(count, states, generator=generator)
        if self.start == "normal":
            return z
        if data is None:
            rule = "must be given to start from what they are diffused to"
            raise ConfigurationError(message("data", rule, "none", 'Give data, or start from "normal".'))
        chosen = data[torch.randint(len(data), (count,), generator=generator)]
        return schedule.diffuse(chosen, torch.ones(count), z)


@torch.no_grad()
def sample(
    score: Score,
    schedule: VariancePreserving,
    reverse: Reverse,
    start: Tensor,
    *,
    steps: int,
    method: Literal["euler", "heun"] = "euler",
    generator: torch.Generator | None = None,
) -> Tensor:
    """The points at the end of the reverse process from ``start`` (..., points, states).

    Euler's method, with noise Euler and Maruyama's: sqrt(|dt|) λ g z added in each step but the last. Heun's is of
    order two, for equations without noise. Raises ConfigurationError for Heun with noise, and NotFiniteError for
    points that ran away.
    """
    x = start
    for x in _states(score, schedule, reverse, start, steps, method, generator):  # noqa: B007 (the last one counts)
        pass
    return _finite(x)


@torch.no_grad()
def trajectory(
    score: Score,
    schedule: VariancePreserving,
    reverse: Reverse,
    start: Tensor,
    *,
    steps: int,
    method: Literal["euler", "heun"] = "euler",
    generator: torch.Generator | None = None,
) -> Tensor:
    """As `sample`, with all points on the way: (steps + 1, ..., points, states), the start first."""
    return _finite(torch.stack([start, *_states(score, schedule, reverse, start, steps, method, generator)]))


def _states(
    score: Score, schedule: VariancePreserving, reverse: Reverse, start: Tensor, steps: int,
    method: Literal["euler", "heun"], generator: torch.Generator | None,
) -> Iterator[Tensor]:  # fmt: skip
    """The points after each step."""
    if reverse.stochastic and method == "heun":
        rule = "must be euler where there is noise"
        raise ConfigurationError(message("method", rule, method, "Set stochastic = 0, or use euler."))
    schedule = schedule.scaled(reverse.rate_factor)
    times, x = reverse.times(steps).to(start), start

    def drift(points: Tensor, t: Tensor) -> Tensor:
        return schedule.rate(t) * (points / 2 + reverse.score_share * score(points, t))

    for number in range(steps):
        t, step = times[number], times[number] - times[number + 1]
        slope = drift(x, t)
        if method == "heun":
            slope = (slope + drift(x + step * slope, times[number + 1])) / 2
        x = x + step * slope
        if reverse.stochastic and number < steps - 1:
            z = torch.randn(x.shape, generator=generator, dtype=x.dtype)
            x = x + reverse.stochastic * (step * schedule.rate(t)).sqrt() * z
        yield x


def _finite(x: Tensor) -> Tensor:
    if not bool(torch.isfinite(x).all()):
        raise NotFiniteError(message("samples", "must be finite", "NaN or inf", "Take more steps, or mend the score."))
    return x


def exact_score(distribution: Distribution, schedule: VariancePreserving) -> Score:
    """The score of ``distribution`` under ``schedule`` as a sampler wants it."""

    def score(x: Tensor, t: Tensor) -> Tensor:
        return distribution.score(x, float(schedule.mean(t)), max(float(schedule.deviation(t)), 1e-4))

    return score
