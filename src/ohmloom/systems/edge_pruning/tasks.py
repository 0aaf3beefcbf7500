"""The tasks: data, network and input bits of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from ohmloom.data import Labelled, Origin, load
from ohmloom.data.audio import feature_maps
from ohmloom.random import Streams
from ohmloom.systems.edge_pruning.networks import Fashion, Spoken
from ohmloom.systems.edge_pruning.settings import EdgeSettings

MEAN, DEVIATION = 0.1307, 0.3081  # MNIST's, which the scripts apply to Fashion-MNIST


class Parts(NamedTuple):
    """Samples (n, 1, rows, columns) and their classes; only ``test`` is the test set."""

    training: Labelled
    validation: Labelled
    test: Labelled
    origin: Origin


class Buildable(Protocol):
    """The network of a task."""

    @property
    def network(self) -> Callable[[], nn.Module]: ...
    @property
    def bits(self) -> int: ...


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


def _spoken(settings: EdgeSettings) -> Parts:
    """Maps of 23 x 20 of recordings: 30 % of them for testing, or all of one speaker, whom training never heard."""
    recordings = load("fsdd", subset=settings.subset)
    share, speaker = settings.split, settings.speaker
    split = recordings.random_split(0.3) if share == "random" else recordings.speaker_split(speaker)
    maps = torch.from_numpy(feature_maps(recordings.clips, recordings.rate, kind=settings.features)).float()
    data = Labelled(maps.unsqueeze(1), torch.from_numpy(recordings.digits.astype(int)))
    order = torch.randperm(len(split.training), generator=Streams(0).child("data", "fsdd").generator("validation"))
    held, rest = order[: settings.validation_samples], order[settings.validation_samples :]
    training = torch.from_numpy(split.training)
    parts = (training[rest[: settings.training_samples]], training[held], torch.from_numpy(split.test))
    learnt, validated, tested = (Labelled(data.images[part], data.labels[part]) for part in parts)
    return Parts(learnt, validated, tested, recordings.origin)


def _pooled(data: Labelled) -> Labelled:
    return Labelled(F.max_pool2d((data.images - MEAN) / DEVIATION, 2), data.labels)


TASKS = {
    "fashion-mnist": Task("fashion-mnist", Fashion, 4, _fashion),
    "fsdd": Task("fsdd", Spoken, 3, _spoken),
}
