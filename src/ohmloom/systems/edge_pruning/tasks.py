"""The tasks: data, network and input bits of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from torch import nn
from torch.nn import functional as F  # noqa: N812

from ohmloom.data import Labelled, Origin, load
from ohmloom.systems.edge_pruning.networks import Fashion
from ohmloom.systems.edge_pruning.settings import EdgeSettings

MEAN, DEVIATION = 0.1307, 0.3081  # MNIST's, which the scripts apply to Fashion-MNIST


class Parts(NamedTuple):
    """Samples (n, 1, rows, columns) and their classes; only ``test`` is the test set."""

    training: Labelled
    validation: Labelled
    test: Labelled
    origin: Origin


@dataclass(frozen=True)
class Task:
    """What is learned."""

    data: str
    network: Callable[[], nn.Module]
    bits: int  # of the inputs of each layer
    parts: Callable[[EdgeSettings], Parts]
    chance: float = 10.0  # %


def first(data: Labelled, count: int) -> Labelled:
    """The first ``count`` samples."""
    return Labelled(data.images[:count], data.labels[:count])


def _fashion(settings: EdgeSettings) -> Parts:
    """Normalised images, the largest of each 2 x 2 pixels."""
    images = load("fashion-mnist", subset=settings.subset)
    training, validation = images.split(settings.validation_samples)
    return Parts(
        _pooled(first(training, settings.training_samples)), _pooled(validation), _pooled(images.tensors("test")),
        images.origin,
    )  # fmt: skip


def _pooled(data: Labelled) -> Labelled:
    return Labelled(F.max_pool2d((data.images - MEAN) / DEVIATION, 2), data.labels)


TASKS = {"fashion-mnist": Task("fashion-mnist", Fashion, 4, _fashion)}
