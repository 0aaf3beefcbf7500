"""Reads on their way to a converter: sums of levels, the normal numbers that they describe, and one draw of these.

Shapes: (phases, dies, segments, channels, batch, columns) unless said otherwise.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ohmloom.crossbars.normal import standard_normal


class Sums(NamedTuple):
    """Products of levels with a transfer (:mod:`ohmloom.crossbars.transfer`)."""

    mean: Tensor
    power: Tensor | None = None  # Σ_i d_i² v_ij, of all phases together where these are added; None without noise
    pull: Tensor | None = None  # Σ_i d_i p_ij, where columns move with what they read


class Added(NamedTuple):
    """Phases that meet on a capacitor."""

    weights: Tensor  # (phases,): of their values
    reads: Tensor  # (phases,): how many unit reads each is


class Reads(NamedTuple):
    """What reaches a converter, before its noise is drawn: independent normal numbers."""

    sums: Sums
    column: Tensor | None = None  # (dies, segments, channels, 1, columns): variance per square of the mean
    added: Added | None = None  # None where every phase is converted on its own
    own: Tensor | None = None  # variance that the front ends add: (channels, 1, 1), or for each phase

    @property
    def shape(self) -> torch.Size:
        """Of what is converted: phases that are added are one."""
        whole = self.sums.mean.shape
        return whole if self.added is None else torch.Size((1, *whole[1:]))

    def moments(self) -> tuple[Tensor, Tensor | None]:
        """Mean and variance (or None without noise), phases added. May overwrite the sums."""
        mean, power, _ = self.sums
        value = mean if self.added is None else add_phases(self.added.weights, mean)
        if power is None:
            return value, None if self.own is None else self.own.expand(value.shape)
        variance = power if self.sums.pull is None else power + self._moved()
        return value, variance if self.own is None else variance + self.own

    def _moved(self) -> Tensor:
        """m (m c - 2 p): what a column's own movement changes in its variance."""
        mean, _, pull = self.sums
        assert pull is not None
        assert self.column is not None
        moved = (mean * self.column).sub_(pull, alpha=2).mul_(mean)
        return moved if self.added is None else add_phases(self.added.reads, moved)

    @property
    def noisy(self) -> bool:
        """False where reads are exact."""
        return self.sums.power is not None or self.own is not None

    def draw(self, generator: torch.Generator | None) -> Tensor:
        """One value of each; may overwrite the sums."""
        value, variance = self.moments()
        if variance is None:
            return value
        noise = standard_normal(value.shape, generator, dtype=value.dtype, device=value.device)
        return value + noise.mul_(variance.clamp(min=0).sqrt_())  # rounding can leave a variance just below zero


def add_phases(weights: Tensor, value: Tensor) -> Tensor:
    """Σ_k weights_k value_k, (1, ...); a single phase of weight 1 is left as it is."""
    if len(weights) == 1 and float(weights) == 1.0:
        return value
    return torch.einsum("k,k...->...", weights, value).unsqueeze(0)
