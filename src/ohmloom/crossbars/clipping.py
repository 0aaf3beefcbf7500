"""Clipping that is counted."""

from __future__ import annotations

from torch import Tensor


def clip(value: Tensor, low: float, high: float) -> tuple[Tensor, Tensor]:
    """``value`` inside [low, high], and how many numbers lay outside; overwrites ``value``.

    Comparing in place, in floating point, is several times as fast as making a mask.
    """
    inside = value.clamp(low, high)
    return inside, value.ne_(inside).sum().long()
