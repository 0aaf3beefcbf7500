"""Transfer: what a front end reads of line levels, ready to multiply with.

However a read-out came to be (virtual grounds or open columns, ideal or solved wires), one read of levels d_i has

    mean m_j = Σ_i d_i t_ij        variance Σ_i d_i² v_ij - 2 m_j Σ_i d_i p_ij + m_j² c_j

The last two terms are those of columns that move with what they read; held columns lack them.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ohmloom.crossbars.reads import Sums, add_phases
from ohmloom.crossbars.windows import Patches

Levels = Tensor | Patches  # (phases, dies, segments, batch, rows)


class Transfer(NamedTuple):
    """Matrices (dies, segments, channels, rows, columns), in what a read is in."""

    mean: Tensor  # t
    variance: Tensor | None  # v; None where reads are noiseless
    pull: Tensor | None  # p; None where columns are held, or reads noiseless
    column: Tensor | None  # c: (dies, segments, channels, 1, columns)

    def sums(self, levels: Levels, square: Levels) -> Sums:
        """Products with levels (phases, dies, segments, batch, rows) and their squares, or the sum of these over
        phases: (phases, dies, segments, channels, batch, columns)."""
        return Sums(
            through(levels, self.mean),
            None if self.variance is None else through(square, self.variance),
            None if self.pull is None else through(levels, self.pull),
        )


def through(levels: Levels, lines: Tensor) -> Tensor:
    """Levels through lines; one array alone is one plain product, which is faster, and patches are a convolution."""
    if isinstance(levels, Patches):
        return levels.through(lines)
    phases, *arrays, batch, rows = levels.shape
    *channels, _, columns = lines.shape
    if all(size == 1 for size in (*arrays, *channels)):
        return (levels.reshape(-1, rows) @ lines.view(rows, columns)).view(phases, 1, 1, 1, batch, columns)
    return levels.unsqueeze(3) @ lines


def vectors(levels: Levels) -> Tensor:
    """Levels as they lie on the rows of each vector."""
    return levels.vectors() if isinstance(levels, Patches) else levels


def weighted(weights: Tensor, levels: Levels) -> Levels:
    """Σ_k weights_k of the levels of phase k, as one phase; a single phase of weight 1 is left as it is."""
    if isinstance(levels, Patches):
        return levels.weighted(weights)
    return add_phases(weights, levels)


def driven(levels: Levels) -> Tensor:
    """How many rows of all vectors, phases and segments are driven: (dies,)."""
    if not isinstance(levels, Patches):
        return torch.count_nonzero(levels.transpose(0, 1).flatten(1), dim=1)
    ones = levels.images.new_ones(1, levels.segments, 1, levels.length + levels.bias_rows, 1)
    return levels.driven().through(ones).double().sum((0, 2, 3, 4, 5))
