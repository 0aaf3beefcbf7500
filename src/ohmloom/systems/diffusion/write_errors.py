"""Write errors: the 2 x 2 of trainings and samplers on cells, and the 180 nm array as it is assumed to be."""

from __future__ import annotations

from typing import Any

from ohmloom.devices import Device
from ohmloom.experiments import Figure
from ohmloom.systems.diffusion import claims as named
from ohmloom.systems.diffusion.loops import written
from ohmloom.systems.diffusion.settings import FLOW, KINDS, NOISY_FLOW, Kind
from ohmloom.systems.diffusion.study import MEASURES, Study, mean

ARRAY = "taox-180nm"


def write_errors(study: Study) -> None:
    """The 2 x 2 of trainings and samplers on cells, over write errors; and on the 180 nm array as it is assumed."""
    settings, found = study.settings, {}
    arms: list[tuple[Kind, str]] = [(kind, sampler) for kind in KINDS for sampler in (FLOW, NOISY_FLOW)]
    todo = [(*arm, error) for arm in arms for error in settings.errors]
    for kind, sampler, error in study.context.progress.track(todo, "write errors", total=len(todo)):
        name = f"write/{kind}/{sampler}/{error:g}"
        found[kind, sampler, error] = study.arm(name, lambda k=kind, s=sampler, e=error, n=name: [
            value for seed in study.context.seeds
            for value in study.on_cells(k, s, written(e), f"{n}/{seed}", settings.dies if e else 1, seed)])  # fmt: skip
    lines = []
    for kind, sampler in arms:
        values = [[of_die[0] for of_die in found[kind, sampler, error]] for error in settings.errors]
        lines.append({"label": f"{sampler.split(',')[0]}, {KINDS[kind]}", "values": [mean(v) for v in values],
                      "low": [min(v) for v in values], "high": [max(v) for v in values]})  # fmt: skip
        for error, of_dies in zip(settings.errors, values, strict=True):
            study.figure(f"{named.divergence(sampler, kind)}, write error {100 * error:g} %", of_dies, "", "dies")
    study.findings.plot("noise_curves", name="write-errors", noise=[100 * error for error in settings.errors],
                        lines=lines, noise_axis="write error of each weight, %", axis="KL(data || generated), nats",
                        caption=f"On cells, {settings.dies} dies a point: mean, least and most.")  # fmt: skip
    _judge_errors(study, found)
    _array(study)


def _judge_errors(study: Study, found: dict[Any, list[list[float]]]) -> None:
    """How much KL rises from no error to 20 %, and what training with noise gives at 10 %."""
    rises = []
    for sampler in (FLOW, NOISY_FLOW):
        clean = mean([of_die[0] for of_die in found["noisy", sampler, 0.0]])
        rise = [of_die[0] - clean for of_die in found["noisy", sampler, 0.2]]
        rises.append(study.figure(named.RISE[sampler], rise, "", "dies").interval)
    if all(rises):
        study.findings.figure(Figure.of(named.INTERVALS, rises[0].low - rises[1].high, ""))  # type: ignore[union-attr]
    for sampler, name in ((FLOW, named.HELP), (NOISY_FLOW, named.HELP_NOISY)):
        trained, plain = (mean([of_die[0] for of_die in found[kind, sampler, 0.1]]) for kind in ("noisy", "plain"))
        study.findings.figure(Figure.of(name, plain / trained, ""))


def _array(study: Study) -> None:
    """On the preset of the 180 nm array, with its stuck cells and without them."""
    device, rows = Device.load(ARRAY), []
    whole = device.replace(faults={"kind": "none"})
    for what, cells in (("all cells sound", whole), ("with stuck cells", device)):
        for sampler in (FLOW, NOISY_FLOW):
            name = f"array/{what}/{sampler}"
            found = study.arm(
                name, lambda c=cells, s=sampler, n=name: study.on_cells("noisy", s, c, n, study.settings.dies)
            )
            study.figure(f"KL(data || generated), {ARRAY}, {what}, {sampler}", [v[0] for v in found], "", "dies")
            rows.append((what, sampler, *(round(mean(list(column)), 3) for column in zip(*found, strict=True))))
            if (what, sampler) == ("all cells sound", FLOW):
                digital = study.measures(study.digital(study.network(), FLOW, study.context.seed))[0]
                study.figure(named.RATIO, [v[0] / digital for v in found], "", "dies")
    study.findings.table("On the 180 nm array", ("cells", "sampler", *MEASURES), rows,
                         f"Preset {ARRAY}: 64 levels, 4 % spread, 3 % of the cells stuck off, all assumed; mean of "
                         f"{study.settings.dies} dies, trained with noise.")  # fmt: skip
