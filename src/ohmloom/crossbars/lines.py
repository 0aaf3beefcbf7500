"""Lines: the sums that a crossbar's columns form, with their noise, as dense products.

A *line* is one sensed column: its conductances, the signs with which its rows are driven, and the variance of one
read of each cell. :func:`gather` makes lines of cells; a front end (:mod:`ohmloom.crossbars.frontends`) senses them.
Everything is in units of the conductance of a value of 1, so that a product with ideal cells is W x without scaling.

Shapes: levels (phases, dies, segments, batch, rows); lines (dies, segments, channels, rows, columns), where a channel
is a slice, or one side of a column pair of a slice.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ohmloom.crossbars.encodings import Encoding, Layout


class Lines(NamedTuple):
    """Sensed columns: leaves are (dies, segments, channels, rows, columns) unless said otherwise."""

    signed: Tensor  # Σ over a row pair of sign · conductance
    total: Tensor  # (dies, segments, channels, 1, columns): conductance on the column, all rows
    variance: Tensor | None  # of one read, summed over a row pair; None where reads are noiseless
    signed_variance: Tensor | None  # the same with the signs of the pair
    column_variance: Tensor | None  # (dies, segments, channels, 1, columns): of a column's whole conductance
    row_total: Tensor  # (dies, segments, rows): conductance on the row, all cells that it drives
    admittance: Tensor | None = None  # (dies, segments, rows, rows): what drivers see through wires; None: ideal wires

    def joined(self, weights: Tensor) -> Lines:
        """Channels added on analogue nodes with ``weights`` (nodes, channels): for front ends linear in the lines."""
        signed, total = _join(weights, self.signed), _join((weights != 0).to(weights), self.total)
        variance = None if self.variance is None else _join(weights.square(), self.variance)
        return Lines(signed, total, variance, None, None, self.row_total, self.admittance)


def gather(conductance: Tensor, variance: Tensor | None, encoding: Encoding, unit: float) -> Lines:
    """Lines of cells (dies, slices, signs, segments, rows, columns), in units of ``unit`` siemens.

    A pair on rows shares its column, so it becomes one line driven with both signs; other cells become one line each,
    slices first, then signs.
    """
    cells = (conductance / unit).permute(0, 3, 1, 2, 4, 5)  # (dies, segments, slices, signs, rows, columns)
    noise = None if variance is None else (variance / unit**2).permute(0, 3, 1, 2, 4, 5)
    row_total = cells.sum((2, 3, 5))
    if encoding.layout is Layout.PAIR_ROWS:
        signed, total = cells[:, :, :, 0] - cells[:, :, :, 1], cells.sum(3)
        both = None if noise is None else noise.sum(3)
        difference = None if noise is None else noise[:, :, :, 0] - noise[:, :, :, 1]
    else:
        signed, total = cells.flatten(2, 3), cells.flatten(2, 3)
        both = difference = None if noise is None else noise.flatten(2, 3)
    of_columns = None if both is None else both.sum(-2, keepdim=True)
    return Lines(signed.contiguous(), total.sum(-2, keepdim=True), both, difference, of_columns, row_total)


def meeting(encoding: Encoding, like: Tensor) -> tuple[Tensor, Tensor]:
    """Where channels meet in w = Σ_l s_l v_l: the weights of the analogue nodes (conversions, channels), and those of
    their codes in the digital sum (conversions,)."""
    sensed = (1.0,) if encoding.layout is Layout.PAIR_ROWS else encoding.layout.signs
    before_slices, after_slices = _place(like.new_tensor(encoding.significance), encoding.slices_meet)
    before_pairs, after_pairs = _place(like.new_tensor(sensed), encoding.pairs_meet)
    return torch.kron(before_slices, before_pairs), torch.kron(after_slices, after_pairs)


def _place(weights: Tensor, together: bool) -> tuple[Tensor, Tensor]:
    """The sum with ``weights`` put before the converter, or after it."""
    if together:
        return weights.unsqueeze(0), weights.new_ones(1)
    return torch.eye(len(weights)).to(weights), weights


def _join(weights: Tensor, lines: Tensor) -> Tensor:
    return torch.einsum("oq,dsqrc->dsorc", weights, lines)
