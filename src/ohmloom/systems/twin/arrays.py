"""The twins in arrays: write noise, read noise, the whole preset, and what a run costs."""

from __future__ import annotations

from torch import Tensor

from ohmloom.codesign.neural_ode import DrivenODE, place_loop, run_loop
from ohmloom.devices import Device
from ohmloom.dynamics import Circuit, Loop, LoopNoise
from ohmloom.experiments import Context, Figure
from ohmloom.random import Streams
from ohmloom.systems.twin import costs
from ohmloom.systems.twin import settings as named
from ohmloom.systems.twin.comparison import Trial, trial
from ohmloom.systems.twin.measures import relative_error
from ohmloom.systems.twin.networks import STEP, Model, preset
from ohmloom.systems.twin.settings import AWARE, TWIN, TwinSettings

CIRCUIT = Circuit()  # 0.1 V a unit, 10 nF, ideal amplifiers: what cells do is to be seen alone
WHITE = 1e6  # Hz, at which the arrays' noise is taken as white


def curves(context: Context[TwinSettings], trained: dict[str, list[Model]]) -> None:
    """Error over write noise and over read noise, plain against noise-aware training."""
    settings, findings, test = context.settings, context.findings, trial()
    lines = []
    for model in (TWIN, AWARE):
        means: list[list[float]] = []
        for noise in context.progress.track(settings.noises, f"write noise, {model}", total=len(settings.noises)):
            by_seed = [
                findings.arm(f"write/{name_of(model)}/{1000 * noise:g}/{seed}",
                             lambda o=one, n=noise, s=seed: errors(o, preset(n), test, s, settings.dies))
                for one, seed in zip(trained[model], context.seeds, strict=True)
            ]  # fmt: skip
            means.append(_recorded(context, named.at_noise(model, noise), by_seed))
        lines.append({"label": model, "values": [sum(v) / len(v) for v in means], "low": [min(v) for v in means],
                      "high": [max(v) for v in means]})  # fmt: skip
    findings.plot("noise_curves", name="write-noise", noise=[100 * n for n in settings.noises], lines=lines,
                  noise_axis="write noise, % of each target", axis="mean relative error, %",
                  references={"acceptance at 5 %": 10.0},
                  caption=f"Unseen wave forms, the loop in arrays of 64 levels: mean, least and most of "
                  f"{settings.dies} dies" + " and training seeds." * (len(context.seeds) > 1))  # fmt: skip
    whole = [findings.arm(f"preset/{seed}", lambda o=one, s=seed: errors(o, preset(), test, s, settings.dies))
             for one, seed in zip(trained[AWARE], context.seeds, strict=True)]  # fmt: skip
    _recorded(context, named.PRESET, whole)
    if settings.densities:
        _read_noise(context, trained[AWARE][0], test)


def _recorded(context: Context[TwinSettings], name: str, by_seed: list[list[float]]) -> list[float]:
    """Record the error over training seeds if there are several, else over dies; all values."""
    if len(by_seed) > 1:
        figure = Figure.over(name, [sum(values) / len(values) for values in by_seed], "%", "seeds")
    else:
        figure = Figure.over(name, by_seed[0], "%", "dies")
    context.findings.figure(figure)
    return [value for values in by_seed for value in values]


def _read_noise(context: Context[TwinSettings], model: Model, test: Trial) -> None:
    """Error against the density of white noise at the integrator, in arrays without write noise."""
    values = []
    densities = context.settings.densities
    for factor in context.progress.track(densities, "read noise", total=len(densities)):
        values.append(context.findings.arm(f"read/{factor:g}", lambda f=factor: _noisy(model, test, context.seed, f)))
    context.findings.plot("noise_curves", name="read-noise", noise=densities, axis="mean relative error, %",
                          lines=[{"label": AWARE, "values": values}],
                          noise_axis="density of the last array's read noise, times the preset's",
                          caption="White noise at the integrator (Stratonovich), 64 levels without write noise; noise "
                          "of the hidden layers needs their amplifiers' poles and is left out.")  # fmt: skip


def _noisy(model: Model, test: Trial, seed: int, factor: float) -> float:
    streams = Streams(seed).child("read noise")
    loop = _loop(model, preset(0.0), streams, 1)
    noise = LoopNoise(white=factor * loop.matrices[-1].noise_density(WHITE) / 2)  # two-sided
    found = run_loop(loop, test.states[0], test.volts, STEP, noise=noise, generator=streams.generator("read"))
    return float(relative_error(found, test.states.double()).mean())


def errors(model: Model, device: Device, test: Trial, seed: int, dies: int) -> list[float]:
    """The mean error on the unseen wave forms of each die, per cent."""
    loop = _loop(model, device, Streams(seed).child("arrays"), dies)
    found = run_loop(loop, test.states[0], test.volts, STEP)  # (samples, dies, drives, 1)
    return relative_error(found, test.states.double()).mean(-1).tolist()


def course_in_arrays(model: Model, device: Device, test: Trial, streams: Streams) -> Tensor:
    """The states on one die: (samples, drives, 1)."""
    return run_loop(_loop(model, device, streams, 1), test.states[0], test.volts, STEP)[:, 0]


def price(context: Context[TwinSettings], trained: dict[str, list[Model]]) -> None:
    """Record what a run of the noise-aware twin costs, and the factors over the assumed basis."""
    findings, test, model = context.findings, trial(), trained[AWARE][0]
    assert isinstance(model, DrivenODE)
    first = Trial(test.volts[:, :1], test.states[:, :1])
    loop = _loop(model, preset(0.0), Streams(context.seed), 1)
    spent = costs.spent(model, loop, first.volts, run_loop(loop, first.states[0], first.volts, STEP))
    findings.cost(spent.cost())
    findings.table("What the factors rest on", ("quantity", "value", "unit", "from"), spent.rows(),
                   "The model of speed and energy: change one assumption and the factors follow.")  # fmt: skip
    findings.figure(Figure.of(named.SPEED, spent.digital_seconds / spent.seconds, "x"))
    findings.figure(Figure.of(named.ENERGY, spent.digital_joules / (spent.watts * spent.seconds), "x"))
    for claim in named.CLAIMS:
        findings.not_comparable(claim.name, named.BASIS)


def _loop(model: Model, device: Device, streams: Streams, dies: int) -> Loop:
    assert isinstance(model, DrivenODE)
    return place_loop(model, device, CIRCUIT, streams, dies=dies)


def name_of(model: str) -> str:
    """A model's name in names of files."""
    return {TWIN: "plain", AWARE: "aware"}[model]
