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
from torch.nn.functional import pad

from ohmloom.chips.mapping import Mapping
from ohmloom.crossbars import AnalogueReadout, Layout, VoltageSense, Wires, effective_conductance
from ohmloom.crossbars.circuits.effective import terminals
from ohmloom.crossbars.circuits.sensitivity import own_sensitivity
from ohmloom.crossbars.circuits.wires import Termination
from ohmloom.errors import ConfigurationError, message

if TYPE_CHECKING:
    from ohmloom.chips.stored import StoredMatrix


class Wired(NamedTuple):
    """Cells on their wires, as one side reads them."""

    acting: Tensor  # (dies, slices, signs, segments, rows, columns), S
    noise: Tensor | None  # the same shape: how much less each cell's own noise is felt than without wires; None: quiet
    admittance: Tensor  # (dies, segments, rows, rows), S: levels x take the power V² x^T Y x from their drivers


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
        if parts > 1 and encoding.layout is Layout.OFFSET_COLUMN and encoding.pair_sum == "digital":
            rule = "must hold all outputs in one array where each array's own reference is converted apart"
            raise ConfigurationError(message("mapping.columns", rule, f"{outputs} outputs", "Subtract it analogue."))
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

    @property
    def reference(self) -> int:
        """Physical columns of the reference, which stands at the end of each array."""
        return self.slices if self.layout is Layout.OFFSET_COLUMN else 0

    def split(self, arrays: Tensor) -> list[Tensor]:
        """Arrays side by side: equal numbers of outputs, the last with what is left; each with its own reference."""
        width = arrays.shape[-1] - self.reference
        held, reference = arrays[..., :width], arrays[..., width:]
        parts = held.split(-(-width // self.grain // self.parts) * self.grain, dim=-1)
        return [torch.cat([part, reference], dim=-1) for part in parts] if self.reference else list(parts)

    def joined(self, parts: list[Tensor]) -> Tensor:
        """The inverse. All are read against the last array's reference: what another's differs from it by is added to
        the columns, from which it is subtracted anyway."""
        if not self.reference:
            return torch.cat(parts, dim=-1)
        own = [part[..., -self.reference :] for part in parts]
        moved = [part[..., : -self.reference].unflatten(-1, (-1, self.reference)) + (own[-1] - one).unsqueeze(-2)
                 for part, one in zip(parts, own, strict=True)]  # fmt: skip
        return torch.cat([*(part.flatten(-2) for part in moved), own[-1]], dim=-1)

    def beside(self, parts: list[Tensor]) -> Tensor:
        """What belongs to single cells, put side by side: of the references the last array's."""
        if not self.reference:
            return torch.cat(parts, dim=-1)
        return torch.cat([*(part[..., : -self.reference] for part in parts), parts[-1][..., -self.reference :]], dim=-1)

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
    held, backward = matrix.mirror or matrix, matrix.mirror is not None
    arrays = Arrays.of(held.mapping, held.segments.outputs)
    if backward and matrix.segments.count != arrays.parts:
        rule = f"must be cut into the same {arrays.parts} arrays from both sides"
        raise ConfigurationError(message(matrix.name, rule, f"{matrix.segments.count}", "Use square cores."))
    cells, sides = held.conductance(), _Side(matrix.wires, termination(matrix.mapping), backward)
    noisy = not matrix.device.read_noise.quiet
    found = [sides.read(part, noisy) for part in arrays.split(arrays.lay_out(cells.double()))]

    def taken_up(together: Tensor) -> Tensor:
        held_alike = arrays.take_up(together, cells.shape[-1]).to(cells)
        return matrix._turned(held_alike) if backward else held_alike

    signs = arrays.signs(found[0].admittance, backward=backward)
    joined = [_joined(one.admittance, signs) for one in found]
    if backward:  # the segments' arrays share their inputs; arrays side by side are this side's segments
        size = matrix.segments.rows
        shared = [one.sum(-3) for one in joined]
        admittance = torch.stack([pad(one, (0, size - one.shape[-1]) * 2) for one in shared], -3)
    else:
        admittance = torch.stack(joined).sum(0)
    return Wired(
        taken_up(arrays.joined([one.acting for one in found])),
        taken_up(arrays.beside([one.noise for one in found if one.noise is not None])) if noisy else None,
        admittance.to(cells),
    )


def acting_cells(cells: Tensor, arrays: Arrays, wires: Wires, end: Termination) -> Tensor:
    """The acting conductances of cells (..., slices, signs, segments, rows, columns); the gradient reaches them."""
    parts = []
    for part in arrays.split(arrays.lay_out(cells)):
        transfer = effective_conductance(_live(part), wires, end) * (part.amax((-2, -1), keepdim=True) > 0)
        parts.append(transfer if end == "ground" else transfer * part.sum(-2, keepdim=True))
    return arrays.take_up(arrays.joined(parts), cells.shape[-1])


def termination(mapping: Mapping) -> Termination:
    """Whether the columns of a mapping's arrays are held or open while they are read."""
    readout = mapping.readout
    return "open" if isinstance(readout, AnalogueReadout) and isinstance(readout.front_end, VoltageSense) else "ground"


class _Array(NamedTuple):
    """Physical arrays (..., rows, columns) as one side sees them, laid out as the cells are."""

    acting: Tensor
    noise: Tensor | None
    admittance: Tensor  # of the driven lines


class _Side(NamedTuple):
    """From where arrays are driven, and how their sensed lines end."""

    wires: Wires
    end: Termination
    backward: bool

    def read(self, cells: Tensor, noisy: bool) -> _Array:
        """Backward, columns are driven at their sensed ends and rows sensed at their driven ends."""
        if not self.backward:
            return _read(cells, self.wires, self.end, noisy)
        far = self.wires.columns_to == "bottom"

        def turn(array: Tensor) -> Tensor:
            return array.mT.flip(-1) if far else array.mT

        def back(array: Tensor) -> Tensor:
            return (array.flip(-1) if far else array).mT

        found = _read(turn(cells), self.wires.backward, self.end, noisy)
        return _Array(back(found.acting), None if found.noise is None else back(found.noise), found.admittance)


def _read(cells: Tensor, wires: Wires, end: Termination, noisy: bool) -> _Array:
    live, held = cells.amax((-2, -1), keepdim=True) > 0, _live(cells)
    found = terminals(held, wires, end)
    acting = found.transfer if end == "ground" else found.transfer * cells.sum(-2, keepdim=True)
    noise = own_sensitivity(held, wires, end, found.transfer) if noisy else None
    return _Array(acting * live, noise, found.admittance * live)


def _live(cells: Tensor) -> Tensor:
    """Cells of which no array is all zeros: those of empty ones are stand-ins, and what they read counts as nothing."""
    return torch.where(cells.amax((-2, -1), keepdim=True) > 0, cells, torch.full_like(cells, 1e-6))


def _joined(admittance: Tensor, signs: Tensor) -> Tensor:
    """Between inputs, each of which drives neighbouring lines with ``signs``: (..., inputs, inputs)."""
    blocks = admittance.unflatten(-1, (-1, len(signs))).unflatten(-3, (-1, len(signs)))
    return torch.einsum("...igjh,g,h->...ij", blocks, signs, signs)
