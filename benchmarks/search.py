"""Searches: two worker processes against one, what scheduling and the journal take, and how long a proposal takes."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import torch

from benchmarks.timing import Result, result
from ohmloom.experiments.search import Objective, Search, Variable, propose
from ohmloom.experiments.search import search as run

SECONDS, TRIALS, QUICK = 2.5, 20, 100
SIZE = 256  # of the products that a computing trial makes
VARIABLES, KNOWN = 6, 40
LOW = (Objective(figure="value", direction="minimise"),)


def search(pairs: int) -> list[Result]:
    """Trials that sleep and that compute; trials of no length; proposals for two objectives."""
    products = int(SECONDS / _product())
    works: tuple[tuple[str, Callable[..., Mapping[str, float]], int], ...] = (
        ("sleep", sleeping, 0),
        ("compute", computing, products),
    )
    results = [_throughput(name, trial, products, min(pairs, 1)) for name, trial, products in works]
    return [*results, _overhead(min(pairs, 3)), _proposal(min(pairs, 5))]


def sleeping(values: Mapping[str, Any], seed: int, folder: Path) -> dict[str, float]:
    """A trial that waits, as for a machine elsewhere."""
    time.sleep(SECONDS)
    return {"value": 0.0}


def computing(values: Mapping[str, Any], seed: int, folder: Path) -> dict[str, float]:
    """A trial that makes as many products as the search's variable says, on one thread."""
    a = torch.full((SIZE, SIZE), 1.0 / SIZE)
    for _ in range(int(values["products"])):
        a = a @ a
    return {"value": float(a[0, 0])}


def nothing(values: Mapping[str, Any], seed: int, folder: Path) -> dict[str, float]:
    """A trial of no length."""
    return {"value": 0.0}


def _throughput(name: str, trial: Callable[..., Mapping[str, float]], products: int, pairs: int) -> Result:
    """A new pool each time: the start of its processes counts."""
    variables = (Variable(path="products", choices=(products,)), Variable(path="x", low=0, high=1))
    what = Search(variables=variables, objectives=LOW, method="random", trials=TRIALS)
    seconds: tuple[list[float], list[float]] = ([], [])
    for _ in range(pairs):
        for workers, held in zip((2, 1), seconds, strict=True):
            held.append(_timed(what, trial, workers) / TRIALS)
    return result(
        f"search, {TRIALS} trials that {name} for {SECONDS:g} s, 2 worker processes", seconds, "0.59 (1.7 x)",
        "the same with one worker process, per trial",
    )  # fmt: skip


def _overhead(pairs: int) -> Result:
    what = Search(variables=(Variable(path="x", low=0, high=1),), objectives=LOW, method="random", trials=QUICK)
    ours = []
    for _ in range(pairs):
        with ThreadPoolExecutor(1) as executor:
            ours.append(_timed(what, nothing, 1, executor) / QUICK)
    name = "search, scheduling and journal of one trial"
    return result(name, (ours, [0.05] * pairs), "1.0", "50 ms, what is allowed (nothing was timed)")


def _proposal(pairs: int) -> Result:
    chance = torch.Generator().manual_seed(0)
    points = torch.rand(KNOWN, VARIABLES, generator=chance, dtype=torch.float64)
    rest = points[:, 1:].square().sum(1)
    found = -torch.stack([points[:, 0] + rest, 1 - points[:, 0].sqrt() + rest], dim=1)

    def seconds(method: Any) -> list[float]:
        propose(points, found, index=KNOWN, seed=0, method=method)  # imports
        times = []
        for i in range(pairs):
            begin = time.perf_counter()
            propose(points, found, index=KNOWN + i, seed=0, method=method)
            times.append(time.perf_counter() - begin)
        return times

    return result(
        f"search, proposal: 2 objectives, {VARIABLES} variables, {KNOWN} trials known",
        (seconds("bayesian"), seconds("random")), "", "a proposal drawn by chance",
    )  # fmt: skip


def _timed(
    what: Search, trial: Callable[..., Mapping[str, float]], workers: int, executor: ThreadPoolExecutor | None = None
) -> float:
    with tempfile.TemporaryDirectory() as folder:
        begin = time.perf_counter()
        found = run(what, trial, folder, workers=workers, executor=executor)
        seconds = time.perf_counter() - begin
    assert len(found.done) == what.trials, [entry.error for entry in found.entries]
    return seconds


def _product() -> float:
    """Seconds of one product."""
    a, times = torch.full((SIZE, SIZE), 1.0 / SIZE), []
    for _ in range(50):
        begin = time.perf_counter()
        a = a @ a
        times.append(time.perf_counter() - begin)
    return statistics.median(times)
