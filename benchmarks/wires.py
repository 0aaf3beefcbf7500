"""Exact wires: against badcrossbar, against its own floating-point work as plain products, and its gradient."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import resource
import sys

import torch
from torch import Tensor

from benchmarks.timing import Result, compare, result
from ohmloom.crossbars import Wires, effective_conductance
from ohmloom.crossbars.elimination import Elimination, Join, Node, leaf_size
from ohmloom.crossbars.merging import Plan

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
    conductance, voltage, results = cells(SIZE, SIZE), 0.2 * torch.rand(INPUTS, SIZE, dtype=torch.float64), []

    def theirs() -> Tensor:
        with open(os.devnull, "w") as nothing, contextlib.redirect_stdout(nothing):
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
            against = f"products of {side} x {side} with the same {work / 1e9:.3f} GFLOP; {peak(size, dtype):.0f} MB more at most"
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
    """Floating-point operations (products and sums) that eliminating this array needs: of leaves, inverses, products.

    Counted from the same tree of joins. Of a join with h shared nodes and t other terminals: the inverse 4/3 h³ by
    halves, X = S⁻¹ F 2 h² t, and of Fᵀ X what is needed. Of a leaf pivot with k neighbours: k²  (one triangle).
    """
    rows, columns = conductance.shape
    leaf = leaf_size(rows)[0], leaf_size(columns)[0]
    return _joins(conductance) + _leaves(rows, columns, *leaf)
