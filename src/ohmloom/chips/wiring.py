"""Wiring: the cells of a stored matrix on the wires of their arrays, and what the lines make of them.

Each segment of a matrix is an array, or several side by side where its outputs need more columns than a core has. Rows
of a pair, columns of a pair and the slices of one output are neighbours and share lines as on the real array. A part
of a matrix lies in the corner of its core next to the drivers and the sense circuits: only its own rows and columns
count as wire.

With ohmic cells an array with wires is still linear. Its *acting* conductances are those that ideal wires would need
for the same reads: the effective conductance T of :func:`ohmloom.crossbars.effective_conductance` where columns are
grounded, and A_ij Σ_i g_ij where they are open, with A the volts on column j per volt on row i. What is sensed,
normalised and folded above is then computed as without wires.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from ohmloom.chips.mapping import Mapping
from ohmloom.crossbars import AnalogueReadout, Layout, VoltageSense, Wires
from ohmloom.crossbars.effective import Termination, terminals
from ohmloom.errors import ConfigurationError, message

if TYPE_CHECKING:
    from ohmloom.chips.stored import StoredMatrix


class Wired(NamedTuple):
    """Cells on their wires."""

    acting: Tensor  # (..., slices, signs, segments, rows, columns), S
    admittance: Tensor  # (..., segments, rows, rows), S: levels x take the power V² x^T Y x from their drivers


@dataclass(frozen=True)
class Arrays:
    """How the cells of a matrix lie in arrays: ``parts`` of them side by side for each segment."""

    layout: Layout
    slices: int
    parts: int

    @classmethod
    def of(cls, mapping: Mapping, outputs: int) -> Arrays:
        encoding, capacity = mapping.encoding, mapping.output_capacity
        parts = 1 if capacity is None else -(-outputs // capacity)
        if parts > 1 and encoding.layout is Layout.OFFSET_COLUMN:
            rule = "must hold all outputs in one array where wires have resistance: each array has its own reference"
            raise ConfigurationError(message("mapping.columns", rule, f"{outputs} outputs", "Use pairs."))
        return cls(encoding.layout, len(encoding.significance), parts)

    @property
    def grain(self) -> int:
        """Physical columns of one output."""
        return self.slices * self.layout.columns_per_output

    def lay_out(self, cells: Tensor) -> Tensor:
        """(..., slices, signs, segments, rows, columns) → (..., segments, physical rows, physical columns)."""
        if self.layout is Layout.PAIR_ROWS:
            return torch.einsum("...lpsrc->...srpcl", cells).flatten(-2).flatten(-3, -2)
        return torch.einsum("...lpsrc->...srclp", cells).flatten(-3)

    def take_up(self, arrays: Tensor, columns: int) -> Tensor:
        """The inverse: physical arrays of ``columns`` logical columns → cells."""
        if self.layout is Layout.PAIR_ROWS:
            cells = arrays.unflatten(-1, (columns, self.slices)).unflatten(-3, (-1, 2))
            return torch.einsum("...srpcl->...lpsrc", cells)
        cells = arrays.unflatten(-1, (columns, self.slices, len(self.layout.signs)))
        return torch.einsum("...srclp->...lpsrc", cells)

    def split(self, arrays: Tensor) -> list[Tensor]:
        """Arrays side by side: equal numbers of outputs, the last with what is left."""
        outputs = arrays.shape[-1] // self.grain
        return list(arrays.split(-(-outputs // self.parts) * self.grain, dim=-1))

    def signs(self, like: Tensor, *, backward: bool) -> Tensor:
        """With which sign a level drives each of the physical lines of one input, in their order."""
        pair = like.new_tensor(self.layout.signs)
        if not backward:
            return pair if self.layout is Layout.PAIR_ROWS else pair[:1]
        return (pair if self.layout is Layout.PAIR_COLUMNS else pair[:1]).repeat(self.slices)


def wire_up(matrix: StoredMatrix) -> Wired:
    """The cells of ``matrix`` on its wires, computed in double precision; exact for ohmic cells.

    Raises ConfigurationError where the other side of a matrix is not cut into the same arrays.
    """
    held = matrix.mirror or matrix
    cells, arrays = held.conductance(), Arrays.of(held.mapping, held.segments.outputs)
    termination = "open" if _open(matrix.mapping) else "ground"
    if matrix.mirror is None:
        return Wired(*(value.to(cells) for value in on_wires(cells.double(), arrays, matrix.wires, termination)))
    if matrix.segments.count != arrays.parts:
        rule = f"must be cut into the same {arrays.parts} arrays from both sides"
        raise ConfigurationError(message(matrix.name, rule, f"{matrix.segments.count}", "Use square cores."))
    acting, admittances = _arrays(arrays, cells.double(), matrix.wires, termination, backward=True)
    signs = arrays.signs(cells.double(), backward=True)
    joined = [_joined(one, signs).sum(-3) for one in admittances]  # the segments' arrays share their inputs
    size = matrix.segments.rows
    padded = [torch.nn.functional.pad(one, (0, size - one.shape[-1]) * 2) for one in joined]
    return Wired(matrix._turned(acting.to(cells)), torch.stack(padded, -3).to(cells))


def on_wires(cells: Tensor, arrays: Arrays, wires: Wires, termination: Termination) -> Wired:
    """Cells (..., slices, signs, segments, rows, columns) on their wires; the gradient reaches them."""
    acting, admittances = _arrays(arrays, cells, wires, termination)
    signs = arrays.signs(cells, backward=False)
    return Wired(acting, torch.stack([_joined(one, signs) for one in admittances]).sum(0))


def _arrays(
    arrays: Arrays, cells: Tensor, wires: Wires, termination: Termination, *, backward: bool = False
) -> tuple[Tensor, list[Tensor]]:
    """The acting cells, and the admittance of the driven lines of each array side by side."""
    array = _backward_array if backward else _array
    found = [array(part, wires, termination) for part in arrays.split(arrays.lay_out(cells))]
    acting = torch.cat([one for one, _ in found], dim=-1)
    return arrays.take_up(acting, cells.shape[-1]), [admittance for _, admittance in found]


def _array(cells: Tensor, wires: Wires, termination: Termination) -> tuple[Tensor, Tensor]:
    """Acting conductances (..., rows, columns) and admittance (..., rows, rows) of physical arrays."""
    if termination == "ground":
        found = terminals(cells, wires, termination)
        return found.transfer, found.admittance
    total = cells.sum(-2, keepdim=True)  # a column without any conductance floats, and senses nothing
    found = terminals(torch.where(total > 0, cells, torch.full_like(cells, 1e-6)), wires, termination)
    return found.transfer * total, found.admittance


def _backward_array(cells: Tensor, wires: Wires, termination: Termination) -> tuple[Tensor, Tensor]:
    """The same driven at the columns' sensed ends and sensed at the rows' driven ends."""
    turned, far = cells.transpose(-1, -2), wires.columns_to == "bottom"
    acting, admittance = _array(turned.flip(-1) if far else turned, wires.backward, termination)
    return (acting.flip(-1) if far else acting).transpose(-1, -2), admittance


def _joined(admittance: Tensor, signs: Tensor) -> Tensor:
    """Between inputs, each of which drives neighbouring lines with ``signs``: (..., inputs, inputs)."""
    blocks = admittance.unflatten(-1, (-1, len(signs))).unflatten(-3, (-1, len(signs)))
    return torch.einsum("...igjh,g,h->...ij", blocks, signs, signs)


def _open(mapping: Mapping) -> bool:
    return isinstance(mapping.readout, AnalogueReadout) and isinstance(mapping.readout.front_end, VoltageSense)
