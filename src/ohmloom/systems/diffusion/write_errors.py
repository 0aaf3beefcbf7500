"""Write errors: the 2 x 2 of trainings and samplers on cells, and the 180 nm array as it is assumed to be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ohmloom.devices import Device
from ohmloom.systems.diffusion.loops import written
from ohmloom.systems.diffusion.settings import KINDS, Kind
from ohmloom.systems.diffusion.study import Study, mean

ARRAY = "taox-180nm"
Grid = Mapping[tuple[Kind, str, float], list[list[float]]]  # measures of each die


def write_grid(study: Study[Any]) -> Grid:
    """The 2 x 2 of trainings and samplers on cells, over write errors."""
    settings, found = study.settings, {}
    todo = [(*arm, error) for arm in _arms(study) for error in settings.errors]
    for kind, sampler, error in study.context.progress.track(todo, "write errors", total=len(todo)):
        name = f"write/{kind}/{sampler}/{error:g}"
        found[kind, sampler, error] = study.arm(name, lambda k=kind, s=sampler, e=error, n=name: [
            value for seed in study.context.seeds for value in study.on_cells(
                k, s, written(e), f"{n}/{seed}", settings.dies if e else 1, seed=seed)])  # fmt: skip
    return found


def show_errors(study: Study[Any], found: Grid, column: int, name: str, axis: str, unit: str = "") -> None:
    """One of the measures over write errors: figures and a plot."""
    errors, lines = study.settings.errors, []
    for kind, sampler in _arms(study):
        values = [[of_die[column] for of_die in found[kind, sampler, error]] for error in errors]
        lines.append({"label": f"{sampler.split(',')[0]}, {KINDS[kind]}", "values": [mean(v) for v in values],
                      "low": [min(v) for v in values], "high": [max(v) for v in values]})  # fmt: skip
        for error, of_dies in zip(errors, values, strict=True):
            what = study.measures[column].removesuffix(", %")
            study.figure(f"{what}, {KINDS[kind]}, {sampler}, write error {100 * error:g} %", of_dies, unit, "dies")
    study.findings.plot("noise_curves", name=name, noise=[100 * error for error in errors], lines=lines,
                        noise_axis="write error of each weight, %", axis=axis,
                        caption=f"On cells, {study.settings.dies} dies a point: mean, least and most.")  # fmt: skip


def table_of_errors(study: Study[Any], found: Grid) -> None:
    """All measures over write errors."""
    rows = [(KINDS[kind], sampler, f"{100 * error:g} %", *_means(found[kind, sampler, error]))
            for kind, sampler in _arms(study) for error in study.settings.errors]  # fmt: skip
    study.findings.table("Write errors", ("network", "sampler", "error", *study.measures), rows,
                         f"A weight w becomes w (1 + error · z); mean of {study.settings.dies} dies.")  # fmt: skip


def on_array(study: Study[Any]) -> dict[tuple[str, str], list[list[float]]]:
    """On the preset of the 180 nm array, with its stuck cells and without them: measures of each die."""
    device, rows, found = Device.load(ARRAY), [], {}
    for what, cells in (("all cells sound", device.replace(faults={"kind": "none"})), ("with stuck cells", device)):
        for sampler in (study.flow, study.stochastic):
            name = f"array/{what}/{sampler}"
            of_dies = study.arm(
                name, lambda c=cells, s=sampler, n=name: study.on_cells("noisy", s, c, n, study.settings.dies)
            )
            found[what, sampler] = of_dies
            rows.append((what, sampler, *_means(of_dies)))
    study.findings.table("On the 180 nm array", ("cells", "sampler", *study.measures), rows,
                         f"Preset {ARRAY}: 64 levels, 4 % spread, 3 % of the cells stuck off, all assumed; mean of "
                         f"{study.settings.dies} dies, trained with noise.")  # fmt: skip
    return found


def _means(of_dies: list[list[float]]) -> list[float]:
    return [round(mean(list(column)), 3) for column in zip(*of_dies, strict=True)]


def _arms(study: Study[Any]) -> list[tuple[Kind, str]]:
    return [(kind, sampler) for kind in KINDS for sampler in (study.flow, study.stochastic)]
