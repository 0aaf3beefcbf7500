"""Training score networks of a run in processes of their own, and reading them."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from ohmloom.codesign.diffusion import Ring, ScoreNetwork, VariancePreserving, train_score
from ohmloom.experiments import save_state, told
from ohmloom.random import Streams
from ohmloom.systems.diffusion.settings import NOISE, RingSettings, Sizes, Wanted


def ring_data(count: int, seed: int, purpose: str = "data") -> Tensor:
    """Points of the published ring, radius 0.7 ± 0.04: (count, 2)."""
    return Ring().sample(count, Streams(seed).child("ring").generator(purpose))


def train_to(path: str, one: Wanted, settings: RingSettings) -> None:
    """Train one network of the ring and write its state to ``path``."""
    train_on(path, one, settings, ring_data(settings.data, one.seed))


def train_on(path: str, one: Wanted, settings: Sizes, data: Tensor, labels: Tensor | None = None) -> None:
    """Train one network on points, with their classes if there are any, and write its state to ``path``."""
    with told(path) as tell:
        network = ScoreNetwork(seed=one.seed, classes=0 if labels is None else int(labels.max()) + 1)
        recipe = settings.recipe.replace(noise=NOISE if one.kind == "noisy" else None)
        train_score(network, VariancePreserving(), data, recipe, seed=one.seed, labels=labels, tell=tell)
        save_state(path, network.state_dict())


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
