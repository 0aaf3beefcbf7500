"""Twins in arrays of several cells a weight, as written and after their converters were trimmed on sines."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

from ohmloom.codesign.neural_ode import DrivenODE, Measured, Trim, hold, solve_dies, trim
from ohmloom.experiments import Context
from ohmloom.random import Streams
from ohmloom.systems.twin import hp_truth as truth
from ohmloom.systems.twin.arrays import CIRCUIT, at_noise, over_dies
from ohmloom.systems.twin.hp_claims import on, variant
from ohmloom.systems.twin.hp_comparison import answers, trial
from ohmloom.systems.twin.hp_networks import TASK
from ohmloom.systems.twin.networks import Model, Networks, preset
from ohmloom.systems.twin.settings import AWARE, CELLS, MILD, TESTED, TWIN

THINNED = 10  # samples of the others in one of those that a die is measured on
HALVES = 2  # of a pair of cells
TWINS = (TWIN, AWARE, MILD)


class Variant(NamedTuple):
    """A twin on dies of a write noise: ``cells`` in parallel for each half of a pair, trimmed or as written."""

    model: str
    noise: float
    cells: int
    trimmed: bool

    @property
    def what(self) -> str:
        return variant(self.noise, self.cells, self.trimmed)


def trimming(context: Context[Any], networks: Networks) -> None:
    """Record the errors with several cells a weight, and with trimmed converters, beside those of `write_noise`."""
    todo = [Variant(model, noise, cells, mended) for model in TWINS for cells in (1, CELLS) for mended in (False, True)
            for noise in TESTED if model == MILD or cells > 1 or mended]  # fmt: skip
    for one in context.progress.track(todo, "cells and trimming", total=len(todo)):
        compute = partial(_on_dies, wanted=one, dies=context.settings.dies)
        over_dies(context, networks[one.model], compute, one.what, name=on(one.model, one.what), unit="%",
                  model=one.model)  # fmt: skip
    figures = context.findings.result.figures
    rows = [(model, cells * HALVES * TASK.weights, "trimmed" if mended else "as written",
             *(figures[on(model, variant(noise, cells, mended))].value for noise in TESTED))
            for model in TWINS for cells in (1, CELLS) for mended in (False, True)]  # fmt: skip
    columns = ("twin", "cells", "dies", *(f"{at_noise(noise)}, %" for noise in TESTED))
    context.findings.table("What bears write noise, and its cost in cells", columns, rows,
                           "Mean relative error on unseen wave forms, over dies or training seeds. Trimmed: gain and "
                           "offset of the converter that drives a die, found on sines of the training.")  # fmt: skip


def _on_dies(model: Model, streams: Streams, *, wanted: Variant, dies: int) -> list[float]:
    assert isinstance(model, DrivenODE)
    held = hold(model, preset(wanted.noise), CIRCUIT, streams.child("arrays"), dies=dies, cells=wanted.cells)
    test = trial()
    signal = test.signal.to(held[0])
    same = Trim(held[0].new_ones(dies), held[0].new_zeros(dies))
    drives = (trim(model, held, measured()) if wanted.trimmed else same).drives(signal)
    return test.judge(solve_dies(model, held, test.start, drives, TASK.step)).tolist()


def measured() -> Measured:
    """Every third of the training's sines, of fewer samples: what a die is measured on."""
    records = answers(truth.several()[::3], truth.SAMPLES // THINNED)
    return Measured(records.volts, records.states, THINNED * TASK.step)
