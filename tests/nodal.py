"""A plain reference for arrays with wires: one dense nodal matrix in double precision, and what a torch user would do
with it. Slow, obvious and differentiable."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor

from ohmloom.crossbars import Wires


def laplacian(conductance: Tensor, wires: Wires) -> Tensor:
    """The nodal matrix of (rows, columns) cells on wires. Nodes: drivers, row nodes, column nodes, sensed ends."""
    rows, columns = conductance.shape
    cells = rows * columns
    total = rows + 2 * cells + columns
    matrix = torch.zeros(total, total, dtype=torch.float64)

    def join(first: int, second: int, value: float | Tensor) -> None:
        signs = torch.tensor([[1.0, -1.0], [-1.0, 1.0]], dtype=torch.float64) * value
        nonlocal matrix
        matrix = matrix.index_put(
            (torch.tensor([[first] * 2, [second] * 2]), torch.tensor([[first, second]] * 2)), signs, accumulate=True
        )

    held = conductance.double() / (1 + conductance.double() * wires.access)
    for i in range(rows):
        line = [rows + i * columns + j for j in range(columns)]
        join(i, line[0], 1 / (wires.row + wires.driver))
        for left, right in itertools.pairwise(line):
            join(left, right, 1 / wires.row)
        if wires.rows_from == "both":
            join(line[-1], i, 1 / (wires.row + wires.driver))
    for j in range(columns):
        line = [rows + cells + i * columns + j for i in range(rows)]
        line = line if wires.columns_to == "bottom" else line[::-1]
        for upper, lower in itertools.pairwise(line):
            join(upper, lower, 1 / wires.column)
        join(line[-1], rows + 2 * cells + j, 1 / (wires.column + wires.sense))
    for i in range(rows):
        for j in range(columns):
            join(rows + i * columns + j, rows + cells + i * columns + j, held[i, j])
    return matrix


def reference(conductance: Tensor, wires: Wires, termination: str) -> tuple[Tensor, Tensor]:
    """Transfer (rows, columns) and the drivers' admittance (rows, rows) of an array."""
    rows, columns = conductance.shape
    if wires.ideal:
        held = conductance.double() / (1 + conductance.double() * wires.access)
        total = held.sum(0)
        if termination == "ground":
            return held, torch.diag(held.sum(1))
        return held / total, torch.diag(held.sum(1)) - (held / total) @ held.T
    matrix = laplacian(conductance, wires)
    outer = [*range(rows), *range(len(matrix) - columns, len(matrix))]
    inner = [node for node in range(len(matrix)) if node not in set(outer)]
    small = matrix[outer][:, outer] - matrix[outer][:, inner] @ torch.linalg.solve(
        matrix[inner][:, inner], matrix[inner][:, outer]
    )
    own, across, sensed = small[:rows, :rows], small[rows:, :rows], small[rows:, rows:]
    if termination == "ground":
        return -across.T, own
    volts = -torch.linalg.solve(sensed, across)
    return volts.T, own + across.T @ volts


def newton(conductance: Tensor, wires: Wires, volts: Tensor, termination: str, scale: float) -> Tensor:
    """What the sensed ends of columns read, (columns,): A at ground, V where open, with I = g v0 sinh(U / v0) cells.

    Plain Newton on the dense nodal equations from rest.
    """
    rows, columns = conductance.shape
    cells = rows * columns
    lines = laplacian(torch.zeros_like(conductance), wires)
    total = len(lines)
    known = torch.zeros(total, dtype=torch.bool)
    known[:rows] = True
    if termination == "ground":
        known[-columns:] = True
    value = torch.zeros(total, dtype=torch.float64)
    value[:rows] = volts.double()
    g = conductance.double().flatten()
    row, column = torch.arange(rows, rows + cells), torch.arange(rows + cells, rows + 2 * cells)
    for _ in range(60):
        across = value[row] - value[column]
        current, slope = g * scale * torch.sinh(across / scale), g * torch.cosh(across / scale)
        rest, matrix = lines @ value, lines.clone()
        rest[row] += current
        rest[column] -= current
        matrix[row, row] += slope
        matrix[column, column] += slope
        matrix[row, column] -= slope
        matrix[column, row] -= slope
        free = ~known
        value[free] -= torch.linalg.solve(matrix[free][:, free], rest[free])
    return value[-columns:] if termination == "open" else -(lines @ value)[-columns:]
