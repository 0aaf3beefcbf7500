"""Twins in arrays whose converters were trimmed on sines of the training."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from ohmloom.codesign.neural_ode import DrivenODE, Measured, solve_dies, trim
from ohmloom.experiments import Context, Figure
from ohmloom.random import Streams
from ohmloom.systems.twin import hp_truth as truth
from ohmloom.systems.twin.arrays import place
from ohmloom.systems.twin.hp_claims import on, trimmed
from ohmloom.systems.twin.hp_comparison import answers, trial
from ohmloom.systems.twin.hp_networks import COARSE, TASK
from ohmloom.systems.twin.networks import Model, Networks, preset
from ohmloom.systems.twin.settings import AWARE, TESTED, TWIN


def trimming(context: Context[Any], networks: Networks) -> None:
    """Record the errors of the first seed's twins on the same dies as without trimming."""
    todo = [(model, noise) for model in (TWIN, AWARE) for noise in TESTED]
    for model, noise in context.progress.track(todo, "trimming", total=len(todo)):
        values = context.findings.arm(
            f"trimmed/{model.replace(' ', '-')}/{noise:g}",
            lambda m=networks[model][0], n=noise: _on_dies(m, n, Streams(context.seed), context.settings.dies),
        )
        context.findings.figure(Figure.over(on(model, trimmed(noise)), values, "%", "dies"))


def _on_dies(model: Model, noise: float, streams: Streams, dies: int) -> list[float]:
    assert isinstance(model, DrivenODE)
    held = [matrix.effective() for matrix in place(model, preset(noise), streams.child("arrays"), dies).matrices]
    test = trial()
    drives = trim(model, held, measured()).drives(test.signal.to(held[0]))
    found: Tensor = solve_dies(model, held, test.start, drives, TASK.step)
    return test.judge(found).tolist()


def measured() -> Measured:
    """Every third of the training's sines, of fewer samples: what a die is measured on."""
    records = answers(truth.several()[::3], truth.SAMPLES // COARSE)
    return Measured(records.volts, records.states, COARSE * TASK.step)
