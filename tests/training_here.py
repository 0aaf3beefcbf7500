"""Trainings in the test's own process: a process of its own for each takes longer than a short training."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

from ohmloom.experiments import Job, Progress, Trainings
from ohmloom.experiments.trainings import Key


@contextmanager
def in_this_process(folder: Path, jobs: Mapping[Key, Job], progress: Progress) -> Generator[Trainings[Key]]:
    """What `ohmloom.experiments.trainings` does, one after the other."""
    folder.mkdir(parents=True, exist_ok=True)
    for network, (function, arguments) in jobs.items():
        function(str(folder / network.file), *arguments)
    yield Trainings(folder, {}, progress)
