"""The forward process: data that noise diffuses, dx = -β(t) x / 2 dt + sqrt(β(t)) dw, t from 0 to 1."""

from __future__ import annotations

from typing import Self

import torch
from pydantic import Field, model_validator
from torch import Tensor

from ohmloom.descriptions import Description


class VariancePreserving(Description):
    """β(t) = first + t (last - first): x_t = m(t) x_0 + s(t) z with m² + s² = 1 (Song et al., ICLR 2021, eq. 11).

    The defaults are those released with the analogue solver (yangjc97/memristor-sde-diffusion): ∫β is only 0.25, so
    that at t = 1 data are blurred, m = 0.88 and s = 0.47, and not yet normally distributed. Samplers that start from
    N(0, 1) all the same make up for it by ``scaled(2)``. A consistent choice is ``last = 20``.
    ``clamped``: beyond t = 0 and 1 β stays what it is there; the released firmware lets it run on and change sign.
    """

    first: float = Field(default=0.001, ge=0)
    last: float = Field(default=0.5, gt=0)
    clamped: bool = True

    @model_validator(mode="after")
    def _rises(self) -> Self:
        if self.last < self.first:
            raise ValueError(f"last must not be below first, {self.first:g}, got {self.last:g}. Swap them.")
        return self

    def rate(self, t: Tensor) -> Tensor:
        """β at the times ``t``."""
        t = t.clamp(0, 1) if self.clamped else t
        return self.first + t * (self.last - self.first)

    def mean(self, t: Tensor) -> Tensor:
        """m(t) = exp(-B/2) with B = ∫β from 0 to t."""
        return (-self._integral(t) / 2).exp()

    def deviation(self, t: Tensor) -> Tensor:
        """s(t) = sqrt(1 - exp(-B))."""
        return (-torch.expm1(-self._integral(t))).sqrt()

    def diffuse(self, x: Tensor, t: Tensor, z: Tensor) -> Tensor:
        """x_t of points ``x`` (..., states) at times ``t`` (...) with normal ``z`` of the points' shape."""
        return self.mean(t).unsqueeze(-1) * x + self.deviation(t).unsqueeze(-1) * z

    def scaled(self, factor: float) -> Self:
        """The process with β multiplied by ``factor``."""
        return self.replace(first=factor * self.first, last=factor * self.last)

    def _integral(self, t: Tensor) -> Tensor:
        return t * self.first + t.square() / 2 * (self.last - self.first)
