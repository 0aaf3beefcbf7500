"""The report: one page that needs nothing but itself, from a run's ``result.json``."""

from __future__ import annotations

from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from ohmloom.atomic import write_text
from ohmloom.experiments import Result, read_result
from ohmloom.experiments.plots import Plot
from ohmloom.reports import wording
from ohmloom.reports.drawing import WIDE, cost_plots, draw, kind
from ohmloom.reports.style import inline

FILE = "report.html"
FIGURES = "figures"


def write_report(folder: str | Path) -> Path:
    """Write ``figures/*.svg`` and ``report.html`` from the ``result.json`` in ``folder``, and return the page's path.

    Photographs are drawn from files in ``folder`` if they are there.

    Raises FormatError for a folder without a whole result and OutputError for one that cannot be written.
    """
    folder = Path(folder)
    result = read_result(folder)
    plots = [*result.plots, *(p for p in _cost_plots(result) if p.name not in {own.name for own in result.plots})]
    pictures = {plot.name: draw(plot, folder) for plot in plots}
    for name, svg in pictures.items():
        write_text(folder / FIGURES / f"{name}.svg", svg)
    write_text(folder / FILE, page(result, plots, pictures))
    return folder / FILE


def page(result: Result, plots: list[Plot], pictures: dict[str, str]) -> str:
    """The page as text; ``pictures`` are SVG files by the names of their plots."""
    costs = {plot.name for plot in _cost_plots(result)}
    shown = [_shown(plot, pictures[plot.name]) for plot in plots]
    return template("report.html.jinja").render(
        result=result,
        pictures=[picture for picture in shown if picture["name"] not in costs],
        cost_pictures=[picture for picture in shown if picture["name"] in costs],
        tally=Counter(claim.verdict for claim in result.claims),
        held=Counter(control.verdict for control in result.controls),
        words=wording,
    )


def _cost_plots(result: Result) -> list[Plot]:
    return cost_plots(result.cost) if result.cost is not None else []


def _shown(plot: Plot, svg: str) -> dict[str, Any]:
    # draw() made this SVG and escaped every text in it
    picture = Markup(inline(svg))
    return {"name": plot.name, "title": plot.title, "caption": plot.caption, "svg": picture, "wide": kind(plot) in WIDE}


@cache
def template(name: str) -> Any:
    """A page's template, with the filters of the house."""
    loader = PackageLoader("ohmloom.reports")
    environment = Environment(
        loader=loader,
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["typeset"] = wording.typeset
    return environment.get_template(name)
