"""Scores of edges: which connections of a random network are kept, and how the choice is learned.

Every weight is what the device made it; one score per weight is trained instead, and the kept edges of a layer are
those of largest |score| ("edge-popup": V. Ramanujan et al., CVPR 2020, arXiv:1911.13299).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ohmloom.errors import ConfigurationError, message


def initial_scores(shape: Sequence[int], fan_in: int, generator: torch.Generator) -> Tensor:
    """Kaiming-uniform scores with a = √5: uniform between ±√(6 / ((1 + a²) fan_in)) = ±1/√fan_in, float32."""
    bound = 1 / math.sqrt(fan_in)
    return (2 * torch.rand(tuple(shape), generator=generator) - 1) * bound


def kept_count(kept: float, size: int, name: str) -> int:
    """How many of ``size`` edges are kept: the nearest number, of which there must be one at least.

    Raises ConfigurationError for a fraction outside (0, 1], and where it leaves no edge.
    """
    if not 0 < kept <= 1:
        rule = "must be a fraction above 0 and at most 1, because a layer without edges computes nothing"
        raise ConfigurationError(message("kept", rule, kept, "Give the share of edges to keep, such as 0.5."))
    count = round(kept * size)
    if count == 0:
        rule = f"must leave each layer an edge, and {name} has {size}"
        raise ConfigurationError(message("kept", rule, kept, "Keep more, or leave that layer out."))
    return count


def largest(magnitude: Tensor, count: int) -> Tensor:
    """Where the ``count`` largest entries are, exactly so many: among equal ones the first are taken."""
    size = magnitude.numel()
    if count >= size:
        return torch.ones_like(magnitude, dtype=torch.bool)
    if count <= 0:
        return torch.zeros_like(magnitude, dtype=torch.bool)
    edge = _ordered(magnitude, size - count)  # the largest that is left out
    chosen = magnitude > edge
    missing = count - int(chosen.sum())
    if missing > 0:  # ties reach across the edge
        equal = (magnitude == edge).flatten().nonzero().flatten()[:missing]
        chosen.view(-1)[equal] = True
    return chosen


def _ordered(values: Tensor, rank: int) -> float:
    """The entry of this rank from below, 1 for the smallest; numpy's partition is many times faster on the CPU."""
    if values.device.type == "cpu":
        return float(np.partition(values.detach().numpy(), rank - 1, axis=None)[rank - 1])
    return float(values.flatten().kthvalue(rank).values)


def held_back(wanted: Tensor, mask: Tensor, magnitude: Tensor, last: Tensor, limit: float) -> Tensor:
    """``wanted``, but with the old bit of ``mask`` where |score| changed by less than ``limit`` of what it was.

    The limiter of reprogramming that the edge-pruning authors' scripts have; a limit of 0 changes nothing.
    """
    return torch.where((magnitude - last).abs_() < limit * last, mask, wanted)


class Chosen(torch.autograd.Function):
    """The weights m on + (1 - m) off of a mask m, straight through to the scores that chose it.

    dL/dm = dL/dw (on - off) is exact for a mask that could take any value between 0 and 1; it is handed to |score| as
    it is, and so to the score with its sign. The weights at ``cells`` (flat positions) are multiplied by ``factors``,
    for a reading that differs this time; the gradient does not see that.
    """

    @staticmethod
    def forward(  # type: ignore[override]
        ctx: Any, scores: Tensor, mask: Tensor, on: Tensor, off: Tensor, cells: Tensor | None, factors: Tensor | None
    ) -> Tensor:
        ctx.save_for_backward(scores, on, off)
        weights = torch.where(mask, on, off)
        if cells is not None and factors is not None:
            weights.view(-1)[cells] *= factors
        return weights

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        scores, on, off = ctx.saved_tensors
        return (on - off).mul_(gradient).mul_(scores.sign()), None, None, None, None, None
