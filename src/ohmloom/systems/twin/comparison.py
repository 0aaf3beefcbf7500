"""All networks on unseen wave forms, in floating point, and what must do worse."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ohmloom.experiments import Figure, Findings
from ohmloom.systems.twin import truth
from ohmloom.systems.twin.baselines import ResidualNet
from ohmloom.systems.twin.measures import coverage, relative_error, warped_distance
from ohmloom.systems.twin.networks import STEP, Model, course, weights_of
from ohmloom.systems.twin.settings import (
    CONSTANT,
    COVERED,
    COVERED_ONE,
    HALVED,
    REPLAY,
    RESET,
    RESIDUAL,
    TWIN,
    on,
)


class Trial(NamedTuple):
    """Drives with what the device does under them."""

    volts: Tensor  # (samples, drives, 1)
    states: Tensor


def trial(samples: int = truth.SAMPLES) -> Trial:
    """The unseen wave forms."""
    return Trial(truth.waves(truth.TESTS, samples).float(), truth.states(truth.TESTS, samples).float())


def compare(findings: Findings, trained: dict[str, list[Model]]) -> None:
    """Record the errors of all networks and the controls in floating point."""
    whole, half = trial(), trial(2 * truth.SAMPLES)
    rows: list[tuple[str, float | int, ...]] = []
    for model, made in trained.items():
        found = [course(one, whole.states[0], whole.volts) for one in made]
        halved = [course(one, half.states[0], half.volts, STEP / 2) for one in made]
        errors = [relative_error(one, whole.states).tolist() for one in found]
        finer = _error(findings, on(model, what=HALVED), halved, half.states)
        mean = _error(findings, on(model), found, whole.states)
        for form, values in zip(truth.UNSEEN, zip(*errors, strict=True), strict=True):
            findings.figure(Figure.over(on(model, form), values, "%", "seeds"))
        warped = [warped_distance(found[0][:, n, 0].numpy(), whole.states[:, n, 0].numpy())
                  for n in range(len(truth.TESTS))]  # fmt: skip
        absolute = float((found[0] - whole.states).abs().mean())
        rows.append((model, weights_of(made[0]), mean, *errors[0], absolute, sum(warped) / len(warped), finer))
    columns = ("network", "weights", "unseen, %", *(f"{form}, %" for form in truth.UNSEEN), "mean |error|",
               "warped distance", f"{HALVED}, %")  # fmt: skip
    shown = [(*row[:2], *(round(value, 4) for value in row[2:])) for row in rows]
    findings.table("Networks on unseen wave forms", columns, shown,
                   "Mean relative errors of x, all trained on the same windows; the unseen column is the mean over "
                   "training seeds, the others are of the first. A sine of unseen amplitude and frequency counts as "
                   "unseen; dynamic time warping is per sample.")  # fmt: skip
    _controls(findings, trained, whole, half)


def _controls(findings: Findings, trained: dict[str, list[Model]], whole: Trial, half: Trial) -> None:
    """What must do worse, and what the training covers."""
    several = truth.states(truth.several()).float()
    published = truth.states((truth.PUBLISHED,)).float()
    _error(findings, on(CONSTANT), [several.mean().expand_as(whole.states)], whole.states)
    _error(findings, on(REPLAY), [published.expand_as(whole.states)], whole.states)
    _error(findings, on(TWIN, what=RESET), [_reset(one, whole) for one in trained[TWIN]], whole.states)
    residual = [one for one in trained[RESIDUAL] if isinstance(one, ResidualNet)]
    told = [one.predict(half.states[0], _first(half.volts), 0.5).detach() for one in residual]
    _error(findings, on(RESIDUAL, what=f"{HALVED} and half the update"), told, half.states)
    for name, drives, states in ((COVERED, truth.several(), several), (COVERED_ONE, (truth.PUBLISHED,), published)):
        share = coverage(whole.volts, whole.states, truth.waves(drives).float(), states)
        findings.figure(Figure.of(name, share, "%"))


def _reset(model: Model, test: Trial) -> Tensor:
    """The course of a twin whose state is put back to its start half-way."""
    middle = len(test.volts) // 2
    before = course(model, test.states[0], test.volts[: middle + 1])
    return torch.cat([before[:-1], course(model, test.states[0], test.volts[middle:])])


def _first(volts: Tensor) -> Tensor:
    """Voltages as the only stage of each step: (samples - 1, 1, trajectories, 1)."""
    return volts[:-1].unsqueeze(1)


def _error(findings: Findings, name: str, found: list[Tensor], wanted: Tensor) -> float:
    """Record the mean over wave forms, over training seeds; the mean of all."""
    values = [float(relative_error(one, wanted).mean()) for one in found]
    findings.figure(Figure.over(name, values, "%", "seeds"))
    return sum(values) / len(values)
