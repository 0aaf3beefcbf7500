"""Searching: propose, try, record; again, until the budget is used. Resumable at any moment.

A proposal stands in the journal before its trial begins, with the trials whose results it knew; a trial's random
streams come from the seed and its index. So whatever was killed, the search goes on as if nothing had happened: a grid,
a random and a one-at-a-time search to the same result, bit for bit; one that proposes while trials are under way to a
result that its journal explains.
"""

from __future__ import annotations

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
from ohmloom.errors import message, unknown
from ohmloom.experiments.progress import Progress, Silent
from ohmloom.experiments.search.journal import Entry, Journal, journal
from ohmloom.experiments.search.proposals import bayesian_available, dominating, propose
from ohmloom.experiments.search.space import Variable, check_paths, finite, snapped, values
from ohmloom.experiments.search.workers import LOSSES, Ended, Workers

LOOK = "Look at that trial's folder."
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
    worker twice is recorded as failed, and so is one with an objective that is not finite; what took too long runs on
    in an ``executor`` that cannot end it. Raises OutputError for a folder where a search is under way, FormatError for
    one with another search's journal, UnknownNameError for an objective that no trial reports, and ExecutorError if the
    executor takes no more trials.
    """
    folder, progress = Path(folder).absolute(), progress or Silent()
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
            if _recorded(what, held, one):
                advance(1, f"trial {one.number}" + (" failed" if one.error else ""))
            else:
                suspects.append(one.number)
            entries[one.number] = held.entry(one.number)


def _recorded(what: Search, held: Journal, one: Ended) -> bool:
    """Write the end of a trial into the journal; False if it is to be tried again."""
    if one.lost:
        held.lost(one.number)
        if held.entry(one.number).losses < LOSSES:
            return False
    found, seconds = one.found or ({}, 0.0)
    error = one.error or _trouble(what, found, held)
    if error:
        held.failed(one.number, error)
    else:
        held.done(one.number, found, seconds)
    return True


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
    if what.method == "grid":
        held.propose(index, (), _of_grid(what, index), (), ())
    else:
        seen = [entry for entry in entries.values() if entry.state != "proposed"] if what.method == "bayesian" else []
        waiting = [entries[number] for number in busy] if what.method == "bayesian" else []
        point = proposal(what, index, seen, waiting)
        numbers = ([entry.number for entry in some] for some in (seen, waiting))
        held.propose(index, point, values(what.variables, point), *numbers)
    entries[index] = held.entry(index)
    return index


def proposal(what: Search, index: int, seen: Sequence[Entry], pending: Sequence[Entry]) -> tuple[float, ...]:
    """The point of trial ``index`` of a random or Bayesian search, from the trials that had ended and those under way.

    It hangs on nothing else: of the entries that the journal names as ``seen`` and ``pending`` it gives the same again.
    """
    variables, wanted = len(what.variables), len(what.wanted)
    columns = wanted + sum((one.at_least is not None) + (one.at_most is not None) for one in what.objectives)
    table = torch.tensor([_told(what, entry) for entry in seen], dtype=torch.float64).view(len(seen), columns)
    found, slack = table[:, :wanted], table[:, wanted:]
    point = propose(
        torch.tensor([entry.point for entry in seen], dtype=torch.float64).view(-1, variables),
        found, slack=slack, index=index, seed=what.seed, initial=what.initial,
        pending=torch.tensor([entry.point for entry in pending], dtype=torch.float64).view(-1, variables),
        method="random" if what.method == "random" else "bayesian", allowed=finite(what.variables),
        reference=[_reference(what, one) for one in what.wanted],
    )  # fmt: skip
    return snapped(what.variables, point.tolist())


def _reference(what: Search, wanted: Objective) -> float:
    """The bound of a wanted figure, larger is better: beyond it a front is of no use. NaN without a bound."""
    upward = wanted.direction == "maximise"
    bounds = [one.at_least if upward else one.at_most for one in what.objectives if one.figure == wanted.figure]
    known = [bound for bound in bounds if bound is not None]
    return math.nan if not known else max(known) if upward else -min(known)


def _budget(what: Search) -> int:
    return math.prod(len(one.grid()) for one in what.variables) if what.method == "grid" else what.trials


def _of_grid(what: Search, index: int) -> dict[str, Any]:
    """The values of a grid's point; the last variable runs fastest."""
    chosen = {}
    for one in reversed(what.variables):
        index, place = divmod(index, len(one.grid()))
        chosen[one.path] = one.grid()[place]
    return dict(reversed(chosen.items()))


def _gains(what: Search, entry: Entry) -> list[float]:
    """What a trial gives for each wanted objective, larger is better; NaN if it failed or breaks a bound."""
    told, wanted = _told(what, entry), len(what.wanted)
    return told[:wanted] if all(slack >= 0 for slack in told[wanted:]) else [math.nan] * wanted


def _told(what: Search, entry: Entry) -> list[float]:
    """What a trial gives for each wanted objective, larger is better, and how far it keeps from each bound, below 0 if
    it breaks it; NaN if it failed."""
    found = entry.found or {}
    told = [found.get(one.figure, math.nan) * (1 if one.direction == "maximise" else -1) for one in what.wanted]
    for one in what.objectives:
        value = found.get(one.figure, math.nan)
        told += [] if one.at_least is None else [value - one.at_least]
        told += [] if one.at_most is None else [one.at_most - value]
    return told


def _trouble(what: Search, found: Mapping[str, float], held: Journal) -> str:
    """Why what a trial found is no result; "" if it is one. Raises UnknownNameError for an objective that no trial
    has reported yet."""
    for objective in what.objectives:
        if objective.figure not in found:
            if not any(entry.state == "done" for entry in held.entries()):
                raise unknown("objective", objective.figure, found)
            return f"it did not report '{objective.figure}'"
        if not math.isfinite(found[objective.figure]):
            return message(f"objective {objective.figure}", "must be finite", found[objective.figure], LOOK)
    return ""


def gains(found: Found) -> Tensor:
    """(trials, objectives), larger is better; NaN where a trial failed or breaks a bound."""
    return torch.tensor([_gains(found.search, entry) for entry in found.entries], dtype=torch.float64)
