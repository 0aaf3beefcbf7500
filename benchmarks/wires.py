"""Exact wires: against badcrossbar, against its own floating-point work as plain products, and its gradient."""

from __future__ import annotations

import logging
import multiprocessing
import resource
import statistics
import sys
from pathlib import Path
from unittest import mock

import numpy as np
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.timing import Result, compare, result
from ohmloom.crossbars import Wires, effective_conductance
from ohmloom.crossbars.circuits.elimination import leaf_size

OHM = Wires(row=1.0, column=1.0)
INPUTS, SIZE, LARGE = 1024, 128, 512


def cells(*shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    """1 to 100 µS, uniform."""
    return ((1 + 99 * torch.rand(shape, dtype=torch.float64)) * 1e-6).to(dtype)


def wires(pairs: int) -> list[Result]:
    """Building and using effective conductances; long calls are measured fewer times."""
    torch.manual_seed(0)
    few = max(pairs // 5, 2)
    return [*against_badcrossbar(max(pairs // 12, 2)), *against_products(few), *gradients(few), *batches(few)]


def against_badcrossbar(pairs: int) -> list[Result]:
    """1,024 inputs of one 128 x 128 array, programmed anew: elimination and product against nodal analysis."""
    try:
        import badcrossbar
    except ImportError:
        print("    badcrossbar is not installed: left out (pip install badcrossbar)")
        return []
    logging.getLogger("badcrossbar").setLevel(logging.WARNING)
    conductance, voltage, results = cells(SIZE, SIZE), 0.2 * torch.rand(INPUTS, SIZE, dtype=torch.float64), []

    def theirs() -> Tensor:
        found = badcrossbar.compute(
            voltage.T.numpy(), 1 / conductance.numpy(), 1.0, node_voltages=False, all_currents=False
        )
        return torch.from_numpy(found.currents.output)

    for dtype, bar in ((torch.float64, 120), (torch.float32, 200)):
        g, v = conductance.to(dtype), voltage.to(dtype)
        wanted = theirs()
        error = ((v @ effective_conductance(g, OHM)).double() - wanted).abs().max() / wanted.abs().max()
        seconds = compare(lambda: v @ effective_conductance(g, OHM), theirs, pairs)  # noqa: B023
        name = f"wires: {INPUTS} inputs at {SIZE} x {SIZE}, {_name(dtype)}"
        against = f"badcrossbar; ours is {_faster(seconds):.0f} x as fast, error {error:.1e}"
        results.append(result(name, seconds, f"1/{bar}", against))
    return results


def against_products(pairs: int) -> list[Result]:
    """Elimination of one array against square products of as many floating-point operations."""
    results = []
    for size in (SIZE, 256, LARGE):
        for dtype in (torch.float64, torch.float32):
            g = cells(size, size, dtype=dtype)
            work = operations(g)
            side = 512
            a, b, out = (torch.rand(side, side, dtype=dtype) for _ in range(3))
            count = max(round(work / (2 * side**3)), 1)

            def products() -> None:
                for _ in range(count):  # noqa: B023
                    torch.mm(a, b, out=out)  # noqa: B023

            ours, plain = compare(lambda: effective_conductance(g, OHM), products, pairs)  # noqa: B023
            plain = [seconds * work / (count * 2 * side**3) for seconds in plain]
            against = (
                f"products of {side} x {side}, the same {work / 1e9:.3f} GFLOP; ours takes {peak(size, dtype):.0f} MB"
            )
            name = f"wires: building {size} x {size}, {_name(dtype)}"
            results.append(result(name, (ours, plain), "2.5" if size == LARGE else "", against))
    return results


def gradients(pairs: int) -> list[Result]:
    """Backward against forward, both with and without what the gradient needs being kept."""
    results = []
    for size in (SIZE, LARGE):
        for dtype in (torch.float64, torch.float32):
            g = cells(size, size, dtype=dtype).requires_grad_()
            upstream = torch.rand(size, size, dtype=dtype)
            found = effective_conductance(g, OHM)

            def backward() -> None:
                found.backward(upstream, retain_graph=True)  # noqa: B023

            seconds = compare(backward, lambda: effective_conductance(g, OHM), pairs)  # noqa: B023
            name = f"wires: gradient at {size} x {size}, {_name(dtype)}"
            results.append(result(name, seconds, "1.6", "the forward that keeps what the gradient needs"))
    return results


def batches(pairs: int) -> list[Result]:
    """All 48 cores of a NeuRRAM chip in one call, against one by one."""
    g = cells(48, 256, 256, dtype=torch.float32)
    seconds = compare(
        lambda: effective_conductance(g, OHM), lambda: [effective_conductance(one, OHM) for one in g], min(pairs, 2)
    )
    return [result("wires: 48 arrays of 256 x 256 in one call, float32", seconds, "", "one by one")]


def operations(conductance: Tensor) -> int:
    """Floating-point operations of eliminating one array: its matrix products, small inverses and leaves.

    A small inverse is 2 n³, n³ where they go together; a leaf's pivot with k neighbours k² (one triangle of both). Work
    on single entries is left out.
    """
    from ohmloom.crossbars.circuits import joints, leaves

    inverses, one, together = 0, joints.invert, joints.invert_together

    def whole(links: np.ndarray, excess: np.ndarray) -> None:
        nonlocal inverses
        inverses += len(links) * 2 * links.shape[1] ** 3
        one(links, excess)

    def triangle(links: np.ndarray, excess: np.ndarray) -> None:
        nonlocal inverses
        inverses += len(links) * links.shape[1] ** 3
        together(links, excess)

    counted = mock.patch.multiple(joints, invert=whole, invert_together=triangle)
    with FlopCounterMode(display=False) as counter, counted:
        effective_conductance(conductance, OHM)
    (p, high), (q, wide) = (leaf_size(lines) for lines in conductance.shape)
    active = np.empty(2 * p + 4 * q, np.int64)
    pivots = sum(leaves.neighbours(row, j, p, q, active) ** 2 for row in range(p) for j in range(q))
    return counter.get_total_flops() + inverses + high * wide * pivots


def peak(size: int, dtype: torch.dtype) -> float:
    """Largest resident memory of building one array, in MB over what a fresh process holds before."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        return pool.apply(_peak, (size, dtype))


def _peak(size: int, dtype: torch.dtype) -> float:
    torch.set_num_threads(1)
    g = cells(size, size, dtype=dtype)
    effective_conductance(g[:64, :64].contiguous(), OHM)  # what is loaded and compiled once is not counted
    before = _resident()
    effective_conductance(g, OHM)
    return (_resident() - before) / 1e6


def _resident() -> float:
    """The most bytes that this process ever held. (Linux hands ru_maxrss down to a process that is started.)"""
    status = Path("/proc/self/status")
    if status.exists():
        found = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return 1024.0 * int(found.split()[1])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1.0 if sys.platform == "darwin" else 1024.0)


def _faster(seconds: tuple[list[float], list[float]]) -> float:
    ours, plain = seconds
    return statistics.median(b / a for a, b in zip(ours, plain, strict=True))


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
