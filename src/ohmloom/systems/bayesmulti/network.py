"""The one network of all arms: 784-128-64-10, trained with the same optimiser, rate and batches."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.func import functional_call

import ohmloom as ol
from ohmloom.codesign.noise_injection import Noise, NoiseInjected, Place
from ohmloom.data import Labelled
from ohmloom.experiments import Cost
from ohmloom.nn import Perturbation, perturbed_parameters
from ohmloom.random import Streams

BATCH, RATE = 128, 2e-3  # of Adam
WIDTHS = (784, 128, 64, 10)


class Arm(NamedTuple):
    """What one arm is trained with: noise for each of the three blocks, and two things for controls."""

    noises: tuple[Noise | None, Noise | None, Noise | None] = (None, None, None)
    on: Place = "activations"
    norm: bool = False
    shuffled: bool = False
    he: bool = False  # weights start as He et al. draw them, 2.4 times as wide as PyTorch's


def blocks(norm: bool = False) -> list[nn.Module]:
    """(batch, 1, 28, 28) → (batch, 10) in three blocks."""
    made: list[nn.Module] = []
    for inputs, outputs in pairwise(WIDTHS[:-1]):
        start: list[nn.Module] = [] if made else [nn.Flatten()]
        norms = [nn.BatchNorm1d(outputs)] if norm else []
        made.append(nn.Sequential(*start, nn.Linear(inputs, outputs), *norms, nn.ReLU()))
    return [*made, nn.Linear(*WIDTHS[-2:])]


def _start_wide(model: nn.Module) -> None:
    """Weights from N(0, 2 / inputs), biases of zero: He et al., arXiv 1502.01852."""
    for layer in model.modules():
        if isinstance(layer, nn.Linear):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)


def train(data: Labelled, arm: Arm, epochs: int, seed: int) -> NoiseInjected:
    """The network after training; its start and the order of images depend on the seed only, not on the arm."""
    streams = Streams(seed).child("bayesmulti")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(streams.key("weights"))
        model = NoiseInjected(blocks(arm.norm), arm.noises, on=arm.on, generator=streams.generator("noise"))
        if arm.he:
            _start_wide(model)
    labels = data.labels
    if arm.shuffled:
        labels = labels[torch.randperm(len(labels), generator=streams.generator("labels"))]
    adam = torch.optim.Adam(model.parameters(), lr=RATE)
    order = streams.generator("order")
    model.train()
    for _ in range(epochs):
        for batch in torch.randperm(len(labels), generator=order).split(BATCH):
            loss = nn.functional.cross_entropy(model(data.images[batch]), labels[batch])
            adam.zero_grad()
            loss.backward()
            adam.step()
    return model.eval()


def parameters(model: nn.Module) -> Tensor:
    """All parameters in one row."""
    return torch.cat([value.detach().flatten() for value in model.parameters()])


@torch.no_grad()
def noisy_at_test(
    model: NoiseInjected, arm: Arm, data: Labelled, law: Perturbation, draws: int, generator: torch.Generator
) -> list[float]:
    """Accuracy of drifted copies of ``model`` that run with the noise of ``arm`` switched on, per cent."""
    noisy = NoiseInjected(list(model.blocks), arm.noises, on=arm.on, generator=generator).train()
    found: list[float] = []
    for _ in range(draws):
        changed = perturbed_parameters(noisy, law, generator=generator)
        classes = functional_call(noisy, changed, (data.images,)).argmax(-1)
        found.append(100 * float((classes == data.labels).double().mean()))
    return found


def first(data: Labelled, count: int) -> Labelled:
    """The first ``count`` images."""
    return Labelled(data.images[:count], data.labels[:count])


def priced(model: NoiseInjected, training: Labelled, test: Labelled) -> Cost:
    """What one inference of the plain network costs on the generic 40 nm chip."""
    hardware = ol.convert(model.plain().eval(), ol.Chip.load("generic-40nm"))
    ol.calibrate(hardware, training.images[:100])
    ol.program(hardware, seed=0)
    with ol.Ledger() as ledger, torch.no_grad():
        hardware(test.images[:100])
    return Cost.priced(ol.cost(ledger, hardware))
