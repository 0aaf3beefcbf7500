"""Weights programmed with an error, plainly trained and trained with it, beside edges, which are not written."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, NamedTuple, TypeVar

from torch import nn

from ohmloom.experiments import Context, Figure
from ohmloom.systems.edge_pruning.evaluation import Judge, Settle, under_programming
from ohmloom.systems.edge_pruning.settings import DriveSettings, EdgeSettings

Training = Literal["plain", "noisy"]
Value = TypeVar("Value")
Network = Callable[[int, float], nn.Module]  # of a seed, whose weights were trained with this error (0: plainly)


class Programmed(NamedTuple):
    """Weights that are written: how they were trained, and whether batch norms see training data afterwards."""

    training: Training
    settled: bool = False

    @property
    def title(self) -> str:
        """What they are called."""
        trained = {"plain": "plainly trained weights", "noisy": "weights trained with the error"}[self.training]
        return trained + ", batch norms settled" * self.settled

    @property
    def short(self) -> str:
        """The same, for plots."""
        return {"plain": "plain", "noisy": "noise-trained"}[self.training] + ", settled" * self.settled


ARMS = tuple(Programmed(training, settled) for settled in (False, True) for training in ("plain", "noisy"))
Drawn = dict[tuple[Programmed, float], list[list[Value]]]  # by arm and error: by seed, by draw


def programmed_weights(
    context: Context[EdgeSettings] | Context[DriveSettings], network: Network, judge: Judge[Value], settle: Settle,
    seeds: Mapping[Training, Sequence[int]],
) -> Drawn[Value]:  # fmt: skip
    """How well weights do as programmed with each error, before and after batch norms have seen training data there."""
    settings = context.settings
    todo: list[tuple[Training, float]] = [("plain", error) for error in settings.errors]
    todo.extend(("noisy", error) for error in settings.trained_errors)

    def both(written: nn.Module) -> tuple[Value, Value]:
        settled = copy.deepcopy(written)
        settle(settled)
        return judge(written), judge(settled)

    found: Drawn[Value] = {}
    for training, error in context.progress.track(todo, "programming errors", total=len(todo)):
        trained = error if training == "noisy" else 0.0
        by_seed = [
            context.findings.arm(
                f"errors/{training}/{error:g}/seed-{seed}",
                lambda s=seed, t=trained, e=error: under_programming(network(s, t), both, e, settings.draws, s),
            )
            for seed in seeds[training]
        ]
        for settled in (False, True):
            found[Programmed(training, settled), error] = [[pair[settled] for pair in draws] for draws in by_seed]
    return found


def gain(name: str, own: Sequence[float], by_seed: Sequence[Sequence[float]]) -> Figure:
    """Edges less weights, points: over seeds, each seed's edges less the mean of its weights' programmings; with one
    seed over its programmings."""
    if len(by_seed) > 1:
        means = [sum(draws) / len(draws) for draws in by_seed]
        return Figure.over(name, [mine - mean for mine, mean in zip(own, means, strict=True)], "points", "seeds")
    return Figure.over(name, [own[0] - value for value in by_seed[0]], "points", "dies")
