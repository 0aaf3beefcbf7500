"""Transfer: what a front end reads of line levels, ready to multiply with.

However a read-out came to be (virtual grounds or open columns, ideal or solved wires), one read of levels d_i has

    mean m_j = Σ_i d_i t_ij        variance Σ_i d_i² v_ij - 2 m_j Σ_i d_i p_ij + m_j² c_j

The last two terms are those of columns that move with what they read; held columns lack them.
"""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from ohmloom.crossbars.reads import Sums


class Transfer(NamedTuple):
    """Matrices (dies, segments, channels, rows, columns), in what a read is in."""

    mean: Tensor  # t
    variance: Tensor | None  # v; None where reads are noiseless
    pull: Tensor | None  # p; None where columns are held, or reads noiseless
    column: Tensor | None  # c: (dies, segments, channels, 1, columns)

    def sums(self, levels: Tensor, square: Tensor) -> Sums:
        """Products with levels (phases, dies, segments, batch, rows) and their squares, or the sum of these over
        phases: (phases, dies, segments, channels, batch, columns)."""
        return Sums(
            through(levels, self.mean),
            None if self.variance is None else through(square, self.variance),
            None if self.pull is None else through(levels, self.pull),
        )


def through(levels: Tensor, lines: Tensor) -> Tensor:
    """Levels through lines; one array alone is one plain product, which is faster."""
    phases, *arrays, batch, rows = levels.shape
    *channels, _, columns = lines.shape
    if all(size == 1 for size in (*arrays, *channels)):
        return (levels.reshape(-1, rows) @ lines.view(rows, columns)).view(phases, 1, 1, 1, batch, columns)
    return levels.unsqueeze(3) @ lines
