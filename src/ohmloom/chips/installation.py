"""Installation: stored matrices on the cores of one chip — what is placed, run and priced together."""

from __future__ import annotations

from collections.abc import Mapping as Table
from dataclasses import dataclass

from ohmloom.chips.chip import Chip
from ohmloom.chips.mapping import Mapping
from ohmloom.chips.placement import Need, Placement, place
from ohmloom.chips.segments import Segments
from ohmloom.chips.stored import StoredMatrix
from ohmloom.crossbars import Layout


@dataclass(frozen=True)
class Installation:
    """Matrices by name, and where they sit."""

    chip: Chip
    matrices: Table[str, StoredMatrix]
    placement: Placement

    @property
    def owners(self) -> set[str]:
        """Tokens under which these matrices write to a ledger."""
        return {matrix.owner for matrix in self.matrices.values()}


def need(segments: Segments, mapping: Mapping, copies: int = 1) -> Need:
    """Physical rows and columns of a matrix: pairs and slices counted, a reference column for each slice."""
    encoding = mapping.encoding
    slices = len(encoding.significance)
    grain = encoding.layout.columns_per_output * slices
    reference = slices if encoding.layout is Layout.OFFSET_COLUMN else 0
    rows = segments.rows * encoding.layout.rows_per_input
    return Need(segments.count, rows, segments.outputs * grain, grain, copies, reference)


def install(chip: Chip, matrices: Table[str, StoredMatrix]) -> Installation:
    """Place matrices on a chip. Raises PlacementError where they do not fit."""
    needs = {name: need(matrix.segments, matrix.mapping) for name, matrix in matrices.items()}
    return Installation(chip, matrices, place(needs, chip.cores.count, chip.cores.rows, chip.cores.columns))
