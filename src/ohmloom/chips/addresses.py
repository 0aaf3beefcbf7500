"""Addresses: at which row and column of which core each cell of a stored matrix sits, as a probe station counts."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ohmloom.chips.installation import Installation
from ohmloom.chips.wiring import Arrays


class Addresses(NamedTuple):
    """The cells of one die of a matrix; all leaves are (cells,), int64.

    A reference column that arrays side by side repeat stands at several addresses, all of the same ``cell``.
    """

    core: Tensor
    row: Tensor
    column: Tensor
    cell: Tensor  # its place in the flattened (slices, signs, segments, rows, columns)


def addresses(installation: Installation, name: str) -> Addresses:
    """Where the cells of the matrix ``name`` sit, core by core, row by row."""
    matrix = installation.matrices[name]
    shape = matrix.cells.written.shape[1:]
    arrays = Arrays(matrix.mapping.encoding.layout, shape[0], 1)
    numbers = torch.arange(shape.numel()).view(shape)
    present = matrix.segments.present.expand(shape)
    held = arrays.lay_out(torch.where(present, numbers, -1))  # (segments, physical rows, physical columns)
    parts: list[Addresses] = []
    first = dict.fromkeys(range(len(held)), 0)
    for block in installation.placement.of(name):
        if block.copy:
            continue
        width, start = block.columns - arrays.reference, first[block.segment]
        here = held[block.segment]
        cells = torch.cat([here[:, start : start + width], here[:, here.shape[1] - arrays.reference :]], dim=1)
        first[block.segment] = start + width
        row, column = (cells >= 0).nonzero(as_tuple=True)
        core = torch.full_like(row, block.core)
        parts.append(Addresses(core, row + block.row_start, column + block.column_start, cells[row, column]))
    return Addresses(*(torch.cat(leaves) for leaves in zip(*parts, strict=True)))
