"""What a course is judged by."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def relative_error(found: Tensor, wanted: Tensor) -> Tensor:
    """The mean of |found - wanted| / |wanted| over samples and states, per cent.

    ``found`` (samples, ..., trajectories, states), ``wanted`` (samples, trajectories, states): (..., trajectories).
    """
    while wanted.dim() < found.dim():
        wanted = wanted.unsqueeze(1)
    return 100 * ((found - wanted).abs() / wanted.abs()).mean((0, -1))


def warped_distance(found: np.ndarray, wanted: np.ndarray) -> float:
    """Dynamic time warping: the least Σ |found_i - wanted_j| over monotone alignments, per sample of ``wanted``.

    The best path may go one sample on in either course or in both. One row of the table at a time: along it,
    D_j = c_j + min(D_{j-1}, b_j) is min_k≤j (b_k - C_{k-1}) + C_j with C the running sum of c.
    """
    above = np.cumsum(np.abs(found[0] - wanted))
    for value in found[1:]:
        cost = np.abs(value - wanted)
        best = np.minimum(above, np.concatenate([[np.inf], above[:-1]]))
        running = np.cumsum(cost)
        above = running + np.minimum.accumulate(best - (running - cost))
    return float(above[-1]) / len(wanted)


def coverage(volts: Tensor, states: Tensor, seen_volts: Tensor, seen_states: Tensor, bins: int = 20) -> float:
    """How much of where a test goes in the plane (v, x) the training has been, per cent of the test's samples.

    The plane is cut into ``bins`` x ``bins`` equal parts of what both cover in v, and of [0, 1] in x.
    """
    largest = max(float(volts.abs().max()), float(seen_volts.abs().max()))

    def places(v: Tensor, x: Tensor) -> Tensor:
        column = ((v / largest + 1) / 2 * bins).long().clamp(0, bins - 1)
        return column * bins + (x * bins).long().clamp(0, bins - 1)

    been = places(seen_volts.flatten(), seen_states.flatten()).unique()
    return 100 * float(torch.isin(places(volts.flatten(), states.flatten()), been).double().mean())


def valid_samples(found: Tensor, wanted: Tensor, limit: float = 0.4) -> Tensor:
    """Samples until the root mean square error over standardised states first exceeds ``limit``: (..., trajectories).

    ``found`` (samples, ..., trajectories, states), ``wanted`` (samples, trajectories, states). One that never does
    counts as all samples, and what is not finite as an error.
    """
    while wanted.dim() < found.dim():
        wanted = wanted.unsqueeze(1)
    beyond = ~((found - wanted).square().mean(-1).sqrt() <= limit)
    return torch.where(beyond.any(0), beyond.int().argmax(0), len(found) - 1)


def histogram(states: Tensor, low: float, high: float, bins: int = 50) -> Tensor:
    """Shares of all finite and other numbers by ``bins`` equal parts of [low, high], and outside of it: (bins + 1)."""
    flat = states.double().flatten()
    inside = flat[(flat >= low) & (flat < high)]
    counts = torch.histc(inside, bins, low, high)
    return torch.cat([counts, counts.new_tensor([float(len(flat) - len(inside))])]) / len(flat)


def total_variation(first: Tensor, second: Tensor) -> float:
    """Half of the summed differences of two histograms' shares, per cent: how much would have to move."""
    return 50 * float((first - second).abs().sum())
