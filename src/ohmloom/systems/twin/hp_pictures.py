"""Pictures: the twin over the truth in time, its hysteresis, its phase portrait."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ohmloom.experiments import Findings
from ohmloom.random import Streams
from ohmloom.systems.twin import hp_truth as truth
from ohmloom.systems.twin.arrays import course_in_arrays
from ohmloom.systems.twin.hp_comparison import answers, trial
from ohmloom.systems.twin.hp_networks import TASK
from ohmloom.systems.twin.networks import Model, course, preset
from ohmloom.systems.twin.settings import AWARE, RESIDUAL, TWIN, WRITE

EVERY = 4  # samples between points


def draw(findings: Findings, models: dict[str, Model], streams: Streams) -> None:
    """Record the pictures of the first training seed."""
    test = answers()
    in_arrays = course_in_arrays(models[AWARE], preset(WRITE), trial(), streams.child("picture"))[:, 0]
    found = {
        "truth": test.states,
        TWIN: course(models[TWIN], test.start, test.volts, TASK.step),
        f"{AWARE}, in arrays": in_arrays,
        RESIDUAL: course(models[RESIDUAL], test.start, test.volts, TASK.step),
    }
    times = torch.linspace(0, 1e3 * truth.SPAN, truth.SAMPLES + 1)
    findings.plot("courses", name="trajectories", panels=[
        _panel(form, "time, ms", "state x", {name: (times, one[:, n, 0]) for name, one in found.items()})
        for n, form in enumerate(truth.UNSEEN)],
        caption=f"Unseen wave forms: the device, the twin in floating point, and the loop of one die with "
        f"{100 * WRITE:g} % write noise.")  # fmt: skip
    findings.plot("courses", name="hysteresis", panels=[
        _panel(form, "voltage, V", "current, mA", {
            name: (test.volts[:, n, 0], 1e3 * truth.DEVICE.current(one[:, n, 0], test.volts[:, n, 0]))
            for name, one in found.items()}) for n, form in enumerate(truth.UNSEEN)],
        caption="Current against voltage: loops pinched at zero, computed from each course of x.")  # fmt: skip
    findings.plot("courses", name="phase-portrait", panels=[
        _panel(form, "state x", "dx/dt, 1/s", {name: (one[1:, n, 0], _rate(one[:, n, 0]))
                                               for name, one in found.items()})
        for n, form in enumerate(truth.UNSEEN)],
        caption="The rate against the state, by differences of neighbouring samples.")  # fmt: skip


def _rate(states: Tensor) -> Tensor:
    return states.diff() / (truth.SPAN / truth.SAMPLES)


def _panel(title: str, x_axis: str, y_axis: str, lines: dict[str, tuple[Tensor, Tensor]]) -> dict[str, Any]:
    drawn = [{"label": name, "x": x[::EVERY], "y": y[::EVERY]} for name, (x, y) in lines.items()]
    return {"title": title, "x_axis": x_axis, "y_axis": y_axis, "lines": drawn}
