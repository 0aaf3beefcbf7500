"""Codes of many numbers in one pass: what drives and converters mostly do, several times as fast on a processor.

Between the dense products of a read lie a dozen elementwise steps; each on its own is a walk through memory. Here they
are one compiled walk for single precision on a processor (:mod:`ohmloom.crossbars.conversion_loop`). The plain tensor
expressions of :class:`~ohmloom.crossbars.drives.Drive`, :class:`~ohmloom.crossbars.reads.Reads` and
:class:`~ohmloom.crossbars.converters.Converter` say what is computed, serve all other cases, and agree: in every bit
where no phases are added and no noise is drawn, else to rounding, from the same random numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from torch import Tensor

from ohmloom.crossbars.normal import FEW, source

if TYPE_CHECKING:
    from ohmloom.crossbars.converters import ColumnErrors
    from ohmloom.crossbars.reads import Reads

Ties = Literal["even", "away"]  # where a number lies half-way between two codes


def suits(count: int, *values: Tensor | None) -> bool:
    """True for tensors that the compiled loop takes, if ``count`` numbers are enough to be worth its start."""
    return count >= FEW and all(
        value.dtype == torch.float32
        and value.device.type == "cpu"
        and value.is_contiguous()
        and not (value.requires_grad and torch.is_grad_enabled())
        for value in values
        if value is not None
    )


def drive(x: Tensor, limit: Tensor, lowest: float, steps: float, unit: float) -> tuple[Tensor, int]:
    """unit · round(clip(x / limit, lowest, 1) · steps), and how many clipped; ``x`` suits.

    ``limit`` is one number, or one for each vector of ``x`` (..., inputs).
    """
    from ohmloom.crossbars.conversion_loop import drive as loop  # numba takes half a second to start

    levels, vectors = torch.empty_like(x), (-1, x.shape[-1])
    held = (x.numpy().reshape(vectors), limit.numpy().reshape(-1), levels.numpy().reshape(vectors))
    clipped = loop(*held, np.float32(lowest), np.float32(steps), np.float32(unit))
    return levels, int(clipped)


def inside(x: Tensor, gradient: Tensor, low: float, high: float) -> tuple[Tensor, float, float]:
    """``gradient`` where low <= x <= high and 0 elsewhere, and its sums below and above; both suit."""
    from ohmloom.crossbars.conversion_loop import inside as loop

    kept, vectors = torch.empty_like(gradient), (-1, x.shape[-1])
    held = (x.numpy().reshape(vectors), gradient.numpy().reshape(vectors))
    below, above = loop(*held, np.float32(low), np.float32(high), kept.numpy().reshape(vectors))
    return kept, float(below), float(above)


def convert(
    reads: Reads, steps: float, ties: Ties, errors: ColumnErrors | None, full_range: Tensor,
    generator: torch.Generator | None,
) -> tuple[Tensor, int]:  # fmt: skip
    """The values of the codes of ``reads``, which suit and are overwritten; and how many clipped.

    ``full_range`` is the same for all vectors and columns of an array: (dies, segments, channels, 1, 1), broadcastable.
    """
    from ohmloom.crossbars.conversion_loop import convert as loop

    mean, power, pull = reads.sums
    phases, (*arrays, batch, columns) = 1 if reads.added is None else len(mean), mean.shape[1:]
    each, rows = (phases, -1, columns), (-1, columns)  # a row is a vector on an array
    alone = np.ones(1, np.float32)
    clipped = loop(
        mean.numpy().reshape(each),
        None if power is None else power.numpy().reshape(rows),
        None if pull is None else pull.numpy().reshape(each),
        None if reads.column is None else _spread(reads.column, (*arrays, 1, columns)).reshape(rows),
        _spread(0.0 if reads.own is None else reads.own, (*arrays, 1, 1)).reshape(-1),
        source(generator) if reads.noisy else None,
        *((alone, alone) if reads.added is None else (reads.added.weights.numpy(), reads.added.reads.numpy())),
        None if errors is None else _spread(errors.gain, (*arrays, 1, columns)).reshape(rows),
        None if errors is None else _spread(errors.offset, (*arrays, 1, columns)).reshape(rows),
        _spread(full_range, (*arrays, 1, 1)).reshape(-1) / np.float32(steps),
        np.float32(steps),
        ties == "away",
        batch,
    )
    return mean if reads.added is None else mean[:1], int(clipped)


def activity(levels: Tensor) -> tuple[Tensor, Tensor]:
    """Σ d² over vectors and how many d are not zero, of levels (..., vectors, rows): two of (..., rows)."""
    if not suits(levels.numel(), levels):
        return levels.square().sum(-2), torch.count_nonzero(levels, dim=-2)
    from ohmloom.crossbars.conversion_loop import activity as loop

    shape = (*levels.shape[:-2], levels.shape[-1])
    squares, driven = torch.zeros(shape), torch.zeros(shape, dtype=torch.int32)
    each = (-1, levels.shape[-1])
    loop(levels.numpy().reshape(-1, *levels.shape[-2:]), squares.numpy().reshape(each), driven.numpy().reshape(each))
    return squares, driven


def _spread(value: Tensor | float, shape: tuple[int, ...]) -> np.ndarray:
    """A few numbers, repeated for every array."""
    spread = np.empty(shape, np.float32)
    spread[...] = value.numpy() if isinstance(value, Tensor) else value
    return spread
