"""Evaluating trained networks: under weight noise in software, and on dies of the chip."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor, nn

import ohmloom as ol
from ohmloom.data import Labelled
from ohmloom.devices import Quiet, Stable
from ohmloom.systems.neurram.network import accuracy, build

Change = Callable[[ol.Chip], ol.Chip]


def first(data: Labelled, count: int) -> Labelled:
    """The first ``count`` images."""
    return Labelled(data.images[:count], data.labels[:count])


def software(state: dict[str, Tensor], chip: ol.Chip, data: Labelled) -> float:
    """The software model with the same activations: input codes, no cells, no converter; per cent."""
    hardware = build(state, chip)
    ol.mode(hardware, ol.Quantised(converter=False))
    return accuracy(hardware, data)


def under_noise(
    state: dict[str, Tensor], chip: ol.Chip, data: Labelled, deviation: float, relative_to: str, draws: int, seed: int,
    *, folded: bool = False,
) -> list[float]:  # fmt: skip
    """Accuracies with Gaussian noise on the weights, fresh in each batch of 250 images; one per draw.

    The weights are the unfolded ones, as in the released code, or those with batch norms ``folded`` in.
    """
    hardware = build(state, chip, folded=folded)
    ol.mode(hardware, ol.Noisy(ol.GaussianWeights(deviation=deviation, relative_to=relative_to)))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return [accuracy(hardware, data, batch=250) for _ in range(draws)]


def on_dies(hardware: nn.Module, data: Labelled, dies: Sequence[int], workers: int = 2) -> list[float]:
    """Accuracy of each die, per cent; dies run side by side on copies."""

    def one(die: int) -> float:
        own = copy.deepcopy(hardware)
        ol.select(own, die)
        return accuracy(own, data, batch=100)

    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(one, dies))


def programmed(state: dict[str, Tensor], chip: ol.Chip, *, seed: int, dies: int, age: str) -> nn.Module:
    """The network in cells of ``dies`` dies, aged, not calibrated."""
    hardware = build(state, chip)
    ol.program(hardware, seed=seed, dies=dies)
    if age != "0 s":
        ol.age(hardware, age)
    return hardware


def without_converter(chip: ol.Chip) -> ol.Chip:
    """The chip with an analogue output."""
    readout = chip.mapping.readout.replace(converter={"kind": "none"})
    return chip.replace(mapping=chip.mapping.replace(readout=readout))


def mapped(chip: ol.Chip, **changes: object) -> ol.Chip:
    """The chip with some fields of its mapping changed."""
    return chip.replace(mapping=chip.mapping.replace(**changes))


def effects(chip: ol.Chip) -> dict[str, tuple[ol.Chip, str]]:
    """Effects switched on one after the other: name → (chip, age)."""
    exact = chip.device.replace(programming={"kind": "ideal"}, retention=Stable(), read_noise=Quiet())
    written = exact.replace(programming=chip.device.programming, read_noise=chip.device.read_noise)
    return {
        "exact cells": (without_converter(chip).replace(device=exact), "0 s"),
        "+ converter": (chip.replace(device=exact), "0 s"),
        "+ written, read noise": (chip.replace(device=written), "0 s"),
        "+ relaxed 1 day": (chip, "1 day"),
    }
