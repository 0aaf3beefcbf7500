"""The arms of `neurram-fine-tuning`: one network on one die, written at once, or layer by layer and fine-tuned."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

import ohmloom as ol
from ohmloom.codesign import load_stage, program_progressively, tune
from ohmloom.crossbars import Wires
from ohmloom.data import Labelled
from ohmloom.experiments import save_state, told
from ohmloom.nn import digital_state
from ohmloom.systems.neurram.fine_tuning_settings import FineTuningSettings, Severity
from ohmloom.systems.neurram.network import Convolutional, accuracy
from ohmloom.systems.neurram.training import State, training_set

Way = Literal["progressive", "without-noise", "shuffled-labels", "software"]


class Tuned(NamedTuple):
    """One fine-tuning of a run: of which network, how, and on which die (in software: none)."""

    seed: int
    way: Way
    die: int

    @property
    def file(self) -> str:
        """The name of its weights in the run's folder; its stages lie in a folder beside them."""
        return f"seed-{self.seed}-{self.way}-{self.die}.safetensors"


def severe(severity: Severity) -> ol.Chip:
    """NeuRRAM with wires that drop voltage and neurons that saturate: what no linear correction undoes."""
    chip = ol.Chip.load("neurram")
    readout = chip.mapping.readout.replace(swing=severity.swing)
    wires = Wires(row=severity.ohms, column=severity.ohms)
    return chip.replace(mapping=chip.mapping.replace(readout=readout), wires=wires)


def network(state: State) -> nn.Module:
    """The network of a trained state, without its learned input ranges: these are calibrated in each arm."""
    model = Convolutional()
    model.load_state_dict({name: value for name, value in state.items() if ".clips." not in name})
    return model.eval()


def stages(settings: FineTuningSettings) -> list[list[str]]:
    """The layers in the order in which they are programmed."""
    layers = list(ol.converted(ol.convert(Convolutional(), ol.Chip.load("neurram"))))
    return [layers[start : start + settings.together] for start in range(0, len(layers), settings.together)]


def tune_to(path: str, settings: FineTuningSettings, severity: Severity, trained: str, way: Way, die: int) -> None:
    """Fine-tune the network in the file ``trained`` and write its weights to ``path``."""
    samples = tuning_set(settings)
    if way == "shuffled-labels":
        order = torch.randperm(len(samples.labels), generator=torch.Generator().manual_seed(die))
        samples = samples._replace(labels=samples.labels[order])
    recipe = settings.recipe.replace(noise=None) if way == "without-noise" else settings.recipe
    model, chip, groups = network(load_file(trained)), severe(severity), stages(settings)
    with told(path) as tell:
        if way == "software":
            hardware = ol.convert(model, chip)
            ol.calibrate(hardware, samples.images[: settings.calibration_images])
            for stage in range(1, len(groups)):  # as many epochs: none follows the last layer
                tune(hardware, samples, cross_entropy, recipe, seed=die + stage)
                tell(stage / (len(groups) - 1))
        else:
            hardware = program_progressively(
                model, chip, samples, cross_entropy, recipe, groups=groups, since_programming=settings.age, seed=die,
                folder=Path(path).with_suffix(""), calibrated=settings.calibration_images, tell=tell,
            )  # fmt: skip
        save_state(path, digital_state(hardware))


def tuning_set(settings: FineTuningSettings) -> Labelled:
    """The training images of the fine-tuning, and of every calibration."""
    return training_set(settings.subset, settings.tuning_images, settings.validation_images)[0]


@dataclass(frozen=True)
class Bench:
    """A chip, images to calibrate with, and the age at which it is used."""

    chip: ol.Chip
    calibration: Tensor
    age: str

    def software(self, state: State, data: Labelled) -> float:
        """Accuracy with the same input codes and ranges, without cells and converters, per cent."""
        hardware = self.blank(state)
        ol.calibrate(hardware, self.calibration)
        ol.mode(hardware, ol.Quantised(converter=False))
        return accuracy(hardware, data)

    def blank(self, state: State) -> nn.Module:
        """The network for this chip, without cells yet."""
        return ol.convert(network(state), self.chip)

    def written(self, hardware: nn.Module, die: int) -> nn.Module:
        """``hardware`` with all layers written at once, aged and calibrated."""
        ol.calibrate(hardware, self.calibration)
        ol.program(hardware, seed=die)
        ol.age(hardware, self.age)
        ol.calibrate(hardware, self.calibration)
        return hardware

    def accuracies(self, states: Sequence[State], dies: Sequence[int], data: Labelled) -> list[float]:
        """Accuracy of each state written into its die, per cent."""
        blank = [(self.blank(state), die) for state, die in zip(states, dies, strict=True)]
        return side_by_side(lambda pair: accuracy(self.written(*pair), data, batch=100), blank)


def side_by_side(compute: Callable[[Any], Any], items: Sequence[Any]) -> list[Any]:
    """What ``compute`` gives for each of ``items``, two at a time.

    Networks are converted beforehand: while torch traces one, no other may run in this process.
    """
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(compute, items))


def staged(file: Path, stage: int, state: State) -> Any:
    """The hardware after a stage of the fine-tuning whose weights are in ``file``; ``state`` is what it began with."""
    return load_stage(file.with_suffix(""), stage, network(state))


def changed_layers(file: Path, groups: Sequence[Sequence[str]], state: State) -> int:
    """How many layers do not hold to the end the very cells (bits and pulses) that their own stage gave them."""
    last = staged(file, len(groups), state)
    end, changed = ol.matrices(last), 0
    for stage, group in enumerate(groups, start=1):
        held = ol.matrices(staged(file, stage, state))
        changed += sum(not _same(held[name], end[name]) for name in group)
    return changed


def _same(one: ol.StoredMatrix, other: ol.StoredMatrix) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one.cells, other.cells, strict=True))
