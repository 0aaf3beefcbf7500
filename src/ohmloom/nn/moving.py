"""What ``.to``, ``.double`` and ``.cuda`` do to a converted layer's cells and ranges: they follow its weights.

Cells are held in float32 or float64; a layer in half precision keeps its cells as they are, and only numbers on their
way in and out are rounded.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import torch
from torch import Tensor

from ohmloom.chips import StoredMatrix
from ohmloom.nn.state import LayerState

Move = Callable[[Tensor], Tensor]


def move(state: LayerState, to: Move) -> None:
    """Apply what torch applies to a module's parameters to all that a layer keeps beside them."""

    def held(value: Tensor) -> Tensor:
        moved = to(value)
        narrow = moved.is_floating_point() and torch.finfo(moved.dtype).bits < 32
        return value.to(moved.device) if narrow else moved

    state.limits = {part: held(value) for part, value in state.limits.items()}
    state.output_ranges = {part: held(value) for part, value in state.output_ranges.items()}
    for matrix in state.matrices.values():
        other = (getattr(matrix, entry.name) for entry in fields(matrix))  # its other direction, if it has one
        for side in (matrix, *(value for value in other if isinstance(value, StoredMatrix))):
            _move_matrix(side, held)


def _move_matrix(matrix: StoredMatrix, to: Move) -> None:
    for owner in (matrix, matrix.calibration, matrix.clips):
        for entry in fields(owner):
            setattr(owner, entry.name, _moved(getattr(owner, entry.name), to))
    matrix.refresh()


def _moved(value: Any, to: Move) -> Any:
    if isinstance(value, Tensor):
        return to(value)
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(_moved(entry, to) for entry in value))
    return value
