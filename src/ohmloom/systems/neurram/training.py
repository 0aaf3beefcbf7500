"""Training in processes of their own: one network per process and core, with weights written when it is done."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from ohmloom.data import Labelled, Subset, load
from ohmloom.experiments import Progress
from ohmloom.systems.neurram.network import Disturbed


class Trained(NamedTuple):
    """One network of a run: its seed, its training noise, and what that was added to."""

    seed: int
    noise: float
    on: Disturbed = "weights"

    @property
    def file(self) -> str:
        """Its name in the run's folder."""
        return f"seed-{self.seed}-{'noise' if self.on == 'weights' else self.on}-{self.noise:g}.safetensors"


State = dict[str, Tensor]
States = Mapping[Trained, State]


@contextmanager
def workers(count: int = 2) -> Generator[Executor]:
    """Processes that share nothing; an error or Ctrl-C ends them at once."""
    pool = ProcessPoolExecutor(count, mp_context=multiprocessing.get_context("spawn"))
    try:
        yield pool
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        for process in multiprocessing.active_children():
            process.terminate()
        raise
    pool.shutdown()


def training_set(subset: Subset, images: int, validation: int) -> tuple[Labelled, Labelled]:
    """``images`` training images and the validation part, neither ever the test set."""
    training, held = load("mnist", subset=subset).split(validation)
    return Labelled(training.images[:images], training.labels[:images]), held


def train_to(
    path: str, subset: Subset, images: int, validation: int, noise: float, epochs: int, seed: int,
    on: Disturbed = "weights", settling: int = 30,
) -> None:  # fmt: skip
    """Train one network and write its state to ``path``, whole or not at all; how far it is stands beside it."""
    from ohmloom import Chip
    from ohmloom.systems.neurram.network import train

    torch.set_num_threads(1)
    told = Path(f"{path}.progress")

    def tell(_text: str, share: float) -> None:
        told.write_text(f"{share:.4f}", encoding="ascii")
        if (parent := multiprocessing.parent_process()) is not None and not parent.is_alive():
            raise SystemExit  # nobody waits for this network any more

    data, _ = training_set(subset, images, validation)
    state = train(data, Chip.load("neurram"), noise=noise, epochs=epochs, seed=seed, on=on, settling=settling,
                  tell=tell)  # fmt: skip
    save_file(state, f"{path}.partial")
    os.replace(f"{path}.partial", path)
    told.unlink(missing_ok=True)


class Trainings(States):
    """Networks that are trained in other processes: asking for one waits until it is finished, and shows how far it is.

    They come in the order in which they were ordered.
    """

    def __init__(
        self, folder: Path, wanted: Sequence[Trained], under_way: Mapping[Trained, Future[None]], progress: Progress
    ) -> None:
        self._folder, self._wanted, self._under_way, self._progress = folder, wanted, under_way, progress
        self._load = cache(load_file)

    def __getitem__(self, network: Trained) -> State:
        if network not in self._wanted:
            raise KeyError(network)
        path = self._folder / network.file
        if (future := self._under_way.get(network)) is not None:
            self._wait(path, future)
        return self._load(path)

    def __iter__(self) -> Iterator[Trained]:
        return iter(self._wanted)

    def __len__(self) -> int:
        return len(self._wanted)

    def _wait(self, path: Path, future: Future[None]) -> None:
        if not future.done():
            with self._progress.task(f"training {path.stem}", total=1.0) as advance:
                before = 0.0
                while not future.done():
                    share = max(before, _share(path))
                    advance(share - before)
                    before = share
                    time.sleep(0.3)
        future.result()


@contextmanager
def trainings(
    folder: Path, wanted: Sequence[Trained], size: tuple[Subset, int, int], epochs: int, progress: Progress
) -> Generator[Trainings]:
    """Train those of ``wanted`` that ``folder`` lacks, two at a time, while other work goes on.

    ``size`` is the subset of MNIST, its training images and its validation images.
    """
    folder.mkdir(exist_ok=True)
    missing = [network for network in wanted if not (folder / network.file).exists()]
    if not missing:
        yield Trainings(folder, wanted, {}, progress)
        return
    with workers() as pool:
        under_way = {
            one: pool.submit(train_to, str(folder / one.file), *size, one.noise, epochs, one.seed, one.on)
            for one in missing
        }
        yield Trainings(folder, wanted, under_way, progress)


def _share(path: Path) -> float:
    try:
        return float(Path(f"{path}.progress").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return 0.0
