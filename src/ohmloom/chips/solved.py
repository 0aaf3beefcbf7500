"""Solved arrays: cells that are not ohmic, on wires or under open columns.

Every vector of levels is then a circuit of its own, for Newton's method with line-preconditioned conjugate gradients
(:func:`ohmloom.crossbars.solve`): slow against the one product that ohmic cells need, and never a silent approximation
of it. Read noise stays linear: it is that of ohmic cells at the same levels.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ohmloom.chips.wiring import Arrays, termination
from ohmloom.crossbars import Sensing, Solution, Wires, solve
from ohmloom.crossbars.circuits.wires import Termination
from ohmloom.crossbars.lines import meeting
from ohmloom.crossbars.readouts import Circuit
from ohmloom.crossbars.transfer import through
from ohmloom.devices.conduction import Conduction
from ohmloom.errors import ConfigurationError, message

if TYPE_CHECKING:
    from ohmloom.chips.stored import StoredMatrix


@dataclass(frozen=True, eq=False)
class SolvedArrays(Circuit):
    """The arrays of one matrix, and how their columns become channels."""

    cells: Tensor  # (dies, segments, physical rows, physical columns), S
    arrays: Arrays
    wires: Wires
    conduction: Conduction
    end: Termination
    voltage: float  # V of a level of 1
    unit: float  # S of a value of 1
    nodes: Tensor | None  # (nodes, channels): channels that were joined before the front end
    linear: Tensor  # the transfer of ohmic cells, without slow noise

    @classmethod
    def of(cls, matrix: StoredMatrix, sensing: Sensing) -> SolvedArrays:
        """Raises ConfigurationError for the transposed side of a matrix."""
        if matrix.mirror is not None:
            rule = "must be ohmic where an array with wires or open columns is driven from its other side"
            raise ConfigurationError(message(f"{matrix.name}.device.conduction", rule, "other cells", "Use ohmic."))
        arrays = Arrays.of(matrix.mapping, matrix.segments.outputs)
        nodes, _ = meeting(sensing.encoding, sensing.lines.signed)
        return cls(
            arrays.lay_out(matrix.conductance()), arrays, matrix.wires, matrix.device.conduction,
            termination(matrix.mapping), matrix.mapping.voltage, matrix.unit,
            nodes if sensing.lines.signed.shape[2] != nodes.shape[1] else None, sensing.transfer.mean,
        )  # fmt: skip

    def select(self, dies: slice) -> SolvedArrays:
        return replace(self, cells=self.cells[dies], linear=self.linear[dies])

    def read(self, levels: Tensor, linear: Tensor) -> Tensor:
        found = self.arrays.joined([self._sensed(s) for s in self._solutions(levels)])  # (dies, segments, vectors, c)
        phases, batch = levels.shape[0], levels.shape[3]
        channels = found.unflatten(-1, (-1, self.arrays.grain)).unflatten(2, (phases, batch))
        value = torch.einsum("dskbcq->kdsqbc", channels).to(levels)
        if self.nodes is not None:
            value = torch.einsum("oq,kdsqbc->kdsobc", self.nodes, value)
        return value if linear is self.linear else value + through(levels, linear - self.linear)

    def power(self, levels: Tensor, reads: Tensor) -> Tensor:
        spent = torch.stack([s.power for s in self._solutions(levels)]).sum(0)  # (dies, segments, vectors)
        spent = spent.unflatten(2, (levels.shape[0], levels.shape[3])) / (self.unit * self.voltage**2)
        return torch.einsum("k,dskb->db", reads, spent.to(levels))

    def _solutions(self, levels: Tensor) -> Iterator[Solution]:
        """One for each of the arrays side by side; inputs are phases and vectors."""
        signs = self.arrays.signs(levels, backward=False)
        volts = (levels.unsqueeze(-1) * signs).flatten(-2) * self.voltage  # (phases, dies, segments, batch, rows)
        inputs = torch.einsum("kdsbr->dskbr", volts).flatten(2, 3).expand(*self.cells.shape[:2], -1, -1)
        for part in self.arrays.split(self.cells):
            yield solve(part.double(), inputs.double(), self.wires, self.conduction, self.end)

    def _sensed(self, solution: Solution) -> Tensor:
        """In what a read of the front end is in: units of a value of 1 at full drive, or of the read voltage."""
        if self.end == "open":
            return solution.column_voltages / self.voltage
        return solution.currents / (self.unit * self.voltage)
