"""Trials to 95 % of a known front's hypervolume, against chance: `python tools/search_front.py [SEEDS] [RESULT.json]`

Published problems of six variables and two objectives whose fronts are known: ZDT1 and ZDT2 (Zitzler, Deb and Thiele,
doi:10.1162/106365600568202). The search proposes one point at a time; the reference point, where volumes end, it is
told as a bound of each objective. Random search is drawn in blocks, as many trials as it needs up to ``MOST``; a seed
that needs more counts as ``MOST``, which is then a lower bound. The result is written at each seed, and a repeated
command goes on with it.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from ohmloom.atomic import write_text
from ohmloom.experiments.search import Entry, Objective, Search, Variable, proposal
from ohmloom.random import Streams

RESULT = Path(__file__).resolve().parents[1] / "results" / "search-front.json"
VARIABLES, SHARE, BUDGET = 6, 0.95, 120
BLOCK, MOST = 250_000, 20_000_000
Array = np.ndarray[Any, Any]


class Problem(NamedTuple):
    """Objectives to be made small, of points of the unit cube (n, variables): (n, 2)."""

    objectives: Callable[[Array], Array]
    reference: tuple[float, float]  # of BoTorch's test functions
    volume: float  # of all that the true front dominates, below the reference


def zdt1(x: Array) -> Array:
    """f2 = g (1 - sqrt(f1 / g)), f1 = x1, g = 1 + 9 mean(x2 ...); on the front g = 1."""
    g = 1 + 9 * x[:, 1:].mean(1)
    return np.stack([x[:, 0], g * (1 - np.sqrt(x[:, 0] / g))], axis=1)


def zdt2(x: Array) -> Array:
    """The same with f2 = g (1 - (f1 / g)^2): a hollow front."""
    g = 1 + 9 * x[:, 1:].mean(1)
    return np.stack([x[:, 0], g * (1 - (x[:, 0] / g) ** 2)], axis=1)


PROBLEMS = {
    "ZDT1": Problem(zdt1, (11.0, 11.0), 121 - 1 / 3),
    "ZDT2": Problem(zdt2, (11.0, 11.0), 121 - 2 / 3),
}


class Front:
    """What dominates, and its hypervolume below a reference; both objectives are to be small."""

    def __init__(self, reference: tuple[float, float]) -> None:
        self.reference, self.points = reference, np.empty((0, 2))  # by rising first and falling second objective

    def adds(self, found: Array) -> Array:
        """Which of (n, 2) are below the reference and not dominated."""
        place = np.searchsorted(self.points[:, 0], found[:, 0], side="right")
        second = np.concatenate([[self.reference[1]], self.points[:, 1]])
        return (found[:, 0] < self.reference[0]) & (found[:, 1] < second[place])

    def add(self, one: Array) -> None:
        """A point that adds."""
        kept = self.points[(self.points[:, 0] < one[0]) | (self.points[:, 1] < one[1])]
        place = int(np.searchsorted(kept[:, 0], one[0]))
        self.points = np.insert(kept, place, one, axis=0)

    @property
    def volume(self) -> float:
        first = np.append(self.points[:, 0], self.reference[0])
        return float((np.diff(first) * (self.reference[1] - self.points[:, 1])).sum())


def by_chance(problem: Problem, seed: int, upto: int = 0) -> tuple[int | None, float]:
    """How many random trials reach the share (None: more than ``MOST``), and what share ``upto`` of them reach."""
    front, chance, early = Front(problem.reference), np.random.default_rng(Streams(seed).key("chance")), 0.0
    for start in range(0, MOST, BLOCK):
        found = problem.objectives(chance.random((BLOCK, VARIABLES)))
        for i in np.flatnonzero(front.adds(found)):
            if front.adds(found[i : i + 1])[0]:
                front.add(found[i])
                share = front.volume / problem.volume
                early = share if start + i < upto else early
                if share >= SHARE:
                    return int(start + i + 1), early
    return None, early


def ours(problem: Problem, seed: int) -> tuple[int | None, list[float]]:
    """How many trials of a search reach the share (None: more than ``BUDGET``), and the seconds of each proposal by
    Gaussian processes."""
    variables = tuple(Variable(path=f"x{i}", low=0, high=1) for i in range(VARIABLES))
    wanted = [Objective(figure=name, direction="minimise") for name in ("f1", "f2")]
    ends = [Objective(figure=name, at_most=end) for name, end in zip(("f1", "f2"), problem.reference, strict=True)]
    objectives = (*wanted, *ends)
    what = Search(variables=variables, objectives=objectives, trials=BUDGET, seed=seed)
    front, entries, seconds = Front(problem.reference), [], []
    for index in range(BUDGET):
        begin = time.perf_counter()
        point = proposal(what, index, entries, [])
        if index >= 2 * VARIABLES + 2:
            seconds.append(time.perf_counter() - begin)
        found = problem.objectives(np.array([point]))
        told: dict[str, float] = {"f1": float(found[0, 0]), "f2": float(found[0, 1])}
        entries.append(Entry(index, point, {}, (), (), "done", told, "", 1, 0, 0.0))
        if front.adds(found)[0]:
            front.add(found[0])
        if front.volume / problem.volume >= SHARE:
            return index + 1, seconds
    return None, seconds


def ratio(search: list[int | None], chance: list[int | None]) -> dict[str, float]:
    """Of the mean trials, with its 95 % interval: percentiles over 10,000 resamples of the seeds of each."""
    random = np.random.default_rng(0)
    counts = [
        np.array([cap if n is None else n for n in some], dtype=float)
        for some, cap in ((search, BUDGET), (chance, MOST))
    ]
    drawn = [c[random.integers(0, len(c), (10_000, len(c)))].mean(1) for c in counts]
    low, high = np.quantile(drawn[0] / drawn[1], [0.025, 0.975])
    return {"value": float(counts[0].mean() / counts[1].mean()), "low": float(low), "high": float(high)}


def row(problem: Problem, seed: int) -> dict[str, Any]:
    """One seed of one problem."""
    trials, seconds = ours(problem, seed)
    chance, early = by_chance(problem, seed, trials or BUDGET)
    return {"seed": seed, "search": trials, "random": chance, "random after as many trials": early, "seconds": seconds}


def table(name: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """What all seeds of one problem say."""
    problem = PROBLEMS[name]
    seconds = np.array([value for one in rows for value in one["seconds"]])
    search, chance = ([one[key] for one in rows] for key in ("search", "random"))
    return {
        "reference": problem.reference,
        "hypervolume of the true front": problem.volume,
        "median trials, search": float(np.median([BUDGET if n is None else n for n in search])),
        "median trials, random": float(np.median([MOST if n is None else n for n in chance])),
        "seeds that did not reach it, search": search.count(None),
        "seeds that did not reach it, random": chance.count(None),
        "ratio of the mean trials": ratio(search, chance),
        "random after as many trials, median share": float(
            np.median([one["random after as many trials"] for one in rows])
        ),
        "seconds of a proposal, wall clock of a machine with other work": {
            "median": float(np.median(seconds)),
            "90 %": float(np.quantile(seconds, 0.9)),
        },
        "rows": rows,
    }


def main(seeds: int = 20, result: Path = RESULT) -> None:
    torch.set_num_threads(1)
    about = {"command": f"python tools/search_front.py {seeds}", "variables": VARIABLES, "share": SHARE,
             "most trials, search": BUDGET, "most trials, random": MOST}  # fmt: skip
    held = json.loads(result.read_text(encoding="utf-8")) if result.exists() else {}
    problems = held["problems"] if held.items() >= about.items() else {}
    for name, problem in PROBLEMS.items():
        for seed in range(seeds):
            rows = problems.get(name, {"rows": []})["rows"]
            if len(rows) > seed:
                continue
            problems[name] = table(name, [*rows, row(problem, seed)])
            write_text(result, json.dumps(about | {"problems": problems}, indent=1) + "\n")
            last = problems[name]["rows"][-1]
            print(f"{name}, seed {seed}: {last['search']} trials, by chance {last['random']}", flush=True)
    for name, one in problems.items():
        print(name, {key: value for key, value in one.items() if key != "rows"})


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 20, Path(sys.argv[2]) if sys.argv[2:] else RESULT)
