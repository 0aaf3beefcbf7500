"""Training of edges and of weights, each network in a process of its own."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import nn

import ohmloom as ol
from ohmloom.codesign.edge_pruning import hold_back, move_edges, prune_edges, trained_weights, weights
from ohmloom.data import Labelled
from ohmloom.experiments import save_state, told
from ohmloom.nn import GaussianWeights
from ohmloom.systems.edge_pruning.settings import DriveSettings, EdgeSettings, Kind, Recipe, Wanted
from ohmloom.systems.edge_pruning.tasks import TASKS, Buildable, Parts

CHIP = "edge-pruning-40nm"
OTHER_DIE = 1  # to which edges are moved with new signs, and trained on
Tell = Callable[[float], None]


def untrained(one: Wanted, task: Buildable, recipe: Recipe) -> nn.Module:
    """The network as it is before training."""
    torch.manual_seed(one.seed)
    model = task.network()
    if one.kind == "weights":
        return trained_weights(model, task.bits)
    return prune_edges(
        model, ol.Chip.load(CHIP), seed=one.seed, kept=recipe.kept, input_bits=task.bits,
        signs="formed" if one.kind == "formed" else "software",
    )  # fmt: skip


def restored(one: Wanted, task: Buildable, recipe: Recipe, folder: Path) -> nn.Module:
    """The trained network from the run's folder."""
    network = untrained(one, task, recipe)
    if one.kind == "retrained":
        network = move_edges(network, OTHER_DIE, signs="new")
    network.load_state_dict(load_file(folder / one.file))
    return network.eval()


def train_to(path: str, one: Wanted, task_name: str, settings: EdgeSettings) -> None:
    """Train one network and write its state to ``path``."""
    task, settings = TASKS[task_name], one.settings(settings)
    train_parts_to(path, one, task, partial(task.parts, settings), settings)


def train_parts_to(
    path: str, one: Wanted, task: Buildable, make: Callable[[], Parts], settings: EdgeSettings | DriveSettings
) -> None:
    """The same with parts of the data as ``make`` gives them."""
    with told(path) as tell:
        parts = make()
        network, data, epochs = untrained(one, task, settings.recipe), parts.training, settings.epochs
        if one.kind == "shuffled":
            order = torch.randperm(len(data.labels), generator=torch.Generator().manual_seed(one.seed))
            data, epochs = Labelled(data.images, data.labels[order]), settings.control_epochs
        if one.kind == "retrained":
            network.load_state_dict(load_file(Path(path).parent / Wanted(one.seed, "edges").file))
            network, epochs = move_edges(network, OTHER_DIE, signs="new"), settings.control_epochs
        fit(network, one, data, parts.validation, settings.recipe, epochs, tell)
        save_state(path, network.state_dict())


def fit(
    network: nn.Module, one: Wanted, data: Labelled, validation: Labelled, recipe: Recipe, epochs: int,
    tell: Tell = lambda _share: None,
) -> None:  # fmt: skip
    """Train in place; the last epoch is what counts."""
    if one.error:
        for part in weights(network):
            part.perturbation = GaussianWeights(deviation=one.error)
    parameters = list(network.parameters())
    optimiser = _optimiser(parameters, one.kind, recipe)
    batches = len(data.images) // recipe.batch
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, epochs * batches)
    order = torch.Generator().manual_seed(one.seed)
    limiter = Limiter(recipe, one.factor) if one.kind == "held" else None
    for epoch in range(epochs):
        network.train()
        if limiter is not None:
            hold_back(network, limiter.limit)
        shuffled = torch.randperm(len(data.images), generator=order)
        for step in range(batches):
            chosen = shuffled[step * recipe.batch : (step + 1) * recipe.batch]
            loss = nn.functional.cross_entropy(network(data.images[chosen]), data.labels[chosen])
            optimiser.zero_grad()
            loss.backward()
            if recipe.clip:
                nn.utils.clip_grad_norm_(parameters, recipe.clip)
            optimiser.step()
            if recipe.cosine:
                schedule.step()
            if step % 20 == 0:
                tell((epoch + step / batches) / epochs)
        if limiter is not None:
            limiter.see(accuracy(network, validation))
    for part in weights(network):
        part.perturbation = None
    network.eval()


def _optimiser(parameters: list[nn.Parameter], kind: Kind, recipe: Recipe) -> torch.optim.Optimizer:
    """SGD, or Adam for weights where the recipe says so; weights at a rate of their own."""
    if kind == "weights" and recipe.weights_optimiser == "adam":
        return torch.optim.Adam(parameters, lr=recipe.weights_rate, weight_decay=recipe.decay)
    rate = recipe.weights_rate if kind == "weights" else recipe.rate
    return torch.optim.SGD(parameters, lr=rate, momentum=recipe.momentum, weight_decay=recipe.decay)


class Limiter:
    """The limit below which a change of |score| flips nothing, ``factor`` times the recipe's; lowered at each new best
    validation accuracy."""

    def __init__(self, recipe: Recipe, factor: float = 1.0) -> None:
        first, self._last = (factor * limit for limit in recipe.limits)
        self.limit, self._step = first, (first - self._last) / recipe.limit_steps
        self._best = float("-inf")

    def see(self, validated: float) -> None:
        """Take note of the accuracy after an epoch."""
        if validated > self._best:
            self._best, self.limit = validated, max(self.limit - self._step, self._last)


@torch.no_grad()
def accuracy(network: nn.Module, data: Labelled, batch: int = 250) -> float:
    """Share of correct classes in per cent; a batch shares one range of input codes."""
    network.eval()
    hits = sum(
        int((network(x).argmax(-1) == y).sum())
        for x, y in zip(data.images.split(batch), data.labels.split(batch), strict=True)
    )
    return 100 * hits / len(data.labels)


@torch.no_grad()
def settle_norms(network: nn.Module, data: Labelled, batch: int, batches: int) -> None:
    """Let the batch norms alone see training data anew, for other weights than those they were trained with: their
    means and variances become the averages over these batches."""
    network.eval()
    norms = [layer for layer in network.modules() if isinstance(layer, nn.BatchNorm2d)]
    shares = [layer.momentum for layer in norms]
    for layer in norms:
        layer.reset_running_stats()
        layer.momentum = None  # all batches alike
        layer.train()
    for x in data.images[: batch * batches].split(batch):
        network(x)
    for layer, share in zip(norms, shares, strict=True):
        layer.momentum = share
    network.eval()
