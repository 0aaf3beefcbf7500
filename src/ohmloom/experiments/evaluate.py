"""Evaluating a user's own classifier on a chip: convert, program, age, calibrate, run, price."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from ohmloom.errors import ShapeError, message
from ohmloom.experiments.figures import Figure
from ohmloom.experiments.intervals import Interval
from ohmloom.experiments.progress import Progress, Silent

if TYPE_CHECKING:
    from torch import Tensor, nn

    from ohmloom.chips import Chip, Cost
    from ohmloom.devices import Device
    from ohmloom.nn import ProgramReport, Summary


class Classified(NamedTuple):
    """What a classifier is evaluated on: training inputs to calibrate with, test inputs and their classes."""

    calibration: Tensor  # (samples, …)
    inputs: Tensor  # (test samples, …)
    labels: Tensor  # (test samples,) int64


@dataclass(frozen=True)
class Evaluation:
    """What came out."""

    software: Figure  # the user's own arithmetic
    chip: Figure  # over dies
    uncalibrated: Figure
    programming: ProgramReport
    cost: Cost
    summary: Summary


def evaluate(
    model: nn.Module,
    chip: Chip,
    data: Classified,
    *,
    dies: int = 3,
    age: str = "1 day",
    seed: int = 0,
    samples: int = 500,
    rules: Mapping[str, Mapping[str, object]] | None = None,
    progress: Progress | None = None,
) -> Evaluation:
    """Accuracy in per cent of ``model`` in software and on ``dies`` dies of ``chip``, with its cost.

    Input ranges are calibrated on the first ``samples`` of ``data.calibration`` before programming; converter ranges
    and corrections on each die at ``age``. Batches hold 100 inputs. Raises ShapeError and what conversion,
    programming and calibration raise.
    """
    import ohmloom as ol  # torch and all floors below, only when they are used

    _check(data)
    progress = progress or Silent()
    with progress.task("on the chip", total=2 * dies + 3) as advance:
        hardware = ol.convert(model.eval(), chip, rules)
        software = _accuracy(hardware, data)
        advance(1, "programming")
        ol.calibrate(hardware, data.calibration, samples=samples)
        programming = ol.program(hardware, seed=seed, dies=dies)
        if chip.device.retention.kind != "none" or age != "0 s":  # type: ignore[attr-defined]
            ol.age(hardware, age)
        before, after = [], []
        for die in range(dies):
            ol.select(hardware, die)
            before.append(_accuracy(hardware, data))
            advance(1, "uncalibrated")
        ol.calibrate(hardware, data.calibration, samples=samples)
        for die in range(dies):
            ol.select(hardware, die)
            after.append(_accuracy(hardware, data))
            advance(1, "calibrated")
        ol.select(hardware, 0)
        with ol.Ledger() as ledger:
            hardware(data.inputs[:20])
        advance(1)
    return Evaluation(
        Figure.of("accuracy in software", software, "%"),
        Figure.over(f"accuracy on the chip after {age}", after, "%", "dies"),
        Figure.over("the same without corrections", before, "%", "dies"),
        programming,
        ol.cost(ledger, hardware),
        ol.summary(hardware),
    )


def evaluate_draws(
    model: nn.Module,
    chip: Chip,
    draws: Sequence[Device],
    data: Classified,
    *,
    age: str = "1 day",
    seed: int = 0,
    samples: int = 500,
    level: float = 0.95,
    progress: Progress | None = None,
) -> Figure:
    """The accuracy in per cent on one die of each of ``draws``, devices fitted to resamples of the measured cells.

    Every die has the same seed, so that what differs is the device: the interval, between percentiles of the draws, is
    what the fit's own uncertainty leaves open.
    """
    progress = progress or Silent()
    found = []
    for draw in progress.track(draws, "draws of the fit"):
        whole = evaluate(model, chip.replace(device=draw), data, dies=1, age=age, seed=seed, samples=samples)
        found.append(whole.chip.value)
    figure = Figure.over(f"accuracy after {age}, over draws of the fit", found, "%", "draws")
    known = [value for value in found if value is not None]
    if len(known) < max(2, len(found)):
        return figure
    low, high = (quantile(known, share) for share in ((1 - level) / 2, (1 + level) / 2))
    return figure.replace(interval=Interval(low=low, high=high, level=level, method="percentiles of the draws"))


def quantile(values: Sequence[float], share: float) -> float:
    """Linear between the sorted values.

    >>> quantile([3.0, 1.0, 2.0], 0.75)
    2.5
    """
    known = sorted(values)
    place = share * (len(known) - 1)
    left = min(int(place), len(known) - 2)
    return known[left] + (place - left) * (known[left + 1] - known[left])


def _accuracy(hardware: nn.Module, data: Classified, batch: int = 100) -> float:
    import torch

    with torch.no_grad():
        hits = sum(
            int((hardware(x).argmax(-1) == y).sum())
            for x, y in zip(data.inputs.split(batch), data.labels.split(batch), strict=True)
        )
    return 100 * hits / len(data.labels)


def _check(data: Classified) -> None:
    if len(data.inputs) != len(data.labels) or len(data.inputs) == 0:
        rule = "must hold as many inputs as labels, at least one"
        given = f"{len(data.inputs)} inputs, {len(data.labels)} labels"
        raise ShapeError(message("data", rule, given, "Give matching tensors."))
    if data.calibration.shape[1:] != data.inputs.shape[1:]:
        rule = "must have the shape of the test inputs"
        given = f"{tuple(data.calibration.shape[1:])}, {tuple(data.inputs.shape[1:])}"
        raise ShapeError(message("data.calibration", rule, given, "Give inputs of one kind."))
