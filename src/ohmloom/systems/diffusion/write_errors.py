"""Write errors: the 2 x 2 of trainings and samplers on cells, and the 180 nm array as it is assumed to be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ohmloom.devices import Device
from ohmloom.systems.diffusion.loops import written
from ohmloom.systems.diffusion.settings import KINDS, Kind
from ohmloom.systems.diffusion.study import Study, mean

ARRAY = "taox-180nm"
SOUND, STUCK = "all cells sound", "with stuck cells"
Grid = Mapping[tuple[Kind, str, float], list[list[float]]]  # measures of each die


def write_grid(study: Study[Any], errors: Sequence[float] | None = None, kinds: Sequence[Kind] = tuple(KINDS)) -> Grid:
    """Trainings of the ``kinds`` and both samplers on cells, over write ``errors`` (absent: the settings')."""
    settings, found = study.settings, {}
    chosen: Sequence[float] = settings.errors if errors is None else errors
    todo: list[tuple[Kind, str, float]] = [
        (kind, sampler, error) for kind in kinds for sampler in (study.flow, study.stochastic) for error in chosen
    ]
    for kind, sampler, error in study.context.progress.track(todo, "write errors", total=len(todo)):
        name = f"write/{kind}/{sampler}/{error:g}"
        found[kind, sampler, error] = study.arm(name, lambda k=kind, s=sampler, e=error, n=name: study.on_seeds(
            k, s, written(e), n, settings.dies if e else 1))  # fmt: skip
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
                        caption=f"On cells, {study.settings.dies} dies of each seed a point: mean, least and "
                        "most.")  # fmt: skip


def table_of_errors(study: Study[Any], found: Grid) -> None:
    """All measures over write errors."""
    rows = [(KINDS[kind], sampler, f"{100 * error:g} %", *means(found[kind, sampler, error]))
            for kind, sampler in _arms(study) for error in study.settings.errors]  # fmt: skip
    study.findings.table("Write errors", ("network", "sampler", "error", *study.measures), rows,
                         f"A weight w becomes w (1 + error · z); mean of {study.settings.dies} dies of each "
                         "seed.")  # fmt: skip


def array_arm(study: Study[Any], sampler: str, what: str = SOUND) -> list[list[float]]:
    """Measures of each die of the preset, with its stuck cells or without them."""
    device, name = Device.load(ARRAY), f"array/{what}/{sampler}"
    cells = device.replace(faults={"kind": "none"}) if what == SOUND else device
    return study.arm(name, lambda: study.on_seeds("noisy", sampler, cells, name, study.settings.dies))


def on_array(study: Study[Any]) -> dict[tuple[str, str], list[list[float]]]:
    """On the preset of the 180 nm array, with its stuck cells and without them: measures of each die."""
    rows, found = [], {}
    for what in (SOUND, STUCK):
        for sampler in (study.flow, study.stochastic):
            found[what, sampler] = array_arm(study, sampler, what)
            rows.append((what, sampler, *means(found[what, sampler])))
    study.findings.table("On the 180 nm array", ("cells", "sampler", *study.measures), rows,
                         f"Preset {ARRAY}: 64 levels, 4 % spread, 3 % of the cells stuck off, all assumed; mean of "
                         f"{study.settings.dies} dies of each seed, trained with noise.")  # fmt: skip
    return found


def means(of_dies: list[list[float]]) -> list[float]:
    """Of each measure, for tables."""
    return [round(mean(list(column)), 3) for column in zip(*of_dies, strict=True)]


def _arms(study: Study[Any]) -> list[tuple[Kind, str]]:
    return [(kind, sampler) for kind in KINDS for sampler in (study.flow, study.stochastic)]
