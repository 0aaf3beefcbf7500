"""Codes of many numbers in one pass: what drives and converters mostly do, several times as fast on a processor.

Between the dense products of a read lie a dozen elementwise steps; each on its own is a walk through memory. Here they
are one compiled walk for single precision on a processor (:mod:`ohmloom.crossbars.conversion_loop`). The plain tensor
expressions of :class:`~ohmloom.crossbars.drives.Drive`, :class:`~ohmloom.crossbars.reads.Reads` and
:class:`~ohmloom.crossbars.converters.Converter` say what is computed, serve all other cases, and agree: in every bit
where no phases are added and no noise is drawn, else to rounding, from the same random numbers.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from torch import Tensor

from ohmloom.crossbars.normal import FEW

if TYPE_CHECKING:
    from ohmloom.crossbars.converters import ColumnErrors
    from ohmloom.crossbars.reads import Reads

Ties = Literal["even", "away"]  # where a number lies half-way between two codes


def suits(*values: Tensor | None) -> bool:
    """True for tensors that the compiled loop takes, if there are enough numbers to be worth its start."""
    held = [value for value in values if value is not None]
    return held[0].numel() >= FEW and all(
        value.dtype == torch.float32
        and value.device.type == "cpu"
        and value.is_contiguous()
        and not (value.requires_grad and torch.is_grad_enabled())
        for value in held
    )


def drive(x: Tensor, limit: Tensor, lowest: float, steps: float, unit: float) -> tuple[Tensor, int]:
    """unit · round(clip(x / limit, lowest, 1) · steps), and how many clipped; ``x`` suits.

    ``limit`` is one number, or one for each vector of ``x`` (..., inputs).
    """
    from ohmloom.crossbars.conversion_loop import drive as loop  # numba takes half a second to start

    levels, vectors = torch.empty_like(x), (-1, x.shape[-1])
    constants = (np.float32(number) for number in (lowest, steps, unit))
    clipped = loop(_array(x).reshape(vectors), _array(limit).reshape(-1), *constants, _array(levels).reshape(vectors))
    return levels, int(clipped)


def convert(
    reads: Reads, steps: float, ties: Ties, errors: ColumnErrors | None, full_range: Tensor,
    generator: torch.Generator | None,
) -> tuple[Tensor, int]:  # fmt: skip
    """The values of the codes of ``reads``, which suit and are overwritten; and how many clipped.

    ``full_range`` is the same for all vectors and columns of an array: (dies, segments, channels, 1, 1), broadcastable.
    """
    from ohmloom.crossbars.conversion_loop import convert as loop

    (mean, power, pull), noise = reads.sums, reads.noise(generator)
    phases, *groups, batch, columns = mean.shape
    each = (len(reads.added.weights) if reads.added else 1, -1, columns)  # (phases that are added, rows, columns)
    rows, arrays = each[1:], math.prod(groups)

    def of_columns(value: Tensor | None) -> np.ndarray | None:
        return None if value is None else _spread(value, (*groups, 1, columns)).reshape(arrays, columns)

    own = torch.zeros(1) if reads.own is None else reads.own
    weights = (np.ones(1, np.float32),) * 2 if reads.added is None else [_array(part) for part in reads.added]
    clipped = loop(
        _array(mean).reshape(each),
        None if power is None else _array(power).reshape(rows),
        None if pull is None else _array(pull).reshape(each),
        of_columns(reads.column),
        _spread(own, (*groups, 1, 1)).reshape(-1),
        None if noise is None else _array(noise).reshape(rows),
        *weights,
        of_columns(None if errors is None else errors.gain),
        of_columns(None if errors is None else errors.offset),
        _spread(full_range / steps, (*groups, 1, 1)).reshape(-1),
        np.float32(steps),
        ties == "away",
        batch,
    )
    return mean[:1] if reads.added else mean, int(clipped)


def _array(value: Tensor) -> np.ndarray:
    return value.detach().numpy()


def _spread(value: Tensor, shape: tuple[int, ...]) -> np.ndarray:
    """A few numbers, repeated for every array."""
    return np.ascontiguousarray(np.broadcast_to(value.detach().to(torch.float32).numpy(), shape))
