"""`solve` against the whole nodal equations, its limits, its laws, and how it fails."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from ohmloom.crossbars import Limits, Outcome, Solution, Wires, solve
from ohmloom.devices import Conduction, HyperbolicSine, Ohmic
from ohmloom.errors import ConfigurationError, ConvergenceError, NotFiniteError, OhmloomError, ShapeError
from tests.crossbars.nodal import Nodal

OHMIC = Ohmic()
SINH = HyperbolicSine(scale=0.1)
PLAIN = Wires(row=1, column=2)
FULL = Wires(row=3, column=2, driver=40, sense=25, access=4000, rows_from="both", columns_to="top")


def circuit(rows: int, columns: int, inputs: int = 1, seed: int = 0) -> tuple[Tensor, Tensor]:
    chance = torch.Generator().manual_seed(seed)
    conductance = 1e-6 + 99e-6 * torch.rand(rows, columns, generator=chance, dtype=torch.float64)
    return conductance, 0.2 * torch.rand(inputs, rows, generator=chance, dtype=torch.float64)


def relative(found: Tensor, wanted: Any) -> float:
    wanted = torch.as_tensor(wanted)
    return float((found - wanted).abs().max() / wanted.abs().max())


def against_nodal(
    conductance: Tensor, voltage: Tensor, wires: Wires, conduction: Conduction = OHMIC, termination: str = "ground"
) -> tuple[float, Solution]:
    """The largest difference of sensed values and of node voltages, relative to the largest of each."""
    solution = solve(conductance, voltage, wires, conduction, termination)
    nodal = Nodal(conductance.numpy(), wires, termination)
    nodes = np.stack([nodal.solve(v, conduction) for v in voltage.numpy()])
    sensed = solution.currents if termination == "ground" else solution.column_voltages
    cells, shape = nodal.cells, solution.row_nodes.shape
    worst = max(
        relative(sensed, np.stack([nodal.sensed(n) for n in nodes])),
        relative(solution.row_nodes, nodes[:, :cells].reshape(shape)),
        relative(solution.column_nodes, nodes[:, cells : 2 * cells].reshape(shape)),
    )
    return worst, solution


@pytest.mark.parametrize("termination", ["ground", "open"])
@pytest.mark.parametrize("wires", [PLAIN, FULL, FULL.replace(rows_from="left"), FULL.replace(columns_to="bottom")])
@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (7, 1), (5, 6), (16, 16), (17, 33), (40, 19)])
@pytest.mark.parametrize("conduction", [Ohmic(), SINH], ids=["ohmic", "sinh"])
def test_nodal_equations(shape: tuple[int, int], wires: Wires, termination: str, conduction: Conduction) -> None:
    worst, _ = against_nodal(*circuit(*shape, inputs=2), wires, conduction, termination)
    assert worst < 1e-11


@pytest.mark.parametrize("termination", ["ground", "open"])
@pytest.mark.parametrize("ohms", [0.01, 1.0, 100.0])
def test_resistances_of_five_decades(ohms: float, termination: str) -> None:
    worst, solution = against_nodal(*circuit(64, 48), Wires(row=ohms, column=ohms), termination=termination)
    assert worst < 1e-11
    assert solution.stats.kirchhoff < 1e-11


@pytest.mark.parametrize("ohms", [0.01, 1.0, 100.0])
@pytest.mark.parametrize("termination", ["ground", "open"])
def test_normwise_backward_error(ohms: float, termination: str) -> None:
    """|b - A x| / (|A| |x| + |b|) of the whole nodal equations, residual in extended precision: at most 1e-14."""
    conductance, voltage = circuit(64, 48)
    wires = Wires(row=ohms, column=ohms)
    solution = solve(conductance, voltage, wires, termination=termination)  # type: ignore[arg-type]
    nodal = Nodal(conductance.numpy(), wires, termination)
    cells = nodal.index.ravel()
    matrix = (nodal.lines + nodal._between(cells, cells + nodal.cells, nodal.g)).tocsr()
    source = np.zeros(nodal.size, np.longdouble)
    for nodes, g in nodal.held:
        source[nodes] += g * voltage[0].numpy()
    found = torch.cat([solution.row_nodes.flatten(), solution.column_nodes.flatten()]).numpy().astype(np.longdouble)
    rest, norm = np.abs(source - matrix @ found).max(), abs(matrix).sum(1).max()
    error = float(rest / (norm * np.abs(found).max() + np.abs(source).max()))
    print(f"{ohms:g} ohm, {termination}: normwise backward error {error:.1e}")
    assert error <= 1e-14


@pytest.mark.slow
@pytest.mark.parametrize("size", [128, 256])
def test_large_arrays(size: int) -> None:
    worst, _ = against_nodal(*circuit(size, size), Wires(row=1, column=1))
    assert worst < 1e-11


@settings(max_examples=30)
@given(
    rows=st.integers(1, 20), columns=st.integers(1, 20), seed=st.integers(0, 1000), sinh=st.booleans(),
    row=st.floats(1e-3, 1e3), column=st.floats(1e-3, 1e3), termination=st.sampled_from(["ground", "open"]),
)  # fmt: skip
def test_kirchhoff_and_energy(
    rows: int, columns: int, seed: int, sinh: bool, row: float, column: float, termination: str
) -> None:
    """Currents balance at every node, and the drivers' power is what cells and wires dissipate."""
    wires = FULL.replace(row=row, column=column)
    s = solve(*circuit(rows, columns, 2, seed), wires, SINH if sinh else Ohmic(), termination)
    _, volts = circuit(rows, columns, 2, seed)
    assert s.stats.residual < 1e-11
    assert s.stats.kirchhoff < 1e-9
    driver, sense = wires.row + wires.driver, wires.column + wires.sense
    lost = (s.cell_voltages * s.cell_currents).sum((1, 2)) + wires.access * s.cell_currents.square().sum((1, 2))
    lost = lost + s.row_nodes.diff(dim=2).square().sum((1, 2)) / row
    lost = lost + s.column_nodes.diff(dim=1).square().sum((1, 2)) / column
    for end in (0, -1):
        lost = lost + (volts - s.row_nodes[:, :, end]).square().sum(1) / driver
    if termination == "ground":
        lost = lost + s.column_nodes[:, 0].square().sum(1) / sense
        assert relative(s.currents, s.cell_currents.sum(1)) < 1e-9
    scale = float((volts.square().sum(1) * 1e-4 * columns).max())  # of the power, for open columns that carry little
    assert float((s.power - lost).abs().max()) < 1e-9 * scale


@pytest.mark.parametrize("termination", ["ground", "open"])
@pytest.mark.parametrize("conduction", [Ohmic(), SINH], ids=["ohmic", "sinh"])
@pytest.mark.parametrize("access", [0.0, 5000.0])
def test_ideal_wires_are_the_limit_of_good_ones(termination: str, conduction: Conduction, access: float) -> None:
    g, v = circuit(12, 9, 3)
    ideal = solve(g, v, Wires(access=access), conduction, termination)
    good = solve(g, v, Wires(row=1e-9, column=1e-9, access=access), conduction, termination)
    for name in ("currents", "column_voltages", "cell_voltages", "cell_currents", "power"):
        if (wanted := getattr(ideal, name)).any():
            assert relative(getattr(good, name), wanted) < 1e-9
    if conduction.ohmic:
        series = Wires(access=access).with_access(g)
        wanted = v @ series if termination == "ground" else v @ series / series.sum(0)
        assert relative(ideal.currents if termination == "ground" else ideal.column_voltages, wanted) < 1e-14


def test_wires_of_huge_resistance_let_nothing_through() -> None:
    """Far beyond the cells' resistance, the nearest path alone conducts: V / (driver's segment + cell + last one)."""
    g, v = circuit(6, 5)
    s = solve(g, v, Wires(row=1e9, column=1e9))
    assert float(s.currents.abs().max()) < 0.2 / 1e9
    assert against_nodal(g, v, Wires(row=1e6, column=1e6))[0] < 1e-8


def test_open_and_short_cells() -> None:
    g, v = circuit(14, 11, 2)
    g[3], g[:, 4], g[7, 7], g[2, 2] = 0, 0, 10.0, 0.1
    worst, solution = against_nodal(g, v, PLAIN)
    assert worst < 1e-9
    assert float(solution.currents[:, 4].abs().max()) == 0
    g[0, 4] = 1e-6
    assert against_nodal(g, v, PLAIN, termination="open")[0] < 1e-9


def test_several_arrays_and_inputs_are_one_by_one() -> None:
    g = torch.stack([circuit(9, 7, seed=k)[0] for k in range(3)]).view(3, 1, 9, 7)
    v = circuit(9, 7, 5)[1].expand(3, 2, 5, 9)
    for conduction in (Ohmic(), SINH):
        together = solve(g, v, PLAIN, conduction)
        assert together.currents.shape == (3, 2, 5, 7)
        assert together.cell_voltages.shape == (3, 2, 5, 9, 7)
        assert together.power.shape == (3, 2, 5)
        for k in range(3):
            alone = solve(g[k, 0], v[k, 1, 4:], PLAIN, conduction)
            assert relative(together.currents[k, 1, 4:], alone.currents) < 1e-11
            assert relative(together.row_nodes[k, 1, 4:], alone.row_nodes) < 1e-11


def test_many_inputs_are_worked_off_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    g, v = circuit(9, 7, 5)
    whole = solve(g, v, PLAIN, SINH)
    monkeypatch.setattr("ohmloom.crossbars.circuits.solving.CHUNK", 130)
    parts = solve(g, v, PLAIN, SINH)
    assert relative(parts.cell_currents, whole.cell_currents) < 1e-11


@pytest.mark.parametrize(
    ("size", "ohms", "tolerance", "most"),
    [(32, 1, 1e-6, 2), (128, 1, 1e-6, 3), (32, 1, 1e-10, 3), (128, 1, 1e-10, 5), (128, 10, 1e-10, 9)],
)
def test_iterations(size: int, ohms: float, tolerance: float, most: int) -> None:
    """The counts measured for this method on cells of 1-100 uS and 0-0.2 V."""
    solution = solve(*circuit(size, size), Wires(row=ohms, column=ohms), limits=Limits(tolerance=tolerance))
    assert 1 <= solution.stats.iterations <= most


@pytest.mark.slow
@pytest.mark.parametrize(
    ("size", "ohms", "tolerance", "most"),
    [(256, 1, 1e-6, 5), (512, 1, 1e-6, 7), (256, 1, 1e-10, 7), (512, 1, 1e-10, 10), (256, 10, 1e-10, 14)],
)
def test_iterations_of_large_arrays(size: int, ohms: float, tolerance: float, most: int) -> None:
    test_iterations(size, ohms, tolerance, most)


def test_rows_and_columns_are_not_interchangeable() -> None:
    """The control: exchanged resistances are another circuit, unless the array is turned as well."""
    g, v = circuit(12, 20)
    right = solve(g, v, Wires(row=1, column=5)).currents
    assert relative(solve(g, v, Wires(row=5, column=1)).currents, right) > 0.001
    assert relative(solve(g, v, Wires(row=1, column=5, columns_to="top")).currents, right) > 0.001
    assert relative(solve(g, v, Wires(row=1, column=5, rows_from="both")).currents, right) > 0.001


def test_reciprocity() -> None:
    """1 V on row i gives column j what 1 V on column j gives row i of the array turned round."""
    g, _ = circuit(8, 6)
    wires = Wires(row=7, column=3, driver=20, sense=50)
    turned = Wires(row=3, column=7, driver=50, sense=20)
    forward = solve(g, torch.eye(8).double(), wires).currents  # (8, 6)
    flipped = g.flip(0, 1).T.contiguous()  # rows start where columns ended
    backward = solve(flipped, torch.eye(6).double(), turned).currents.flip(0, 1).T
    assert relative(forward, backward) < 1e-11


def test_passivity_and_linearity() -> None:
    g, v = circuit(20, 15, 2)
    s = solve(g, v, PLAIN)
    assert (s.currents < solve(g, v, Wires()).currents).all()
    assert (s.currents > 0).all()
    assert relative(solve(g, -3 * v, PLAIN).currents, -3 * s.currents) < 1e-12


def test_strong_sinh_cells_need_shortened_steps() -> None:
    """Forty times the law's scale: the current at the start is e^40 times too large, and transistors limit it."""
    g, v = circuit(8, 6)
    law = HyperbolicSine(scale=0.005)
    s = solve(g, v, PLAIN.replace(access=10e3), law)
    assert s.outcome is Outcome.CONVERGED
    total = s.row_nodes - s.column_nodes
    assert relative(s.cell_voltages + 10e3 * s.cell_currents, total) < 1e-10
    assert relative(s.cell_currents, law.current(g, s.cell_voltages)) < 1e-9


def test_dtype_and_no_input() -> None:
    g, v = circuit(6, 5)
    assert solve(g.float(), v.float(), PLAIN).currents.dtype == torch.float32
    nothing = solve(g, torch.zeros(1, 6).double(), PLAIN, SINH)
    assert not nothing.cell_currents.any()
    assert nothing.outcome is Outcome.CONVERGED


@pytest.mark.parametrize(
    ("conduction", "limits", "outcome"),
    [
        (Ohmic(), Limits(iterations=1), Outcome.ITERATIONS),
        (SINH, Limits(iterations=2), Outcome.ITERATIONS),
        (SINH, Limits(steps=1), Outcome.STEPS),
        (HyperbolicSine(scale=1e-4), Limits(), Outcome.NOT_FINITE),
    ],
)
def test_outcomes(conduction: Conduction, limits: Limits, outcome: Outcome) -> None:
    g, v = circuit(32, 24, 2)
    solution = solve(g, v, Wires(row=50, column=50), conduction, limits=limits, throw=False)
    assert solution.outcome is outcome
    if outcome is not Outcome.CONVERGED:
        with pytest.raises(ConvergenceError, match="residual of") as raised:
            solve(g, v, Wires(row=50, column=50), conduction, limits=limits)
        assert outcome.value in str(raised.value)


def test_rounding_is_named() -> None:
    """Cells a billion times better than the wires are beyond double precision, and that is said."""
    g, v = circuit(12, 9)
    g[3:6, 3:6] = 1e12
    solution = solve(g, v, PLAIN, throw=False)
    assert solution.outcome in (Outcome.ROUNDING, Outcome.ITERATIONS)


def test_a_law_too_steep_to_solve_is_never_called_solved() -> None:
    """A hundred times the law's scale: huge slopes make every energy look small, but the currents do not balance."""
    g, v = circuit(8, 6)
    for scale in (0.001, 0.002, 0.005):
        solution = solve(g, v, PLAIN, HyperbolicSine(scale=scale), throw=False)
        assert solution.outcome is not Outcome.CONVERGED or solution.stats.kirchhoff < 1e-9


def test_residual_is_of_the_size_of_the_error() -> None:
    """The residual of an unfinished solve is of the size of its error."""
    g, v = circuit(64, 64)
    wires = Wires(row=20, column=20)
    exact = solve(g, v, wires).currents
    for iterations in (1, 2, 4):
        found = solve(g, v, wires, limits=Limits(iterations=iterations), throw=False)
        error = relative(found.currents, exact)
        assert error / 100 < found.stats.residual < 100 * error


G, V = circuit(4, 3)


@pytest.mark.parametrize(
    ("change", "kind", "words"),
    [
        ({"conductance": -G}, ConfigurationError, "not be negative"),
        ({"conductance": G * torch.nan}, NotFiniteError, "must be finite"),
        ({"conductance": G * torch.inf}, NotFiniteError, "large finite"),
        ({"conductance": G * 0}, ConfigurationError, "0 S everywhere"),
        ({"conductance": torch.stack([G, G * 0])}, ConfigurationError, "0 S everywhere"),
        ({"conductance": G[0]}, ShapeError, "rows, columns"),
        ({"conductance": G[:, :0]}, ShapeError, "none of them 0"),
        ({"conductance": (G * 1e6).long()}, ShapeError, "floating-point"),
        ({"conductance": G.numpy()}, ShapeError, "ndarray"),
        ({"voltage": V[0]}, ShapeError, "voltage[None]"),
        ({"voltage": V[:, :3]}, ShapeError, "one number for each row"),
        ({"voltage": V * torch.nan}, NotFiniteError, "voltage"),
        ({"voltage": V.expand(3, 1, 4), "conductance": G.expand(2, 4, 3)}, ShapeError, "broadcast"),
        ({"wires": None}, ConfigurationError, "must be Wires"),
        ({"conduction": "ohmic"}, ConfigurationError, "must be Conduction"),
        ({"termination": "floating"}, ConfigurationError, "ground or open"),
        ({"termination": "open", "conductance": G * torch.tensor([1, 0, 1])}, ConfigurationError, "in column 1"),
    ],
)
def test_bad_input(change: dict[str, Any], kind: type[OhmloomError], words: str) -> None:
    good = {"conductance": G, "voltage": V, "wires": PLAIN}
    with pytest.raises(kind) as raised:
        solve(**(good | change))
    assert words in str(raised.value)


def test_numba_is_loaded_when_it_is_needed() -> None:
    code = "import sys, ohmloom, ohmloom.crossbars; sys.exit('numba' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
