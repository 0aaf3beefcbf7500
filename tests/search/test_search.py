"""Searches: what they find, and that nothing is lost, repeated or altered, whatever is killed."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch

from ohmloom import atomic
from ohmloom.errors import ConfigurationError, ExecutorError, FormatError, OutputError, UnknownNameError
from ohmloom.experiments.search import (
    Found,
    Journal,
    Objective,
    Search,
    Variable,
    Workers,
    bayesian_available,
    dominating,
    finite,
    proposals,
    propose,
    replaced,
    search,
    searching,
    snapped,
    values,
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
    from botorch.acquisition.multi_objective import logei

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
    assert logei._C is None  # no kernel is built: a build that is killed leaves a lock, and later searches hang
    known = {entry.number for entry in found.done}
    assert all(set(entry.seen) <= known and all(i < entry.number for i in entry.seen) for entry in found.entries)


def test_failures_are_recorded_and_the_search_goes_on(tmp_path: Path) -> None:
    kinds = ("well", "raises", "kills", "undefined", "forgets", "fine")
    variables = (Variable(path="x", low=0, high=1, steps=1), Variable(path="y", choices=kinds))
    what = Search(variables=variables, objectives=LOW, method="grid")
    found = search(what, trials.troubled, tmp_path, workers=2)
    states = {entry.values["y"]: (entry.state, entry.error) for entry in found.entries}
    assert states["well"] == states["fine"] == ("done", "")
    assert states["raises"] == ("failed", "ValueError: no such luck")
    assert states["kills"][0] == "failed"
    assert "worker was lost" in states["kills"][1] or "pool was" in states["kills"][1]
    assert states["undefined"][0] == "failed"
    assert states["undefined"][1].startswith("objective height: must be finite, got nan.")
    assert states["forgets"] == ("failed", "it did not report 'height'")


@needs_botorch
@pytest.mark.parametrize("several", [False, True])
def test_gaussian_processes_keep_away_from_failures_and_broken_bounds(several: bool, tmp_path: Path) -> None:
    """All the best lies beyond a bound; a search that forgets what it broke would go there again and again."""
    wanted = (
        *LOW,
        Objective(figure="room", at_least=0.1),
        *([Objective(figure="room", direction="maximise")] * several),
    )
    what = Search(variables=XY, objectives=wanted, trials=14, initial=6, seed=1)
    with ThreadPoolExecutor(1) as executor:
        found = search(what, trials.narrow, tmp_path, executor=executor)
    late = found.entries[6:]
    kept = [entry for entry in late if entry.found is not None and entry.found["room"] >= 0.1]
    assert len(kept) >= len(late) // 2
    best = min(entry.found["height"] for entry in found.front if entry.found)
    assert best < (-0.4 if several else -0.47)  # the bound allows -0.5; a front has another end to look after


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


def test_the_journal_knows_its_own_search(tmp_path: Path) -> None:
    what = Search(variables=XY, objectives=LOW, method="random", trials=2)
    search(what, trials.bowl, tmp_path, executor=ThreadPoolExecutor(1))
    with pytest.raises(FormatError, match="of the same search"):
        search(what.replace(seed=1), trials.bowl, tmp_path, executor=ThreadPoolExecutor(1))
    held = Journal(tmp_path, what.table())
    held._base.execute("UPDATE about SET value = '0' WHERE key = 'version'")
    held.close()
    with pytest.raises(FormatError, match="of version 2"):
        search(what, trials.bowl, tmp_path, executor=ThreadPoolExecutor(1))
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "search.sqlite").write_text("no journal at all, but long enough to be looked at" * 20)
    with pytest.raises(FormatError, match="must be the journal"):
        search(what, trials.bowl, tmp_path / "other", executor=ThreadPoolExecutor(1))


def test_a_folder_where_a_search_is_under_way_is_refused(tmp_path: Path) -> None:
    what = Search(variables=XY, objectives=LOW, method="random", trials=2)
    with atomic.alone(tmp_path / "out"), pytest.raises(OutputError, match="in use by one process at a time"):
        search(what, trials.bowl, tmp_path / "out", executor=ThreadPoolExecutor(1))
    assert len(search(what, trials.bowl, tmp_path / "out", executor=ThreadPoolExecutor(1)).done) == 2


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
        ({"path": "x", "low": 1, "high": 8, "integer": True, "log": True}, "evenly between integers, got log"),
        ({"path": "x", "low": 0.5, "high": 8, "integer": True}, "evenly between integers, got 0.5 to 8"),
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
    below = Variable(path="x", low=-3, high=-1, integer=True)
    assert [below.value(share) for share in (0, 0.3, 0.4, 0.7, 1)] == [-3, -3, -2, -1, -1]
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


def test_the_bound_of_a_wanted_figure_is_where_its_front_ends() -> None:
    told = [Objective(figure="up", direction="maximise"), Objective(figure="down", direction="minimise")]
    bounds = [Objective(figure="up", at_least=2, at_most=9), Objective(figure="up", at_least=3)]
    what = Search(variables=XY, objectives=(*told, *bounds, Objective(figure="down", at_most=5)))
    assert [searching._reference(what, one) for one in told] == [3, -5]
    free = Search(variables=XY, objectives=tuple(told))
    assert all(math.isnan(searching._reference(free, one)) for one in told)
    values = torch.tensor([[0.0, 10.0], [1.0, 0.0]], dtype=torch.float64)
    assert proposals._corner(values, [math.nan, 4.0]).tolist() == pytest.approx([-0.1, 4.0])
    assert proposals._corner(values, None).tolist() == pytest.approx([-0.1, -1.0])


def test_fronts() -> None:
    points = torch.tensor([[1.0, 1.0], [2.0, 0.5], [0.5, 0.4], [float("nan"), 9.0], [2.0, 0.5]])
    assert dominating(points).tolist() == [True, True, False, False, True]


def test_proposals_by_chance_depend_on_seed_and_index_alone() -> None:
    none = torch.zeros(0, 3), torch.zeros(0, 1)
    first = propose(*none, index=4, seed=1)
    assert torch.equal(first, propose(torch.rand(2, 3), torch.rand(2, 1), index=4, seed=1))
    assert not torch.equal(first, propose(*none, index=5, seed=1))


SMALL = (Variable(path="x", choices=(0.1, 0.3, 0.9)), Variable(path="y", low=0, high=3, integer=True))


@pytest.mark.parametrize("method", ["random", pytest.param("bayesian", marks=needs_botorch)])
def test_a_finite_space_is_tried_without_repeats(method: Any, tmp_path: Path) -> None:
    what = Search(variables=SMALL, objectives=LOW, method=method, trials=13, initial=4)
    with ThreadPoolExecutor(2) as executor:
        found = search(what, trials.bowl, tmp_path, executor=executor, workers=2)
    tried = [tuple(entry.values.values()) for entry in found.entries]
    assert len(set(tried[:12])) == 12
    assert tried[12] in tried[:12]
    assert found.front[0].values == {"x": 0.3, "y": 0}


def test_points_that_stand_for_the_same_values_are_one() -> None:
    space = finite(SMALL)
    assert space is not None
    assert len(space) == 12
    assert len({tuple(values(SMALL, point).values()) for point in space.tolist()}) == 12
    assert all(snapped(SMALL, point) == tuple(point) for point in space.tolist())
    assert snapped(SMALL, (0.01, 0.3)) == snapped(SMALL, (0.32, 0.26)) == pytest.approx((1 / 6, 3 / 8))
    assert finite(XY) is None
    assert finite(SMALL, most=11) is None
    assert snapped(XY, (0.123, 0.4)) == (0.123, 0.4)


def test_an_executor_that_takes_no_more(tmp_path: Path) -> None:
    executor = ThreadPoolExecutor(1)
    executor.shutdown()
    what = Search(variables=XY, objectives=LOW, method="random", trials=2)
    with pytest.raises(ExecutorError, match="Search again in the same folder with a new one"):
        search(what, trials.bowl, tmp_path, executor=executor)
    with ThreadPoolExecutor(1) as new:
        assert len(search(what, trials.bowl, tmp_path, executor=new).done) == 2


def test_a_trials_limit_does_not_count_its_workers_imports() -> None:
    workers = Workers(1, limit=0.3)
    try:
        workers.begin(0, time.sleep, 0.05)
        (ended,) = workers.ended()
        assert ended.error == ""
    finally:
        workers.close()


def test_scheduling_takes_little(tmp_path: Path) -> None:
    what = Search(variables=XY, objectives=LOW, method="random", trials=60)
    begin = time.monotonic()
    with ThreadPoolExecutor(1) as executor:
        search(what, trials.bowl, tmp_path, executor=executor)
    assert (time.monotonic() - begin) / 60 < 0.05
