"""Read noise through wires: how much of each cell's own noise reaches its column.

A cell (k, l) whose conductance moves by δg moves output j by δg u_kl w_kl^(j): u is the voltage across the cell, w that
of the adjoint circuit, in which only column j is driven. Exactly,

    var I_j = Σ_kl var g_kl u_kl² (w_kl^(j))²,

which no cached matrix of the array's size gives, because u mixes all inputs. The fast form keeps the sum without wires
and multiplies each cell's variance by the square of its *own sensitivity*

    grounded columns:  s_kj = ∂T_kj / ∂g_kj           open columns:  s_kj = (Σ_i g_ij) u_kj^(k) w_kj^(j) / (1 - A_kj)

with u^(k) at row k alone driven by 1 V. It is exact as wires vanish, and for grounded columns on average over inputs
without correlation; noise of other columns' cells, and the correlation between outputs, are left out.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ohmloom.crossbars.effective import Termination, terminals
from ohmloom.crossbars.solving import solve
from ohmloom.crossbars.wires import Wires

TOGETHER = 2**22  # cell voltages of unit inputs that are held at once


def own_sensitivity(conductance: Tensor, wires: Wires, termination: Termination, transfer: Tensor) -> Tensor:
    """s (..., rows, columns) of arrays with their ``transfer``: 1 where wires are ideal, less where they weaken."""
    if wires.absent:
        return torch.ones_like(conductance)
    if wires.ideal:
        return 1 / (1 + wires.access * conductance) ** 2
    lead, (rows, columns) = conductance.shape[:-2], conductance.shape[-2:]
    cells, shares = conductance.reshape(-1, rows, columns), transfer.reshape(-1, rows, columns)
    found = torch.stack([_array(one, wires, termination, share) for one, share in zip(cells, shares, strict=True)])
    return found.view(*lead, rows, columns)


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


def _array(cells: Tensor, wires: Wires, termination: Termination, transfer: Tensor) -> Tensor:
    turn = _turn(wires)
    turned = turn(cells.mT)
    there = _own_voltages(cells, wires, termination)
    back = turn(_own_voltages(turned, wires.backward, "ground")).mT
    if termination == "ground":
        return there * back
    column = terminals(turned, wires.backward).admittance.diagonal(dim1=-2, dim2=-1)
    return there * back * cells.sum(-2) / (column * (1 - transfer).clamp(min=1e-12))


def _own_voltages(cells: Tensor, wires: Wires, termination: Termination) -> Tensor:
    """The voltage across each cell, without its transistor, while its row alone is driven by 1 V: (rows, columns)."""
    rows = cells.shape[-2]
    unit = torch.eye(rows, dtype=cells.dtype)
    parts = []
    for chosen in torch.arange(rows).split(max(TOGETHER // cells.numel(), 1)):
        voltages = solve(cells, unit[chosen], wires, termination=termination).cell_voltages
        parts.append(voltages[torch.arange(len(chosen)), chosen])
    return torch.cat(parts)
