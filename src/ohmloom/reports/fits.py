"""The page of a fit: what was measured, what was fitted, held-out cells, and what the data cannot tell."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from markupsafe import Markup
from matplotlib.figure import Figure

import ohmloom
from ohmloom.atomic import write_text
from ohmloom.devices.fitting import Fit, Number, save_record
from ohmloom.devices.fitting.aspects import Aspect
from ohmloom.devices.fitting.conduction import Conduction, States
from ohmloom.devices.fitting.noise import Noise
from ohmloom.devices.fitting.programming import Reached
from ohmloom.devices.fitting.retention import Drift, Kept, Relaxing
from ohmloom.devices.fitting.stuck import Range
from ohmloom.devices.fitting.telegraph import Telegraph
from ohmloom.reports import measurements, style
from ohmloom.reports.page import FIGURES, FILE, template
from ohmloom.reports.wording import between, value


class Picture(NamedTuple):
    """A picture of the page."""

    name: str
    title: str
    caption: str
    figure: Figure
    wide: bool = False


def write_fit_report(fit: Fit, folder: str | Path) -> Path:
    """Write ``report.html``, ``fit.json`` and ``figures/*.svg`` into ``folder``, and return the page's path.

    Raises OutputError for a folder that cannot be written.
    """
    folder = Path(folder)
    save_record(fit, folder)
    shown = []
    for picture in pictures(fit):
        svg = style.svg(picture.figure, picture.name, picture.caption)
        write_text(folder / FIGURES / f"{picture.name}.svg", svg)
        # style.svg escaped every text in it
        shown.append(picture._asdict() | {"svg": Markup(style.inline(svg))})
    text = template("fit.html.jinja").render(
        fit=fit,
        pictures=shown,
        groups=_groups(fit),
        version=ohmloom.__version__,
        value=value,
        span=lambda number: between(number.low, number.high, number.unit),
        files={kind: Path(table.file).name for kind, table in fit.tables.items()},
    )
    write_text(folder / FILE, text)
    return folder / FILE


def pictures(fit: Fit) -> list[Picture]:
    """The pictures that the tables of a fit allow."""
    found = [picture for aspect in fit.aspects for picture in _of(aspect, fit)]
    if fit.held_out:
        caption = (
            "Cells that were left out of a fit to the others: which share of the predicted distribution lies below "
            "them, sorted. On the diagonal the prediction is right; the band holds 95 % of true predictions."
        )
        figure = measurements.quantile_plot({held.name: held.places for held in fit.held_out})
        found.insert(min(1, len(found)), Picture("held-out", "Held-out cells", caption, figure))
    return found


def _of(aspect: Aspect, fit: Fit) -> Iterator[Picture]:
    data: Any = aspect.picture
    if isinstance(aspect, Range | States):
        yield _histogram(aspect, fit)
    if isinstance(aspect, Reached):
        means, spreads = np.split(aspect.estimate(np.ones(len(fit.tables[aspect.table].cells))), 2)
        figure = measurements.reached_against_target(data["target"], data["level"], data["knots"], means, spreads)
        yield Picture("reached", "Programming", "What each cell reached, less its target.", figure)
    if isinstance(aspect, Noise):
        caption = f"Neighbouring reads. The white part is {aspect.form}, chosen by BIC."
        figure = measurements.noise_against_conductance(data["g"], data["deviation"], data["line"], data["fitted"])
        yield Picture("noise", "Read noise", caption, figure)
        caption = (
            f"Noise that grows with time is slow: {100 * data['slow_share']:.0f} % of the variance of a read here."
        )
        figure = measurements.noise_against_time(data["lags"], data["variogram"], data["model"])
        yield Picture("slow-noise", "Slow noise", caption, figure)
    if isinstance(aspect, Telegraph):
        caption = "Cells with the largest jumps; dashed: the two levels of the hidden Markov model."
        figure = measurements.jumping_cells(data["series"], data["spacing"])
        yield Picture("telegraph", "Telegraph noise", caption, figure, wide=True)
    if isinstance(aspect, Kept | Drift | Relaxing):
        caption = f"Change since the first reads, over all cells. Chosen by BIC: {data['form']}."
        fields = ("times", "mean", "deviation", "fitted_mean", "fitted_deviation")
        figure = measurements.change_over_time(*(data[field] for field in fields))
        yield Picture("retention", "Retention", caption, figure)
    if isinstance(aspect, Conduction):
        word = "sinh" if aspect.sinh else "ohmic"
        better = abs(data["criteria"]["sinh"]["BIC"] - data["criteria"]["ohmic"]["BIC"])
        caption = f"Branches from the least to the best conducting one. Chosen by BIC: {word} (ahead by {better:,.0f})."
        figure = measurements.current_voltage(data["curves"], data["v0"])
        yield Picture("current-voltage", "Conduction", caption, figure)


def _histogram(aspect: Range | States, fit: Fit) -> Picture:
    data: Any = aspect.picture
    groups = {"working cells": data["conductances"]}
    if isinstance(aspect, States):
        groups = {"off branches": data["conductances"][~data["on"]], "on branches": data["conductances"][data["on"]]}
    values = aspect.estimate(np.ones(_size(aspect, fit)))
    marks = {f"{100 * share:g} %": float(at) for share, at in zip(data["quantiles"], values[:2], strict=True)}
    what = "branches of sweeps" if isinstance(aspect, States) else "cells when first read"
    figure = measurements.conductance_histogram(groups, marks)
    return Picture(f"conductances-{aspect.table}", "Conductances", f"Conductances of {what}.", figure)


def _size(aspect: Range | States, fit: Fit) -> int:
    return aspect.data.units if isinstance(aspect, States) else len(aspect.stuck.on)


def _groups(fit: Fit) -> dict[str, list[Number]]:
    """The numbers by table."""
    return {kind: [number for number in fit.numbers if number.table == kind] for kind in fit.tables}
