"""``ohmloom summary`` and ``ohmloom evaluate``: a user's own model on a chip."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ohmloom.cli.given import (
    Age,
    ChipName,
    Count,
    Data,
    DeviceName,
    Dies,
    MetricName,
    Model,
    Seed,
    Subset,
    Weights,
    load_chip,
    load_draws,
    load_metric,
    load_model,
    load_task,
)
from ohmloom.cli.output import Json, show_json, show_table, speaking

if TYPE_CHECKING:
    from ohmloom.experiments.evaluate import Evaluation
    from ohmloom.experiments.figures import Figure

Draws = Annotated[int, typer.Option("--draws", min=0, help="Draws of a fitted device to evaluate, if it has any.")]
Report = Annotated[Path | None, typer.Option("--report", help="A folder for the page and its pictures.")]


@speaking
def summary(
    model: Model,
    chip: ChipName = "neurram",
    device: DeviceName = None,
    weights: Weights = None,
    as_json: Json = False,
) -> None:
    """Where a model would sit on a chip, and what stays digital and why."""
    import ohmloom as ol

    shown = ol.summary(ol.convert(load_model(model, weights), load_chip(chip, device)))
    if as_json:
        place = shown.placement
        show_json({"chip": shown.chip, "digital": shown.digital, "cores": place.cores_used,
                   "utilisation": place.utilisation, "matrices": [asdict(row) for row in shown.rows]})  # fmt: skip
    else:
        typer.echo(shown)


@speaking
def evaluate(
    model: Model,
    data: Data,
    chip: ChipName = "neurram",
    device: DeviceName = None,
    draws: Draws = 10,
    weights: Weights = None,
    subset: Subset = "full",
    metric: MetricName = "accuracy",
    dies: Dies = 3,
    age: Age = "1 day",
    seed: Seed = 0,
    samples: Count = 1000,
    as_json: Json = False,
) -> None:
    """Accuracy (or any metric), energy, latency and area of your own network on a chip.

    The callable of --data returns (calibration inputs, test inputs, targets) as tensors, with a tuple of tensors where
    the network takes several inputs; or two loaders of (input, ..., targets) tuples. A file holds arrays of these
    names: calibration, inputs, targets. The callable of --metric takes outputs and targets. A device made by
    `ohmloom fit` has draws beside it: they show what the fit's own uncertainty leaves open.
    """
    from ohmloom.experiments import open_progress
    from ohmloom.experiments.evaluate import evaluate as compute
    from ohmloom.experiments.evaluate import evaluate_draws

    network, held, hardware = load_model(model, weights), load_task(data, subset, samples), load_chip(chip, device)
    judge, others = load_metric(metric), load_draws(device)[:draws]
    with open_progress(quiet=as_json) as progress:
        found = compute(network, hardware, held, judge=judge, dies=dies, age=age, seed=seed, progress=progress)
        figures = [found.software, found.chip, found.uncalibrated]
        if others:
            uncertain = evaluate_draws(
                network, hardware, others, held, judge=judge, age=age, seed=seed, progress=progress
            )
            figures.append(uncertain)
    _show(found, figures, as_json)


@speaking
def diagnose(
    model: Model,
    data: Data,
    chip: ChipName = "neurram",
    device: DeviceName = None,
    weights: Weights = None,
    subset: Subset = "full",
    metric: MetricName = "accuracy",
    dies: Dies = 3,
    age: Age = "1 day",
    seed: Seed = 0,
    samples: Count = 300,
    report: Report = None,
    as_json: Json = False,
) -> None:
    """Where your network loses on a chip: effect by effect and layer by layer.

    The options are those of `evaluate`.
    """
    import ohmloom as ol
    from ohmloom.experiments import open_progress
    from ohmloom.experiments.diagnosis import diagnose as compute
    from ohmloom.experiments.evaluate import calibrate

    held, judge = load_task(data, subset, samples), load_metric(metric)
    hardware = ol.convert(load_model(model, weights), load_chip(chip, device))
    with open_progress(quiet=as_json) as progress:
        with progress.task("programming", total=None):
            calibrate(hardware, held)
            ol.program(hardware, seed=seed, dies=dies)
            ol.age(hardware, age)
            calibrate(hardware, held)
        found = compute(hardware, held.samples, judge, calibration=held.calibration, progress=progress)
    page = None
    if report is not None:
        from ohmloom.reports.diagnoses import write_diagnosis

        facts = (f"{dies} dies", f"{age} after programming", f"{len(held.samples)} samples")
        page = str(write_diagnosis(found, report, f"{model.partition(':')[2]} on {ol.summary(hardware).chip}", facts))
    if as_json:
        show_json(found.json() | {"report": page})
    else:
        typer.echo(found.table() + (f"\n{page}" if page else ""))


def _show(found: Evaluation, figures: list[Figure], as_json: bool) -> None:
    if as_json:
        spent = found.cost
        show_json({
            "figures": {f.name: f.model_dump(mode="json") for f in figures},
            "cost": {"energy_joule": spent.energy_joule, "latency_second": spent.latency_second,
                     "area_square_metre": spent.area_square_metre, "components": dict(spent.components),
                     "layers": dict(spent.layers), "basis": spent.basis, "schedule": spent.schedule},
        })  # fmt: skip
        return
    typer.echo(f"{found.summary}\n\n{found.programming.table()}\n\n{found.cost.table()}\n")
    show_table(
        [(f.name, f.text, _interval(f), f"{len(f.values)} {f.spread_over}" if f.values else "") for f in figures],
        ("figure", "value", "95 % interval", "over"),
    )


def _interval(figure: Figure) -> str:
    return (
        ""
        if figure.interval is None
        else f"{figure.interval.low:.4g} to {figure.interval.high:.4g} {figure.unit}".strip()
    )
