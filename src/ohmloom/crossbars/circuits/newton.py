"""Newton's method for one array with resistive lines, all inputs together.

The unknowns are the lines' own voltage drops, so that good wires lose no digits: U from each row's driver to its node,
D from each column's resting voltage to its node. With I the cells' currents and L the admittance of the lines alone,

    L_w U = I(E),   L_b D = I(E),   E = V - resting - U - D,

and one step solves M_w dU + g dD = I - L_w U, g dU + M_b dD = I - L_b D by :mod:`.line_sweeps`, where
g is dI/dE and M = L + g. For ohmic cells the first step is the solution and the second one checks it. The network of
rising branches has one convex potential, so shortened steps always lead to its minimum.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ohmloom.crossbars.circuits.branches import Branches
from ohmloom.crossbars.circuits.solution import Outcome, Stats
from ohmloom.crossbars.circuits.wires import Wires

EPSILON = 2.0**-52
FORCING = 3e-2  # how far the first linear systems of a non-ohmic array are solved
SHORTEST = 2.0**-40  # of a Newton step
SMALL = 1e-5  # a residual at which steps need no check any more
BALANCE = 1e-6  # of the largest current: more at any node is no solution, whatever the energies
PATIENCE = 4  # steps without progress before rounding is blamed


Numbers = NDArray[np.float64]


class Limits(NamedTuple):
    """When to stop: a relative residual, iterations of conjugate gradients in all, Newton steps."""

    tolerance: float = 1e-12
    iterations: int = 2000
    steps: int = 100


class Lines(NamedTuple):
    """(segment, first, last) of rows and of columns in siemens; 0 is an open end."""

    rows: tuple[float, float, float]
    columns: tuple[float, float, float]

    @classmethod
    def of(cls, wires: Wires, termination: str) -> Lines:
        """Lines of an array whose wires have resistance."""
        driver = 1 / (wires.row + wires.driver)
        sensed = 1 / (wires.column + wires.sense) if termination == "ground" else 0.0
        ends = (sensed, 0.0) if wires.columns_to == "top" else (0.0, sensed)
        return cls(
            (1 / wires.row, driver, driver if wires.rows_from == "both" else 0.0),
            (1 / wires.column, *ends),
        )


class Newton:
    """Newton's method for the branches and lines of one array at its inputs.

    ``applied`` (inputs, rows, columns) are the branch voltages without any current in the lines, ``scale`` (inputs)
    the largest voltages: no voltage is known better than their rounding, so neither is the energy lost in the lines.
    """

    def __init__(self, branches: Branches, lines: Lines, applied: Tensor, scale: Tensor, limits: Limits) -> None:
        from ohmloom.crossbars.circuits import line_sweeps  # numba takes half a second to start

        self.sweeps, self.branches, self.lines, self.limits = line_sweeps, branches, lines, limits
        self.applied = applied.numpy()
        # Through a cell that is better than the wires flows no more than the wires let through.
        through = float(branches.conductance.clamp(max=min(lines.rows[0], lines.columns[0])).sum())
        self.rounding = 4 * EPSILON**2 * through * scale.numpy() ** 2  # A V
        self.faintest = 64 * EPSILON * through * scale.numpy()  # A
        self.linear = branches.conduction.ohmic
        inputs = len(applied)
        self.drops = np.zeros((2, *applied.shape))  # V of rows and columns
        self.spare, self.rests, self.step = (np.zeros_like(self.drops) for _ in range(3))  # V, A, V
        self.voltage = torch.empty_like(applied)  # V of the branches
        self.used, self.counts = np.zeros(inputs, np.int64), np.zeros(inputs, np.int64)  # iterations: all, of a step
        self.norms, self.along = np.zeros(inputs), np.empty(inputs)  # A V: r · P r before a linear solve; of a step
        self.found = np.zeros((4, inputs))  # see `balance`: A, W, W, A
        shape = ((1 if self.linear else inputs), *applied.shape[1:])
        lanes = line_sweeps.LANES
        self.factors = np.empty((shape[0], -(-shape[1] // lanes), shape[2], lanes)), np.empty(shape)
        self.work = np.empty((5, *shape[1:]))
        self.taken = 0  # steps
        self._move(self.drops, np.zeros(inputs))

    def run(self) -> Outcome:
        """Take steps until all inputs have converged, or say why they do not."""
        best, stuck = math.inf, 0
        for step in range(self.limits.steps + 1):
            self.taken = step
            left = self.limits.iterations - self.used
            residual = self._solve(left)
            if not np.isfinite(residual).all():
                return Outcome.NOT_FINITE
            undone = (residual > self.limits.tolerance) | ~self.balanced
            if not undone.any():
                return Outcome.CONVERGED
            worst = float(residual.max())
            best, stuck = (worst, 0) if worst < best / 2 else (best, stuck + 1)
            if stuck >= PATIENCE and (self.linear or not self.rough.any()):
                return Outcome.ROUNDING
            if (left[undone] <= 0).any():
                return Outcome.ITERATIONS
            self._advance()
        return Outcome.STEPS

    def _solve(self, left: NDArray[np.int64]) -> Numbers:
        """The residual (inputs) of where we are, and the next step for the inputs whose residual is too large."""
        slope, tolerance = self.flow.slope.numpy(), self.limits.tolerance
        if self.taken == 0 or not self.linear:
            self.sweeps.factor(slope, *self.lines, *self.factors)
        imbalance, energy, held, _ = self.found
        rounding = self.rounding + 4 * EPSILON**2 * held
        reference = np.maximum(energy, rounding / tolerance**2)
        # Far from the solution of a steep law the energies mean little: the currents must balance too.
        self.balanced = (imbalance <= self.faintest) | (self._kirchhoff() <= BALANCE)
        targets = np.where(self.balanced, tolerance**2 * reference, np.finfo(float).tiny)
        forcing = tolerance / 2 if self.linear else FORCING
        self.sweeps.correct(
            slope, self.lines.rows[0], self.factors[0], self.lines.columns[0], self.factors[1], self.rests, targets,
            (tolerance**2, forcing**2), left, self.step, self.counts, self.norms, self.work,
        )  # fmt: skip
        self.used += self.counts
        self.rough = (self.norms > SMALL**2 * energy) | ~self.balanced
        nothing = self.norms == 0  # also where nothing is applied
        self.residual = np.sqrt(np.where(nothing, 0, self.norms) / np.where(nothing, 1, reference))
        return self.residual

    def _advance(self) -> None:
        """Go the step, or a part of it for inputs where the potential would rise steeply at its end."""
        start, length = self.drops, np.ones_like(self.residual)
        self.drops, self.spare = self.spare, start
        downhill = self._along_step()
        while True:
            self._move(start, length)
            if self.linear or not self.rough.any():
                return
            over = ~(-self._along_step() <= downhill / 2) & self.rough
            if not over.any() or float(length.min()) < SHORTEST:
                return
            length = np.where(over, length / 2, length)

    def _along_step(self) -> Numbers:
        """How steeply the potential falls along the step, (inputs) W."""
        self.sweeps.along(self.rests, self.step, self.along)
        return self.along.copy()

    def _move(self, start: Numbers, length: Numbers) -> None:
        """Go ``length`` (inputs) of the step from these drops: the flow there, and what it leaves at the nodes."""
        self.sweeps.move(self.applied, start, self.step, length, self.drops, self.voltage.numpy())
        self.flow = self.branches.flow(self.voltage)
        self.sweeps.balance(self.flow.current.numpy(), *self.lines, self.drops, self.rests, self.found)

    def _kirchhoff(self) -> Numbers:
        """The largest imbalance at a node over the largest current of a cell, a row or a column (inputs)."""
        with np.errstate(invalid="ignore"):  # infinite currents: the residual says so
            return self.found[0] / np.maximum(self.found[3], np.finfo(float).tiny)

    def stats(self) -> Stats:
        """What it took."""
        kirchhoff = float(self._kirchhoff().max())
        return Stats(self.taken, int(self.used.max()), float(self.residual.max()), kirchhoff)
