"""What `ohmloom.crossbars.solve` returns, and how it says that something did not work."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from torch import Tensor


class Outcome(Enum):
    """How a solve ended, with advice; of several inputs the worst."""

    CONVERGED = "The currents balance at every node to the tolerance."
    ROUNDING = (
        "Rounding keeps the residual above the tolerance: the cells conduct far better than the wires. Loosen "
        "limits.tolerance, or give cells that are shorts the largest conductance that matters."
    )
    ITERATIONS = (
        "The iterations allowed were not enough: cells that conduct far better than wires need more. Raise "
        "limits.iterations, or check the units of conductances and wires."
    )
    STEPS = (
        "The Newton steps allowed were not enough: voltages far above the scale of the conduction law need more. Raise "
        "limits.steps, or check the scale."
    )
    NOT_FINITE = (
        "A current exceeds the range of floating-point numbers. Lower the voltages, raise the scale of the conduction "
        "law, or give the cells their access transistors."
    )

    @property
    def worse(self) -> int:
        """0 for a converged solve; more is worse."""
        return list(Outcome).index(self)


class Stats(NamedTuple):
    """What a solve took and what it left, the largest of all inputs."""

    steps: int  # Newton steps; ohmic cells: one, and one for every refinement
    iterations: int  # of conjugate gradients, in all steps
    residual: float  # of the true equations at the end, in the norm of the energy lost in the lines, relative to it
    kirchhoff: float  # the largest imbalance of currents at a node over the array's largest line current


@dataclass(frozen=True)
class Solution:
    """Currents and voltages everywhere in an array, from `ohmloom.crossbars.solve`."""

    currents: Tensor  # (..., inputs, columns) A, out of each column's sensed end; zero where columns are open
    column_voltages: Tensor  # (..., inputs, columns) V of each column's sensed end; zero where columns are grounded
    cell_voltages: Tensor  # (..., inputs, rows, columns) V from row to column across each cell, without its transistor
    cell_currents: Tensor  # (..., inputs, rows, columns) A from row to column
    row_nodes: Tensor  # (..., inputs, rows, columns) V of each row where it meets each column
    column_nodes: Tensor  # (..., inputs, rows, columns) V of each column where it meets each row
    power: Tensor  # (..., inputs) W that the drivers deliver: all that cells and wires dissipate
    stats: Stats
    outcome: Outcome
