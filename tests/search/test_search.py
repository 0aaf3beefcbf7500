"""Searches: what they find, and that nothing is lost, repeated or altered, whatever is killed."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch

from ohmloom.errors import ConfigurationError, FormatError, UnknownNameError
from ohmloom.experiments.search import (
    Found,
    Journal,
    Objective,
    Search,
    Variable,
    bayesian_available,
    dominating,
    propose,
    replaced,
    search,
)
from tests.search import trials_for_tests as trials

needs_botorch = pytest.mark.skipif(not bayesian_available(), reason="BoTorch is not installed")
XY = (Variable(path="x", low=0, high=1), Variable(path="y", low=0, high=1))
LOW = (Objective(figure="height", direction="minimise"),)


def told(found: Found) -> list[Any]:
    """What must be the same: everything but seconds and attempts."""
    return [(e.number, e.point, e.values, e.seen, e.state, e.found, e.error) for e in found.entries]


@pytest.mark.parametrize("method", ["grid", "random", pytest.param("bayesian", marks=needs_botorch)])
def test_two_undisturbed_searches_are_the_same(method: Any, tmp_path: Path) -> None:
    what = Search(variables=XY, objectives=LOW, method=method, trials=8, initial=5, seed=3)
    runs = [search(what, trials.bowl, tmp_path / str(i), executor=ThreadPoolExecutor(1)) for i in range(2)]
    assert told(runs[0]) == told(runs[1])
    assert len(runs[0].entries) == (25 if method == "grid" else 8)
    assert all(entry.state == "done" for entry in runs[0].entries)
    best = min(runs[0].done, key=lambda entry: entry.found["height"])  # type: ignore[index]
    assert [entry.number for entry in runs[0].front] == [best.number]


@needs_botorch
def test_gaussian_processes_find_what_chance_does_not(tmp_path: Path) -> None:
    def best(method: Any, seed: int) -> float:
        what = Search(variables=XY, objectives=LOW, method=method, trials=12, initial=6, seed=seed)
        found = search(what, trials.bowl, tmp_path / f"{method}-{seed}", executor=ThreadPoolExecutor(1))
        return min(entry.found["height"] for entry in found.done if entry.found)

    ours, chance = (sorted(best(method, seed) for seed in range(3)) for method in ("bayesian", "random"))
    assert ours[1] < 0.5 * chance[1] + 1e-3


@needs_botorch
def test_a_front_keeps_its_bounds(tmp_path: Path) -> None:
    both = (*LOW, Objective(figure="left", direction="maximise"), Objective(figure="height", at_most=0.2))
    what = Search(variables=XY, objectives=both, trials=10, initial=8)
    found = search(what, trials.bowl, tmp_path, executor=ThreadPoolExecutor(2), workers=2)
    assert found.front
    assert all(entry.found["height"] <= 0.2 for entry in found.front if entry.found)
    for entry in found.front:  # nothing tried is better in both
        for other in found.done:
            assert entry.found is not None
            assert other.found is not None
            better = other.found["height"] < entry.found["height"] and other.found["left"] > entry.found["left"]
            assert not better
    known = {entry.number for entry in found.done}
    assert all(set(entry.seen) <= known and all(i < entry.number for i in entry.seen) for entry in found.entries)


def test_failures_are_recorded_and_the_search_goes_on(tmp_path: Path) -> None:
    kinds = ("well", "raises", "kills", "fine")
    variables = (Variable(path="x", low=0, high=1, steps=1), Variable(path="y", choices=kinds))
    what = Search(variables=variables, objectives=LOW, method="grid")
    found = search(what, trials.troubled, tmp_path, workers=2)
    states = {entry.values["y"]: (entry.state, entry.error) for entry in found.entries}
    assert states["well"] == states["fine"] == ("done", "")
    assert states["raises"] == ("failed", "ValueError: no such luck")
    assert states["kills"][0] == "failed"
    assert "worker was lost" in states["kills"][1] or "pool was" in states["kills"][1]


def test_a_trial_that_hangs_is_ended_at_its_limit(tmp_path: Path) -> None:
    variables = (Variable(path="x", low=0, high=1, steps=1), Variable(path="y", choices=("hangs",)))
    what = Search(variables=variables, objectives=LOW, method="grid", limit=3)
    (entry,) = search(what, trials.troubled, tmp_path).entries
    assert (entry.state, entry.error) == ("failed", "took longer than its limit of 3 s")


def test_a_lost_worker_costs_nothing(tmp_path: Path) -> None:
    what = Search(variables=XY, objectives=LOW, method="random", trials=2)
    found = search(what, trials.lost_once, tmp_path / "lost")
    quiet = search(what, trials.bowl, tmp_path / "quiet", executor=ThreadPoolExecutor(1))
    assert told(found) == told(quiet)
    assert [entry.attempts for entry in found.entries] == [2, 2]


SCRIPT = """
from concurrent.futures import ThreadPoolExecutor
from ohmloom.experiments.search import Objective, Search, Variable, search
from tests.search import trials_for_tests as trials
import sys
variables = (Variable(path="x", low=0, high=1), Variable(path="y", low=0, high=1))
what = Search(variables=variables, objectives=(Objective(figure="height", direction="minimise"),), method=sys.argv[2],
              trials=10, seed=7)
search(what, trials.slow, sys.argv[1], executor=ThreadPoolExecutor(1))
"""


@pytest.mark.parametrize("method", ["grid", "random"])
def test_killed_at_random_moments_the_result_is_that_of_an_undisturbed_search(method: Any, tmp_path: Path) -> None:
    chance = random.Random(0)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    for _ in range(10):
        process = subprocess.Popen([sys.executable, "-c", SCRIPT, str(tmp_path / "killed"), method], env=environment)
        try:
            process.wait(timeout=2.5 + 2 * chance.random())
            break
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
    what = Search(variables=XY, objectives=LOW, method=method, trials=10, seed=7)
    resumed = search(what, trials.bowl, tmp_path / "killed", executor=ThreadPoolExecutor(1))
    quiet = search(what, trials.bowl, tmp_path / "quiet", executor=ThreadPoolExecutor(1))
    assert told(resumed) == told(quiet)


def test_the_journal_knows_its_own_search(tmp_path: Path) -> None:
    what = Search(variables=XY, objectives=LOW, method="random", trials=2)
    search(what, trials.bowl, tmp_path, executor=ThreadPoolExecutor(1))
    with pytest.raises(FormatError, match="of the same search"):
        search(what.replace(seed=1), trials.bowl, tmp_path, executor=ThreadPoolExecutor(1))
    held = Journal(tmp_path, what.table())
    held._base.execute("UPDATE about SET value = '0' WHERE key = 'version'")
    held.close()
    with pytest.raises(FormatError, match="of version 1"):
        search(what, trials.bowl, tmp_path, executor=ThreadPoolExecutor(1))
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "search.sqlite").write_text("no journal at all, but long enough to be looked at" * 20)
    with pytest.raises(FormatError, match="must be the journal"):
        search(what, trials.bowl, tmp_path / "other", executor=ThreadPoolExecutor(1))


def test_an_objective_that_no_run_reports(tmp_path: Path) -> None:
    what = Search(variables=XY, objectives=(Objective(figure="hight", direction="minimise"),), trials=1)
    with pytest.raises(UnknownNameError, match="Did you mean 'height'"):
        search(what, trials.bowl, tmp_path, executor=ThreadPoolExecutor(1))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"path": "x", "low": 1, "high": 1}, "low must be below high"),
        ({"path": "x", "low": 0, "high": 1, "log": True}, "above 0 for a logarithm"),
        ({"path": "x"}, "must have low and high, or choices"),
        ({"path": "x", "low": 0, "high": 1, "choices": (1,)}, "choices or a range, got both"),
    ],
)
def test_variables_with_empty_ranges(fields: Mapping[str, Any], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        Variable(**fields)


def test_values_and_grids() -> None:
    assert Variable(path="x", low=3, high=8, integer=True).grid() == [3, 4, 6, 7, 8]
    assert Variable(path="x", low=3, high=5, integer=True).grid() == [3, 4, 5]
    assert [round(v, 6) for v in Variable(path="x", low=1e-2, high=1, log=True, steps=3).grid()] == [0.01, 0.1, 1.0]
    assert Variable(path="x", low=0.1, high=0.3, unit="V", steps=2).grid() == ["0.1 V", "0.3 V"]
    chosen = [Variable(path="x", choices=("a", "b")).value(share) for share in (0, 0.49, 0.5, 1.0)]
    assert chosen == ["a", "a", "b", "b"]
    with pytest.raises(ConfigurationError, match="x twice"):
        Search(variables=(XY[0], XY[0]), objectives=LOW)
    with pytest.raises(ConfigurationError, match="must hold one with a direction"):
        Search(variables=XY, objectives=(Objective(figure="height", at_most=1),))


def test_paths_lead_into_tables_and_lists() -> None:
    table = {"a": {"b": [1, {"c": 2}]}}
    assert replaced(table, {"a.b.1.c": 3}) == {"a": {"b": [1, {"c": 3}]}}
    assert table == {"a": {"b": [1, {"c": 2}]}}
    for path in ("x.y", "a.b.7", "a.b.0.c"):
        with pytest.raises(ConfigurationError, match="must lead to a field"):
            replaced(table, {path: 0})


def test_fronts() -> None:
    points = torch.tensor([[1.0, 1.0], [2.0, 0.5], [0.5, 0.4], [float("nan"), 9.0], [2.0, 0.5]])
    assert dominating(points).tolist() == [True, True, False, False, True]


def test_proposals_by_chance_depend_on_seed_and_index_alone() -> None:
    none = torch.zeros(0, 3), torch.zeros(0, 1)
    first = propose(*none, index=4, seed=1)
    assert torch.equal(first, propose(torch.rand(2, 3), torch.rand(2, 1), index=4, seed=1))
    assert not torch.equal(first, propose(*none, index=5, seed=1))


def test_scheduling_takes_little(tmp_path: Path) -> None:
    what = Search(variables=XY, objectives=LOW, method="random", trials=60)
    begin = time.monotonic()
    search(what, trials.bowl, tmp_path, executor=ThreadPoolExecutor(1))
    print(f"scheduling and journal: {1e3 * (time.monotonic() - begin) / 60:.1f} ms per trial (wanted: below 50)")
