"""Training in processes of their own: one network per process and core, with weights written when it is done."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Generator, Mapping
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors.torch import save_file
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


States = dict[Trained, dict[str, Tensor]]


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

    data, _ = training_set(subset, images, validation)
    state = train(data, Chip.load("neurram"), noise=noise, epochs=epochs, seed=seed, on=on, settling=settling,
                  tell=tell)  # fmt: skip
    save_file(state, f"{path}.partial")
    os.replace(f"{path}.partial", path)
    told.unlink(missing_ok=True)


def watch(futures: Mapping[Path, Future[None]], progress: Progress) -> None:
    """Wait for the trainings that write to these paths, and show how far they are."""
    with progress.task("training", total=float(len(futures))) as advance:
        before = 0.0
        while True:
            shares = [_share(future, path) for path, future in futures.items()]
            advance(sum(shares) - before)
            before = sum(shares)
            if all(future.done() for future in futures.values()):
                break
            time.sleep(0.3)
    for future in futures.values():
        future.result()


def _share(future: Future[None], path: Path) -> float:
    try:
        return 1.0 if future.done() else float(Path(f"{path}.progress").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return 0.0
