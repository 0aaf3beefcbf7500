"""The choice of noise rates: a search over a box, with any function that proposes the next point.

Two objectives are known. The one that BayesFT uses and BayesMulti's paper describes is the mean *validation* accuracy
under drift; the released scripts of BayesMulti take the noise-free *training* accuracy, in which there is no drift, so
that the search has no reason to prefer robust rates. The first is the default, the second a negative control.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from ohmloom.errors import ConfigurationError, message

Objective = Literal["drift", "clean_train"]
Proposer = Callable[[Tensor, Tensor, int], Tensor]  # points (n, rates), found (n, 1), index -> a point of the unit cube


class Trace(NamedTuple):
    """What a search tried, in order, and what it found."""

    rates: list[list[float]]
    values: list[float]

    @property
    def best(self) -> list[float]:
        """The rates of the largest value; the earlier ones of two."""
        return self.rates[self.values.index(max(self.values))]

    @property
    def running(self) -> list[float]:
        """The largest value so far, after each evaluation."""
        return [max(self.values[: i + 1]) for i in range(len(self.values))]


def search_rates(
    objective: Callable[[Sequence[float]], float], bounds: Sequence[tuple[float, float]], propose: Proposer,
    *, evaluations: int, first: Sequence[float] | None = None,
) -> Trace:  # fmt: skip
    """Evaluate ``objective`` at ``evaluations`` rates, each as ``propose`` says from all before; larger is better.

    ``first`` (the middle of the box in the released scripts) is tried before anything is proposed.
    Raises ConfigurationError for an empty range, no evaluations, or a ``first`` outside of the box.
    """
    _check(bounds, evaluations, first)
    points, trace = torch.empty(0, len(bounds), dtype=torch.float64), Trace([], [])
    for index in range(evaluations):
        found = torch.tensor(trace.values, dtype=torch.float64).unsqueeze(-1)
        if index == 0 and first is not None:
            shares = [(value - low) / (high - low) for value, (low, high) in zip(first, bounds, strict=True)]
            point = torch.tensor(shares, dtype=torch.float64)
        else:
            point = propose(points, found, index)
        points = torch.cat([points, point.unsqueeze(0)])
        rates = [low + float(share) * (high - low) for share, (low, high) in zip(point, bounds, strict=True)]
        trace.rates.append(rates)
        trace.values.append(float(objective(rates)))
    return trace


def _check(bounds: Sequence[tuple[float, float]], evaluations: int, first: Sequence[float] | None) -> None:
    for low, high in bounds:
        if not low < high:
            raise ConfigurationError(
                message("bounds", "low must be below high", f"{low} to {high}", "Widen the range.")
            )
    if not bounds or evaluations < 1:
        given = f"{len(bounds)} rates, {evaluations} evaluations"
        raise ConfigurationError(message("evaluations", "must be at least 1, and so must rates", given, "Give more."))
    if first is not None and (
        len(first) != len(bounds) or not all(low <= v <= high for v, (low, high) in zip(first, bounds, strict=True))
    ):
        raise ConfigurationError(message("first", "must lie in the bounds", list(first), "Move it inside."))
