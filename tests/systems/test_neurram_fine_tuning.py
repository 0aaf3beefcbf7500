"""The arms of `neurram-fine-tuning`: a bad chip, stages, and checks that can fail."""

from __future__ import annotations

from pathlib import Path

import torch

import ohmloom as ol
from ohmloom.codesign import load_stage
from ohmloom.experiments import save_state
from ohmloom.nn import converted
from ohmloom.systems.neurram.fine_tuning import won_back
from ohmloom.systems.neurram.fine_tuning_arms import Tuned, changed_layers, network, severe, stages, tune_to
from ohmloom.systems.neurram.fine_tuning_settings import FineTuningSettings, Severity
from ohmloom.systems.neurram.network import Convolutional

SMALL = FineTuningSettings(subset="embedded", tuning_images=128, validation_images=100, together=4)


def test_a_severe_chip_has_wires_and_a_swing_and_is_neurram_otherwise() -> None:
    chip, plain = severe(Severity(ohms=20, swing=0.7)), ol.Chip.load("neurram")
    assert (chip.wires.row, chip.wires.column, chip.mapping.readout.swing) == (20, 20, 0.7)
    readout = chip.mapping.readout.replace(swing=None)
    assert chip.replace(wires=plain.wires, mapping=chip.mapping.replace(readout=readout)) == plain


def test_stages_hold_all_layers_once_in_their_order() -> None:
    layers = list(converted(ol.convert(Convolutional(), ol.Chip.load("neurram"))))
    for together in (1, 3, 7):
        groups = stages(SMALL.replace(together=together))
        assert [name for group in groups for name in group] == layers
        assert max(len(group) for group in groups) == together


def test_fine_tuning_keeps_its_stages_and_a_changed_cell_is_found(tmp_path: Path) -> None:
    torch.set_num_threads(1)
    state = Convolutional().state_dict()
    save_state(str(tmp_path / "network.safetensors"), state)
    file, severity = tmp_path / Tuned(0, "progressive", 3).file, Severity(ohms=20, swing=0.7)
    tune_to(str(file), SMALL, severity, str(tmp_path / "network.safetensors"), "progressive", 3)
    groups = stages(SMALL)
    assert changed_layers(file, groups, state) == 0
    folder = file.with_suffix("")
    last = load_stage(folder, 2, network(state))
    ol.matrices(last)["features.0"].cells.written[0, 0, 0, 0, 0, 0] += 1e-6
    ol.save(last, folder / "stage-2", overwrite=True)
    assert changed_layers(file, groups, state) == 1
    first = load_stage(folder, 1, network(state))
    with torch.no_grad():
        assert first(torch.rand(2, 1, 28, 28)).shape == (2, 10)  # what has no cells yet computes in software


def test_shares_won_back() -> None:
    assert won_back([4.0, -1.0, 2.0], [8.0, 10.0, -0.5]) == [50.0, -10.0, None]
