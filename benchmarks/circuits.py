"""One input of an array with resistive wires, against badcrossbar, and sinh cells against a full sparse Newton.

Cells of 1 to 100 uS, 0 to 0.2 V, 1 ohm in every segment. The ratio is the other's time over ours: larger is better.
"""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Callable
from types import ModuleType

import numpy as np
import scipy.sparse as sparse
import torch
from scipy.sparse.linalg import splu
from torch import Tensor

from benchmarks.timing import Result, compare, result
from ohmloom.crossbars import Wires, solve
from ohmloom.devices import HyperbolicSine

OHMS, SCALE = 1.0, 0.1
WIRES = Wires(row=OHMS, column=OHMS)
MOST = {128: 10, 256: 5, 512: 2}  # pairs: the others take seconds


def circuits(pairs: int) -> list[Result]:
    """One ohmic input at 128, 256 and 512; sinh cells at 128 x 128."""
    results = []
    badcrossbar = _badcrossbar()
    for size, most in MOST.items() if badcrossbar else ():
        g, v = _circuit(size)
        resistance, applied = 1 / g.numpy(), v.numpy().T

        def theirs(resistance: np.ndarray = resistance, applied: np.ndarray = applied) -> Tensor:
            with contextlib.redirect_stdout(io.StringIO()):
                found = badcrossbar.compute(applied, resistance, OHMS)  # type: ignore[union-attr]
            return torch.from_numpy(found.currents.output)

        def ours(g: Tensor = g, v: Tensor = v) -> Tensor:
            return solve(g, v, WIRES).currents

        name = f"solve, one input, {size} x {size}"
        results.append(_ratio(name, theirs, ours, min(pairs, most), "at least 100", "badcrossbar 1.1"))
    g, v = _circuit(128)
    law = HyperbolicSine(scale=SCALE)
    results.append(
        _ratio(
            "solve, sinh cells, one input, 128 x 128",
            lambda: newton(g.numpy(), v[0].numpy()),
            lambda: solve(g, v, WIRES, law).currents,
            min(pairs, 10),
            "at least 150",
            "full Newton, a sparse factor (SuperLU) in each step",
        )
    )
    return results


def _ratio(
    name: str, theirs: Callable[[], Tensor], ours: Callable[[], Tensor], pairs: int, bar: str, against: str
) -> Result:
    """Both timed in turn, and their answers compared."""
    reference = theirs()
    error = float((ours() - reference).abs().max() / reference.abs().max())
    said = (f"answers differ by {error:.1e} of the largest current", error < 1e-9)
    slow, fast = compare(theirs, ours, pairs)
    return result(f"{name} (times: other, ours)", (slow, fast), bar, against, said)


def newton(conductance: np.ndarray, voltage: np.ndarray) -> Tensor:
    """Sensed currents of sinh cells by Newton's method on all nodes, as a circuit simulator does it."""
    cells, index = conductance.size, np.arange(conductance.size).reshape(conductance.shape)
    segment = 1 / OHMS
    ends = np.zeros(2 * cells)
    ends[index[:, 0]] = segment
    ends[cells + index[-1]] = segment
    lines = _joining(index[:, :-1], index[:, 1:], np.full(index[:, 1:].size, segment), 2 * cells)
    lines = lines + _joining(index[:-1] + cells, index[1:] + cells, np.full(index[1:].size, segment), 2 * cells)
    lines = (lines + sparse.diags(ends)).tocsc()
    source = np.zeros(2 * cells)
    source[index[:, 0]] = segment * voltage
    nodes = np.concatenate([np.repeat(voltage, conductance.shape[1]), np.zeros(cells)])
    g = conductance.ravel()
    for _ in range(50):
        across = nodes[:cells] - nodes[cells:]
        current, slope = g * SCALE * np.sinh(across / SCALE), g * np.cosh(across / SCALE)
        left = source - lines @ nodes - np.concatenate([current, -current])
        matrix = (lines + _joining(index, index + cells, slope, 2 * cells)).tocsc()
        step = splu(matrix, permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True}).solve(left)
        nodes = nodes + step
        if np.abs(step).max() < 1e-10:
            break
    return torch.from_numpy(segment * nodes[cells + index[-1]])[None]


def _joining(a: np.ndarray, b: np.ndarray, g: np.ndarray, size: int) -> sparse.csc_matrix:
    a, b = a.ravel(), b.ravel()
    places = (np.concatenate([a, b, a, b]), np.concatenate([a, b, b, a]))
    return sparse.csc_matrix((np.concatenate([g, g, -g, -g]), places), shape=(size, size))


def _circuit(size: int) -> tuple[Tensor, Tensor]:
    chance = torch.Generator().manual_seed(0)
    conductance = 1e-6 + 99e-6 * torch.rand(size, size, generator=chance, dtype=torch.float64)
    return conductance, 0.2 * torch.rand(1, size, generator=chance, dtype=torch.float64)


def _badcrossbar() -> ModuleType | None:
    """The peer, if it is installed; its pictures need more than its solver does."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        try:
            import badcrossbar
        except ImportError:
            return None
    logging.getLogger().setLevel(logging.ERROR)
    if not hasattr(badcrossbar, "compute"):
        return None
    return badcrossbar
