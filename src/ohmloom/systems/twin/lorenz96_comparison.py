"""All networks on unseen starts, in floating point: how long each is right, and whether its climate is."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from ohmloom.codesign.neural_ode import DrivenODE, Weights
from ohmloom.dynamics import RungeKutta4, largest_exponent
from ohmloom.experiments import Context, Figure, t_interval
from ohmloom.random import Streams
from ohmloom.systems.twin import lorenz96_truth as truth
from ohmloom.systems.twin.arrays import Trial, at_noise, course_in_arrays, place
from ohmloom.systems.twin.lorenz96_claims import (
    CLIMATOLOGY,
    FRESH,
    HALVED,
    IN_ARRAYS,
    PERSISTENCE,
    TRUE_EXPONENT,
    UNIT,
    absolute,
    exponent_error,
    longest,
    moved,
    valid,
)
from ohmloom.systems.twin.lorenz96_settings import TASK, LorenzSettings, training
from ohmloom.systems.twin.measures import histogram, total_variation, valid_samples
from ohmloom.systems.twin.networks import Model, Networks, course, preset, weights_of
from ohmloom.systems.twin.settings import AWARE, TWIN, WRITE

TURN = 5  # samples between the turns of a neighbouring course
SPAN = (-4.0, 4.0)  # of histograms, in deviations
SETTLED = 100  # samples of a long run that are left out
SHOWN = 50  # training records of which L1 is reported


class Answers(NamedTuple):
    """Courses of the truth, standardised, from starts of their own."""

    states: Tensor  # (samples + 1, starts, states), double precision
    exponent: float  # largest, per unit of the equation's time

    @property
    def start(self) -> Tensor:
        return self.states[0]

    def lyapunov_times(self, samples: Tensor) -> Tensor:
        """A number of samples in Lyapunov times."""
        return samples * truth.INTERVAL * self.exponent


class Study:
    """One run: its scale, its unseen courses, and the exponent of the truth."""

    def __init__(self, context: Context[LorenzSettings]) -> None:
        settings = context.settings
        self.context, self.settings, self.findings = context, settings, context.findings
        self.streams = Streams(context.seed).child("lorenz96")
        self.scale = truth.Scale.of(training(settings, context.seed))
        self.exponent = float(context.findings.arm("exponent/truth", self._true_exponent))
        self.tests, self.validation = (self._answers(name) for name in ("tests", "validation"))

    def _answers(self, name: str) -> Answers:
        states = truth.courses(self.settings.starts, self.settings.horizon, self.streams.child(name))
        return Answers(self.scale.standard(states), self.exponent)

    def _true_exponent(self) -> float:
        start = truth.courses(self.settings.runs, 1, self.streams.child("exponent"))[0]
        return float(self._exponents(lambda state: truth.advance(state, TURN), start).mean())

    def _exponents(self, advance: Any, start: Tensor) -> Tensor:
        return largest_exponent(advance, start, TURN * truth.INTERVAL, self.settings.rounds,
                                self.streams.generator("neighbours"))  # fmt: skip

    def exponent_of(self, model: DrivenODE, weights: Weights) -> float:
        """The mean of a twin's exponents from unseen starts, per unit of the equation's time."""
        stages = _no_signal(TURN, len(RungeKutta4.nodes)).double()

        def advance(state: Tensor) -> Tensor:
            with torch.no_grad():
                return model.solve(state, stages, TASK.step, weights=weights)[-1]

        return float(self._exponents(advance, self.tests.start[: self.settings.runs]).mean())

    def trial(self) -> Trial:
        """The unseen starts, for twins in arrays."""
        tests = self.tests

        def judge(found: Tensor) -> Tensor:
            return tests.lyapunov_times(valid_samples(found, tests.states)).mean(-1)

        bounds = {"ln(1 / ε) / λ": lambda noise: longest(noise) if noise else None}
        return Trial(TASK, tests.start.float(), self.signal(self.settings.horizon), judge, valid, UNIT,
                     f"valid time, {UNIT}", bounds=bounds)  # fmt: skip

    def signal(self, samples: int) -> Tensor:
        """No signal at all, for so many samples: (samples + 1, 1, 0)."""
        return torch.empty(samples + 1, 1, 0)


def _no_signal(steps: int, stages: int) -> Tensor:
    return torch.empty(steps, stages, 1, 0)


def compare(study: Study, networks: Networks) -> None:
    """Record how long each network is right from unseen starts."""
    rows = []
    horizon = study.settings.horizon
    for model, made in networks.items():
        figures = []
        for name, answers in ((valid(model, "validation"), study.validation), (valid(model), study.tests)):
            found = [course(one, answers.start.float(), study.signal(horizon), TASK.step) for one in made]
            figures.append(_recorded(study, name, found, answers))
        rows.append((model, weights_of(made[0]), *(round(value, 3) for value in figures)))
    tests = study.tests
    for name, guess in ((PERSISTENCE, tests.start), (CLIMATOLOGY, torch.zeros(TASK.states))):
        rows.append((name, 0, None, round(_recorded(study, valid(name), [guess.expand_as(tests.states)], tests), 3)))
    _halved(study, networks[TWIN])
    columns = ("forecast", "weights", f"validation, {UNIT}", f"unseen, {UNIT}")
    study.findings.table("Networks from unseen starts", columns, rows,
                         "Time until the error exceeds 0.4 deviations, mean of "
                         f"{study.settings.starts} starts; the twin in floating point is the digital neural "
                         "differential equation.")  # fmt: skip


def _recorded(study: Study, name: str, found: list[Tensor], answers: Answers) -> float:
    """Record the valid time over training seeds, or with the interval over starts if there is one seed only."""
    times = [answers.lyapunov_times(valid_samples(one.double(), answers.states)) for one in found]
    means = [float(of_seed.mean()) for of_seed in times]
    if len(means) > 1:
        study.findings.figure(Figure.over(name, means, UNIT, "seeds"))
    else:
        study.findings.figure(Figure.of(name, means[0], UNIT, interval=t_interval(times[0].tolist())))
    return sum(means) / len(means)


def _halved(study: Study, made: list[Model]) -> None:
    """The same equation by half the solver's step."""
    signal = study.signal(2 * study.settings.horizon)
    found = [course(one, study.tests.start.float(), signal, TASK.step / 2)[::2] for one in made]
    _recorded(study, valid(TWIN, HALVED), found, study.tests)


def point_errors(study: Study, networks: Networks) -> None:
    """Record mean absolute errors along training records and as they go on: figures of the publication's kind."""
    length = study.settings.length
    states = study.scale.standard(training(study.settings, study.context.seed, 2 * length))[:, :SHOWN]
    for model, made in networks.items():
        for where, part in (("along training records", states[: length + 1]), ("as they go on", states[length:])):
            found = course(made[0], part[0].float(), study.signal(length), TASK.step)
            study.findings.figure(Figure.of(absolute(model, where), float((found - part).abs().mean()), "deviations"))


def climates(study: Study, networks: Networks) -> dict[str, Tensor]:
    """Record long runs' histograms against the truth's; some of the runs, for pictures."""
    settings = study.settings
    signal = study.signal(settings.span)
    true, fresh = (study.scale.standard(truth.courses(settings.runs, settings.span, study.streams.child(name)))
                   for name in ("climate", "other climate"))  # fmt: skip
    start = true[0].float()
    runs = {model: course(made[0], start, signal, TASK.step) for model, made in networks.items()}
    trial = Trial(TASK, start, signal, lambda found: found, valid, UNIT, "")
    in_arrays = course_in_arrays(networks[AWARE][0], preset(WRITE), trial, study.streams.child("climate"))[:, 0]
    wanted = histogram(true[SETTLED:], *SPAN)
    named = {FRESH: fresh, CLIMATOLOGY: torch.zeros_like(true), **runs}
    for model, states in named.items():
        distance = total_variation(wanted, histogram(states[SETTLED:], *SPAN))
        study.findings.figure(Figure.of(moved(model), distance, "%"))
    distance = total_variation(wanted, histogram(in_arrays[SETTLED:], *SPAN))
    study.findings.figure(Figure.of(moved(AWARE, at_noise(WRITE)), distance, "%"))
    return {"truth": true, TWIN: runs[TWIN], f"{AWARE}, {IN_ARRAYS}": in_arrays,
            **{model: run for model, run in runs.items() if model not in (TWIN, AWARE)}}  # fmt: skip


def exponents(study: Study, networks: Networks) -> None:
    """Record largest Lyapunov exponents: of the truth, of both twins, and of each die."""
    study.findings.figure(Figure.of(TRUE_EXPONENT, study.exponent, "per unit of time"))
    found: dict[str, list[float]] = {}
    for model in (TWIN, AWARE):
        made = [one for one in networks[model] if isinstance(one, DrivenODE)]
        found[exponent_error(model)] = study.findings.arm(f"exponent/{model.replace(' ', '-')}", lambda m=made: [
            study.exponent_of(one, [weight.double() for weight in one.weights]) for one in m])  # fmt: skip
    for name, values in found.items():
        study.findings.figure(Figure.over(name, _errors(values, study.exponent), "%", "seeds"))
    twin = networks[AWARE][0]
    values = study.findings.arm("exponent/dies", lambda: _of_dies(study, twin))
    name = exponent_error(AWARE, at_noise(WRITE))
    study.findings.figure(Figure.over(name, _errors(values, study.exponent), "%", "dies"))


def _of_dies(study: Study, model: Model) -> list[float]:
    """The exponents of the loop on each die, which solves the learned equation with the weights that its cells hold."""
    assert isinstance(model, DrivenODE)
    dies = study.settings.dies
    held = [matrix.effective() for matrix in place(model, preset(WRITE), study.streams.child("dies"), dies).matrices]
    return [study.exponent_of(model, [weight[die] for weight in held]) for die in range(dies)]


def _errors(values: list[float], wanted: float) -> list[float]:
    return [100 * abs(value / wanted - 1) for value in values]
