"""Twins in arrays of several cells a weight, as written and after their converters were trimmed on sines."""

from __future__ import annotations

from functools import partial
from typing import Any

from ohmloom.codesign.neural_ode import DrivenODE, Measured, hold, solve_dies, trim
from ohmloom.experiments import Context
from ohmloom.random import Streams
from ohmloom.systems.twin import hp_truth as truth
from ohmloom.systems.twin.arrays import CIRCUIT, at_noise, over_dies
from ohmloom.systems.twin.hp_claims import on, trimmed
from ohmloom.systems.twin.hp_comparison import answers, trial
from ohmloom.systems.twin.hp_networks import TASK
from ohmloom.systems.twin.networks import Model, Networks, preset
from ohmloom.systems.twin.settings import AWARE, NOISY, PARALLEL, TESTED, TWIN

THINNED = 10  # samples of the others in one of those that a die is measured on
HALVES = 2  # of a pair of cells
TWINS = (TWIN, AWARE, PARALLEL)


def trimming(context: Context[Any], networks: Networks) -> None:
    """Record the errors with several cells a weight, and with trimmed converters, beside those of `write_noise`."""
    todo = [(model, noise, True) for model in TWINS for noise in TESTED] + [(PARALLEL, n, False) for n in TESTED]
    for model, noise, mended in context.progress.track(todo, "cells and trimming", total=len(todo)):
        what = _what(noise, mended)
        compute = partial(_on_dies, noise=noise, mended=mended, cells=_cells(model), dies=context.settings.dies)
        over_dies(context, networks[model], compute, what, name=on(model, what), unit="%", model=model)
    figures = context.findings.result.figures
    rows = [(model, "trimmed" if mended else "as written", _cells(model) * HALVES * TASK.weights,
             *(figures[on(model, _what(noise, mended))].value for noise in TESTED))
            for model in TWINS for mended in (False, True)]  # fmt: skip
    columns = ("twin", "dies", "cells", *(f"{at_noise(noise)}, %" for noise in TESTED))
    context.findings.table("What bears write noise, and its cost in cells", columns, rows,
                           "Mean relative error on unseen wave forms, over dies or training seeds. Trimmed: gain and "
                           "offset of the converter that drives a die, found on sines of the training.")  # fmt: skip


def _what(noise: float, mended: bool) -> str:
    return trimmed(noise) if mended else at_noise(noise)


def _cells(model: str) -> int:
    return NOISY.get(model, 1)


def _on_dies(model: Model, streams: Streams, *, noise: float, mended: bool, cells: int, dies: int) -> list[float]:
    assert isinstance(model, DrivenODE)
    held = hold(model, preset(noise), CIRCUIT, streams.child("arrays"), dies=dies, cells=cells)
    test = trial()
    signal = test.signal.to(held[0])
    drives = trim(model, held, measured()).drives(signal) if mended else signal.unsqueeze(1).expand(-1, dies, -1, -1)
    return test.judge(solve_dies(model, held, test.start, drives, TASK.step)).tolist()


def measured() -> Measured:
    """Every third of the training's sines, of fewer samples: what a die is measured on."""
    records = answers(truth.several()[::3], truth.SAMPLES // THINNED)
    return Measured(records.volts, records.states, THINNED * TASK.step)
