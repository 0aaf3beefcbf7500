"""Netlists, and `solve` against ngspice itself."""

from __future__ import annotations

import io
import os
import stat
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from ohmloom.crossbars import Wires, solve, write_netlist
from ohmloom.crossbars.circuits import ngspice
from ohmloom.crossbars.circuits.netlist import netlist
from ohmloom.devices import Conduction, HyperbolicSine, Ohmic
from ohmloom.errors import ConfigurationError, OhmloomError, OutputError, ShapeError, SpiceError

needs_ngspice = pytest.mark.skipif(ngspice.available() is None, reason="ngspice is not installed")
SINH = HyperbolicSine(scale=0.1)
PLAIN = Wires(row=1, column=2)
FULL = Wires(row=3, column=2, driver=40, sense=25, access=4000, rows_from="both", columns_to="top")


def circuit(rows: int, columns: int, inputs: int = 1) -> tuple[Tensor, Tensor]:
    chance = torch.Generator().manual_seed(0)
    conductance = 1e-6 + 99e-6 * torch.rand(rows, columns, generator=chance, dtype=torch.float64)
    return conductance, 0.2 * torch.rand(inputs, rows, generator=chance, dtype=torch.float64)


def agree(
    conductance: Tensor, voltage: Tensor, wires: Wires, conduction: Conduction, termination: Any, bound: float = 1e-10
) -> None:
    ours = solve(conductance, voltage, wires, conduction, termination)
    theirs = ngspice.solve_in_ngspice(conductance, voltage, wires, conduction, termination)
    power = float(voltage.square().sum(1).max()) * 1e-5 * conductance.shape[1]
    for name, values in theirs._asdict().items():
        scale = power if name == "power" else float(values.abs().max())
        assert float((getattr(ours, name) - values).abs().max()) <= bound * scale, name


@needs_ngspice
@pytest.mark.parametrize("termination", ["ground", "open"])
@pytest.mark.parametrize("wires", [Wires(), Wires(access=4000), PLAIN, FULL, FULL.replace(rows_from="left")])
@pytest.mark.parametrize("conduction", [Ohmic(), SINH], ids=["ohmic", "sinh"])
def test_ngspice(wires: Wires, termination: str, conduction: Conduction) -> None:
    g, v = circuit(9, 7, 3)
    g[2, 3] = 0
    agree(g, v, wires, conduction, termination)


@needs_ngspice
@pytest.mark.parametrize("shape", [(1, 1), (1, 8), (8, 1), (32, 32)])
@pytest.mark.parametrize("conduction", [Ohmic(), SINH], ids=["ohmic", "sinh"])
def test_ngspice_by_shape(shape: tuple[int, int], conduction: Conduction) -> None:
    agree(*circuit(*shape), PLAIN, conduction, "ground")


@needs_ngspice
@pytest.mark.slow
@pytest.mark.parametrize("ohms", [0.01, 1.0, 100.0])
def test_ngspice_64(ohms: float) -> None:
    agree(*circuit(64, 64), Wires(row=ohms, column=ohms), Ohmic(), "ground", 1e-9)


@needs_ngspice
def test_swapped_wires_are_noticed() -> None:
    """The control: a netlist with rows and columns exchanged does not agree."""
    g, v = circuit(9, 7)
    right = solve(g, v, Wires(row=1, column=5)).currents
    wrong = ngspice.solve_in_ngspice(g, v, Wires(row=5, column=1)).currents
    assert float((right - wrong).abs().max() / right.abs().max()) > 1e-3


@needs_ngspice
def test_a_failing_ngspice_shows_its_last_lines() -> None:
    text = netlist(*circuit(3, 2), PLAIN, Ohmic(), "ground").replace("rr0_1", "qq0_1")
    with pytest.raises(SpiceError, match="exit code") as raised:
        ngspice.run_ngspice(text)
    assert "qq0_1" in str(raised.value)


def test_a_missing_ngspice(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SpiceError, match="apt-get install ngspice"):
        ngspice.solve_in_ngspice(*circuit(3, 2), PLAIN)


def test_results_cut_off_are_not_read() -> None:
    head = b"Title: a\nNo. Variables: 2\nNo. Points: 1\nVariables:\n\t0\tv(a)\tvoltage\n\t1\ti(b)\tcurrent\nBinary:\n"
    values = torch.tensor([0.1, 2.0], dtype=torch.float64).numpy().tobytes()
    assert ngspice.read_raw(head + values + head + values) == [{"v(a)": 0.1, "i(b)": 2.0}] * 2
    assert ngspice.read_raw(head + values + head + values[:-1]) == [{"v(a)": 0.1, "i(b)": 2.0}]
    assert ngspice.read_raw(b"nonsense") == []


def test_what_is_written(tmp_path: Path) -> None:
    """Every element once, at full precision, in a file or a stream."""
    g, v = circuit(4, 3, 2)
    g[1, 1] = 0
    file, stream = tmp_path / "array.cir", io.StringIO()
    write_netlist(file, g, v, FULL, SINH)
    write_netlist(stream, g, v, FULL, SINH)
    text = file.read_text()
    assert text == stream.getvalue()
    names = [line.split()[0] for line in text.splitlines()[1:] if line[0] in "rvb"]
    assert len(names) == len(set(names))
    counts = {start: sum(name.startswith(start) for name in names) for start in ("vd", "vs", "rd", "re", "ra", "bg")}
    assert counts == {"vd": 4, "vs": 3, "rd": 4, "re": 4, "ra": 11, "bg": 11}
    assert repr(float(v[1, 2])) in text
    assert list(tmp_path.iterdir()) == [file]


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    g, v = circuit(4, 3)
    (tmp_path / "file").touch()
    for path in (tmp_path / "file" / "array.cir", tmp_path):
        with pytest.raises(OutputError, match="must be writable"):
            write_netlist(path, g, v, PLAIN)
    assert [found.name for found in tmp_path.iterdir()] == ["file"]


def test_a_full_disc_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "array.cir"
    file.write_text("old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="No space left"):
        write_netlist(file, *circuit(4, 3), PLAIN)
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]
    assert stat.S_ISREG(file.stat().st_mode)


class Cubic(Conduction):
    """A law of a user's own."""

    kind: str = "cubic"

    @property
    def ohmic(self) -> bool:
        return False

    def effective_voltage(self, voltage: Tensor) -> Tensor:
        return voltage + voltage**3

    def with_slope(self, voltage: Tensor) -> tuple[Tensor, Tensor]:
        return voltage + voltage**3, 1 + 3 * voltage**2


@pytest.mark.parametrize(
    ("change", "kind", "words"),
    [
        ({"conductance": torch.ones(2, 4, 3) * 1e-5}, ShapeError, "one file for each"),
        ({"conduction": Cubic()}, ConfigurationError, "Cubic"),
        ({"voltage": torch.ones(1, 3)}, ShapeError, "one number for each row"),
        ({"termination": "none"}, ConfigurationError, "ground or open"),
    ],
)
def test_bad_input(change: dict[str, Any], kind: type[OhmloomError], words: str) -> None:
    g, v = circuit(4, 3)
    with pytest.raises(kind, match=words):
        write_netlist(io.StringIO(), **({"conductance": g, "voltage": v, "wires": PLAIN} | change))


def test_a_law_of_a_users_own_is_solved() -> None:
    g, v = circuit(6, 5)
    law = Cubic()
    solution = solve(g, v * 20, FULL, law)
    expected = law.current(g, solution.cell_voltages)
    assert float((solution.cell_currents - expected).abs().max() / expected.abs().max()) < 1e-12
    assert solution.stats.kirchhoff < 1e-11
