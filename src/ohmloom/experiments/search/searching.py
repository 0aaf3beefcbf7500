"""Searching: propose, try, record; again, until the budget is used. Resumable at any moment.

A proposal stands in the journal before its trial begins, with the trials whose results it knew; a trial's random
streams come from the seed and its index. So whatever was killed, the search goes on as if nothing had happened: a grid,
a random and a one-at-a-time search to the same result, bit for bit; one that proposes while trials are under way to a
result that its journal explains.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor

from ohmloom.descriptions import Description
from ohmloom.errors import ConfigurationError, message, unknown
from ohmloom.experiments.progress import Progress, Silent
from ohmloom.experiments.search.journal import Entry, Journal, journal
from ohmloom.experiments.search.proposals import bayesian_available, dominating, propose
from ohmloom.experiments.search.space import Variable, check_paths, values
from ohmloom.experiments.search.workers import ATTEMPTS, Workers

Trial = Callable[[Mapping[str, Any], int, Path], Mapping[str, float]]
"""What is tried: of the values by path, a seed of its own and a folder of its own; figures by name."""


class Objective(Description):
    """A figure that is to be large or small; as a constraint (``at_least``, ``at_most``) it has to keep to a bound."""

    figure: str
    direction: Literal["maximise", "minimise"] | None = None
    at_least: float | None = None
    at_most: float | None = None

    @model_validator(mode="after")
    def _wanted(self) -> Self:
        if (self.direction is None) == (self.at_least is None and self.at_most is None):
            raise ValueError(f"{self.figure} must have a direction or a bound, got neither or both. Give one.")
        return self

    @property
    def is_constraint(self) -> bool:
        return self.direction is None


class Search(Description):
    """What is varied, what is wanted, and how it is looked for."""

    variables: tuple[Variable, ...]
    objectives: tuple[Objective, ...]
    method: Literal["grid", "random", "bayesian"] = "bayesian"
    trials: int = Field(default=20, ge=1)  # a grid's are its points
    initial: int | None = Field(default=None, ge=1)  # drawn by chance before Gaussian processes
    seed: int = Field(default=0, ge=0)
    limit: float | None = Field(default=None, gt=0)  # s of one trial

    @model_validator(mode="after")
    def _whole(self) -> Self:
        check_paths(self.variables)
        if all(objective.is_constraint for objective in self.objectives):
            raise ValueError("objectives must hold one with a direction, got none. Say what to maximise or minimise.")
        return self

    @property
    def wanted(self) -> tuple[Objective, ...]:
        """The objectives that are no constraints."""
        return tuple(one for one in self.objectives if not one.is_constraint)


@dataclass(frozen=True)
class Found:
    """What a search found."""

    search: Search
    entries: tuple[Entry, ...]
    note: str  # such as that chance stood in for Gaussian processes

    @property
    def done(self) -> list[Entry]:
        return [entry for entry in self.entries if entry.state == "done"]

    @property
    def front(self) -> list[Entry]:
        """Trials that keep all bounds and that no other one dominates: the best one, or the Pareto front."""
        gains = [_gains(self.search, entry) for entry in self.entries]
        table = torch.tensor(gains, dtype=torch.float64).view(-1, len(self.search.wanted))
        chosen = dominating(table)
        best = [entry for entry, good in zip(self.entries, chosen.tolist(), strict=True) if good]
        return best if len(self.search.wanted) > 1 else best[:1]


def search(
    what: Search,
    trial: Trial,
    folder: str | Path,
    *,
    workers: int = 1,
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> Found:
    """Search, or go on with an interrupted search of the same ``what`` in ``folder``.

    ``trial`` runs on ``workers`` processes, or so many at once on any ``executor`` (it and its arguments can be
    pickled); each has its folder ``trials/NUMBER``. A trial that raises, takes longer than ``limit`` or loses its
    worker twice is recorded as failed. Raises FormatError for a folder with another search's journal, and
    ConfigurationError for an objective that no trial reports.
    """
    folder, progress = Path(folder), progress or Silent()
    budget = _budget(what)
    note = "" if what.method != "bayesian" or bayesian_available() else (
        "BoTorch is not installed (pip install 'ohmloom[bo]'): points were drawn by chance instead.")  # fmt: skip
    with journal(folder, what.table()) as held, progress.task("search", total=budget) as advance:
        pool = Workers(workers, executor, what.limit)
        try:
            _run(what, trial, folder, held, pool, budget, advance)
        except BaseException:
            pool.close(at_once=True)
            raise
        pool.close()
        return Found(what, tuple(held.entries()), note)


def _run(
    what: Search, trial: Trial, folder: Path, held: Journal, pool: Workers, budget: int, advance: Callable[..., None]
) -> None:
    entries = {entry.number: entry for entry in held.entries()}
    again = [number for number, entry in entries.items() if entry.state == "proposed"]
    suspects: list[int] = []  # lost with a worker, whoever's fault it was: each is tried again alone

    def begin(number: int) -> None:
        held.tried(number)
        place = folder / "trials" / f"{number:04d}"
        pool.begin(number, trial_in, trial, entries[number].values, what.seed + 1000 * number, place)

    advance(len(entries) - len(again))
    while True:
        if suspects and not pool.busy:
            begin(suspects.pop(0))
        elif not suspects:
            while pool.free and (again or len(entries) < budget):
                begin(again.pop(0) if again else _proposed(what, held, entries, pool.busy))
        ended = pool.ended()
        if not ended and not suspects:
            return
        for one in ended:
            if one.lost and _of(held, one.number).attempts < ATTEMPTS:
                suspects.append(one.number)
                continue
            if one.error:
                held.failed(one.number, one.error)
            else:
                found, seconds = one.found
                _check(what, found)
                held.done(one.number, found, seconds)
            entries[one.number] = _of(held, one.number)
            advance(1, f"trial {one.number}" + (" failed" if one.error else ""))


def _of(held: Journal, index: int) -> Entry:
    return next(entry for entry in held.entries() if entry.number == index)


def trial_in(trial: Trial, chosen: Mapping[str, Any], seed: int, folder: Path) -> tuple[dict[str, float], float]:
    """In a worker: what a trial found, and how long it took."""
    import time

    torch.set_num_threads(1)
    begin = time.monotonic()
    found = {name: float(value) for name, value in trial(chosen, seed, folder).items()}
    return found, time.monotonic() - begin


def _proposed(what: Search, held: Journal, entries: dict[int, Entry], busy: Sequence[int]) -> int:
    """Put the next trial into the journal."""
    index = len(entries)
    done = [entry for entry in entries.values() if entry.state == "done"]
    if what.method == "grid":
        chosen = _grid(what)[index]
        point: Sequence[float] = ()
        seen: list[int] = []
    else:
        variables = len(what.variables)
        points = torch.tensor([entry.point for entry in done], dtype=torch.float64).view(-1, variables)
        gains = torch.tensor([_gains(what, entry) for entry in done], dtype=torch.float64).view(-1, len(what.wanted))
        waiting = torch.tensor([entries[i].point for i in busy], dtype=torch.float64).view(-1, variables)
        point = propose(
            points, gains, index=index, seed=what.seed, initial=what.initial, pending=waiting,
            method="random" if what.method == "random" else "bayesian",
        ).tolist()  # fmt: skip
        chosen, seen = values(what.variables, point), [] if what.method == "random" else [e.number for e in done]
    held.propose(index, point, chosen, seen)
    entries[index] = _of(held, index)
    return index


def _budget(what: Search) -> int:
    return math.prod(len(one.grid()) for one in what.variables) if what.method == "grid" else what.trials


def _grid(what: Search) -> list[dict[str, Any]]:
    paths = [one.path for one in what.variables]
    return [dict(zip(paths, chosen, strict=True)) for chosen in itertools.product(*(v.grid() for v in what.variables))]


def _gains(what: Search, entry: Entry) -> list[float]:
    """What a trial gives for each wanted objective, larger is better; NaN if it failed or breaks a bound."""
    found = entry.found
    if found is None or any(_broken(one, found.get(one.figure, math.nan)) for one in what.objectives):
        return [math.nan] * len(what.wanted)
    return [found[one.figure] * (1 if one.direction == "maximise" else -1) for one in what.wanted]


def _broken(objective: Objective, value: float) -> bool:
    below = objective.at_least is not None and not value >= objective.at_least
    return below or (objective.at_most is not None and not value <= objective.at_most)


def _check(what: Search, found: Mapping[str, float]) -> None:
    for objective in what.objectives:
        if objective.figure not in found:
            raise unknown("objective", objective.figure, found)
        if not math.isfinite(found[objective.figure]):
            rule = "must be finite"
            raise ConfigurationError(
                message(f"objective {objective.figure}", rule, found[objective.figure], "Look at that trial's folder.")
            )


def gains(found: Found) -> Tensor:
    """(trials, objectives), larger is better; NaN where a trial failed or breaks a bound."""
    return torch.tensor([_gains(found.search, entry) for entry in found.entries], dtype=torch.float64)
