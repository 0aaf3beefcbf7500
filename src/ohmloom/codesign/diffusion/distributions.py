"""Distributions whose score is known exactly after noise diffused them: what learned scores are measured against."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Literal, Self

import numpy as np
import torch
from pydantic import Field, model_validator
from torch import Tensor

from ohmloom.descriptions import Part

NODES = 24  # of the quadrature over a ring's width


class Distribution(Part, ABC):
    """Abstract: x_0 ~ p, and x_t = m x_0 + s z with z ~ N(0, 1). Points are (..., states)."""

    @abstractmethod
    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        """Independent points of p: (count, states), float32."""

    @abstractmethod
    def log_density(self, x: Tensor, mean: float, deviation: float) -> Tensor:
        """log p of x_t at the points ``x`` for m = ``mean`` and s = ``deviation`` > 0: (...)."""

    @abstractmethod
    def score(self, x: Tensor, mean: float, deviation: float) -> Tensor:
        """∇ log p of x_t at the points ``x``: (..., states)."""


class Gaussians(Distribution):
    """A mixture of round Gaussians: equal ``deviation``, one of the ``centres`` with its share each."""

    kind: Literal["gaussians"] = "gaussians"
    centres: tuple[tuple[float, ...], ...] = Field(min_length=1)
    deviation: float = Field(gt=0)
    shares: tuple[float, ...] | None = None  # absent: equal

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if len({len(centre) for centre in self.centres}) > 1:
            raise ValueError(f"centres must have equally many states, got {self.centres}. Fill the shorter ones.")
        if self.shares is not None and (len(self.shares) != len(self.centres) or abs(sum(self.shares) - 1) > 1e-6):
            raise ValueError(f"shares must be one for each centre and sum to 1, got {self.shares}. Scale them.")
        return self

    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        shares = torch.tensor(self.shares or [1.0] * len(self.centres))
        chosen = torch.multinomial(shares, count, replacement=True, generator=generator)
        centres = torch.tensor(self.centres)[chosen]
        return centres + self.deviation * torch.randn(centres.shape, generator=generator)

    def log_density(self, x: Tensor, mean: float, deviation: float) -> Tensor:
        return torch.logsumexp(self._logs(x, mean, deviation)[0], -1)

    def score(self, x: Tensor, mean: float, deviation: float) -> Tensor:
        logs, away, variance = self._logs(x, mean, deviation)
        return -(logs.softmax(-1).unsqueeze(-1) * away).sum(-2) / variance

    def _logs(self, x: Tensor, mean: float, deviation: float) -> tuple[Tensor, Tensor, float]:
        variance = (mean * self.deviation) ** 2 + deviation**2
        away = x.unsqueeze(-2) - mean * x.new_tensor(self.centres)  # (..., centres, states)
        shares = x.new_tensor(self.shares or [1 / len(self.centres)] * len(self.centres))
        norm = x.shape[-1] / 2 * math.log(2 * math.pi * variance)
        return shares.log() - norm - away.square().sum(-1) / (2 * variance), away, variance


class Ring(Distribution):
    """Points of the plane at a radius ~ N(``radius``, ``spread``²) in all directions alike.

    With ρ = |x|: p(ρ) = E_r[exp(-(ρ - m r)² / 2s²) I₀ᵉ(m r ρ / s²)] / (2π s²), where I₀ᵉ(z) = exp(-z) I₀(z). The two
    Gaussians in r are multiplied exactly, the smooth rest is summed by Gauss and Hermite's rule.
    """

    kind: Literal["ring"] = "ring"
    radius: float = Field(default=0.7, gt=0)
    spread: float = Field(default=0.04, gt=0)

    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        radius = self.radius + self.spread * torch.randn(count, generator=generator)
        angle = 2 * torch.pi * torch.rand(count, generator=generator)
        return torch.stack([radius * angle.cos(), radius * angle.sin()], -1)

    def log_density(self, x: Tensor, mean: float, deviation: float) -> Tensor:
        distance = x.norm(dim=-1).double()
        variance = (mean * self.spread) ** 2 + deviation**2
        _, bent, weights, _ = self._radii(distance, mean, deviation)
        outer = -0.5 * (distance - mean * self.radius).square() / variance
        norm = math.log(2 * math.pi * deviation * math.sqrt(variance))
        return (outer - norm + (bent * weights).sum(-1).log()).to(x)

    def score(self, x: Tensor, mean: float, deviation: float) -> Tensor:
        distance = x.norm(dim=-1).double()
        radii, bent, weights, ratio = self._radii(distance, mean, deviation)
        pull = (mean * radii * ratio - distance.unsqueeze(-1)) / deviation**2
        share = bent * weights
        radial = (pull * share).sum(-1) / share.sum(-1)
        return x * (radial / distance.clamp_min(1e-12)).to(x).unsqueeze(-1)

    def _radii(self, distance: Tensor, mean: float, deviation: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Radii of the rule (..., NODES), I₀ᵉ there, the rule's weights, and I₁/I₀."""
        nodes, weights = (torch.from_numpy(part) for part in np.polynomial.hermite_e.hermegauss(NODES))
        precision = 1 / self.spread**2 + (mean / deviation) ** 2
        centre = (self.radius / self.spread**2 + mean * distance / deviation**2) / precision
        radii = centre.unsqueeze(-1) + nodes / math.sqrt(precision)
        bend = mean * radii * distance.unsqueeze(-1) / deviation**2
        flat = torch.special.i0e(bend)
        return radii, flat, weights / math.sqrt(2 * math.pi), torch.special.i1e(bend) / flat
