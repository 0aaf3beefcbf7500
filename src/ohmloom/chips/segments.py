"""Segments: a matrix cut along its inputs so that each part fits the rows of one array.

Logical shapes are (..., inputs, outputs); held shapes are (..., segments, rows, columns), where ``rows`` are inputs of
one segment and then its bias rows, near-equal parts padded with rows that do not exist.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import pad

from ohmloom.errors import PlacementError, message


@dataclass(frozen=True)
class Segments:
    """Geometry of one matrix: ``count`` segments of ``length`` inputs and ``bias_rows`` constant inputs each."""

    inputs: int
    outputs: int
    count: int
    bias_rows: int

    @property
    def length(self) -> int:
        return -(-self.inputs // self.count)

    @property
    def rows(self) -> int:
        return self.length + self.bias_rows

    def fold(self, matrix: Tensor, bias: Tensor | None = None) -> Tensor:
        """(..., inputs, outputs) → (..., segments, rows, columns); all bias rows share ``bias`` (..., outputs)."""
        parts = pad(matrix, (0, 0, 0, self.count * self.length - self.inputs))
        parts = parts.unflatten(-2, (self.count, self.length))
        if self.bias_rows == 0:
            return parts
        zero = matrix.new_zeros(*matrix.shape[:-2], self.outputs) if bias is None else bias
        share = (zero / (self.count * self.bias_rows))[..., None, None, :]
        return torch.cat([parts, share.expand(*parts.shape[:-2], self.bias_rows, -1)], dim=-2)

    def unfold(self, held: Tensor) -> Tensor:
        """(..., segments, rows, columns) → (..., inputs, columns), without bias rows and padding."""
        return held[..., : self.length, :].flatten(-3, -2)[..., : self.inputs, :]

    def spread(self, levels: Tensor) -> Tensor:
        """(..., inputs) → (..., segments, rows); zero on rows that do not exist.

        With bias rows one more level, the last one, is that of all of them.
        """
        if self.count == 1 and self.bias_rows == 0:
            return levels.unsqueeze(-2)
        missing = self.count * self.length - self.inputs
        own = levels[..., : self.inputs]
        parts = (pad(own, (0, missing)) if missing else own).unflatten(-1, (self.count, self.length))
        if self.bias_rows == 0:
            return parts
        bias = levels[..., None, self.inputs :].expand(*parts.shape[:-1], self.bias_rows)
        return torch.cat([parts, bias], dim=-1)

    @property
    def held_rows(self) -> int:
        """Rows that exist, of all segments."""
        return self.inputs + self.count * self.bias_rows

    @property
    def present(self) -> Tensor:
        """(segments, rows, 1): True where a row exists."""
        exists = torch.arange(self.count * self.length).view(self.count, self.length) < self.inputs
        return pad(exists, (0, self.bias_rows), value=True).unsqueeze(-1)


def cut(inputs: int, outputs: int, capacity: int | None, bias: float = 0.0, most: int | None = None) -> Segments:
    """The fewest near-equal segments whose rows fit ``capacity`` and whose inputs are at most ``most``.

    ``bias`` is the largest |bias| in units of the largest weight times the full input level; it is divided over enough
    rows that no cell exceeds the range. Raises PlacementError where even one input per segment would not fit.
    """
    count = 1
    while True:
        rows = max(math.ceil(bias / count - 1e-6), 1) if bias > 0 else 0
        segments = Segments(inputs, outputs, count, rows)
        if segments.rows <= (capacity or segments.rows) and segments.length <= (most or inputs):
            return segments
        if count >= inputs:
            rule = f"bias rows and one input must fit {capacity} rows"
            raise PlacementError(message("bias", rule, f"{rows} bias rows", "Keep the bias digital."))
        count += 1
