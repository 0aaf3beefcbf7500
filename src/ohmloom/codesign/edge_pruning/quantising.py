"""Unsigned codes of a whole tensor between its smallest and its largest entry, as the published networks have them."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from ohmloom.errors import NotFiniteError, message


class _Coded(torch.autograd.Function):
    """Rounded on the way there, as it is on the way back."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, low: float, step: float) -> Tensor:  # type: ignore[override]
        return (x - low).div_(step).round_().mul_(step).add_(low)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:  # type: ignore[override]
        return gradient, None, None


def between_extremes(x: Tensor, bits: int) -> Tensor:
    """x ≈ low + u (high - low) / (2^bits - 1) with one range for all of ``x``, straight through for gradients.

    Raises NotFiniteError.
    """
    low, high = (float(end) for end in x.detach().aminmax()) if x.numel() else (0.0, 0.0)
    if not math.isfinite(high - low):
        raise NotFiniteError(message("x", "must be finite", "NaN or inf", "Find where it arises."))
    return x if high == low else _Coded.apply(x, low, (high - low) / (2**bits - 1))  # type: ignore[no-any-return]
