"""The exact linear map of an array against nodal analysis, physics and its own limits."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from scipy.sparse.linalg import splu
from torch import Tensor

from ohmloom.crossbars import Wires, effective_conductance, terminals
from ohmloom.crossbars.circuits import merging
from ohmloom.errors import ConfigurationError, NotFiniteError, ShapeError

SHAPES = [(1, 1), (1, 9), (9, 1), (2, 3), (5, 6), (8, 8), (13, 40), (40, 13), (33, 33), (64, 64), (100, 130)]
EVERYTHING = Wires(row=1.5, column=2.5, driver=7, sense=11, access=500, rows_from="both", columns_to="top")
SOME = Wires(row=1.5, column=2.5, driver=7, sense=11)
WIRES = [SOME, SOME.replace(columns_to="top"), SOME.replace(rows_from="both"), EVERYTHING]


def cells(*shape: int, seed: int = 0) -> Tensor:
    """1 to 100 µS, uniform."""
    return (1 + 99 * torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)) * 1e-6


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


def error(found: Tensor, wanted: np.ndarray) -> float:
    """Of the largest entry."""
    return float((found.double() - torch.from_numpy(wanted)).abs().max() / np.abs(wanted).max())


def truth(conductance: Tensor, wires: Wires, termination: str = "ground") -> np.ndarray:
    return nodal(conductance.numpy(), wires, np.eye(len(conductance)), termination).outputs


@pytest.mark.parametrize("ohms", [0.01, 1.0, 100.0])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_agrees_with_nodal_analysis(shape: tuple[int, int], ohms: float) -> None:
    wires, conductance = Wires(row=ohms, column=2 * ohms), cells(*shape)
    wanted = truth(conductance, wires)
    assert error(effective_conductance(conductance, wires), wanted) < 1e-11
    assert error(effective_conductance(conductance.float(), wires), wanted) < 2e-6


@pytest.mark.parametrize("termination", ["ground", "open"])
@pytest.mark.parametrize("wires", WIRES, ids=["left", "top", "both", "everything"])
@pytest.mark.parametrize("shape", [(1, 1), (3, 2), (1, 20), (20, 1), (18, 37), (64, 64)], ids=str)
def test_every_topology_and_termination(shape: tuple[int, int], wires: Wires, termination: str) -> None:
    conductance = cells(*shape, seed=1)
    wanted = truth(conductance, wires, termination)
    assert error(effective_conductance(conductance, wires, termination), wanted) < 1e-11
    assert error(effective_conductance(conductance.float(), wires, termination), wanted) < 2e-6


@pytest.mark.parametrize("termination", ["ground", "open"])
@pytest.mark.parametrize("wires", WIRES, ids=["left", "top", "both", "everything"])
def test_admittance_gives_the_drivers_power(wires: Wires, termination: str) -> None:
    conductance, voltage = cells(19, 30), np.random.default_rng(0).normal(size=(5, 19))
    found = terminals(conductance, wires, termination)
    wanted = nodal(conductance.numpy(), wires, voltage, termination)
    v = torch.from_numpy(voltage)
    assert torch.allclose(found.transfer, effective_conductance(conductance, wires, termination), rtol=1e-12, atol=0)
    assert error(found.admittance, found.admittance.mT.numpy()) < 1e-14
    assert error((v @ found.admittance * v).sum(-1), wanted.power) < 1e-11
    assert torch.linalg.eigvalsh(found.admittance).min() > -1e-12 * found.admittance.abs().max()


@pytest.mark.parametrize("termination", ["ground", "open"])
def test_admittance_on_ideal_wires_is_the_limit(termination: str) -> None:
    conductance = cells(6, 5)
    ideal = terminals(conductance, Wires(), termination)
    nearly = terminals(conductance, Wires(row=1e-6, column=1e-6), termination)
    assert torch.allclose(ideal.transfer, nearly.transfer, rtol=1e-8, atol=0)
    assert torch.allclose(ideal.admittance, nearly.admittance, rtol=1e-7, atol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("ohms", [0.01, 1.0, 100.0])
@pytest.mark.parametrize("size", [256, 512])
def test_large_arrays_agree_with_nodal_analysis(size: int, ohms: float) -> None:
    wires, conductance = Wires(row=ohms, column=ohms), cells(size, size)
    voltage = np.random.default_rng(0).uniform(0, 0.2, (3, size))
    wanted = nodal(conductance.numpy(), wires, voltage).outputs
    assert error(torch.from_numpy(voltage) @ effective_conductance(conductance, wires), wanted) < 1e-11
    assert error(torch.from_numpy(voltage) @ effective_conductance(conductance.float(), wires).double(), wanted) < 2e-6


@pytest.mark.parametrize("shape", [(3, 5), (16, 16), (30, 20)], ids=str)
def test_agrees_with_badcrossbar(shape: tuple[int, int]) -> None:
    badcrossbar = pytest.importorskip("badcrossbar", reason="badcrossbar is not installed")
    conductance, voltage = cells(*shape), np.random.default_rng(0).uniform(0, 0.2, (4, shape[0]))
    wires = Wires(row=0.5, column=2.0)
    theirs = badcrossbar.compute(
        voltage.T, 1 / conductance.numpy(), r_i_word_line=0.5, r_i_bit_line=2.0, node_voltages=False, all_currents=False
    )
    ours = torch.from_numpy(voltage) @ effective_conductance(conductance, wires)
    assert error(ours, np.asarray(theirs.currents.output)) < 1e-11


def test_badcrossbars_own_example() -> None:
    badcrossbar = pytest.importorskip("badcrossbar", reason="badcrossbar is not installed")
    voltage = np.array([[1.5], [2.3], [1.7]])  # its README
    resistance = np.array([[345, 903, 755, 257, 646], [652, 401, 508, 166, 454], [442, 874, 190, 244, 635]], float)
    theirs = badcrossbar.compute(voltage, resistance, 0.5).currents.output
    ours = torch.from_numpy(voltage.T) @ effective_conductance(
        torch.from_numpy(1 / resistance), Wires(row=0.5, column=0.5)
    )
    assert error(ours, np.asarray(theirs)) < 1e-12


def test_float32_needs_its_repairs() -> None:
    """Schur complements as usual, with diagonals and subtraction: float32 loses a hundredfold."""
    conductance, wires = cells(128, 128).float(), Wires(row=1.0, column=1.0)
    wanted = effective_conductance(conductance.double(), wires).numpy()
    good = error(effective_conductance(conductance, wires), wanted)
    assert good < 2e-6
    assert error(_plain_elimination(conductance, 1.0), wanted) > 100 * good


def _plain_elimination(conductance: Tensor, ohms: float) -> Tensor:
    """Schur complements of the whole admittance matrices, line by line of columns' nodes, their diagonals kept."""
    columns = conductance.shape[-1]
    link = 1 / ohms
    line = torch.diag(torch.full((columns,), 2 * link)) - link * (
        torch.diag(torch.ones(columns - 1), 1) + torch.diag(torch.ones(columns - 1), -1)
    )
    line[-1, -1] = link
    above, carried = torch.zeros(columns, columns), torch.zeros(0, columns)
    for g in conductance:
        solved = torch.linalg.inv(line + torch.diag(g))
        own = torch.diag(g) - g[:, None] * solved * g + above + link * torch.eye(columns)
        source = torch.cat([carried, (link * solved[0] * g)[None]])
        inverse = torch.linalg.inv(own)
        above = link * torch.eye(columns) - link * inverse * link
        carried = link * source @ inverse
    return carried


@pytest.mark.parametrize("termination", ["ground", "open"])
@pytest.mark.parametrize("wires", WIRES, ids=["left", "top", "both", "everything"])
@pytest.mark.parametrize("shape", [(1, 1), (4, 3), (19, 22)], ids=str)
def test_gradient_agrees_with_finite_differences(shape: tuple[int, int], wires: Wires, termination: str) -> None:
    wires = wires.replace(row=50, column=80)
    upstream = torch.randn(2, *shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    conductance = cells(2, *shape).requires_grad_()
    found = effective_conductance(conductance, wires, termination)
    (gradient,) = torch.autograd.grad((found * upstream).sum(), conductance)
    scale = max(float(gradient.abs().max()), float(found.detach().max()))  # one cell at an open column: gradient 0
    for index in [(0, 0, 0), (1, shape[0] - 1, shape[1] // 2), (0, shape[0] // 2, shape[1] - 1)]:
        change = torch.zeros_like(gradient)
        change[index] = 1e-3 * conductance[index].item()
        up, down = (effective_conductance(conductance.detach() + d, wires, termination) for d in (change, -change))
        difference = ((up - down) * upstream).sum() / (2 * change[index])
        assert abs(gradient[index] - difference) < 1e-6 * scale


def test_gradient_through_many_levels() -> None:
    """Several regions, padding, and both directions of joins: along one random direction."""
    wires, conductance = Wires(row=1.0, column=3.0), cells(150, 260)
    generator = torch.Generator().manual_seed(0)
    upstream, direction = (torch.randn(150, 260, generator=generator, dtype=torch.float64) for _ in range(2))
    direction = direction * 1e-9
    leaf = conductance.clone().requires_grad_()
    (effective_conductance(leaf, wires) * upstream).sum().backward()
    assert leaf.grad is not None
    up, down = (effective_conductance(conductance + sign * direction, wires) for sign in (1, -1))
    wanted = ((up - down) * upstream).sum() / 2
    assert torch.isclose((leaf.grad * direction).sum(), wanted, rtol=1e-6)


def test_gradient_in_float32() -> None:
    wires, leaf = Wires(row=1.0, column=1.0), cells(70, 70).requires_grad_()
    short = leaf.detach().float().requires_grad_()
    upstream = torch.randn(70, 70, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    (effective_conductance(leaf, wires) * upstream).sum().backward()
    (effective_conductance(short, wires) * upstream.float()).sum().backward()
    assert leaf.grad is not None
    assert short.grad is not None
    assert error(short.grad, leaf.grad.numpy()) < 1e-5


def test_gradient_refuses_cells_overwritten_meanwhile() -> None:
    leaf = cells(8, 8).requires_grad_()
    scaled = leaf * 1.0
    found = effective_conductance(scaled, Wires(row=1.0, column=1.0, columns_to="top"))
    with torch.no_grad():
        scaled.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        found.sum().backward()


@pytest.mark.parametrize("termination", ["ground", "open"])
def test_batched_is_one_by_one(termination: str) -> None:
    conductance = cells(2, 3, 40, 24)
    together = effective_conductance(conductance, SOME, termination)
    assert together.shape == conductance.shape
    for index in np.ndindex(2, 3):
        assert torch.allclose(together[index], effective_conductance(conductance[index], SOME, termination), rtol=1e-12)


def test_many_arrays_go_in_groups() -> None:
    conductance = cells(5, 300, 260)  # more cells than one group holds
    together = effective_conductance(conductance, SOME)
    assert torch.allclose(together[4], effective_conductance(conductance[4], SOME), rtol=1e-11)
    assert effective_conductance(cells(0, 3, 4), SOME).shape == (0, 3, 4)


def test_ideal_wires_give_the_conductance_back() -> None:
    conductance = cells(7, 4)
    assert torch.equal(effective_conductance(conductance, Wires()), conductance)
    gain = effective_conductance(conductance, Wires(), "open")
    assert torch.allclose(gain, conductance / conductance.sum(0), rtol=1e-14)
    assert torch.allclose(
        effective_conductance(conductance, Wires(access=1e4)), conductance / (1 + 1e4 * conductance), rtol=1e-14
    )


@pytest.mark.parametrize("termination", ["ground", "open"])
def test_loss_is_proportional_to_small_wire_resistance(termination: str) -> None:
    conductance = cells(12, 10)
    ideal = effective_conductance(conductance, Wires(), termination)
    loss = [
        (effective_conductance(conductance, Wires(row=r, column=r), termination) - ideal).abs().max()
        for r in (1e-3, 1e-2, 1e-1)
    ]
    exponents = [float(torch.log10(b / a)) for a, b in pairwise(loss)]
    assert exponents == pytest.approx([1, 1], abs=2e-3)


def test_wires_of_infinite_resistance_leave_the_corner() -> None:
    """Only the cell with one segment to its driver and one to its sense circuit conducts: about 1 / (2 r)."""
    conductance = torch.full((6, 5), 1.0, dtype=torch.float64)
    found = effective_conductance(conductance, Wires(row=1e12, column=1e12))
    assert found[-1, 0].item() == pytest.approx(5e-13, rel=1e-9)
    assert (found <= found[-1, 0]).all()


def test_open_and_short_cells() -> None:
    conductance = cells(20, 20)
    conductance[3] = 0  # a row without cells
    conductance[:, 5] = 0  # a column without cells
    conductance[7, 8] = 1e3  # a short: 1 mohm
    found = effective_conductance(conductance, SOME)
    assert error(found, truth(conductance, SOME)) < 1e-10  # the reference itself loses digits at the short
    assert (found[:, 5] == 0).all()
    assert (found[3] == 0).all()
    gain = effective_conductance(conductance, SOME, "open")
    assert (gain[:, 5] == 0).all()
    assert torch.allclose(gain.sum(0)[[0, 1, 8]], torch.ones(3, dtype=torch.float64), rtol=1e-12)


def test_one_cell_is_a_series_circuit() -> None:
    found = effective_conductance(torch.tensor([[1e-3]], dtype=torch.float64), EVERYTHING)
    both = 1 / ((1.5 + 7) / 2 + 1e3 + 500 + 2.5 + 11)  # two drivers in parallel
    assert found.item() == pytest.approx(both, rel=1e-14)


@given(
    st.integers(1, 24), st.integers(1, 24), st.floats(-2, 3), st.floats(-2, 3), st.integers(0, 99),
    st.sampled_from(["left", "both"]),
)  # fmt: skip
def test_reciprocity_passivity_and_row_sums(
    rows: int, columns: int, row: float, column: float, seed: int, rows_from: str
) -> None:
    conductance = cells(rows, columns, seed=seed)
    wires = Wires(row=10**row, column=10**column, rows_from=rows_from)
    found = effective_conductance(conductance, wires)
    assert (found >= 0).all()
    assert found.sum() <= conductance.sum() * (1 + 1e-12)  # Rayleigh: resistance in series never adds conductance
    assert (effective_conductance(conductance * 1.1, wires).sum() >= found.sum()).item()
    gain = effective_conductance(conductance, wires, "open")
    assert torch.allclose(gain.sum(0), torch.ones(columns, dtype=torch.float64), rtol=1e-11)  # all rows at 1 V
    if rows_from == "left":  # drivers and sense circuits may change places: mirrored along the anti-diagonal
        mirrored = effective_conductance(conductance.flip(0, 1).mT.contiguous(), Wires(row=10**column, column=10**row))
        assert torch.allclose(mirrored.flip(0, 1).mT, found, rtol=1e-10)


def test_swapped_resistances_matter() -> None:
    conductance = cells(10, 40)
    right = effective_conductance(conductance, Wires(row=1.0, column=5.0))
    wrong = effective_conductance(conductance, Wires(row=5.0, column=1.0))
    assert ((right - wrong).abs() / right).max() > 0.01


LOST = {  # the pilot's table: mean output lost in per cent, by size and ohms per segment
    32: {0.1: 0.4, 0.5: 1.9, 1.0: 3.7, 2.5: 8.6, 5.0: 15.7},
    64: {0.1: 1.4, 0.5: 6.6, 1.0: 12.3, 2.5: 25.7, 5.0: 40.4},
    128: {0.1: 5.3, 0.5: 21.4, 1.0: 34.8, 2.5: 56.2, 5.0: 71.1},
}


@pytest.mark.parametrize("size", LOST)
def test_mean_output_lost(size: int) -> None:
    seeds = range(4)
    for ohms, wanted in LOST[size].items():
        lost = []
        for seed in seeds:
            conductance = cells(size, size, seed=seed)
            voltage = 0.2 * torch.rand(64, size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
            ideal = voltage @ conductance
            real = voltage @ effective_conductance(conductance, Wires(row=ohms, column=ohms))
            lost.append(100 * float(1 - (real / ideal).mean()))
        spread = max(lost) - min(lost)
        assert min(lost) - spread - 0.05 <= wanted <= max(lost) + spread + 0.05


def test_compiled_inverse_is_an_inverse() -> None:
    for count, size in ((3, 1), (3, 5), (1, 16), (37, 17), (3, 40), (2, 100)):
        links = torch.rand(count, size, size, dtype=torch.float64)
        links = links + links.mT
        excess = torch.rand(count, size, dtype=torch.float64)
        off = links - torch.diag_embed(links.diagonal(dim1=1, dim2=2))
        matrix = torch.diag_embed(excess + off.sum(-1)) - off
        inverse = merging.invert_links(links.clone(), excess)
        assert torch.allclose(inverse @ matrix, torch.eye(size, dtype=torch.float64).expand(count, -1, -1), atol=1e-12)


BAD = [
    (lambda: -cells(3, 3), ConfigurationError, "must not be negative"),
    (lambda: cells(3, 3).index_fill(0, torch.tensor([1]), float("nan")), NotFiniteError, "must be finite"),
    (lambda: cells(3, 3) / 0, NotFiniteError, "must be finite"),
    (lambda: torch.zeros(3, 3), ConfigurationError, "must have a cell that conducts"),
    (lambda: torch.stack([torch.ones(3, 3), torch.zeros(3, 3)]), ConfigurationError, "must have a cell that conducts"),
    (lambda: torch.ones(3), ShapeError, "rows, columns"),
    (lambda: torch.ones(3, 0), ShapeError, "rows, columns"),
    (lambda: torch.ones(3, 3, dtype=torch.int64), ConfigurationError, "must be float32 or float64"),
]


@pytest.mark.parametrize("solve", [effective_conductance, terminals])
@pytest.mark.parametrize(("make", "kind", "rule"), BAD, ids=[rule + str(n) for n, (_, _, rule) in enumerate(BAD)])
def test_bad_input_is_refused(make, kind, rule, solve) -> None:
    for wires in (Wires(), SOME):
        with pytest.raises(kind, match=rule):
            solve(make(), wires)


def test_unknown_termination_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="termination: must be ground or open, got 'short'"):
        effective_conductance(cells(2, 2), SOME, "short")  # type: ignore[arg-type]
