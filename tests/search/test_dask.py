"""Searches on a Dask cluster: a real scheduler, and workers that are processes of their own."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Executor
from pathlib import Path

import pytest

pytest.importorskip("distributed", reason="Dask is not installed (the extra cluster)")

import dask
from distributed import LocalCluster

from ohmloom.cli.search import dask_executor
from ohmloom.experiments.search import Search, Variable, search
from tests.search import trials_for_tests as trials
from tests.search.test_killed import begun, told_of, undisturbed
from tests.search.test_search import LOW, XY

pytestmark = pytest.mark.slow


@pytest.fixture
def executor() -> Iterator[Executor]:
    """Of two worker processes; a scheduler that tells at once that a worker was lost, and does not try again itself."""
    settings = {"distributed.scheduler.allowed-failures": 0, "distributed.comm.timeouts.connect": "30s"}
    with (
        dask.config.set(settings),
        LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster,
    ):
        yield dask_executor(cluster.scheduler_address)


def test_a_cluster_finds_what_one_process_finds(executor: Executor, tmp_path: Path) -> None:
    what = Search(variables=XY, objectives=LOW, method="random", trials=6, seed=4)
    found = search(what, trials.logged, tmp_path / "dask", executor=executor, workers=2)
    assert [told_of(entry) for entry in found.entries] == [told_of(e) for e in undisturbed(what, tmp_path / "quiet")]
    workers = {int(log.read_text().split()[1]) for log in (tmp_path / "dask").glob("trials/*/log")}
    assert len(workers) == 2
    assert os.getpid() not in workers


def test_a_killed_worker_costs_one_attempt(executor: Executor, tmp_path: Path) -> None:
    what = Search(variables=XY, objectives=LOW, method="random", trials=2, seed=4)

    def kill() -> None:  # while both workers are in their first trials, which take a minute
        for worker in begun(tmp_path / "dask", 2)[:2]:
            os.kill(worker, signal.SIGKILL)

    thread = threading.Thread(target=kill)
    thread.start()
    begin = time.monotonic()
    found = search(what, trials.long, tmp_path / "dask", executor=executor, workers=2)
    thread.join()
    assert time.monotonic() - begin < 60
    quiet = undisturbed(what, tmp_path / "quiet")
    assert [told_of(entry) for entry in found.entries] == [told_of(entry) for entry in quiet]
    assert [(entry.attempts, entry.losses) for entry in found.entries] == [(2, 1), (2, 1)]


def test_a_trial_that_kills_its_workers_has_failed_and_the_search_goes_on(executor: Executor, tmp_path: Path) -> None:
    kinds = Variable(path="y", choices=("well", "raises", "kills", "fine"))
    what = Search(variables=(XY[0].replace(steps=1), kinds), objectives=LOW, method="grid")
    found = search(what, trials.troubled, tmp_path, executor=executor, workers=2)
    states = {entry.values["y"]: entry for entry in found.entries}
    assert states["well"].state == states["fine"].state == "done"
    assert states["raises"].error == "ValueError: no such luck"
    assert (states["kills"].state, states["kills"].losses) == ("failed", 2)
    assert "KilledWorker" in states["kills"].error
