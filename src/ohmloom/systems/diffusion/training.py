"""Training score networks of a run in processes of their own, and reading them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from ohmloom.codesign.diffusion import Ring, ScoreNetwork, ScoreTraining, train_scores
from ohmloom.experiments import save_state, told
from ohmloom.random import Streams
from ohmloom.systems.diffusion.settings import DESIGNS, NOISE, Group, RingSettings, Sizes, Wanted


def ring_data(count: int, seed: int, purpose: str = "data") -> Tensor:
    """Points of the published ring, radius 0.7 ± 0.04: (count, 2)."""
    return Ring().sample(count, Streams(seed).child("ring").generator(purpose))


def of_width(width: int, seeds: Sequence[int]) -> Group:
    """The networks of one width for the ring, of all designs, seeds and kinds."""
    return Group(f"width-{width}", tuple(
        Wanted(seed, kind, name) for name, design in DESIGNS.items() if design.width == width
        for seed in seeds for kind in design.kinds))  # fmt: skip


def train_group(path: str, group: Group, training: Callable[[Wanted], ScoreTraining]) -> None:
    """Train the networks of a group side by side, each as ``training`` says, and write their states to ``path``."""
    with told(path) as tell:
        trainings = [training(one) for one in group.networks]
        train_scores(trainings, tell=tell)
        states = {f"{one.name}.{name}": held for one, training in zip(group.networks, trainings, strict=True)
                  for name, held in training.network.state_dict().items()}  # fmt: skip
        save_state(path, states)


def restored_group(group: Group, folder: Path, classes: int = 0) -> dict[Wanted, ScoreNetwork]:
    """The trained networks of a group from the run's folder."""
    held, networks = load_file(folder / group.file), {}
    for one in group.networks:
        network, prefix = DESIGNS[one.design].network(one.seed, classes), f"{one.name}."
        network.load_state_dict({k.removeprefix(prefix): v for k, v in held.items() if k.startswith(prefix)})
        networks[one] = network.requires_grad_(False).eval()
    return networks


def score_training(one: Wanted, settings: Sizes, data: Tensor, labels: Tensor | None = None) -> ScoreTraining:
    """How a network of a run is trained on points, with their classes if there are any."""
    design = DESIGNS[one.design]
    network = design.network(one.seed, 0 if labels is None else int(labels.max()) + 1)
    recipe = settings.recipe.replace(noise=NOISE if one.kind == "noisy" else None)
    return ScoreTraining(network, design.schedule, data, recipe, one.seed, labels)


def ring_training(settings: RingSettings, one: Wanted) -> ScoreTraining:
    """How a network learns the ring."""
    return score_training(one, settings, ring_data(settings.data, one.seed))


def shuffled(network: ScoreNetwork, seed: int) -> ScoreNetwork:
    """A network with the weights of each array in another order."""
    other = deepcopy(network).requires_grad_(False)
    generator = torch.Generator().manual_seed(seed)
    for weight, _ in other.matrices:
        weight.copy_(weight.flatten()[torch.randperm(weight.numel(), generator=generator)].view_as(weight))
    return other
