"""The plain reference: every node of an array as one unknown of a sparse linear system, solved directly."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import splu

from ohmloom.crossbars import Wires


class Solution(NamedTuple):
    """Sensed currents (A) or voltages (V), and what the drivers deliver (W); (inputs, columns) and (inputs,)."""

    outputs: np.ndarray
    power: np.ndarray


def nodal(conductance: np.ndarray, wires: Wires, voltage: np.ndarray, termination: str = "ground") -> Solution:
    """``conductance`` (rows, columns) in S, ``voltage`` (inputs, rows) in V; wires with resistance."""
    rows, columns = conductance.shape
    row_nodes = np.arange(rows * columns).reshape(rows, columns)
    column_nodes = row_nodes + rows * columns
    size = 2 * rows * columns
    matrix, diagonal, sources = [], np.zeros(size), np.zeros((size, len(voltage)))

    def link(a: np.ndarray, b: np.ndarray, value: np.ndarray) -> None:
        matrix.append((a.ravel(), b.ravel(), -value.ravel()))
        matrix.append((b.ravel(), a.ravel(), -value.ravel()))
        np.add.at(diagonal, a.ravel(), value.ravel())
        np.add.at(diagonal, b.ravel(), value.ravel())

    link(row_nodes, column_nodes, conductance / (1 + conductance * wires.access))
    link(row_nodes[:, 1:], row_nodes[:, :-1], np.full((rows, columns - 1), 1 / wires.row))
    link(column_nodes[1:], column_nodes[:-1], np.full((rows - 1, columns), 1 / wires.column))
    drive = 1 / (wires.row + wires.driver)
    driven = [row_nodes[:, 0]] + [row_nodes[:, -1]] * (wires.rows_from == "both")
    for nodes in driven:
        diagonal[nodes] += drive
        sources[nodes] += drive * voltage.T
    sensed = column_nodes[-1 if wires.columns_to == "bottom" else 0]
    sense = 1 / (wires.column + wires.sense)
    if termination == "ground":
        diagonal[sensed] += sense
    matrix.append((np.arange(size), np.arange(size), diagonal))
    i, j, value = (np.concatenate(parts) for parts in zip(*matrix, strict=True))
    solver = splu(sparse.csc_matrix((value, (i, j)), shape=(size, size)))
    nodes = solver.solve(sources)
    power = sum((drive * (voltage.T - nodes[n]) * voltage.T).sum(0) for n in driven)
    return Solution((nodes[sensed] * (sense if termination == "ground" else 1)).T, np.asarray(power))
