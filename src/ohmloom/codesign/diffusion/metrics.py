"""How far generated points are from data: divergences in both directions, radii, errors of a score."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from scipy.spatial import KDTree
from torch import Tensor

from ohmloom.codesign.diffusion.distributions import Distribution
from ohmloom.codesign.diffusion.sampling import Score
from ohmloom.codesign.diffusion.schedule import VariancePreserving
from ohmloom.errors import NotFiniteError, ShapeError, message


class Divergence(NamedTuple):
    """KL divergences in nats. Generated points that miss a part of the data make the first large, points where there
    are no data the second."""

    data_generated: float  # KL(data || generated)
    generated_data: float


class Radii(NamedTuple):
    """Of points in the plane: mean radius, its standard deviation, and the share (%) within the band."""

    mean: float
    spread: float
    within: float


def histogram_divergence(
    data: Tensor, generated: Tensor, *, bins: int = 50, span: float = 1.2, floor: float = 1e-10
) -> Divergence:
    """Σ p log(p / q) over ``bins``² boxes of [-span, span]² and one more for all that lies outside.

    Shares below ``floor`` count as the floor. With few points it is far from zero even for equal distributions: compare
    it with that of fresh data. Points are (points, 2). Raises ShapeError and NotFiniteError.
    """
    _check(data, generated, 2)
    p, q = (_shares(points, bins, span).clip(floor) for points in (data, generated))
    return Divergence(float((p * np.log(p / q)).sum()), float((q * np.log(q / p)).sum()))


def neighbour_divergence(data: Tensor, generated: Tensor, *, neighbours: int = 5) -> Divergence:
    """From distances to the k-th neighbour: d/n Σ log(ν_k / ρ_k) + log(m / (n - 1)), without bins.

    ρ is the distance within the n own points, ν that to the m others (Wang, Kulkarni and Verdú, IEEE Transactions on
    Information Theory 55 (2009), 2392, eq. 14). It falls short where many points lie far from all others. Points are
    (points, d) without repetitions.
    """
    _check(data, generated, data.shape[-1])
    points = [held.double().numpy() for held in (data, generated)]
    trees = [KDTree(held) for held in points]
    return Divergence(*(_neighbour(points[i], trees[i], trees[1 - i], neighbours) for i in (0, 1)))


def radii(points: Tensor, *, radius: float = 0.7, band: float = 0.12) -> Radii:
    """Of ``points`` (points, 2), with the share within ``radius`` ± ``band``."""
    distance = points.norm(dim=-1)
    within = 100 * float(((distance - radius).abs() <= band).double().mean())
    return Radii(float(distance.mean()), float(distance.std()), within)


@torch.no_grad()
def score_error(
    score: Score,
    distribution: Distribution,
    schedule: VariancePreserving,
    t: float,
    *,
    points: int = 10_000,
    mass: float = 0.99,
    seed: int = 0,
) -> float:
    """sqrt(E|s - s*|² / E|s*|²) over x_t, within the densest part that holds ``mass``; s* is exact."""
    generator, time = torch.Generator().manual_seed(seed), torch.tensor(t)
    mean, deviation = float(schedule.mean(time)), float(schedule.deviation(time))
    x = mean * distribution.sample(points, generator)
    x = x + deviation * torch.randn(x.shape, generator=generator)
    dense = distribution.log_density(x, mean, deviation)
    x = x[dense >= dense.quantile(1 - mass)]
    exact = distribution.score(x, mean, deviation)
    return float(((score(x, time) - exact).square().sum() / exact.square().sum()).sqrt())


def _shares(points: Tensor, bins: int, span: float) -> np.ndarray:
    held = points.double().numpy()
    counts, *_ = np.histogram2d(held[:, 0], held[:, 1], bins=bins, range=[[-span, span]] * 2)
    return np.append(counts.ravel(), len(held) - counts.sum()) / len(held)


def _neighbour(own: np.ndarray, tree: KDTree, other: KDTree, k: int) -> float:
    inside = tree.query(own, k + 1)[0][:, -1]  # the nearest is the point itself
    across = other.query(own, k + 1)[0][:, -2]
    return float(own.shape[1] * np.log(across / inside).mean() + np.log(other.n / (tree.n - 1)))


def _check(data: Tensor, generated: Tensor, states: int) -> None:
    for name, points in (("data", data), ("generated", generated)):
        if points.dim() != 2 or points.shape[1] != states or len(points) < 2:
            rule = f"must be (points, {states})"
            raise ShapeError(message(name, rule, tuple(points.shape), "Flatten other axes."))
        if not bool(torch.isfinite(points).all()):
            raise NotFiniteError(message(name, "must be finite", "NaN or inf", "Did a trajectory run away?"))
