"""Plain matrices: the software twin of a stored matrix, and random weights that no chip holds."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ohmloom.crossbars import Drive
from ohmloom.errors import ShapeError, message


@dataclass(frozen=True, eq=False)
class PlainMatrix:
    """``weights`` (dies, out, in) or (out, in) as numbers, with an optional bias (dies or 1, 1, out).

    y = W x + b, in the arithmetic of ``weights``; with a ``drive`` inputs are rounded to its codes and nothing else
    happens. ``dies`` are draws here. Raises ShapeError.
    """

    weights: Tensor
    bias: Tensor | None = None
    drive: Drive | None = None

    def __post_init__(self) -> None:
        if self.weights.dim() not in (2, 3):
            rule = "must be (dies, out, in) or (out, in)"
            raise ShapeError(message("weights", rule, tuple(self.weights.shape), "Reshape them."))

    @property
    def shape(self) -> tuple[int, int]:
        """(out, in)"""
        return self.weights.shape[-2], self.weights.shape[-1]

    def product(self, x: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
        """W x + b: (batch, in) or (dies, batch, in) → (dies, batch, out)."""
        sent = x if self.drive is None else self.drive.encode(x).value()
        weights = self.weights if self.weights.dim() == 3 else self.weights.unsqueeze(0)
        value = sent @ weights.transpose(-1, -2)
        return value if self.bias is None else value + self.bias
