"""Training in processes of their own: one network per process and core, with weights written when it is done."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Mapping
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from pathlib import Path

import torch
from safetensors.torch import save_file

from ohmloom.data import Labelled, Subset, load
from ohmloom.experiments import Progress


def workers(count: int = 2) -> Executor:
    """Processes that share nothing, with one thread each."""
    return ProcessPoolExecutor(count, mp_context=multiprocessing.get_context("spawn"))


def training_set(subset: Subset, images: int, validation: int) -> tuple[Labelled, Labelled]:
    """``images`` training images and the validation part, neither ever the test set."""
    training, held = load("mnist", subset=subset).split(validation)
    return Labelled(training.images[:images], training.labels[:images]), held


def train_to(path: str, subset: Subset, images: int, validation: int, noise: float, epochs: int, seed: int) -> None:
    """Train one network and write its state to ``path``; its progress, a share, stands in ``path``.progress."""
    from ohmloom import Chip
    from ohmloom.systems.neurram.network import train

    torch.set_num_threads(1)
    told = Path(f"{path}.progress")

    def tell(_text: str, share: float) -> None:
        told.write_text(f"{share:.4f}", encoding="ascii")

    data, _ = training_set(subset, images, validation)
    state = train(data, Chip.load("neurram"), noise=noise, epochs=epochs, seed=seed, tell=tell)
    save_file(state, path)
    told.unlink(missing_ok=True)


def watch(futures: Mapping[str, Future[None]], paths: Mapping[str, Path], progress: Progress) -> None:
    """Wait for trainings and show how far they are; an error or Ctrl-C ends the wait."""
    with progress.task("training", total=float(len(futures))) as advance:
        before = 0.0
        while True:
            shares = [_share(future, paths[name]) for name, future in futures.items()]
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
