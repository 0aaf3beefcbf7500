"""A process that has imported everything, and forks searches that it then kills: `python -m tests.search.zygote`.

Each life of a search begins within milliseconds, so that a moment drawn by chance lies in the search and not in its
imports. Lives end by SIGKILL and leave a copy of the journal as it stood, ``kill-NUMBER``; the last one finishes.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch

from ohmloom.experiments.search import Search, bayesian_available, search
from tests.search import trials_for_tests as trials


def live(what: Search, folder: Path, workers: int) -> int:
    """A forked search; its process's id."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        torch.set_num_threads(1)
        with ThreadPoolExecutor(workers) as executor:
            search(what, trials.logged, folder, workers=workers, executor=executor)
        code = 0
    finally:
        os._exit(code)


def lines(folder: Path) -> int:
    """How many begins and ends the trials have written."""
    return sum(len(log.read_text().splitlines()) for log in folder.glob("trials/*/log"))


def main(folder: Path, what: Search, workers: int, kills: int) -> None:
    chance = random.Random(what.seed)
    for kill in range(kills):
        enough = lines(folder) + chance.randint(0, 3)
        child = live(what, folder, workers)
        while lines(folder) < enough:
            assert os.waitpid(child, os.WNOHANG) == (0, 0), "the search ended before it was killed often enough"
            time.sleep(0.005)
        time.sleep(chance.uniform(0, 0.25))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status), "the search ended before it was killed often enough"
        copy = folder / f"kill-{kill:02d}"
        copy.mkdir()
        for file in folder.glob("search.sqlite*"):
            shutil.copy(file, copy)
    _, status = os.waitpid(live(what, folder, workers), 0)
    sys.exit(os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    if bayesian_available():
        import botorch.acquisition.logei
        import botorch.acquisition.multi_objective.logei
        import botorch.fit
        import botorch.models
        import botorch.optim  # noqa: F401
    main(Path(sys.argv[1]), Search(**json.loads(sys.argv[2])), int(sys.argv[3]), int(sys.argv[4]))
