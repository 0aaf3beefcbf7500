"""Arrays of stored matrices as circuit tools see them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import ohmloom as ol
from ohmloom.chips import Mapping, StoredMatrix, probe_array, store
from ohmloom.crossbars import Wires, solve, write_netlist
from ohmloom.crossbars.circuits import ngspice
from ohmloom.devices import Device
from ohmloom.errors import ConfigurationError


def held(layout: str = "pair-columns", front_end: str = "current") -> StoredMatrix:
    torch.manual_seed(0)
    mapping = Mapping(
        drive={"kind": "amplitude"}, encoding={"kind": "analogue", "layout": layout}, lowest="1 uS",
        readout={"kind": "analogue", "front_end": {"kind": front_end}},
    )  # fmt: skip
    wires = Wires(row=40.0, column=30.0, driver=5.0)
    return store(torch.randn(3, 5).double(), mapping, Device.load("ideal"), ol.Streams(0), wires=wires)


@pytest.mark.parametrize(("layout", "front_end"), [("pair-columns", "current"), ("pair-rows", "voltage")])
def test_the_array_gives_the_product(layout: str, front_end: str) -> None:
    matrix, x = held(layout, front_end), torch.rand(2, 5).double()
    solution = solve(*probe_array(matrix, x))
    if front_end == "voltage":
        sums = solution.column_voltages / matrix.mapping.voltage * matrix.conductance()[0, 0, :, 0].sum((0, 1))
    else:
        sums = (solution.currents[:, ::2] - solution.currents[:, 1::2]) / matrix.mapping.voltage
    wanted = matrix.product(x)[0] / (matrix.scale * x.abs().amax(1, keepdim=True))
    assert torch.allclose(sums / matrix.unit, wanted, rtol=1e-9, atol=1e-12)


@pytest.mark.skipif(ngspice.available() is None, reason="ngspice is not installed")
@pytest.mark.parametrize(("layout", "front_end"), [("pair-columns", "current"), ("pair-rows", "voltage")])
def test_ngspice_agrees_with_a_programmed_array(layout: str, front_end: str, tmp_path: Path) -> None:
    probed = probe_array(held(layout, front_end), torch.rand(2, 5).double())
    write_netlist(tmp_path / "array.cir", *probed)
    assert (tmp_path / "array.cir").read_text().startswith("ohmloom: ")
    ours, theirs = solve(*probed), ngspice.solve_in_ngspice(*probed)
    for name in ("currents", "column_voltages", "row_nodes"):
        mine, reference = getattr(ours, name), getattr(theirs, name)
        assert float((mine - reference).abs().max()) <= 1e-9 * max(float(reference.abs().max()), 1e-30)


@pytest.mark.parametrize("which", [{"die": 1}, {"segment": 3}, {"part": -1}])
def test_arrays_that_do_not_exist(which: dict[str, int]) -> None:
    with pytest.raises(ConfigurationError, match=f"{next(iter(which))}: must be from 0 to 0"):
        probe_array(held(), torch.rand(1, 5).double(), **which)
