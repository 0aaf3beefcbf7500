"""What programmed layers gave is given back as it was, the chip stands still meanwhile, and no more is kept."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import ohmloom as ol
from ohmloom.codesign import Measured
from ohmloom.ledger import Event, Ledger


class Residual(nn.Module):
    """The first layer's output is used again at the end."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.third = nn.Linear(6, 8), nn.Linear(8, 8), nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        held = torch.relu(self.first(x))
        return held + self.third(torch.relu(self.second(held)))


class Flattened(nn.Module):
    """Two vectors for each sample, in one axis: no row of a record is a sample."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(3, 4), nn.Linear(8, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.second(self.first(x.reshape(-1, 3)).view(len(x), -1))


def programmed(model: nn.Module, layers: list[str], inputs: Tensor, chip: str = "ideal") -> Any:
    torch.manual_seed(0)
    hardware = ol.convert(model.eval(), ol.Chip.load(chip))
    ol.calibrate(hardware, inputs)
    ol.program(hardware, layers=layers)
    rest = [name for name in ol.converted(hardware) if name not in layers]
    ol.mode(hardware, ol.Digital(), layers=rest)
    return hardware


def chain() -> nn.Module:
    return nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 3))


@pytest.mark.parametrize(
    ("model", "layers"),
    [(chain(), ["0", "2"]), (Residual(), ["first", "second"]), (Flattened(), ["first"])],
    ids=["chain", "residual", "flattened"],
)
def test_outputs_are_those_of_the_chip(model: nn.Module, layers: list[str]) -> None:
    inputs = torch.randn(600, 6)
    hardware = programmed(model, layers, inputs)
    measured, rows = Measured(hardware, inputs), torch.tensor([5, 599, 5, 0])
    with torch.no_grad():
        live = hardware(inputs[rows])
        measured.measure()
        assert torch.allclose(measured.outputs(rows), live, atol=1e-6)
        assert torch.allclose(hardware(inputs[rows]), live, atol=1e-6)  # nothing stays in the way


def test_the_chip_stands_still_and_its_noise_is_that_of_one_run() -> None:
    inputs = torch.randn(300, 6)
    hardware = programmed(chain(), ["0", "2"], inputs, "neurram")
    measured, rows = Measured(hardware, inputs), torch.arange(20)
    with Ledger() as first:
        measured.measure()
    assert sum(first.total(Event.CONVERSION, name) for name in ("0", "2")) > 0
    with Ledger() as later, torch.no_grad():
        one, two = measured.outputs(rows), measured.outputs(rows)
        measured.measure()
    assert sum(later.total(Event.CONVERSION, name) for name in ("0", "2")) == 0
    assert torch.equal(one, two)
    with torch.no_grad():
        assert not torch.equal(hardware(inputs[rows]), hardware(inputs[rows]))


def test_only_what_reaches_other_layers_is_kept() -> None:
    inputs = torch.randn(300, 6)
    for model, layers, numbers in ((chain(), ["0", "2"], 8), (Residual(), ["first", "second"], 16)):
        measured = Measured(programmed(model, layers, inputs), inputs)
        measured.measure()
        assert measured.held_bytes == pytest.approx(300 * numbers * 4, abs=100)


def test_layers_that_are_programmed_later_are_measured_on_what_the_earlier_gave() -> None:
    inputs = torch.randn(50, 6)
    hardware = programmed(chain(), ["0"], inputs)
    measured = Measured(hardware, inputs)
    measured.measure()
    ol.program(hardware, layers=["2"])
    ol.mode(hardware, ol.Digital(), layers=["4"])
    with Ledger() as ledger:
        measured.measure()
    assert ledger.total(Event.CONVERSION, "0") == 0
    assert torch.allclose(measured.outputs(torch.arange(50)), hardware(inputs), atol=1e-6)


def test_the_gradient_reaches_layers_in_software() -> None:
    inputs = torch.randn(40, 6)
    hardware = programmed(chain(), ["0"], inputs)
    measured = Measured(hardware, inputs)
    measured.measure()
    measured.outputs(torch.arange(40)).square().sum().backward()
    assert hardware[0].weight.grad is None
    assert float(hardware[2].weight.grad.abs().sum()) > 0
