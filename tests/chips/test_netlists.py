"""Netlists of stored matrices, run in ngspice and decoded by hand, against the product."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import ohmloom as ol
from ohmloom.chips import Mapping, StoredMatrix, store, write_netlists
from ohmloom.crossbars import Wires
from ohmloom.crossbars.circuits import ngspice
from ohmloom.devices import Device
from ohmloom.errors import ConfigurationError, NotFiniteError, OutputError, ShapeError

needs_ngspice = pytest.mark.skipif(ngspice.available() is None, reason="ngspice is not installed")
WIRES = Wires(row=60.0, column=25.0, driver=10.0, sense=5.0)


def held(layout: str = "pair-columns", front_end: str = "current", **more: Any) -> StoredMatrix:
    torch.manual_seed(1)
    device = more.pop("device", Device.load("ideal"))
    mapping = Mapping(
        drive=more.pop("drive", {"kind": "amplitude"}), encoding={"kind": "analogue", "layout": layout}, lowest="1 uS",
        readout={"kind": "analogue", "front_end": {"kind": front_end}}, **more,
    )  # fmt: skip
    return store(torch.randn(4, 6, dtype=torch.float64), mapping, device, ol.Streams(0), wires=WIRES, dies=2)


def sensed(file: Path, outputs: int, end: str) -> torch.Tensor:
    """(inputs, columns): currents into grounded ends, or the voltages of open ones."""
    name = "i(vs{})" if end == "ground" else "v(s{})"
    points = ngspice.run_ngspice(file.read_text())
    return torch.tensor([[point[name.format(j)] for j in range(outputs)] for point in points], dtype=torch.float64)


@needs_ngspice
@pytest.mark.parametrize("device", ["ideal", "sinh"])
def test_pairs_on_columns_compute_the_product(device: str, tmp_path: Path) -> None:
    chosen = Device.load("ideal")
    if device == "sinh":
        chosen = chosen.replace(conduction={"kind": "sinh", "scale": 0.2})
    matrix, x = held(device=chosen), torch.rand(3, 6, dtype=torch.float64) - 0.4
    (file,) = write_netlists(matrix, x, tmp_path, die=1)
    assert file.name == "matrix-0-0.cir"
    current = sensed(file, 8, "ground")
    scale = matrix.scale * x.abs().amax(1, keepdim=True) / (matrix.unit * matrix.mapping.voltage)
    assert torch.allclose((current[:, ::2] - current[:, 1::2]) * scale, matrix.product(x)[1], rtol=1e-8, atol=1e-10)


@needs_ngspice
def test_pairs_on_open_rows_are_driven_with_both_signs(tmp_path: Path) -> None:
    matrix, x = held("pair-rows", "voltage"), torch.rand(2, 6, dtype=torch.float64) - 0.4
    (file,) = write_netlists(matrix, x, tmp_path)
    total = matrix.conductance()[0].sum((0, 1, 3)).squeeze(0)  # of each column
    value = sensed(file, 4, "open") / matrix.mapping.voltage * total / matrix.unit
    assert torch.allclose(value * matrix.scale * x.abs().amax(1, keepdim=True), matrix.product(x)[0], rtol=1e-8)


@needs_ngspice
def test_phases_and_arrays_have_their_own_inputs_and_files(tmp_path: Path) -> None:
    matrix = held(drive={"kind": "bit-serial", "bits": 3}, inputs=4, columns=4)
    files = write_netlists(matrix, torch.randn(2, 6, dtype=torch.float64), tmp_path)
    assert [file.name for file in files] == [f"matrix-{s}-{p}.cir" for s in (0, 1) for p in (0, 1)]
    currents = [sensed(file, 4, "ground") for file in files]
    assert all(current.shape == (2 * 2, 4) for current in currents)  # two phases of two vectors
    assert not torch.allclose(currents[0][0], currents[0][1])


@pytest.mark.parametrize(
    ("x", "more", "error", "words"),
    [
        (torch.zeros(2, 5), {}, ShapeError, "must be (batch, 6)"),
        (torch.full((2, 6), float("nan")), {}, NotFiniteError, "must be finite"),
        (torch.zeros(2, 6), {"die": 2}, ConfigurationError, "must be from 0 to 1"),
    ],
)
def test_bad_input(x: torch.Tensor, more: dict[str, int], error: type[Exception], words: str, tmp_path: Path) -> None:
    with pytest.raises(error) as caught:
        write_netlists(held(), x.double(), tmp_path, **more)
    assert words in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_what_is_no_circuit_of_lines_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="transposed side"):
        write_netlists(held().T, torch.zeros(1, 4, dtype=torch.float64), tmp_path)
    logic = Mapping(drive={"kind": "bit-serial", "bits": 2}, encoding={"kind": "bits", "bits": 2, "layout": "single"},
                    readout={"kind": "logic"})  # fmt: skip
    matrix = store(torch.ones(2, 3), logic, Device.load("ideal"), ol.Streams(0))
    with pytest.raises(ConfigurationError, match="sum currents"):
        write_netlists(matrix, torch.zeros(1, 3), tmp_path)


def test_a_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        write_netlists(held(), torch.zeros(1, 6, dtype=torch.float64), tmp_path / "file")
