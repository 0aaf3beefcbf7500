"""Analogue read-out: vectors to levels, levels to converted sums, sums to the product, block by block."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ohmloom.chips.tally import record_product
from ohmloom.crossbars import Driven, Sensing, sense
from ohmloom.ledger import open_ledgers

if TYPE_CHECKING:
    from ohmloom.chips.stored import StoredMatrix

ALL = slice(None)
BLOCK = 2**19  # levels of one block of a product: 2 MiB in float32


def analogue_product(matrix: StoredMatrix, x: Tensor, generator: torch.Generator, dies: slice) -> Tensor:
    """The product in blocks of vectors whose levels stay in the processor's cache."""
    phases, rows = len(matrix.mapping.drive.significance), matrix.segments.count * matrix.segments.rows
    vectors = max(BLOCK // (phases * rows * x.shape[0]), 64)
    sensing = matrix.sensing(generator, dies)
    if x.shape[1] <= vectors:
        return _block_product(matrix, x, sensing, generator, dies)
    return torch.cat([_block_product(matrix, part, sensing, generator, dies) for part in x.split(vectors, 1)], dim=1)


def _block_product(
    matrix: StoredMatrix, x: Tensor, sensing: Sensing, generator: torch.Generator, dies: slice
) -> Tensor:
    driven, levels = matrix.drive(x)
    sums = partial_sums(matrix, driven, levels, sensing, generator, dies)
    matrix.clips.count(drive=driven.clipped)
    calibration, readout = matrix.calibration, matrix.mapping.readout
    if not readout.linear:
        return sums.squeeze(1) * (matrix.scale * driven.scale if readout.scalable else 1.0)
    if calibration.slope is not None and calibration.offset is not None:
        sums = sums * calibration.slope[dies] + calibration.offset[dies]
    whole = sums.squeeze(1) if sums.shape[1] == 1 else sums.sum(1)
    value = whole.mul_(matrix.scale * driven.scale)
    if driven.offset is None:
        return value
    known = not matrix.mapping.drive.reads_sums
    of_rows = (
        matrix.row_sums()[dies].unsqueeze(1) if known else _read_sums(matrix, driven, levels, sensing, generator, dies)
    )
    return value + driven.offset * of_rows


def _read_sums(
    matrix: StoredMatrix, driven: Driven, levels: Tensor, sensing: Sensing, generator: torch.Generator, dies: slice
) -> Tensor:
    """Row sums as one more phase of each vector reads them, (dies, batch, out); the offset of a calibration belongs to
    whole codes and is left out."""
    once = driven._replace(significance=driven.significance.new_ones(1))
    sums = partial_sums(matrix, once, matrix.full_levels(levels), sensing, generator, dies, first=False)
    if matrix.calibration.slope is not None:
        sums = sums * matrix.calibration.slope[dies]
    return sums.sum(1) * matrix.scale


def partial_sums(
    matrix: StoredMatrix,
    driven: Driven,
    levels: Tensor,
    sensing: Sensing,
    generator: torch.Generator,
    dies: slice,
    probe: Callable[[Tensor], None] | None = None,
    *,
    first: bool = True,
) -> Tensor:
    """Converted sums of each segment before correction, in units of codes: (dies, segments, batch, columns).

    ``probe`` is shown what enters the converter. Not the ``first`` are further phases of vectors counted already.
    """
    total: Tensor | None = None
    for phases, readout in sensing.readout.groups(len(driven.significance)):
        part = sensing if readout is sensing.readout else sensing._replace(readout=readout)
        group, significance, weight = levels, driven.significance, 1.0
        if phases != ALL:
            weight = abs(matrix.mapping.drive.significance[phases][0])  # a group's first phase is worth one read
            group, significance = levels[phases], significance[phases] / weight
        read = sense(part, group, significance, matrix.range_for(part, significance, dies), generator, probe)
        calibrated = matrix.calibration.full_range is not None
        matrix.clips.count(saturation=read.saturated, converter=read.clipped if calibrated else 0)
        if open_ledgers():
            chosen = range(matrix.dies)[dies]
            steps = None if read.steps is None else read.steps()
            record_product(matrix, group, significance, part, chosen, steps, first and total is None)
        value = read.value * weight if readout.linear and weight != 1.0 else read.value
        total = value if total is None else total + value
    assert total is not None
    return matrix.without_pedestal(total, levels, driven.significance) if sensing.readout.linear else total
