"""Stored matrices on wires, against one dense nodal matrix of each physical array."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

import ohmloom as ol
from ohmloom.chips import Mapping, StoredMatrix, store
from ohmloom.crossbars import Wires, effective_conductance
from ohmloom.crossbars.circuits.sensitivity import own_sensitivity
from ohmloom.devices import Device
from ohmloom.errors import ConfigurationError
from ohmloom.ledger import Event
from tests.nodal import newton, reference

WIRES = Wires(row=60.0, column=25.0, driver=10.0, sense=5.0)
IDEAL = Device.load("ideal")
WAYS = [("pair-columns", "current"), ("pair-rows", "current"), ("pair-rows", "voltage")]


def held(layout: str, front_end: str, wires: Wires, **more: Any) -> StoredMatrix:
    torch.manual_seed(1)
    encoding, device = more.pop("encoding", {"kind": "analogue", "layout": layout}), more.pop("device", IDEAL)
    mapping = Mapping(
        drive={"kind": "amplitude"}, encoding=encoding, lowest="1 uS",
        readout={"kind": "analogue", "front_end": {"kind": front_end}}, **more,
    )  # fmt: skip
    weights = torch.randn(4, 6, dtype=torch.float64)
    return store(weights, mapping, device, ol.Streams(0), wires=wires)


def physical(matrix: StoredMatrix, layout: str) -> Tensor:
    """The cells of die 0, segment 0, as they lie: neighbours are pairs."""
    cells = matrix.conductance()[0, 0, :, 0]  # (signs, rows, columns)
    if layout == "pair-rows":
        return torch.stack([line for r in range(cells.shape[1]) for line in cells[:, r]])
    return torch.stack([line for c in range(cells.shape[2]) for line in cells[:, :, c]], dim=1)


@pytest.mark.parametrize(("layout", "front_end"), WAYS)
def test_products_are_those_of_the_circuit(layout: str, front_end: str) -> None:
    matrix, x = held(layout, front_end, WIRES), torch.rand(5, 6, dtype=torch.float64) - 0.4
    level = x / x.abs().amax(1, keepdim=True)
    array = physical(matrix, layout)
    volts = torch.stack([level, -level], dim=-1).flatten(1) if layout == "pair-rows" else level
    transfer, _ = reference(array, WIRES, "open" if front_end == "voltage" else "ground")
    sensed = volts @ transfer
    if front_end == "voltage":
        sensed = sensed * array.sum(0)  # what the digital side knows
    elif layout == "pair-columns":
        sensed = sensed[:, ::2] - sensed[:, 1::2]
    wanted = sensed / matrix.unit * matrix.scale * x.abs().amax(1, keepdim=True)
    assert torch.allclose(matrix.product(x)[0], wanted, rtol=1e-9, atol=1e-12)
    plain = held(layout, front_end, Wires()).product(x)[0]
    assert (plain - wanted).norm() > 1e-3 * wanted.norm()  # wires matter here


@pytest.mark.parametrize(("layout", "front_end"), WAYS)
def test_vanishing_wires_change_nothing(layout: str, front_end: str) -> None:
    x = torch.rand(5, 6, dtype=torch.float64)
    thin = held(layout, front_end, Wires(row=1e-6, column=1e-6)).product(x)
    assert torch.allclose(thin, held(layout, front_end, Wires()).product(x), rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize(("layout", "front_end"), WAYS)
def test_effective_matrix_includes_wires(layout: str, front_end: str) -> None:
    matrix, x = held(layout, front_end, WIRES), torch.rand(5, 6, dtype=torch.float64)
    assert torch.allclose(matrix.product(x)[0], x @ matrix.effective()[0].T, rtol=1e-9, atol=1e-12)


def test_access_transistors_alone_need_no_lines() -> None:
    matrix = held("pair-columns", "current", Wires(access=5e3))
    cells = matrix.conductance()
    assert torch.allclose(matrix.wired().acting, cells / (1 + 5e3 * cells))


@pytest.mark.parametrize(("layout", "front_end"), WAYS)
def test_energy_is_the_power_of_the_drivers(layout: str, front_end: str) -> None:
    matrix, x = held(layout, front_end, WIRES), torch.ones(1, 6, dtype=torch.float64)
    array = physical(matrix, layout)
    _, admittance = reference(array, WIRES, "open" if front_end == "voltage" else "ground")
    signs = torch.tensor([1.0, -1.0] if layout == "pair-rows" else [1.0], dtype=torch.float64).repeat(6)
    power = float(signs @ admittance @ signs) * matrix.mapping.voltage**2
    with ol.Ledger() as ledger:
        matrix.product(x)
    joule = sum(v for (_, _, e), per_die in ledger.counts.items() if e is Event.CELL_JOULE for v in per_die.values())
    assert joule == pytest.approx(power * matrix.mapping.readout.integration, rel=1e-6)


@pytest.mark.parametrize(("layout", "front_end"), WAYS)
def test_other_than_ohmic_cells_are_solved(layout: str, front_end: str) -> None:
    device = Device.load("ideal").replace(conduction={"kind": "sinh", "scale": "0.1 V"})
    matrix, x = held(layout, front_end, WIRES, device=device), torch.rand(3, 6, dtype=torch.float64) - 0.4
    level = x / x.abs().amax(1, keepdim=True)
    array = physical(matrix, layout)
    volts = (torch.stack([level, -level], dim=-1).flatten(1) if layout == "pair-rows" else level) * 0.2
    end = "open" if front_end == "voltage" else "ground"
    sensed = torch.stack([newton(array, WIRES, one, end, 0.1) for one in volts]) / 0.2
    if front_end == "voltage":
        sensed = sensed * array.sum(0)
    elif layout == "pair-columns":
        sensed = sensed[:, ::2] - sensed[:, 1::2]
    wanted = sensed / matrix.unit * matrix.scale * x.abs().amax(1, keepdim=True)
    assert torch.allclose(matrix.product(x)[0], wanted, rtol=1e-7, atol=1e-10)
    ohmic = held(layout, front_end, WIRES).product(x)[0]
    assert (ohmic - wanted).norm() > 0.01 * wanted.norm()


def test_the_transpose_of_other_cells_is_refused() -> None:
    device = Device.load("ideal").replace(conduction={"kind": "sinh", "scale": "0.1 V"})
    with pytest.raises(ConfigurationError, match="ohmic"):
        held("pair-rows", "current", WIRES, device=device).T.product(torch.rand(2, 4, dtype=torch.float64))


def test_the_transpose_is_driven_from_the_other_side() -> None:
    """Reciprocity: with grounded lines and equal ends, backward is the exact transpose."""
    wires = Wires(row=60.0, column=25.0, driver=8.0, sense=8.0)
    matrix = held("pair-rows", "current", wires)
    assert torch.allclose(matrix.T.effective(), matrix.effective().transpose(-1, -2), rtol=1e-9, atol=1e-12)


def test_open_transpose_is_that_of_the_turned_circuit() -> None:
    matrix = held("pair-rows", "voltage", WIRES)
    turned = physical(matrix, "pair-rows").T.flip(-1)
    transfer, _ = reference(turned, Wires(row=25.0, column=60.0, driver=5.0, sense=10.0, columns_to="top"), "open")
    lines = (transfer * turned.sum(0)).flip(-1)
    wanted = (lines[:, ::2] - lines[:, 1::2]) / matrix.unit * matrix.scale  # (out, in) of the original
    assert torch.allclose(matrix.T.effective()[0].T, wanted, rtol=1e-9, atol=1e-12)


def test_slices_share_their_array() -> None:
    encoding = {"kind": "analogue", "layout": "pair-columns", "slices": 2}
    matrix = held("pair-columns", "current", WIRES, encoding=encoding)
    cells = matrix.conductance()[0, :, :, 0]  # (slices, signs, rows, columns)
    lines = [cells[s, p, :, c] for c in range(4) for s in range(2) for p in range(2)]
    transfer, _ = reference(torch.stack(lines, dim=1), WIRES, "ground")
    acting = transfer.reshape(6, 4, 2, 2).permute(2, 3, 0, 1)
    assert torch.allclose(matrix.wired().acting[0, :, :, 0], acting, rtol=1e-9, atol=1e-18)


def test_outputs_beyond_a_core_lie_in_another_array() -> None:
    matrix = held("pair-columns", "current", WIRES, columns=4)  # two outputs per array
    cells = matrix.conductance()[0, 0, :, 0]
    first = torch.stack([cells[p, :, c] for c in (0, 1) for p in (0, 1)], dim=1)
    transfer, _ = reference(first, WIRES, "ground")
    assert torch.allclose(matrix.wired().acting[0, 0, 0, 0, :, :2], transfer[:, ::2], rtol=1e-9, atol=1e-18)


def test_each_array_has_its_own_reference() -> None:
    encoding = {"kind": "analogue", "layout": "offset-column"}
    matrix, x = held("offset-column", "current", WIRES, encoding=encoding, columns=3), torch.rand(3, 6).double()
    cells = matrix.conductance()[0, 0, 0, 0]  # (rows, 4 outputs and the reference)
    level = x / x.amax(1, keepdim=True)
    sums = []
    for outputs in ((0, 1), (2, 3)):
        transfer, _ = reference(cells[:, [*outputs, 4]], WIRES, "ground")
        sensed = level @ transfer
        sums.append(sensed[:, :2] - sensed[:, 2:])
    wanted = torch.cat(sums, dim=1) / matrix.unit * matrix.scale * x.amax(1, keepdim=True)
    assert torch.allclose(matrix.product(x)[0], wanted, rtol=1e-9, atol=1e-12)


def test_noise_in_arrays_side_by_side_is_that_of_each_array() -> None:
    """Each of two arrays shares the noise of its own wires; only the reference, which all read, is the last one's."""
    encoding = {"kind": "analogue", "layout": "offset-column"}
    device = IDEAL.replace(read_noise={"kind": "relative", "deviation": 0.01, "read_time": "100 ns"})
    matrix = held("offset-column", "current", WIRES, encoding=encoding, columns=3, device=device)
    cells, felt = matrix.conductance()[0, 0, 0, 0], matrix.wired().noise
    assert felt is not None
    for outputs in ((0, 1), (2, 3)):
        array = cells[:, [*outputs, 4]]
        wanted = own_sensitivity(array, WIRES, "ground", effective_conductance(array, WIRES))
        assert torch.allclose(felt[0, 0, 0, 0][:, list(outputs)], wanted[:, :2], rtol=1e-9)


def test_wires_are_solved_once_per_programming(monkeypatch: pytest.MonkeyPatch) -> None:
    from ohmloom.chips import wiring

    calls: list[int] = []
    solved = wiring.terminals
    monkeypatch.setattr(wiring, "terminals", lambda *a: calls.append(1) or solved(*a))
    matrix = held("pair-columns", "current", WIRES)
    for _ in range(3):
        matrix.product(torch.rand(2, 6, dtype=torch.float64))
    assert len(calls) == 1
    matrix.age(10.0)
    matrix.product(torch.rand(2, 6, dtype=torch.float64))
    assert len(calls) == 2


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"encoding": {"kind": "analogue", "layout": "offset-column", "pair_sum": "digital"}, "columns": 3},
         "own reference"),
        ({"encoding": {"kind": "bits", "bits": 2, "layout": "single"}, "readout": {"kind": "logic"},
          "drive": {"kind": "bit-serial", "bits": 2, "code": "unsigned"}}, "wires"),
    ],
)  # fmt: skip
def test_what_wires_cannot_have_is_refused(change: dict[str, Any], words: str) -> None:
    table = {"drive": {"kind": "amplitude"}, "readout": {"kind": "analogue", "front_end": {"kind": "current"}}} | change
    with pytest.raises(ConfigurationError, match=words):
        store(torch.rand(4, 6), Mapping(**table), Device.load("ideal"), ol.Streams(0), wires=WIRES).wired()


def test_a_file_says_wires_in_ohms(tmp_path: Any) -> None:
    chip = ol.Chip.load("generic-40nm")
    file = tmp_path / "wired.toml"
    file.write_text('extends = "generic-40nm"\nname = "wired"\n[wires]\nrow = "1.5 ohm"\ncolumn = "2 S"\n')
    with pytest.raises(ConfigurationError, match=r"Wires\.column: must be a resistance"):
        ol.Chip.load(file)
    file.write_text(file.read_text().replace("2 S", "2 ohm"))
    assert ol.Chip.load(file).wires == Wires(row=1.5, column=2.0)
    assert chip.wires.absent
