"""Evaluating a user's own network on a chip: convert, program, age, calibrate, run, price."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ohmloom.experiments.figures import Figure
from ohmloom.experiments.intervals import Interval
from ohmloom.experiments.metrics import METRICS, Metric
from ohmloom.experiments.progress import Progress, Silent
from ohmloom.experiments.samples import Task

if TYPE_CHECKING:
    from torch import nn

    from ohmloom.chips import Chip, Cost
    from ohmloom.devices import Device
    from ohmloom.nn import ProgramReport, Summary


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
    data: Task,
    *,
    judge: Metric = METRICS["accuracy"],
    dies: int = 3,
    age: str = "1 day",
    seed: int = 0,
    samples: int = 500,
    rules: Mapping[str, Mapping[str, object]] | None = None,
    progress: Progress | None = None,
) -> Evaluation:
    """How good ``model`` is, by ``judge``, in software and on ``dies`` dies of ``chip``, with its cost.

    Input ranges are calibrated on the first ``samples`` of ``data.calibration`` before programming; converter ranges
    and corrections on each die at ``age``. Batches hold 100 inputs. Raises ShapeError and what conversion,
    programming, calibration and the metric raise.
    """
    import torch

    import ohmloom as ol  # torch and all floors below, only when they are used

    def value() -> float:
        with torch.no_grad():
            outputs = torch.cat([hardware(*batch) for batch in data.samples.batches()])
        return judge(outputs, data.samples.targets)

    progress = progress or Silent()
    with progress.task("on the chip", total=2 * dies + 3) as advance:
        hardware = ol.convert(model.eval(), chip, rules)
        software = value()
        advance(1, "programming")
        calibrate(hardware, data, samples)
        programming = ol.program(hardware, seed=seed, dies=dies)
        if chip.device.retention.kind != "none" or age != "0 s":  # type: ignore[attr-defined]
            ol.age(hardware, age)
        before, after = [], []
        for die in range(dies):
            ol.select(hardware, die)
            before.append(value())
            advance(1, "uncalibrated")
        calibrate(hardware, data, samples)
        for die in range(dies):
            ol.select(hardware, die)
            after.append(value())
            advance(1, "calibrated")
        ol.select(hardware, 0)
        with ol.Ledger() as ledger, torch.no_grad():
            hardware(*next(data.samples.batches(20)))
        advance(1)
    return Evaluation(
        Figure.of(f"{judge.name} in software", software, judge.unit),
        Figure.over(f"{judge.name} on the chip after {age}", after, judge.unit, "dies"),
        Figure.over("the same without corrections", before, judge.unit, "dies"),
        programming,
        ol.cost(ledger, hardware),
        ol.summary(hardware),
    )


def calibrate(hardware: nn.Module, data: Task, samples: int = 500) -> None:
    """Calibrate on the first ``samples`` of a task's calibration inputs."""
    import ohmloom as ol

    ol.calibrate(hardware, [data.calibration], samples=samples, arguments=len(data.calibration))


def evaluate_draws(
    model: nn.Module,
    chip: Chip,
    draws: Sequence[Device],
    data: Task,
    *,
    judge: Metric = METRICS["accuracy"],
    age: str = "1 day",
    seed: int = 0,
    samples: int = 500,
    level: float = 0.95,
    progress: Progress | None = None,
) -> Figure:
    """How good the model is on one die of each of ``draws``, devices fitted to resamples of the measured cells.

    Every die has the same seed, so that what differs is the device: the interval, between percentiles of the draws, is
    what the fit's own uncertainty leaves open.
    """
    progress = progress or Silent()
    found = []
    for draw in progress.track(draws, "draws of the fit"):
        whole = evaluate(
            model, chip.replace(device=draw), data, judge=judge, dies=1, age=age, seed=seed, samples=samples
        )
        found.append(whole.chip.value)
    figure = Figure.over(f"{judge.name} after {age}, over draws of the fit", found, judge.unit, "draws")
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
