"""Read noise through wires: how much of each cell's own noise reaches its column.

A cell (k, l) whose conductance moves by δg moves output j by δg u_kl w_kl^(j): u is the voltage across the cell, w that
of the adjoint circuit, in which only column j is driven. Exactly,

    var I_j = Σ_kl var g_kl u_kl² (w_kl^(j))²,

which no cached matrix of the array's size gives, because u mixes all inputs. The fast form keeps the sum without wires
and multiplies each cell's variance by the square of its *own sensitivity*

    grounded columns:  s_kj = ∂T_kj / ∂g_kj = u_kj^(k) w_kj^(j)
    open columns:      s_kj = (Σ_i g_ij) u_kj^(k) w_kj^(j) / (1 - A_kj)

with u^(k) at row k alone driven by 1 V. Both voltages are found line by line, in O(rows · columns): a row alone is a
ladder whose rungs are its cells, each in series with what its column is from there, itself a ladder; rows that are not
driven are ladders too. What this leaves out is a current's way through three lines and more: s differs by less than 1 %
from the exact derivative where wires take five sixths of a cell's share (64 x 64, 10 ohm; see the tests).

The fast form is exact as wires vanish. For inputs of both signs it stays within about a per cent of the exact
deviation; where all inputs are positive, grounded columns rise together and it is too large (system ``wires`` prints
by how much). Noise of other columns' cells, and with it the correlation between outputs, is left out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from ohmloom.crossbars.circuits.effective import terminals
from ohmloom.crossbars.circuits.solving import solve
from ohmloom.crossbars.circuits.wires import Termination, Wires


class Ladder(NamedTuple):
    """Lines along the last axis: conductances of their segments and of what ends them, S."""

    segment: float
    near: float
    far: float

    def beyond(self, rungs: Tensor) -> tuple[Tensor, Tensor]:
        """What each node sees of the line towards its near and its far end, its own rung left out, S."""
        return self._towards(rungs, self.near), self._towards(rungs.flip(-1), self.far).flip(-1)

    def _towards(self, rungs: Tensor, end: float) -> Tensor:
        seen = [torch.full_like(rungs[..., 0], end)]
        for rung in rungs[..., :-1].unbind(-1):
            load = rung + seen[-1]
            seen.append(load * self.segment / (load + self.segment))
        return torch.stack(seen, -1)

    def behind(self, cells: Tensor, rungs: Tensor) -> Tensor:
        """``cells`` in series with the line at their nodes."""
        near, far = self.beyond(rungs)
        return cells * (near + far) / (cells + near + far)

    def voltages(self, rungs: Tensor) -> Tensor:
        """Of the nodes when the near end is at 1 V, and the far end too if it is driven."""
        value = self._driven(rungs)
        if not self.far:
            return value
        return value + Ladder(self.segment, self.far, self.near)._driven(rungs.flip(-1)).flip(-1)

    def _driven(self, rungs: Tensor) -> Tensor:
        _, far = self.beyond(rungs)
        loads = (rungs + far).unbind(-1)
        nodes = [self.near / (self.near + loads[0])]
        for load in loads[1:]:
            nodes.append(nodes[-1] * self.segment / (self.segment + load))
        return torch.stack(nodes, -1)


def own_sensitivity(conductance: Tensor, wires: Wires, termination: Termination, transfer: Tensor) -> Tensor:
    """s (..., rows, columns) of arrays with their ``transfer``: 1 where wires are ideal, less where they weaken."""
    alone = 1 / (1 + wires.access * conductance)  # of a cell's voltage, beside its transistor's
    if wires.ideal:
        return alone.square()
    cells, turn = wires.with_access(conductance), _turn(wires)
    driver, sense = 1 / (wires.row + wires.driver), 1 / (wires.column + wires.sense)
    row = Ladder(1 / wires.row, driver, driver if wires.rows_from == "both" else 0.0)
    held = Ladder(1 / wires.column, sense, 0.0)
    read = held if termination == "ground" else held._replace(near=0.0)
    behind_rows = row.behind(cells, cells)
    behind_rows = row.behind(cells, turn(held.behind(turn(cells.mT), turn(behind_rows.mT))).mT)
    rungs = turn(behind_rows.mT)  # of the columns, sensed end first
    behind_columns = turn(read.behind(turn(cells.mT), rungs)).mT
    there = row.voltages(behind_columns) * _share(behind_columns, cells)
    back = turn(held.voltages(rungs)).mT * _share(behind_rows, cells)
    own = there * back * alone.square()
    if termination == "ground":
        return own
    load = rungs[..., 0] + held.beyond(rungs)[1][..., 0]
    column = load * sense / (load + sense)  # what a driver of the column sees, S
    return own * conductance.sum(-2, keepdim=True) / (column.unsqueeze(-2) * (1 - transfer).clamp(min=1e-12))


def _share(behind: Tensor, cells: Tensor) -> Tensor:
    """Of the voltage over a cell and what is behind it, the cell's; 1 / (1 + g Z)."""
    return torch.where(cells > 0, behind / cells.clamp(min=1e-300), torch.ones_like(cells))


def read_covariance(
    conductance: Tensor, variance: Tensor, voltage: Tensor, wires: Wires, termination: Termination = "ground"
) -> Tensor:
    """The exact covariance of all reads of an array, (inputs, columns, columns), to first order in the cells' noise.

    ``conductance`` and ``variance`` of a read of each cell (rows, columns), S and S²; ``voltage`` (inputs, rows), V. In
    A² at grounded columns, V² at open ones. The reference for :func:`own_sensitivity`: it holds the voltage across
    every cell for every column's adjoint, rows · columns² numbers.
    """
    across = solve(conductance, voltage, wires, termination=termination).cell_voltages  # (inputs, rows, columns)
    turned, back = _turn(wires), wires.backward
    unit = torch.eye(conductance.shape[-1], dtype=conductance.dtype)
    adjoint = solve(turned(conductance.mT), unit, back).cell_voltages  # (columns driven, columns, rows)
    adjoint = turned(adjoint).mT
    if termination == "open":  # a current into one column, the others free: voltages Z of their ends
        impedance = torch.linalg.inv(terminals(turned(conductance.mT), back).admittance)
        adjoint = torch.einsum("jl,lrc->jrc", impedance, adjoint)
    felt = torch.einsum("brc,jrc->bjrc", across * variance.sqrt(), adjoint)
    return torch.einsum("bjrc,bmrc->bjm", felt, felt)


def _turn(wires: Wires) -> Callable[[Tensor], Tensor]:
    """Puts the sensed end of the columns first, where an array seen from its columns is driven; and back."""
    return (lambda array: array.flip(-1)) if wires.columns_to == "bottom" else (lambda array: array)
