"""Samples: what a network is evaluated on, whatever they came from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ohmloom.errors import DataError, ShapeError, message

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Samples:
    """Inputs of a network, one tensor for each of its arguments, and what its outputs are compared with."""

    inputs: tuple[Tensor, ...]  # each (samples, …)
    targets: Tensor  # (samples, …)

    def __post_init__(self) -> None:
        counts = {len(part) for part in (*self.inputs, self.targets)}
        if not self.inputs or len(counts) != 1 or not len(self.targets):
            given = f"{', '.join(str(len(part)) for part in self.inputs)} inputs, {len(self.targets)} targets"
            rule = "must hold as many targets as inputs, at least one"
            raise ShapeError(message("samples", rule, given, "Give matching tensors."))

    def __len__(self) -> int:
        return len(self.targets)

    def first(self, count: int) -> Samples:
        """At most so many."""
        return Samples(tuple(part[:count] for part in self.inputs), self.targets[:count])

    def batches(self, size: int = 100) -> Iterator[tuple[Tensor, ...]]:
        """The inputs, so many samples at a time."""
        return zip(*(part.split(size) for part in self.inputs), strict=True)


def samples(given: Samples | Iterable[Any], most: int | None = None) -> Samples:
    """Samples from a loader: an iterable of (input, …, targets) tuples, or one such tuple of whole tensors.

    ``most`` stops the loader after so many. Raises DataError for a loader that yields nothing, ShapeError for what are
    no such tuples.
    """
    import torch

    if isinstance(given, Samples):
        return given if most is None else given.first(most)
    whole = isinstance(given, tuple | list) and len(given) > 1 and all(isinstance(part, torch.Tensor) for part in given)
    found: list[tuple[Any, ...]] = []
    count = 0
    for item in [given] if whole else given:
        if not isinstance(item, tuple | list) or len(item) < 2 or not all(isinstance(p, torch.Tensor) for p in item):
            rule, remedy = "must yield (input, …, targets) tuples of tensors", "Look at what the loader yields."
            raise ShapeError(message("samples", rule, type(item).__name__, remedy))
        found.append(tuple(item))
        count += len(item[-1])
        if most is not None and count >= most:
            break
    if not found:
        remedy = "A loader can often be read only once: give a fresh one, or a list."
        raise DataError(message("samples", "must yield at least one batch", "nothing", remedy))
    if len({len(item) for item in found}) > 1:
        raise ShapeError(message("samples", "must yield tuples of one length", "several", "Look at the loader."))
    *inputs, targets = (torch.cat(parts) for parts in zip(*found, strict=True))
    held = Samples(tuple(inputs), targets)
    return held if most is None else held.first(most)


@dataclass(frozen=True)
class Task:
    """What a network is evaluated on: training inputs to calibrate with, and samples with targets."""

    calibration: tuple[Tensor, ...]  # one tensor for each of the network's arguments
    samples: Samples

    def __post_init__(self) -> None:
        ours, theirs = ([tuple(x.shape[1:]) for x in parts] for parts in (self.calibration, self.samples.inputs))
        if ours != theirs:
            rule = "must have the shapes of the test inputs"
            raise ShapeError(message("calibration", rule, f"{ours}, {theirs}", "Give inputs of one kind."))


def task(given: Any, most: int) -> Task:
    """A task from (calibration inputs, inputs, targets), where several inputs of a network stand in a tuple, or from
    two loaders of (input, …, targets) tuples, for calibration and for the samples; at most ``most`` samples.

    Raises ShapeError and DataError.
    """
    import torch

    if isinstance(given, Task):
        return Task(given.calibration, given.samples.first(most))
    if isinstance(given, tuple | list) and len(given) == 2:
        return Task(samples(given[0], 1000).inputs, samples(given[1], most))
    if not isinstance(given, tuple | list) or len(given) != 3 or not isinstance(given[2], torch.Tensor):
        rule = "must be (calibration inputs, inputs, targets) or two loaders"
        raise ShapeError(message("data", rule, type(given).__name__, "Return three tensors, or two loaders."))
    calibration, inputs = (tuple(x) if isinstance(x, tuple | list) else (x,) for x in given[:2])
    return Task(calibration, Samples(inputs, given[2]).first(most))
