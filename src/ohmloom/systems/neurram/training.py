"""The networks of `neurram-mnist`: what each is trained with, and reading them when they are finished."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import NamedTuple

from safetensors.torch import load_file
from torch import Tensor

from ohmloom.data import Labelled, Subset, load
from ohmloom.experiments import Trainings, save_state, told
from ohmloom.systems.neurram.network import Disturbed


class Trained(NamedTuple):
    """One network of a run: its seed, its training noise, and what that was added to."""

    seed: int
    noise: float
    on: Disturbed = "weights"

    @property
    def file(self) -> str:
        """Its name in the run's folder."""
        return f"seed-{self.seed}-{'noise' if self.on == 'weights' else self.on}-{self.noise:g}.safetensors"


State = dict[str, Tensor]


class States(Mapping[Trained, State]):
    """States of ``wanted`` networks in this order; asking for one waits for its training."""

    def __init__(self, wanted: Sequence[Trained], trainings: Trainings[Trained]) -> None:
        self._wanted, self._trainings, self._load = wanted, trainings, cache(load_file)

    def __getitem__(self, network: Trained) -> State:
        if network not in self._wanted:
            raise KeyError(network)
        return self._load(self._trainings.path(network))

    def __iter__(self) -> Iterator[Trained]:
        return iter(self._wanted)

    def __len__(self) -> int:
        return len(self._wanted)


def training_set(subset: Subset, images: int, validation: int) -> tuple[Labelled, Labelled]:
    """``images`` training images and the validation part, neither ever the test set."""
    training, held = load("mnist", subset=subset).split(validation)
    return Labelled(training.images[:images], training.labels[:images]), held


def train_to(
    path: str, subset: Subset, images: int, validation: int, noise: float, epochs: int, seed: int,
    on: Disturbed = "weights", settling: int = 30,
) -> None:  # fmt: skip
    """Train one network and write its state to ``path``."""
    from ohmloom import Chip
    from ohmloom.systems.neurram.network import train

    with told(path) as tell:
        data, _ = training_set(subset, images, validation)
        state = train(data, Chip.load("neurram"), noise=noise, epochs=epochs, seed=seed, on=on, settling=settling,
                      tell=lambda _text, share: tell(share))  # fmt: skip
        save_state(path, state)
