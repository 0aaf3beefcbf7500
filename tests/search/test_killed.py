"""SIGKILL at random moments, of the searching process and of its workers: nothing is lost, repeated or altered."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from ohmloom.experiments.search import Entry, Journal, Search, Workers, journal, proposal, search
from tests.search import trials_for_tests as trials
from tests.search.test_search import LOW, XY, needs_botorch

ENVIRONMENT = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
BAYESIAN = pytest.param("bayesian", 20, marks=[needs_botorch, pytest.mark.slow])
SHORT = pytest.param("bayesian", 5, marks=needs_botorch)
SEVEN = tuple(one.replace(steps=7) for one in XY)


def killed(what: Search, folder: Path, workers: int, kills: int) -> list[Entry]:
    """What the journal holds in the end, after so many kills; see `tests.search.zygote`."""
    words = [
        sys.executable,
        "-m",
        "tests.search.zygote",
        str(folder),
        json.dumps(what.table()),
        str(workers),
        str(kills),
    ]
    subprocess.run(words, env=ENVIRONMENT, check=True)
    return entries(what, folder)


def entries(what: Search, folder: Path) -> list[Entry]:
    with journal(folder, what.table()) as held:
        return held.entries()


def undisturbed(what: Search, folder: Path) -> list[Entry]:
    with ThreadPoolExecutor(1) as executor:
        return list(search(what, trials.bowl, folder, executor=executor).entries)


def never_altered(what: Search, folder: Path, final: Sequence[Entry]) -> None:
    """What stood in the journal at each kill stands in it in the end; a trial with a result was not tried again."""
    copies = sorted(folder.glob("kill-*"))
    assert copies
    for copy in copies:
        for then in entries(what, copy):
            now = final[then.number]
            assert (then.point, then.values, then.seen, then.pending) == (now.point, now.values, now.seen, now.pending)
            assert then.state == "proposed" or then == now
    assert [entry.number for entry in final] == list(range(what.trials))
    for entry in final:
        begins = (folder / "trials" / f"{entry.number:04d}" / "log").read_text().count("begin")
        assert 1 <= begins <= entry.attempts <= 1 + len(copies)


def explained(what: Search, final: Sequence[Entry]) -> None:
    """Each proposal, from what the journal says that it knew."""
    for entry in final:
        seen, pending = ([final[number] for number in some] for some in (entry.seen, entry.pending))
        assert all(number < entry.number for number in (*entry.seen, *entry.pending))
        assert not set(entry.seen) & set(entry.pending)
        assert proposal(what, entry.number, seen, pending) == entry.point


@pytest.mark.parametrize(("method", "kills"), [("grid", 20), ("random", 20), SHORT, BAYESIAN])
def test_a_search_one_at_a_time_ends_as_if_undisturbed(method: Any, kills: int, tmp_path: Path) -> None:
    trials_wanted = {"grid": 49, "random": 60}.get(method, 8 + (3 * kills) // 2)
    what = Search(variables=SEVEN, objectives=LOW, method=method, trials=trials_wanted, initial=5, seed=11)
    final = killed(what, tmp_path / "killed", workers=1, kills=kills)
    assert [told_of(entry) for entry in final] == [told_of(entry) for entry in undisturbed(what, tmp_path / "quiet")]
    never_altered(what, tmp_path / "killed", final)


def told_of(entry: Entry) -> tuple[Any, ...]:
    """All but how often and how long it was tried."""
    return entry[: Entry._fields.index("attempts")]


@pytest.mark.parametrize(("method", "kills"), [SHORT, BAYESIAN])
def test_a_search_two_at_a_time_is_explained_by_its_journal(method: Any, kills: int, tmp_path: Path) -> None:
    what = Search(variables=XY, objectives=LOW, method=method, trials=8 + 2 * kills, initial=5, seed=12)
    final = killed(what, tmp_path, workers=2, kills=kills)
    never_altered(what, tmp_path, final)
    explained(what, final)
    quiet = {entry.point: trials.bowl(entry.values, what.seed + 1000 * entry.number, tmp_path) for entry in final}
    assert all(entry.found == quiet[entry.point] for entry in final)


SCRIPT = """
import json, sys
from ohmloom.experiments.search import Search, search
from tests.search import trials_for_tests as trials
search(Search(**json.loads(sys.argv[2])), trials.long, sys.argv[1], workers=2)
"""


def begun(folder: Path, count: int) -> list[int]:
    """The processes of the trials, once so many have begun."""
    while True:
        logs = [log.read_text().split() for log in sorted(folder.glob("trials/*/log"))]
        if sum(len(words) >= 2 for words in logs) >= count:
            return [int(words[1]) for words in logs]
        time.sleep(0.05)


def test_workers_end_with_a_search_that_is_killed(tmp_path: Path) -> None:
    what = Search(variables=XY, objectives=LOW, method="random", trials=3, seed=2)
    words = [sys.executable, "-c", SCRIPT, str(tmp_path / "killed"), json.dumps(what.table())]
    process = subprocess.Popen(words, env=ENVIRONMENT)
    workers = begun(tmp_path / "killed", 2)
    process.send_signal(signal.SIGKILL)
    process.wait()
    end = time.monotonic() + 20
    while any(Path(f"/proc/{worker}").exists() for worker in workers):
        assert time.monotonic() < end, "a worker outlived its search"
        time.sleep(0.05)
    with ThreadPoolExecutor(1) as executor:
        resumed = search(what, trials.bowl, tmp_path / "killed", executor=executor)
    assert [told_of(e) for e in resumed.entries] == [told_of(e) for e in undisturbed(what, tmp_path / "quiet")]
    assert [entry.attempts for entry in resumed.entries] == [2, 2, 1]


def test_a_worker_lost_between_two_trials_costs_nothing() -> None:
    workers = Workers(1)
    try:
        workers.begin(0, os.getpid)
        (first,) = workers.ended()
        os.kill(first.found, signal.SIGKILL)
        (child,) = [one for one in multiprocessing.active_children() if one.pid == first.found] or [None]
        if child is not None:
            child.join()
        time.sleep(1)  # until the pool has noticed
        workers.begin(1, os.getpid)
        (second,) = workers.ended()
        assert (second.number, second.lost, second.error) == (1, False, "")
        assert second.found != first.found
    finally:
        workers.close()


class Killer(threading.Thread):
    """Kills worker processes of this process at random moments, but none whose trial has lost one before: a trial that
    loses two has failed, as it should."""

    def __init__(self, what: Search, folder: Path, kills: int) -> None:
        super().__init__(daemon=True)
        self.what, self.folder, self.kills, self.done = what, folder, 0, threading.Event()
        self.wanted, self.chance = kills, random.Random(5)
        self.before = {child.pid for child in multiprocessing.active_children()}

    def run(self) -> None:
        while not (self.folder / "trials").exists():
            time.sleep(0.05)
        held = Journal(self.folder, self.what.table())
        while not self.done.wait(self.chance.uniform(0, 0.3)) and self.kills < self.wanted:
            victims = [child for child in multiprocessing.active_children() if child.pid not in self.before]
            under_way = [entry for entry in held.entries() if entry.state == "proposed"]
            if victims and under_way and not any(entry.losses for entry in under_way):
                self.chance.choice(victims).kill()
                self.kills += 1
                self._wait(held)
        held.close()

    def _wait(self, held: Journal) -> None:
        """Until the search has noticed: the pool is new, or a loss is in the journal."""
        losses = sum(entry.losses for entry in held.entries())
        end = time.monotonic() + 2
        while time.monotonic() < end and sum(entry.losses for entry in held.entries()) == losses:
            time.sleep(0.01)


@pytest.mark.slow
@needs_botorch
@pytest.mark.parametrize("kills", [20])
@pytest.mark.parametrize("count", [1, 2])
def test_workers_killed_at_random_moments_cost_nothing(count: int, kills: int, tmp_path: Path) -> None:
    what = Search(variables=XY, objectives=LOW, trials=4 * kills, initial=4 * kills - 8, seed=13)
    killer = Killer(what, tmp_path / "killed", kills)
    killer.start()
    final = list(search(what, trials.logged, tmp_path / "killed", workers=count).entries)
    killer.done.set()
    killer.join()
    assert killer.kills == kills
    assert sum(entry.losses for entry in final) >= kills // 2  # others fell between two trials
    assert all(entry.state == "done" and entry.losses <= 1 for entry in final)
    explained(what, final)
    if count == 1:
        quiet = undisturbed(what, tmp_path / "quiet")
        assert [told_of(entry) for entry in final] == [told_of(entry) for entry in quiet]
