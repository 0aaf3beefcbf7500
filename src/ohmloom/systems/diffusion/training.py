"""Training score networks of a run in processes of their own, and reading them."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from ohmloom.codesign.diffusion import (
    Ring,
    ScoreNetwork,
    ScoreRecipe,
    ScoreTraining,
    VariancePreserving,
    train_score,
    train_scores,
)
from ohmloom.experiments import save_state, told
from ohmloom.random import Streams
from ohmloom.systems.diffusion.settings import DESIGNS, NOISE, RingSettings, Sizes, Wanted, WantedWidth


def ring_data(count: int, seed: int, purpose: str = "data") -> Tensor:
    """Points of the published ring, radius 0.7 ± 0.04: (count, 2)."""
    return Ring().sample(count, Streams(seed).child("ring").generator(purpose))


def train_width(path: str, wanted: WantedWidth, settings: RingSettings) -> None:
    """Train all networks of a width for the ring, side by side, and write their states to ``path``."""
    with told(path) as tell:
        trainings = [_training(one, settings) for one in wanted.networks]
        train_scores(trainings, tell=tell)
        states = {f"{one.name}.{name}": held for one, training in zip(wanted.networks, trainings, strict=True)
                  for name, held in training.network.state_dict().items()}  # fmt: skip
        save_state(path, states)


def _training(one: Wanted, settings: RingSettings) -> ScoreTraining:
    design, data = DESIGNS[one.design], ring_data(settings.data, one.seed)
    return ScoreTraining(design.network(one.seed), design.schedule, data, _recipe(settings, one), one.seed)


def restored_width(wanted: WantedWidth, folder: Path) -> dict[Wanted, ScoreNetwork]:
    """The trained networks of a width from the run's folder."""
    held, networks = load_file(folder / wanted.file), {}
    for one in wanted.networks:
        network, prefix = DESIGNS[one.design].network(one.seed), f"{one.name}."
        network.load_state_dict({k.removeprefix(prefix): v for k, v in held.items() if k.startswith(prefix)})
        networks[one] = network.requires_grad_(False).eval()
    return networks


def train_on(path: str, one: Wanted, settings: Sizes, data: Tensor, labels: Tensor | None = None) -> None:
    """Train one network on points, with their classes if there are any, and write its state to ``path``."""
    with told(path) as tell:
        network = ScoreNetwork(seed=one.seed, classes=0 if labels is None else int(labels.max()) + 1)
        recipe = _recipe(settings, one)
        train_score(network, VariancePreserving(), data, recipe, seed=one.seed, labels=labels, tell=tell)
        save_state(path, network.state_dict())


def _recipe(settings: Sizes, one: Wanted) -> ScoreRecipe:
    return settings.recipe.replace(noise=NOISE if one.kind == "noisy" else None)


def restored(one: Wanted, folder: Path, classes: int = 0) -> ScoreNetwork:
    """The trained network from the run's folder."""
    network = ScoreNetwork(seed=one.seed, classes=classes)
    network.load_state_dict(load_file(folder / one.file))
    return network.requires_grad_(False).eval()


def shuffled(network: ScoreNetwork, seed: int) -> ScoreNetwork:
    """A network with the weights of each array in another order."""
    other = deepcopy(network).requires_grad_(False)
    generator = torch.Generator().manual_seed(seed)
    for weight, _ in other.matrices:
        weight.copy_(weight.flatten()[torch.randperm(weight.numel(), generator=generator)].view_as(weight))
    return other
