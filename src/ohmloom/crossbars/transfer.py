"""Transfer: what a front end reads of line levels, ready to multiply with.

However a read-out came to be (virtual grounds or open columns, ideal or solved wires), one read of levels d_i has

    mean m_j = Σ_i d_i t_ij        variance Σ_i d_i² v_ij - 2 m_j Σ_i d_i p_ij + m_j² c_j

The last two terms are those of columns that move with what they read; held columns lack them.
"""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from ohmloom.crossbars import conversion
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
    """Levels through lines; one array alone takes plain products, which are faster, and patches a convolution."""
    if isinstance(levels, Patches):
        return levels.through(lines)
    phases, *arrays, batch, rows = levels.shape
    held, *_, columns = lines.shape
    if any(size != 1 for size in (*arrays, held)):
        return levels.unsqueeze(3) @ lines
    flat, channels = levels.reshape(-1, rows), lines.shape[2]
    if channels == 1:
        return (flat @ lines.view(rows, columns)).view(phases, 1, 1, 1, batch, columns)
    found = levels.new_empty(phases, 1, 1, channels, batch, columns)  # all phases in one product, for each channel
    for channel in range(channels):
        found[:, 0, 0, channel] = (flat @ lines[0, 0, channel]).view(phases, batch, columns)
    return found


def vectors(levels: Levels) -> Tensor:
    """Levels as they lie on the rows of each vector."""
    return levels.vectors() if isinstance(levels, Patches) else levels


def weighted(weights: Tensor, levels: Levels) -> Levels:
    """Σ_k weights_k of the levels of phase k, as one phase; a single phase of weight 1 is left as it is."""
    if isinstance(levels, Patches):
        return levels.weighted(weights)
    return add_phases(weights, levels)


class Activity(NamedTuple):
    """What levels do to their lines, added over all vectors."""

    squares: Levels  # Σ d², (phases, dies, segments, 1, rows) or patches of one image
    driven: Tensor  # rows that are driven, over phases and segments: (dies,)


def activity(levels: Levels) -> Activity:
    """Of all vectors, in one pass."""
    if not isinstance(levels, Patches):
        squares, driven = conversion.activity(levels)
        return Activity(squares.unsqueeze(3), driven.sum((0, 2, 3)))
    of_squares, of_driven = levels.activity()
    ones = levels.images.new_ones(1, levels.segments, 1, levels.length + levels.bias_rows, 1)
    return Activity(of_squares, of_driven.through(ones).double().sum((0, 2, 3, 4, 5)))
