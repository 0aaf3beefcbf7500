"""The searches for rates: what is varied, what it is judged by, and random rates beside it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import comb
from typing import NamedTuple

import torch
from torch import Tensor

from ohmloom.codesign.noise_injection import (
    Dropout,
    GaussianFactors,
    LogNormalFactors,
    Multinomial,
    Noise,
    Objective,
    Proposer,
    accuracy_under,
    search_rates,
)
from ohmloom.data import Labelled
from ohmloom.experiments.metrics import accuracy
from ohmloom.experiments.search.proposals import Method, propose
from ohmloom.nn import LogNormalDrift
from ohmloom.random import Streams
from ohmloom.systems.bayesmulti.network import Arm, train
from ohmloom.systems.bayesmulti.settings import LARGEST, STAR

INITIAL = 3  # random points before the first model, beside the first probe at 0.5: as released


class Bench(NamedTuple):
    """What rates are judged on: never the test images."""

    training: Labelled
    validation: Labelled
    epochs: int
    draws: int
    seed: int

    def value(self, arm: Arm, objective: Objective) -> float:
        """Mean validation accuracy under drift at `STAR`, or the noise-free training accuracy; per cent."""
        model = train(self.training, arm, self.epochs, self.seed)
        if objective == "clean_train":
            with torch.no_grad():
                return accuracy(model(self.training.images), self.training.labels)
        chance = Streams(self.seed).child("bayesmulti").generator("objective")  # the same draws for all rates
        law = LogNormalDrift(deviation=STAR)
        found = accuracy_under(model, *self.validation, law, draws=self.draws, generator=chance)
        return sum(found) / len(found)


def masked(make: Callable[[float], Noise], rates: Sequence[float]) -> Arm:
    """Noise on the activations of the two hidden layers, a rate for each."""
    return Arm((make(rates[0]), make(rates[1]), None))


def multinomial(rates: Sequence[float]) -> Arm:
    """The released one-parameter masks."""
    return masked(Multinomial.released, rates)


def dropout(rates: Sequence[float]) -> Arm:
    return masked(lambda rate: Dropout(p_zero=rate), rates)


def log_normal(rates: Sequence[float]) -> Arm:
    """The drift itself on all weights, one deviation."""
    noise = LogNormalFactors(deviation=rates[0])
    return Arm((noise, noise, noise), on="weights")


def gaussian(rates: Sequence[float]) -> Arm:
    noise = GaussianFactors(deviation=rates[0])
    return Arm((noise, noise, noise), on="weights")


def search(
    make: Callable[[Sequence[float]], Arm], rates: int, objective: Objective, method: Method, evaluations: int,
    bench: Bench, tell: Callable[[], None],
) -> dict[str, list[float] | list[list[float]]]:  # fmt: skip
    """The trace of one search: rates and values in the order of their evaluation."""

    def value(point: Sequence[float]) -> float:
        found = bench.value(make(point), objective)
        tell()
        return found

    def proposer(points: Tensor, found: Tensor, index: int) -> Tensor:
        return propose(points, found, index=index, seed=bench.seed, method=method, initial=1 + INITIAL)

    next_point: Proposer = proposer
    first = None if method == "random" else [0.5] * rates
    trace = search_rates(value, [(0.0, LARGEST)] * rates, next_point, evaluations=evaluations, first=first)
    return {"rates": trace.rates, "values": trace.values}


def median_best(values: Sequence[float], budget: int) -> float:
    """The median, over all choices of ``budget`` of the values, of the largest: a random search of that budget.

    >>> median_best([1.0, 2.0, 3.0], 1), median_best([1.0, 2.0, 3.0], 3)
    (2.0, 3.0)
    """
    ordered = sorted(values)
    below = (comb(i + 1, budget) / comb(len(ordered), budget) for i in range(len(ordered)))
    return next(value for value, share in zip(ordered, below, strict=True) if share >= 0.5)
