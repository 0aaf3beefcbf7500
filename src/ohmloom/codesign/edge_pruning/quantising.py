"""Unsigned codes of a whole tensor between its smallest and its largest entry, as the published networks have them."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ohmloom.errors import NotFiniteError, message


class Codes(NamedTuple):
    """low + u step for the codes u of ``bits`` bits; a step of 0 leaves numbers as they are."""

    low: float
    step: float

    def of(self, x: Tensor) -> Tensor:
        """The nearest coded numbers, straight through for gradients."""
        return x if self.step == 0 else _Coded.apply(x, self.low, self.step)  # type: ignore[no-any-return]

    def of_zero(self) -> float:
        """The coded number nearest to 0; exactly 0 where that is the lowest."""
        return 0.0 if self.step == 0 else self.low + round(-self.low / self.step) * self.step


class _Coded(torch.autograd.Function):
    """Rounded on the way there, as it is on the way back."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, low: float, step: float) -> Tensor:  # type: ignore[override]
        if low == 0:
            return (x / step).round_().mul_(step)
        return (x - low).div_(step).round_().mul_(step).add_(low)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:  # type: ignore[override]
        return gradient, None, None


def codes_of(x: Tensor, bits: int, *, and_zero: bool = False) -> Codes:
    """Codes with one range for all of ``x``, and for 0 where that is sent too. Raises NotFiniteError."""
    low, high = (float(end) for end in _as_it_lies(x.detach()).aminmax()) if x.numel() else (0.0, 0.0)
    if not math.isfinite(high - low):
        raise NotFiniteError(message("x", "must be finite", "NaN or inf", "Find where it arises."))
    if and_zero:
        low, high = min(low, 0.0), max(high, 0.0)
    return Codes(low, (high - low) / (2**bits - 1))


def between_extremes(x: Tensor, bits: int) -> Tensor:
    """x ≈ low + u (high - low) / (2^bits - 1) with one range for all of ``x``, straight through for gradients.

    Raises NotFiniteError.
    """
    return codes_of(x, bits).of(x)


def _as_it_lies(x: Tensor) -> Tensor:
    """The same numbers in the order in which they lie in memory: `aminmax` copies what has another."""
    return x.permute(0, 2, 3, 1) if x.dim() == 4 and x.is_contiguous(memory_format=torch.channels_last) else x
