"""The plain nodal equations of an array, solved whole: what the fast solvers are checked against."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sparse
from scipy.sparse.linalg import splu

from ohmloom.crossbars import Wires
from ohmloom.devices import Conduction, HyperbolicSine


class Nodal:
    """Nodes: rows, then columns, then (with access transistors) the joint of each transistor and its cell."""

    def __init__(self, conductance: np.ndarray, wires: Wires, termination: str) -> None:
        self.g, self.wires, self.cells = conductance.ravel(), wires, conductance.size
        rows, columns = conductance.shape
        self.index = np.arange(self.cells).reshape(rows, columns)
        self.size = self.cells * (3 if wires.access else 2)
        row, column = self.index, self.index + self.cells
        self.pairs = [
            (row[:, :-1], row[:, 1:], 1 / np.longdouble(wires.row)),
            (column[:-1], column[1:], 1 / np.longdouble(wires.column)),
        ]
        if wires.access:
            self.pairs.append((row, self.index + 2 * self.cells, 1 / wires.access))
        driver, sense = 1 / (wires.row + wires.driver), 1 / (wires.column + wires.sense)
        self.held = [(row[:, 0], driver)] + ([(row[:, -1], driver)] if wires.rows_from == "both" else [])
        self.end = column[0 if wires.columns_to == "top" else -1]
        self.sense = sense if termination == "ground" else 0.0
        diagonal = np.zeros(self.size, np.longdouble)
        for nodes, g in [*self.held, (self.end, self.sense)]:
            diagonal[nodes] += g
        self.lines = sparse.diags(diagonal) + sum(self._between(a, b, np.full(a.size, g)) for a, b, g in self.pairs)

    def _between(self, a: np.ndarray, b: np.ndarray, g: np.ndarray) -> sparse.csc_matrix:
        a, b = a.ravel(), b.ravel()
        entries = np.concatenate([g, g, -g, -g]).astype(np.longdouble)
        places = (np.concatenate([a, b, a, b]), np.concatenate([a, b, b, a]))
        return sparse.csc_matrix((entries, places), shape=(self.size, self.size))

    def solve(self, voltage: np.ndarray, conduction: Conduction | None = None) -> np.ndarray:
        """Node voltages for one input: one sparse solve, or Newton's method with a sparse solve for each step."""
        source = np.zeros(self.size, np.longdouble)
        for nodes, g in self.held:
            source[nodes] += g * voltage
        above, below = np.arange(self.size - self.cells, self.size), self.index.ravel() + self.cells
        above = above if self.wires.access else self.index.ravel()
        if not isinstance(conduction, HyperbolicSine):
            return _solve((self.lines + self._between(above, below, self.g)).tocsc(), source)
        scale, nodes = conduction.scale, np.zeros(self.size, np.longdouble)
        for _ in range(200):
            across = nodes[above] - nodes[below]
            current, slope = self.g * scale * np.sinh(across / scale), self.g * np.cosh(across / scale)
            left = source - self.lines @ nodes
            np.subtract.at(left, above, current)
            np.add.at(left, below, current)
            matrix = (self.lines + self._between(above, below, slope)).tocsc()
            step = splu(matrix.astype(float)).solve(left.astype(float))
            nodes = nodes + step
            if np.abs(step).max() < 1e-15:
                break
        return nodes.astype(float)

    def sensed(self, nodes: np.ndarray) -> np.ndarray:
        """Currents of grounded columns, voltages of open ones."""
        return self.sense * nodes[self.end] if self.sense else nodes[self.end]


def _solve(matrix: sparse.csc_matrix, source: np.ndarray) -> np.ndarray:
    """A direct solve, refined in extended precision: its own rounding is 1e-10 where wires are good."""
    factors, nodes = splu(matrix.astype(float)), np.zeros(len(source), np.longdouble)
    for _ in range(4):
        nodes = nodes + factors.solve((source - matrix @ nodes).astype(float))
    return nodes.astype(float)
