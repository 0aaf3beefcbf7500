"""Fine-tuning with the chip in the loop: cells stay, the rest learns, it wins back what cells cost, and it resumes."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

import ohmloom as ol
from ohmloom.codesign import FineTuning, program_progressively, tune
from ohmloom.errors import ConfigurationError, NotFiniteError, ShapeError, UnknownNameError

RECIPE = FineTuning(epochs=8, rate=3e-3, batch=32)


@pytest.fixture
def chip() -> ol.Chip:
    return ol.Chip.load("neurram")


@pytest.fixture
def trained() -> tuple[nn.Module, tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """A network that knows its task, samples to tune on, and held-out samples."""
    torch.manual_seed(0)
    teacher = nn.Sequential(nn.Linear(12, 16), nn.Tanh(), nn.Linear(16, 3))
    model = nn.Sequential(nn.Linear(12, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 3))
    inputs = torch.randn(768, 12)
    with torch.no_grad():
        targets = 3 * teacher(inputs)
    adam = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(200):
        adam.zero_grad()
        mse_loss(model(inputs[:512]), targets[:512]).backward()
        adam.step()
    return model.eval(), (inputs[:512], targets[:512]), (inputs[512:], targets[512:])


def error(hardware: Any, samples: tuple[Tensor, Tensor]) -> float:
    with torch.no_grad():
        return float(mse_loss(hardware(samples[0]), samples[1]))


def plainly(model: nn.Module, chip: ol.Chip, inputs: Tensor, seed: int) -> Any:
    """All layers written at once, and calibrated."""
    hardware = ol.convert(model, chip)
    ol.calibrate(hardware, inputs)
    ol.program(hardware, seed=seed)
    ol.age(hardware, "1 day")
    ol.calibrate(hardware, inputs)
    return hardware


def test_it_beats_the_same_epochs_in_software_on_held_out_samples(trained: Any, chip: ol.Chip) -> None:
    model, samples, held_out = trained
    in_software = ol.convert(model, chip)
    for stage in (1, 2):  # as many epochs as the fine-tuning has: no stage trains after the last layer
        tune(in_software, samples, mse_loss, RECIPE, seed=stage)
    control = copy.deepcopy(model)
    control.load_state_dict(ol.nn.digital_state(in_software))
    found = []
    for seed in range(3):
        tuned = program_progressively(model, chip, samples, mse_loss, RECIPE, seed=seed, since_programming="1 day")
        found.append((error(plainly(model, chip, samples[0], seed), held_out),
                      error(plainly(control, chip, samples[0], seed), held_out), error(tuned, held_out)))  # fmt: skip
    plain, software, progressive = (sum(values) / 3 for values in zip(*found, strict=True))
    assert progressive < plain
    assert progressive < software


def test_cells_that_are_written_stay_and_only_the_rest_learns(trained: Any, chip: ol.Chip) -> None:
    model, samples, _ = trained
    hardware = ol.convert(model, chip)
    ol.calibrate(hardware, samples[0])
    ol.program(hardware, layers=["0"])
    before, state = hardware[0].on_chip.matrices["matrix"].cells.written.clone(), copy.deepcopy(hardware.state_dict())
    random = torch.get_rng_state()
    losses = tune(hardware, samples, mse_loss, FineTuning(epochs=2, noise=ol.RelativeWeights(deviation=0.05)))
    assert len(losses) == 2
    assert torch.equal(torch.get_rng_state(), random)
    assert torch.equal(hardware[0].on_chip.matrices["matrix"].cells.written, before)
    changed = {name for name, value in hardware.state_dict().items() if not torch.equal(value, state[name])}
    assert changed == {"2.weight", "2.bias", "4.weight", "4.bias"}
    assert all(value.requires_grad for value in hardware.parameters())


def test_an_interrupted_fine_tuning_goes_on_to_the_same_cells(trained: Any, chip: ol.Chip, tmp_path: Path) -> None:
    model, samples, _ = trained
    recipe, calls = FineTuning(epochs=1), 0
    samples = (samples[0][:128], samples[1][:128])

    def interrupted(given: Tensor, wanted: Tensor) -> Tensor:
        nonlocal calls
        calls += 1
        if calls > 3:  # in the second stage
            raise KeyboardInterrupt
        return mse_loss(given, wanted)

    with pytest.raises(KeyboardInterrupt):
        program_progressively(model, chip, samples, interrupted, recipe, folder=tmp_path)
    assert (tmp_path / "stage-1").is_dir()
    assert not (tmp_path / "stage-2").exists()
    first = ol.load(tmp_path / "stage-1", _with(model, tmp_path / "stage-1.safetensors"))
    resumed = program_progressively(model, chip, samples, mse_loss, recipe, folder=tmp_path)
    assert torch.equal(first[0].on_chip.matrices["matrix"].cells.written,
                       resumed[0].on_chip.matrices["matrix"].cells.written)  # fmt: skip
    assert sorted(resumed.on_chip_state.matrices) == ["0", "2", "4"]
    again = program_progressively(model, chip, samples, interrupted, recipe, folder=tmp_path)  # nothing left to train
    for name in ("0", "2", "4"):
        pair = [h.on_chip_state.matrices[name].cells.written for h in (again, resumed)]
        assert torch.equal(*pair)
    with pytest.raises(ConfigurationError, match="folder: must be of the same"):
        program_progressively(model, chip, samples, mse_loss, recipe, seed=5, folder=tmp_path)


def _with(model: nn.Module, file: Path) -> nn.Module:
    from safetensors.torch import load_file

    held = copy.deepcopy(model)
    held.load_state_dict(load_file(file))
    return held


def test_bad_groups_samples_and_losses_are_named(trained: Any, chip: ol.Chip) -> None:
    model, samples, _ = trained
    with pytest.raises(ConfigurationError, match="groups: must hold all layers once, got 4"):
        program_progressively(model, chip, samples, mse_loss, RECIPE, groups=[["0", "2"]])
    with pytest.raises(UnknownNameError, match="groups"):
        program_progressively(model, chip, samples, mse_loss, RECIPE, groups=[["0", "2", "4", "6"]])
    hardware = ol.convert(model, chip)
    with pytest.raises(ShapeError, match="10 inputs and 9 targets"):
        tune(hardware, (samples[0][:10], samples[1][:9]), mse_loss, RECIPE)
    with pytest.raises(NotFiniteError, match="loss"):
        tune(hardware, samples, lambda y, _: y.sum() * torch.nan, RECIPE)
