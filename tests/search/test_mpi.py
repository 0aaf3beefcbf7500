"""A search on MPI's executor, as the documentation says it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ohmloom.experiments.search import Search
from tests.search.test_killed import ENVIRONMENT, entries, told_of, undisturbed
from tests.search.test_search import LOW, XY

pytest.importorskip("mpi4py", reason="mpi4py is not installed")

SCRIPT = """
import json, sys
from mpi4py.futures import MPIPoolExecutor
from ohmloom.experiments.search import Search, search
from tests.search import trials_for_tests as trials

if __name__ == "__main__":
    with MPIPoolExecutor() as executor:
        what = Search(**json.loads(sys.argv[2]))
        search(what, trials.logged, sys.argv[1], executor=executor, workers=executor.num_workers)
"""


@pytest.mark.skipif(shutil.which("mpiexec") is None, reason="mpiexec is not installed")
def test_a_search_on_mpi(tmp_path: Path) -> None:
    what = Search(variables=XY, objectives=LOW, method="random", trials=6, seed=4)
    script = tmp_path / "mpi.py"
    script.write_text(SCRIPT)
    words = ["mpiexec", "-n", "3", sys.executable, "-m", "mpi4py.futures", str(script), str(tmp_path / "mpi")]
    subprocess.run([*words, json.dumps(what.table())], env=ENVIRONMENT, check=True, timeout=120)
    final = entries(what, tmp_path / "mpi")
    assert [told_of(entry) for entry in final] == [told_of(e) for e in undisturbed(what, tmp_path / "quiet")]
    workers = {log.read_text().split()[1] for log in (tmp_path / "mpi").glob("trials/*/log")}
    assert len(workers) == 2
