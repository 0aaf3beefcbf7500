"""Pictures: the twin over the truth in time, its phase portrait, its histogram."""

from __future__ import annotations

from itertools import islice
from typing import Any

import torch
from torch import Tensor

from ohmloom.systems.twin import lorenz96_truth as truth
from ohmloom.systems.twin.arrays import course_in_arrays
from ohmloom.systems.twin.lorenz96_claims import IN_ARRAYS, UNIT
from ohmloom.systems.twin.lorenz96_comparison import SETTLED, SPAN, Study
from ohmloom.systems.twin.lorenz96_settings import TASK
from ohmloom.systems.twin.measures import histogram
from ohmloom.systems.twin.networks import Networks, course, preset
from ohmloom.systems.twin.settings import AWARE, LSTM, TWIN, WRITE

STARTS = 2  # whose trajectories are shown
SHOWN = 6.0  # Lyapunov times of each
DRAWN = 400  # samples of a phase portrait
PORTRAITS = 4  # runs, the truth among them


def draw(study: Study, networks: Networks, runs: dict[str, Tensor]) -> None:
    """Record the pictures of the first training seed."""
    _trajectories(study, networks)
    study.findings.plot("courses", name="phase-portrait", panels=[
        _panel(name, "state 1", "state 2", {name: (run[SETTLED : SETTLED + DRAWN, 0, 0],
                                                   run[SETTLED : SETTLED + DRAWN, 0, 1])})
        for name, run in islice(runs.items(), PORTRAITS)],
        caption=f"Two neighbouring states of one long run each, {DRAWN} samples, in deviations.")  # fmt: skip
    width = (SPAN[1] - SPAN[0]) / 50
    places = torch.arange(SPAN[0] + width / 2, SPAN[1], width)
    study.findings.plot("courses", name="histogram", panels=[
        _panel("all states of long runs", "state, deviations", "density", {
            name: (places, histogram(run[SETTLED:], *SPAN)[:-1] / width) for name, run in runs.items()})],
        caption="Marginal densities: a twin that is wrong about weather may be right about climate.")  # fmt: skip


def _trajectories(study: Study, networks: Networks) -> None:
    tests, trial = study.tests, study.trial()
    in_arrays = course_in_arrays(networks[AWARE][0], preset(WRITE), trial, study.streams.child("picture"))[:, 0]
    found = {
        "truth": tests.states,
        TWIN: course(networks[TWIN][0], trial.start, trial.signal, TASK.step),
        f"{AWARE}, {IN_ARRAYS}": in_arrays,
        LSTM: course(networks[LSTM][0], trial.start, trial.signal, TASK.step),
    }
    shown = min(round(SHOWN / study.exponent / truth.INTERVAL), study.settings.horizon) + 1
    times = tests.lyapunov_times(torch.arange(shown))
    study.findings.plot("courses", name="trajectories", panels=[
        _panel(f"start {n + 1}", UNIT, "state 1", {name: (times, one[:shown, n, 0]) for name, one in found.items()})
        for n in range(STARTS)],
        caption=f"Unseen starts: the equation, the twin in floating point, the loop of one die with {100 * WRITE:g} % "
        "write noise, and the LSTM of equal weights; states in deviations.")  # fmt: skip


def _panel(title: str, x_axis: str, y_axis: str, lines: dict[str, tuple[Tensor, Tensor]]) -> dict[str, Any]:
    drawn = [{"label": name, "x": x, "y": y} for name, (x, y) in lines.items()]
    return {"title": title, "x_axis": x_axis, "y_axis": y_axis, "lines": drawn}
