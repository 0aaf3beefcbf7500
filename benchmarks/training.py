"""One step of training with fresh weight noise, against the same step without."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

import ohmloom as ol
from benchmarks.distribution import check
from benchmarks.timing import Result, compare, result
from ohmloom import Chip, GaussianWeights, Noisy

BATCH, DEVIATION = 128, 0.15


def network() -> nn.Module:
    """784-256-10."""
    return nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 10))


def training(pairs: int) -> list[Result]:
    """GaussianWeights on a 784-256-10 network, batch 128, SGD; without and with the chip's input codes."""
    torch.manual_seed(0)
    x, labels = torch.rand(BATCH, 784), torch.randint(10, (BATCH,))
    perturbation = GaussianWeights(deviation=DEVIATION)
    plain = _step(network(), x, labels)
    quantised = ol.convert(network(), Chip.load("neurram"))
    exact = ol.convert(network(), Chip.load("ideal"))
    ol.calibrate(quantised, x)
    results = []
    for hardware, what, bar in ((exact, "", "2.0"), (quantised, ", 4-bit inputs too", "")):
        ol.mode(hardware, Noisy(perturbation))
        seconds = compare(_step(hardware, x, labels), plain, pairs)
        name = f"noisy training step, 784-256-10, batch {BATCH}{what}"
        results.append(result(name, seconds, bar, "the plain step, SGD, float32", _noise(perturbation)))
    return results


def _step(model: nn.Module, x: torch.Tensor, labels: torch.Tensor) -> Callable[[], None]:
    optimiser = torch.optim.SGD(model.parameters(), lr=0.01)

    def step() -> None:
        optimiser.zero_grad()
        F.cross_entropy(model(x), labels).backward()
        optimiser.step()

    return step


def _noise(perturbation: GaussianWeights, draws: int = 20) -> tuple[str, bool]:
    weight = torch.randn(256, 784)
    size = DEVIATION * weight.abs().max()
    noise = torch.stack([perturbation.perturb({"weight": weight})["weight"] - weight for _ in range(draws)])
    return check(noise, torch.zeros(()), size.double().square())
