"""Weights programmed with an error, plainly trained and trained with it, beside edges, which are not written."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, TypeVar

from torch import nn

from ohmloom.experiments import Context, Figure
from ohmloom.systems.edge_pruning.evaluation import under_programming
from ohmloom.systems.edge_pruning.settings import DriveSettings, EdgeSettings

Training = Literal["plain", "noisy"]
Value = TypeVar("Value")
Network = Callable[[int, float], nn.Module]  # of a seed, whose weights were trained with this error (0: plainly)
Drawn = dict[tuple[Training, float], list[list[Value]]]  # by training and error: by seed, by draw


def programmed_weights(
    context: Context[EdgeSettings] | Context[DriveSettings], network: Network,
    judge: Callable[[nn.Module], Value], seeds: Mapping[Training, Sequence[int]],
) -> Drawn[Value]:  # fmt: skip
    """How well weights do as programmed with each error; an arm for each training, error and seed."""
    settings = context.settings
    arms: list[tuple[Training, float]] = [("plain", error) for error in settings.errors]
    arms.extend(("noisy", error) for error in settings.trained_errors)
    found: Drawn[Value] = {}
    for training, error in context.progress.track(arms, "programming errors", total=len(arms)):
        trained = error if training == "noisy" else 0.0
        found[training, error] = [
            context.findings.arm(
                f"errors/{training}/{error:g}/seed-{seed}",
                lambda s=seed, t=trained, e=error: under_programming(network(s, t), judge, e, settings.draws, s),
            )
            for seed in seeds[training]
        ]
    return found


def gain(name: str, own: Sequence[float], by_seed: Sequence[Sequence[float]]) -> Figure:
    """Edges less weights, points: over seeds, each seed's edges less the mean of its weights' programmings; with one
    seed over its programmings."""
    if len(by_seed) > 1:
        means = [sum(draws) / len(draws) for draws in by_seed]
        return Figure.over(name, [mine - mean for mine, mean in zip(own, means, strict=True)], "points", "seeds")
    return Figure.over(name, [own[0] - value for value in by_seed[0]], "points", "dies")
