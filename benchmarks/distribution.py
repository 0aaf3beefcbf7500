"""Is what was timed really noise? Reads against the exact mean and variance of a rounded normal number."""

from __future__ import annotations

import torch
from torch import Tensor

LIMIT = 5.0  # standard errors; a sound source exceeds it once in 1.7 million tests


def rounded_normal(mean: Tensor, deviation: Tensor, step: Tensor, most: float) -> tuple[Tensor, Tensor]:
    """Mean and variance of ``step · round(N(mean, deviation²) / step)`` with codes up to ``most`` on either side.

    Summed over the codes within 12 deviations.
    """
    mean, deviation, step = (value.double() for value in (mean, deviation, step))
    reach = int((12 * deviation / step).max()) + 1
    codes = (mean / step).round().unsqueeze(-1) + torch.arange(-reach, reach + 1, dtype=torch.float64)
    edges = (codes - 0.5) * step.unsqueeze(-1), (codes + 0.5) * step.unsqueeze(-1)
    below, above = (torch.special.ndtr((edge - mean.unsqueeze(-1)) / deviation.unsqueeze(-1)) for edge in edges)
    values, weights = codes.clamp(-most, most) * step.unsqueeze(-1), above - below
    first = (values * weights).sum(-1)
    return first, ((values - first.unsqueeze(-1)).square() * weights).sum(-1)


def check(reads: Tensor, mean: Tensor, variance: Tensor) -> tuple[str, bool]:
    """Fresh ``reads`` (draws, ...) against their exact ``mean`` and ``variance`` (...): a sentence; whether they agree.

    Looks at the mean of all standardised reads, at their squares, and at the product of neighbours along every axis
    (independence of draws, vectors and columns). All are sums of many small terms: standard errors apply.
    """
    unit = (reads.double() - mean) / variance.sqrt()
    found = {"mean": _errors(unit), "variance": _errors(unit.square() - 1)}
    for axis in range(unit.dim()):
        size = unit.shape[axis]
        neighbours = unit.narrow(axis, 0, size - 1) * unit.narrow(axis, 1, size - 1)
        found[f"neighbours on axis {axis}"] = _errors(neighbours)
    worst = max(found, key=lambda name: abs(found[name]))
    ratio = float(unit.square().mean())
    sentence = f"{unit.numel()} reads: variance {ratio:.4f} of the exact one, worst {worst} {found[worst]:+.1f} s.e."
    return sentence, all(abs(value) < LIMIT for value in found.values())


def _errors(terms: Tensor) -> float:
    """The mean of terms that should average to zero, in standard errors."""
    return float(terms.mean() / (terms.std() / terms.numel() ** 0.5))
