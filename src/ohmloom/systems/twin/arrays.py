"""Twins in arrays: write noise, read noise, and the whole preset."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from ohmloom.codesign.neural_ode import loop_signal, place_loop, run_loop
from ohmloom.devices import Device, RelativeNoise
from ohmloom.dynamics import Circuit, Loop, LoopNoise
from ohmloom.experiments import Context, Figure, Findings
from ohmloom.experiments.loops import show_loop
from ohmloom.quantities import VOLTAGE, show
from ohmloom.random import Streams
from ohmloom.systems.twin.networks import DrivenODE, Model, Networks, Task, preset
from ohmloom.systems.twin.settings import AWARE, FILES, TWIN, WRITE, TwinSettings

CIRCUIT = Circuit()  # 0.1 V a unit, 10 nF, ideal amplifiers: what cells do is to be seen alone
READ_TIME = 1e-6  # s, for which read noise is given
WHITE = 1e6  # Hz, at which the arrays' noise is taken as white
PRESET = "whole preset with stuck cells"


@dataclass(frozen=True)
class Trial:
    """Where twins in arrays start, what they see, and how a die's courses are judged.

    ``judge``: (samples, dies, trajectories, states) to one number for each die, in ``unit``; ``named(model, what)`` is
    the name of its figure. ``references`` are horizontal lines and ``bounds`` further lines over write noise.
    """

    task: Task
    start: Tensor  # (trajectories, states)
    signal: Tensor  # (samples, trajectories, inputs)
    judge: Callable[[Tensor], Tensor]
    named: Callable[[str, str], str]
    unit: str
    axis: str
    references: Mapping[str, float] = field(default_factory=dict)
    logarithmic: bool = False  # such numbers spread over decades
    bounds: Mapping[str, Callable[[float], float | None]] = field(default_factory=dict)


def at_noise(noise: float) -> str:
    """How figures call a write noise."""
    return f"{100 * noise:g} % write noise"


def write_noise(context: Context[Any], trained: Networks, trial: Trial) -> None:
    """Record the trial over write noise, plain against noise-aware training, and on the whole preset."""
    settings: TwinSettings = context.settings
    lines: list[dict[str, Any]] = []
    for model in (TWIN, AWARE):
        means: list[list[float]] = []
        for noise in context.progress.track(settings.noises, f"write noise, {model}", total=len(settings.noises)):
            means.append(_tried(context, trained[model], trial, model, at_noise(noise), preset(noise)))
        lines.append({"label": model, "values": [sum(v) / len(v) for v in means], "low": [min(v) for v in means],
                      "high": [max(v) for v in means]})  # fmt: skip
    lines += [{"label": name, "values": [bound(n) for n in settings.noises]} for name, bound in trial.bounds.items()]
    context.findings.plot("noise_curves", name="write-noise", noise=[100 * n for n in settings.noises], lines=lines,
                          noise_axis="write noise, % of each target", axis=trial.axis, references=trial.references,
                          logarithmic=trial.logarithmic,
                          caption=f"The loop in arrays of 64 levels: mean, least and most of {settings.dies} dies"
                          + " and training seeds" * (len(context.seeds) > 1) + ".")  # fmt: skip
    _tried(context, trained[AWARE], trial, AWARE, PRESET, preset())


def _tried(
    context: Context[Any], made: Sequence[Model], trial: Trial, model: str, what: str, device: Device
) -> list[float]:
    def on(one: Model, streams: Streams) -> list[float]:
        return on_dies(one, device, trial, streams, context.settings.dies)

    return over_dies(context, made, on, what, name=trial.named(model, what), unit=trial.unit, model=model)


def over_dies(
    context: Context[Any], made: Sequence[Model], on: Callable[[Model, Streams], list[float]], what: str, *, name: str,
    unit: str, model: str,
) -> list[float]:  # fmt: skip
    """Record ``on`` (a network and streams to one number a die) over training seeds if there are several, else over
    dies, as the figure ``name``; all values. What has been computed in a run's folder is taken from there."""
    by_seed = [
        context.findings.arm(f"{FILES[model]}/{'-'.join(re.findall('[a-z0-9.]+', what))}/{seed}",
                             lambda o=one, s=seed: on(o, Streams(s)))
        for one, seed in zip(made, context.seeds, strict=True)
    ]  # fmt: skip
    several = len(by_seed) > 1
    values = [sum(values) / len(values) for values in by_seed] if several else by_seed[0]
    context.findings.figure(Figure.over(name, values, unit, "seeds" if several else "dies"))
    return [value for values in by_seed for value in values]


def on_dies(model: Model, device: Device, trial: Trial, streams: Streams, dies: int) -> list[float]:
    """The trial on each of ``dies`` dies."""
    return trial.judge(course_in_arrays(model, device, trial, streams, dies)).tolist()


def course_in_arrays(model: Model, device: Device, trial: Trial, streams: Streams, dies: int = 1) -> Tensor:
    """The states (samples, dies, trajectories, states) of the loop in fresh cells."""
    loop = place(model, device, streams.child("arrays"), dies)
    return run_loop(loop, trial.start, trial.signal, trial.task.step)


def signals(context: Context[Any], model: Model, trial: Trial, channels: Sequence[str], what: str) -> None:
    """Record what the nodes of the loop carry on one die with the write noise of the training."""
    loop = place(model, preset(WRITE), Streams(context.seed).child("signals"), 1)
    times, volts = loop_signal(loop, trial.signal, trial.task.step)
    course = loop.units.volts(run_loop(loop, trial.start, trial.signal, trial.task.step))
    show_loop(context.findings, loop, course, times, signal=volts, channels=(*channels, "constant"),
              caption=f"What the loop of one die with {at_noise(WRITE)} carries while it follows {what}, "
              f"{show(CIRCUIT.unit, VOLTAGE)} a unit.")  # fmt: skip


def read_noise(context: Context[Any], model: Model, trial: Trial) -> None:
    """Record the trial against white read noise of the last array, in cells without write noise."""
    settings: TwinSettings = context.settings
    values = []
    for noise in context.progress.track(settings.read_noises, "read noise", total=len(settings.read_noises)):
        value = context.findings.arm(f"read/{noise:g}", lambda n=noise: _with_reads(context.seed, model, trial, n))
        context.findings.figure(
            Figure.of(trial.named(AWARE, f"{100 * noise:g} % read noise in 1 µs"), value, trial.unit)
        )
        values.append(value)
    context.findings.plot("noise_curves", name="read-noise", noise=[100 * n for n in settings.read_noises],
                          lines=[{"label": AWARE, "values": values}], axis=trial.axis,
                          noise_axis="read noise σ of each cell of the last array in 1 µs, % of its conductance",
                          caption="White noise of density 2 σ² · 1 µs at the integrator (Stratonovich), 64 levels "
                          "without write noise; the preset assumes σ = 1 %. Noise of the hidden layers has the "
                          "bandwidth of their amplifiers, ideal here, and is left out.")  # fmt: skip


def _with_reads(seed: int, model: Model, trial: Trial, noise: float) -> float:
    streams = Streams(seed).child("read noise")
    device = preset(0.0).replace(read_noise=RelativeNoise(deviation=noise, read_time=READ_TIME))
    loop = place(model, device, streams, 1)
    white = LoopNoise(white=loop.matrices[-1].noise_density(WHITE) / 2)  # two-sided
    generator = streams.generator("read")
    found = run_loop(loop, trial.start, trial.signal, trial.task.step, noise=white, generator=generator)
    return float(trial.judge(found)[0])


def place(model: Model, device: Device, streams: Streams, dies: int) -> Loop:
    """A twin in fresh cells of ``dies`` dies."""
    assert isinstance(model, DrivenODE)
    return place_loop(model, device, CIRCUIT, streams, dies=dies)


def assumptions(findings: Findings) -> None:
    """Record what both twins assume about their cells."""
    findings.assumption("Networks have no biases: a constant of one drives one line of the first array, so that all "
                        "that is learned is held in cells.", "assumed")  # fmt: skip
    findings.assumption("Write noise of s %: each cell deviates by s % of its target, 64 levels, no stuck cells; the "
                        "whole preset has stuck cells as well.", "taox-180nm, most numbers assumed")  # fmt: skip
