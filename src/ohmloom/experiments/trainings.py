"""Trainings in processes of their own, two at a time, while the run goes on with what is finished.

Each writes one file, whole or not at all, and how far it is beside it; a repeated run trains what is missing.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Generator, Hashable, Mapping
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from ohmloom import atomic
from ohmloom.experiments.progress import Progress

Job = tuple[Callable[..., None], tuple[Any, ...]]  # of the path to write, then these arguments; both can be pickled
Tell = Callable[[float], None]
PERIOD = 0.3  # s between looks at how far a training is


class Network(Hashable, Protocol):
    """What identifies one training of a run."""

    @property
    def file(self) -> str:
        """Its name in the run's folder."""
        ...


Key = TypeVar("Key", bound=Network)


class Trainings(Generic[Key]):
    """Trainings under way; asking for a file waits until it is there, and shows how far it is."""

    def __init__(self, folder: Path, under_way: Mapping[Key, Future[None]], progress: Progress) -> None:
        self._folder, self._under_way, self._progress = folder, under_way, progress

    def path(self, network: Key) -> Path:
        """The file of a network. Raises what its training raised."""
        if network in self._under_way:
            self._wait({network: self._under_way[network]}, f"training {Path(network.file).stem}")
        return self._folder / network.file

    def wait(self) -> None:
        """Until all are finished. Raises what a training raised."""
        self._wait(self._under_way, "training")

    def _wait(self, awaited: Mapping[Key, Future[None]], what: str) -> None:
        if not all(future.done() for future in awaited.values()):
            with self._progress.task(what, total=float(len(awaited))) as advance:
                before = 0.0
                while not all(future.done() for future in awaited.values()):
                    shares = sum(1.0 if f.done() else _share(self._folder / n.file) for n, f in awaited.items())
                    advance(max(shares - before, 0.0))
                    before = max(shares, before)
                    time.sleep(PERIOD)
        for future in awaited.values():
            future.result()


@contextmanager
def trainings(
    folder: Path, jobs: Mapping[Key, Job], progress: Progress, *, count: int = 2
) -> Generator[Trainings[Key]]:
    """Train what ``folder`` lacks, ``count`` at a time and in this order; all have finished where the block ends.

    An error inside, or Ctrl-C, ends the processes at once.
    """
    folder.mkdir(parents=True, exist_ok=True)
    missing = {network: job for network, job in jobs.items() if not (folder / network.file).exists()}
    if not missing:
        yield Trainings(folder, {}, progress)
        return
    with _workers(min(count, len(missing))) as pool:
        under_way = {
            network: pool.submit(function, str(folder / network.file), *arguments)
            for network, (function, arguments) in missing.items()
        }
        yield Trainings(folder, under_way, progress)


@contextmanager
def told(path: str) -> Generator[Tell]:
    """In a training's process: a function that is told how far it is, from 0 to 1; one thread, and no life of its own
    after the run that waits for it."""
    import torch

    torch.set_num_threads(1)
    beside = _progress_file(Path(path))

    def tell(share: float) -> None:
        beside.write_text(f"{share:.4f}", encoding="ascii")
        if (parent := multiprocessing.parent_process()) is not None and not parent.is_alive():
            raise SystemExit

    try:
        yield tell
    finally:
        beside.unlink(missing_ok=True)


def save_state(path: str, state: Mapping[str, Any]) -> None:
    """Write tensors by name (safetensors), whole or not at all."""
    from safetensors.torch import save_file

    atomic.write(Path(path), lambda file: save_file({k: v.contiguous() for k, v in state.items()}, str(file)))


@contextmanager
def _workers(count: int) -> Generator[Executor]:
    """Processes that share nothing; an error or Ctrl-C ends them at once."""
    pool = ProcessPoolExecutor(count, mp_context=multiprocessing.get_context("spawn"))
    try:
        yield pool
        pool.shutdown()
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        for process in multiprocessing.active_children():
            process.terminate()
        raise


def _progress_file(path: Path) -> Path:
    return path.with_name(f"{path.name}.progress")


def _share(path: Path) -> float:
    try:
        return float(_progress_file(path).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return 0.0
