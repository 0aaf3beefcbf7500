"""Programming through the wires, and training on what they leave of the weights."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import ohmloom as ol
from ohmloom.chips import Mapping, StoredMatrix, store
from ohmloom.codesign import ThroughWires, WiredWeights
from ohmloom.codesign.wires import mismatch, signed
from ohmloom.crossbars import Wires
from ohmloom.devices import Device
from ohmloom.errors import ConfigurationError

WIRES = Wires(row=200.0, column=200.0)


def stored(layout: str, front_end: str, correction: ThroughWires | None, wires: Wires = WIRES) -> StoredMatrix:
    torch.manual_seed(0)
    mapping = Mapping(
        drive={"kind": "amplitude"}, encoding={"kind": "analogue", "layout": layout}, lowest="1 uS",
        readout={"kind": "analogue", "front_end": {"kind": front_end}},
    )  # fmt: skip
    return store(torch.randn(5, 8), mapping, Device.load("ideal"), ol.Streams(0), wires=wires, correction=correction)


def error(matrix: StoredMatrix, wanted: torch.Tensor) -> float:
    return float(mismatch(signed(matrix.wired().acting[0], matrix.mapping), wanted)) ** 0.5


@pytest.mark.parametrize(
    ("layout", "front_end"), [("pair-columns", "current"), ("pair-rows", "voltage"), ("offset-column", "current")]
)
def test_the_acting_matrix_comes_close_and_cells_stay_in_range(layout: str, front_end: str) -> None:
    plain = stored(layout, front_end, None)
    assert plain.targets is not None
    wanted = signed(plain.targets, plain.mapping)
    better = stored(layout, front_end, ThroughWires(steps=60))
    assert error(better, wanted) < error(plain, wanted) / 4
    cells = better.conductance()
    assert float(cells.min()) >= 1e-6 * (1 - 1e-5)
    assert float(cells.max()) <= better.device.g_max * (1 + 1e-5)


def test_correcting_for_wrong_wires_helps_less() -> None:
    plain = stored("pair-columns", "current", None)
    assert plain.targets is not None
    wanted = signed(plain.targets, plain.mapping)
    right = error(stored("pair-columns", "current", ThroughWires(steps=60)), wanted)
    quarter = Wires(row=50.0, column=50.0)
    wrong = error(stored("pair-columns", "current", ThroughWires(steps=60, wires=quarter)), wanted)
    assert right < 0.5 * wrong < 0.5 * error(plain, wanted)


def test_without_wires_nothing_is_corrected() -> None:
    a = stored("pair-columns", "current", None, Wires())
    b = stored("pair-columns", "current", ThroughWires(), Wires())
    assert torch.equal(a.cells.written, b.cells.written)


def test_a_correction_reaches_the_cells_of_a_network() -> None:
    torch.manual_seed(0)
    chip = ol.Chip.load("generic-40nm").replace(device=Device.load("ideal"), wires=WIRES)
    model, x = nn.Linear(8, 5), torch.randn(200, 8)
    losses = []
    for correction in (None, ThroughWires(steps=60)):
        hardware = ol.convert(model, chip)
        ol.calibrate(hardware, x)
        ol.program(hardware, correction=correction)
        ol.calibrate(hardware, x)
        with torch.no_grad():
            losses.append(float((hardware(x) - model(x)).norm() / model(x).norm()))
    assert losses[1] < 0.6 * losses[0]  # the rest is that of 8-bit converters


@pytest.mark.parametrize("layout", ["pair-columns", "offset-column"])
def test_acting_weights_are_those_of_the_programmed_chip_up_to_gain(layout: str) -> None:
    torch.manual_seed(0)
    chip = ol.Chip.load("generic-40nm").replace(device=Device.load("ideal"), wires=WIRES)
    encoding = {"kind": "analogue", "layout": layout, "pair_sum": "analogue"}
    chip = chip.replace(mapping=chip.mapping.replace(encoding=encoding))
    weight = torch.randn(5, 8)
    acting = WiredWeights(chip=chip).acting(weight)
    effective = store(weight, chip.layer_mapping, chip.device, ol.Streams(0), wires=chip.wires).effective()[0]
    gain = (effective * weight).sum(1) / weight.square().sum(1)
    assert torch.allclose(acting, effective / gain.unsqueeze(1), rtol=1e-4, atol=1e-5)
    assert (acting - weight).norm() > 0.01 * weight.norm()


def test_training_sees_the_wires() -> None:
    """The gradient of acting weights is that of finite differences, the gain held."""
    torch.manual_seed(0)
    chip = ol.Chip.load("generic-40nm").replace(device=Device.load("ideal"), wires=WIRES)
    weight = torch.randn(3, 4, dtype=torch.float64)
    weight[0, 0] = 3.0  # the largest, which sets the scale and is left alone
    probe = torch.randn(3, 4, dtype=torch.float64)
    variable = weight.clone().requires_grad_()
    (WiredWeights(chip=chip).acting(variable) * probe).sum().backward()
    assert variable.grad is not None
    moved = weight.clone()
    moved[2, 1] += 1e-5
    whole = (WiredWeights(chip=chip).acting(moved) - WiredWeights(chip=chip).acting(weight)) * probe
    assert float(whole.sum()) / 1e-5 == pytest.approx(float(variable.grad[2, 1]), rel=0.2)


def test_successive_programming_is_refused() -> None:
    mapping = Mapping(
        drive={"kind": "amplitude"}, encoding={"kind": "analogue", "slices": 2, "order": "successive"},
        readout={"kind": "analogue"},
    )  # fmt: skip
    with pytest.raises(ConfigurationError, match="successive"):
        store(torch.randn(3, 4), mapping, Device.load("ideal"), ol.Streams(0), wires=WIRES, correction=ThroughWires())


def test_a_network_trained_on_its_wires_is_calibrated_to_what_it_learned() -> None:
    torch.manual_seed(0)
    chip = ol.Chip.load("generic-40nm").replace(device=Device.load("ideal"), wires=Wires(row=2000.0, column=2000.0))
    model, x = nn.Linear(8, 5, bias=False), torch.randn(300, 8)
    acting = WiredWeights(chip=chip)
    with torch.no_grad():
        learned = x @ acting.acting(model.weight).T
    errors = []
    for trained_on in (None, acting):
        hardware = ol.convert(model, chip)
        ol.calibrate(hardware, x)
        ol.program(hardware)
        ol.calibrate(hardware, x, trained_on=trained_on)
        with torch.no_grad():
            errors.append(float((hardware(x) - learned).norm() / learned.norm()))
    assert errors[1] < 0.015  # what 8-bit inputs and converters leave
    assert errors[1] < errors[0] / 2
