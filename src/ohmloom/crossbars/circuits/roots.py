"""The root of a rising function, for many numbers at once."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

MOST = 200  # bisection alone needs about 64
CLOSE = 1e-9  # a relative Newton step after which the next one is below rounding
NEAR_ZERO = 1e-6  # of the interval: closer to zero, a root is known only to the rounding of the interval


def rising_root(function: Callable[[Tensor], tuple[Tensor, Tensor]], low: Tensor, high: Tensor) -> Tensor:
    """x between ``low`` and ``high``, of any shape, where a rising function is zero.

    ``function`` returns its value and its slope. Newton's steps from ``high``, or bisection where a step leaves the
    interval or shrinks it less than by half; so it always converges, to the rounding of x.

    >>> rising_root(lambda x: (x**3 - 8, 3 * x**2), torch.zeros(1).double(), torch.full((1,), 10.0).double())
    tensor([2.], dtype=torch.float64)
    """
    x, before = high, (high - low).abs()
    around = NEAR_ZERO * before
    for _ in range(MOST):
        value, slope = function(x)
        low, high = torch.where(value < 0, x, low), torch.where(value < 0, high, x)
        newton = x - value / slope
        step = (newton - x).abs()
        close = step <= CLOSE * torch.maximum(x.abs(), around)
        if bool(close.all()):
            return newton
        fits = (newton >= low) & (newton <= high) & (step <= before / 2)
        following = torch.where(close, x, torch.where(fits, newton, (low + high) / 2))
        before, x = (following - x).abs(), following
    return x
