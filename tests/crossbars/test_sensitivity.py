"""Read noise through wires: the adjoint reference against differences, and the fast form against the reference."""

from __future__ import annotations

from typing import Literal

import pytest
import torch
from torch import Tensor

import ohmloom as ol
from ohmloom.chips import Mapping, store
from ohmloom.crossbars import Wires, effective_conductance
from ohmloom.crossbars.circuits.sensitivity import own_sensitivity, read_covariance
from ohmloom.devices import Device

ENDS = pytest.mark.parametrize("end", ["ground", "open"])
TOPOLOGY = pytest.mark.parametrize("to", ["bottom", "top"])


def array(rows: int, columns: int) -> Tensor:
    torch.manual_seed(0)
    return (1 + 99 * torch.rand(rows, columns, dtype=torch.float64)) * 1e-6


@ENDS
@TOPOLOGY
def test_the_reference_is_the_derivative(end: Literal["ground", "open"], to: Literal["bottom", "top"]) -> None:
    cells = array(4, 5)
    wires = Wires(row=300.0, column=100.0, driver=50.0, sense=20.0, access=1e3, columns_to=to)
    volts = torch.tensor([[0.2, -0.1, 0.15, 0.05]], dtype=torch.float64)
    variance = (0.01 * cells).square()
    wanted = torch.zeros(5, 5, dtype=torch.float64)
    for r in range(4):
        for c in range(5):
            step = torch.zeros_like(cells)
            step[r, c] = 1e-4 * cells[r, c]
            moved = effective_conductance(cells + step, wires, end) - effective_conductance(cells - step, wires, end)
            slope = (volts @ moved)[0] / (2e-4 * cells[r, c])
            wanted += variance[r, c] * slope.outer(slope)
    found = read_covariance(cells, variance, volts, wires, end)[0]
    assert torch.allclose(found, wanted, rtol=1e-5, atol=1e-5 * float(wanted.diagonal().min()))


@pytest.mark.parametrize("ohms", [1.0, 10.0])
@pytest.mark.parametrize("both", ["left", "both"])
@TOPOLOGY
def test_own_sensitivity_is_the_own_derivative(
    to: Literal["bottom", "top"], both: Literal["left", "both"], ohms: float
) -> None:
    torch.manual_seed(0)
    cells = (1 + 99 * torch.rand(64, 64, dtype=torch.float64)) * 1e-6
    wires = Wires(row=ohms, column=ohms, driver=2 * ohms, sense=ohms, access=1e3, columns_to=to, rows_from=both)
    cells.requires_grad_()
    transfer = effective_conductance(cells, wires)
    found = own_sensitivity(cells.detach(), wires, "ground", transfer.detach())
    for r, c in ((0, 0), (63, 63), (20, 10), (3, 60), (60, 2)):
        (slope,) = torch.autograd.grad(transfer[r, c], cells, retain_graph=True)
        assert float(found[r, c]) == pytest.approx(float(slope[r, c]), rel=0.001 * ohms)
    if ohms == 10.0:
        assert float(found.min()) < 0.5  # wires matter here


@ENDS
def test_off_cells_have_the_noise_of_their_place(end: Literal["ground", "open"]) -> None:
    cells = array(6, 6)
    cells[2, 3] = 0.0
    wires = Wires(row=200.0, column=200.0)
    near = cells.clone()
    near[2, 3] = 1e-12
    off, on = (own_sensitivity(one, wires, end, effective_conductance(one, wires, end)) for one in (cells, near))
    assert torch.allclose(off, on, rtol=1e-4)
    assert float(off[2, 3]) < 1


@ENDS
def test_the_fast_form_is_close_where_ignoring_wires_is_not(end: Literal["ground", "open"]) -> None:
    """Deviation at 32 x 32 and 4 ohm, inputs of both signs: within 2 %; ignoring wires is several times as far off."""
    cells, wires = array(32, 32), Wires(row=4.0, column=4.0)
    volts = torch.rand(40, 32, dtype=torch.float64) * 0.4 - 0.2
    variance = torch.full_like(cells, 0.4e-6**2)
    covariance = read_covariance(cells, variance, volts, wires, end)
    exact = covariance.diagonal(dim1=-2, dim2=-1)
    transfer = effective_conductance(cells, wires, end)
    felt = own_sensitivity(cells, wires, end, transfer)
    fast, plain = (variance_of(cells, variance * s**2, volts, transfer, end) for s in (felt, torch.ones_like(felt)))
    assert abs(float((fast / exact).sqrt().mean()) - 1) < 0.01
    assert float(((fast / exact).sqrt() - 1).abs().max()) < 0.02
    assert float((plain / exact).sqrt().mean()) - 1 > 0.04
    neighbours = covariance[:, 0, 1] / (exact[:, 0] * exact[:, 1]).sqrt()
    assert float(neighbours.abs().max()) < 0.05  # what the fast form leaves out


def variance_of(cells: Tensor, variance: Tensor, volts: Tensor, transfer: Tensor, end: str) -> Tensor:
    if end == "ground":
        return volts.square() @ variance
    away = volts.unsqueeze(-1) - (volts @ transfer).unsqueeze(1)
    return (away.square() * variance).sum(1) / cells.sum(0).square()


@pytest.mark.parametrize(("layout", "front_end"), [("pair-columns", "current"), ("pair-rows", "voltage")])
def test_reads_of_a_stored_matrix_have_that_noise(layout: str, front_end: str) -> None:
    torch.manual_seed(0)
    noise = {"kind": "relative", "deviation": 0.05, "read_time": "100 ns"}
    device = Device.load("ideal").replace(read_noise=noise)
    mapping = Mapping(
        drive={"kind": "amplitude"}, encoding={"kind": "analogue", "layout": layout}, lowest="5 uS",
        readout={"kind": "analogue", "front_end": {"kind": front_end}, "integration": "100 ns"},
    )  # fmt: skip
    wires = Wires(row=100.0, column=100.0)
    matrix = store(torch.randn(3, 6), mapping, device, ol.Streams(0), wires=wires)
    x = torch.rand(1, 6) * 2 - 1
    reads = torch.cat([matrix.product(x.expand(4000, -1))[0] for _ in range(4)])
    cells = matrix.conductance()[0, 0, :, 0].double()  # (signs, rows, columns)
    level = (x / x.abs().max())[0].double()
    if layout == "pair-rows":
        lain, volts = cells.permute(1, 0, 2).flatten(0, 1), torch.stack([level, -level], dim=1).flatten()
    else:
        lain, volts = cells.permute(1, 2, 0).flatten(1), level
    end: Literal["ground", "open"] = "open" if front_end == "voltage" else "ground"
    covariance = read_covariance(lain, (0.05 * lain).square(), volts[None], wires, end)[0]
    if end == "open":
        exact = covariance.diagonal() * lain.sum(0) ** 2
    else:
        pairs = covariance.unflatten(0, (3, 2)).unflatten(2, (3, 2))
        exact = sum(sign * pairs[:, p, :, q].diagonal() for p, q, sign in ((0, 0, 1), (1, 1, 1), (0, 1, -2)))
    wanted = torch.as_tensor(exact).sqrt() / matrix.unit * float(matrix.scale) * float(x.abs().max())
    assert torch.allclose(reads.std(0).double(), wanted, rtol=0.05)
