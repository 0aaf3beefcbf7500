"""All networks on unseen wave forms, in floating point, and what must do worse."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ohmloom.experiments import Figure, Findings
from ohmloom.systems.twin import hp_truth as truth
from ohmloom.systems.twin.arrays import Trial
from ohmloom.systems.twin.baselines import ResidualNet
from ohmloom.systems.twin.hp_claims import (
    CONSTANT,
    COVERED,
    COVERED_ONE,
    HALVED,
    REPLAY,
    RESET,
    TOLD,
    VALIDATION,
    on,
)
from ohmloom.systems.twin.hp_networks import TASK
from ohmloom.systems.twin.measures import coverage, relative_error, warped_distance
from ohmloom.systems.twin.networks import Model, Networks, course, weights_of
from ohmloom.systems.twin.settings import RESIDUAL, TWIN


class Answers(NamedTuple):
    """Drives with what the device does under them."""

    volts: Tensor  # (samples, drives, 1)
    states: Tensor

    @property
    def start(self) -> Tensor:
        return self.states[0]


def answers(drives: tuple[truth.Drive, ...] = truth.TESTS, samples: int = truth.SAMPLES) -> Answers:
    """The device under ``drives``: by default the unseen wave forms."""
    return Answers(truth.waves(drives, samples).float(), truth.states(drives, samples).float())


def trial() -> Trial:
    """The unseen wave forms, for twins in arrays."""
    test = answers()
    return Trial(TASK, test.start, test.volts, lambda found: relative_error(found, test.states.double()).mean(-1), on,
                 "%", "mean relative error, %", {"acceptance at 5 %": 10.0}, logarithmic=True)  # fmt: skip


def compare(findings: Findings, trained: Networks) -> None:
    """Record the errors of all networks and the controls in floating point."""
    whole, half, validation = answers(), answers(samples=2 * truth.SAMPLES), answers(truth.VALIDATION)
    rows = []
    for model, made in trained.items():
        found = _courses(made, whole)
        errors = [relative_error(one, whole.states).tolist() for one in found]
        chosen = _error(findings, on(model, form=VALIDATION), _courses(made, validation), validation.states)
        mean = _error(findings, on(model), found, whole.states)
        finer = _error(findings, on(model, HALVED), _courses(made, half, TASK.step / 2), half.states)
        for form, values in zip(truth.UNSEEN, zip(*errors, strict=True), strict=True):
            findings.figure(Figure.over(on(model, form=form), values, "%", "seeds"))
        warped = [warped_distance(found[0][:, n, 0].numpy(), whole.states[:, n, 0].numpy())
                  for n in range(len(truth.TESTS))]  # fmt: skip
        absolute = float((found[0] - whole.states).abs().mean())
        shares = (chosen, mean, *errors[0], finer, _of_current(found[0], whole))
        rows.append((model, weights_of(made[0]), *(round(share, 2) for share in shares), round(absolute, 4),
                     round(sum(warped) / len(warped), 4)))  # fmt: skip
    columns = ("network", "weights", f"{VALIDATION}, %", "unseen, %", *(f"{form}, %" for form in truth.UNSEEN),
               f"unseen, {HALVED}, %", "current, %", "mean |error|", "warped distance")  # fmt: skip
    findings.table("Networks on unseen wave forms", columns, rows,
                   "Mean relative errors of x, all trained on the same sines; single wave forms and what stands right "
                   "of half the step are of the first training seed. A sine of unseen amplitude "
                   "and frequency counts as unseen. Current: the summed error over the summed current, both without "
                   "sign; dynamic time warping is per sample.")  # fmt: skip
    _controls(findings, trained, whole, half)


def _of_current(found: Tensor, test: Answers) -> float:
    """Σ |i - i_true| / Σ |i_true| over samples and wave forms, per cent, with the current that each state lets flow."""
    wanted = truth.DEVICE.current(test.states, test.volts)
    return 100 * float((truth.DEVICE.current(found, test.volts) - wanted).abs().sum() / wanted.abs().sum())


def _courses(made: list[Model], test: Answers, step: float = TASK.step) -> list[Tensor]:
    return [course(one, test.start, test.volts, step) for one in made]


def _controls(findings: Findings, trained: Networks, whole: Answers, half: Answers) -> None:
    """What must do worse, and what the training covers."""
    several, published = answers(truth.several()), answers((truth.PUBLISHED,))
    _error(findings, on(CONSTANT), [several.states.mean().expand_as(whole.states)], whole.states)
    _error(findings, on(REPLAY), [published.states.expand_as(whole.states)], whole.states)
    _error(findings, on(TWIN, RESET), [_reset(one, whole) for one in trained[TWIN]], whole.states)
    residual = [one for one in trained[RESIDUAL] if isinstance(one, ResidualNet)]
    told = [one.predict(half.start, _first(half.volts), 0.5) for one in residual]
    _error(findings, on(RESIDUAL, TOLD), told, half.states)
    for name, seen in ((COVERED, several), (COVERED_ONE, published)):
        findings.figure(Figure.of(name, coverage(whole.volts, whole.states, seen.volts, seen.states), "%"))


def _reset(model: Model, test: Answers) -> Tensor:
    """The course of a twin whose state is put back to its start half-way."""
    middle = len(test.volts) // 2
    before = course(model, test.start, test.volts[: middle + 1], TASK.step)
    return torch.cat([before[:-1], course(model, test.start, test.volts[middle:], TASK.step)])


def _first(volts: Tensor) -> Tensor:
    """Voltages as the only stage of each step: (samples - 1, 1, trajectories, 1)."""
    return volts[:-1].unsqueeze(1)


def _error(findings: Findings, name: str, found: list[Tensor], wanted: Tensor) -> float:
    """Record the mean over wave forms, over training seeds; the mean of all."""
    values = [float(relative_error(one, wanted).mean()) for one in found]
    findings.figure(Figure.over(name, values, "%", "seeds"))
    return sum(values) / len(values)
