"""The page of a search: the front, how it was found, and what mattered."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup
from matplotlib.figure import Figure
from scipy.stats import spearmanr

import ohmloom
from ohmloom.atomic import write_text
from ohmloom.experiments.search import Entry, Found, gains
from ohmloom.reports import style
from ohmloom.reports.page import FIGURES, FILE, template


def write_search(found: Found, folder: str | Path) -> Path:
    """Write ``report.html`` and ``figures/*.svg`` into the search's folder. Raises OutputError."""
    folder, pictures = Path(folder), []
    for name, title, caption, figure in _pictures(found):
        svg = style.svg(figure, name, caption)
        write_text(folder / FIGURES / f"{name}.svg", svg)
        pictures.append({"name": name, "title": title, "caption": caption, "svg": Markup(style.inline(svg))})
    columns, front = rows(found, found.front)
    _, everything = rows(found, found.entries)
    text = template("search.html.jinja").render(
        found=found, pictures=pictures, columns=columns, front=front, everything=everything,
        version=ohmloom.__version__,
    )  # fmt: skip
    write_text(folder / FILE, text)
    return folder / FILE


def rows(found: Found, entries: Sequence[Entry]) -> tuple[list[str], list[list[Any]]]:
    """The columns and rows of a table of trials."""
    paths = [variable.path for variable in found.search.variables]
    figures = list(dict.fromkeys(objective.figure for objective in found.search.objectives))
    table = [
        [entry.number, *(_short(entry.values[path]) for path in paths),
         *(_short((entry.found or {}).get(name)) for name in figures), entry.error or entry.state]
        for entry in entries
    ]  # fmt: skip
    return ["trial", *paths, *figures, "state"], table


def _short(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.4g}"
    number, _, unit = str(value).partition(" ")
    try:
        return f"{float(number):.4g} {unit}" if unit else str(value)
    except ValueError:
        return str(value)


def _pictures(found: Found) -> list[tuple[str, str, str, Figure]]:
    wanted, pictures = found.search.wanted, []
    if len(wanted) > 1:
        pictures.append(("front", "The front", "Each point is a trial; those of the front are joined: nothing that was "
                         "tried is better in both.", front(found)))  # fmt: skip
    else:
        pictures.append(("course", "How it was found", "Each point is a trial, in the order of their proposals; the "
                         "line is the best so far.", course(found)))  # fmt: skip
    if len(found.done) > 3:
        pictures.append(("sensitivity", "What mattered", "Rank correlation (Spearman) of each variable with each "
                         "objective over all trials that gave a result.", sensitivity(found)))  # fmt: skip
    return pictures


@style.styled
def front(found: Found) -> Figure:
    """The first two objectives of all trials, and the front."""
    first, second = found.search.wanted[:2]
    figure, axes = style.canvas(3.2)
    points = np.array([[entry.found[one.figure] for one in (first, second)] for entry in found.done if entry.found])
    if len(points):
        axes.plot(points[:, 0], points[:, 1], "o", color=style.LINES[5], alpha=0.6, label="trials")
    best = sorted((entry.found[first.figure], entry.found[second.figure]) for entry in found.front if entry.found)
    if best:
        axes.plot(*zip(*best, strict=True), "o-", color=style.LOSS, label="front")
    axes.set_xlabel(f"{first.figure} ({first.direction})")
    axes.set_ylabel(f"{second.figure} ({second.direction})")
    axes.grid(visible=True, axis="both")
    style.legend_above(axes, columns=2)
    return figure


@style.styled
def course(found: Found) -> Figure:
    """The objective trial by trial, and the best so far."""
    (objective,) = found.search.wanted
    sign = 1 if objective.direction == "maximise" else -1
    figure, axes = style.canvas(3.0)
    values = [gain[0] for gain in gains(found).tolist()]
    best, so_far = -math.inf, []
    for value in values:
        best = best if math.isnan(value) else max(best, value)
        so_far.append(sign * best if math.isfinite(best) else math.nan)
    axes.plot(range(len(values)), [sign * value for value in values], "o", color=style.LINES[5], label="trials")
    axes.plot(range(len(values)), so_far, color=style.LOSS, label="best so far", drawstyle="steps-post")
    axes.set_xlabel("trial")
    axes.set_ylabel(f"{objective.figure} ({objective.direction})")
    style.legend_above(axes, columns=2)
    return figure


@style.styled
def sensitivity(found: Found) -> Figure:
    """Bars of rank correlations, a row for each variable."""
    paths = [variable.path for variable in found.search.variables]
    known = [entry for entry in found.done if entry.found]
    figure, axes = style.canvas(0.9 + 0.34 * len(paths))
    height = 0.7 / len(found.search.wanted)
    for index, objective in enumerate(found.search.wanted):
        figures = [entry.found[objective.figure] for entry in known if entry.found]
        bars = [_correlation(_ranks(found, path, known), figures) for path in paths]
        place = np.arange(len(paths)) + (index - (len(found.search.wanted) - 1) / 2) * height
        axes.barh(place, bars, height=0.9 * height, color=style.LINES[index], label=objective.figure)
    axes.set_yticks(range(len(paths)), paths)
    axes.invert_yaxis()
    axes.set_xlim(-1.05, 1.05)
    axes.set_xlabel("rank correlation")
    axes.grid(axis="x")
    axes.grid(visible=False, axis="y")
    style.legend_above(axes, columns=2)
    return figure


def _ranks(found: Found, path: str, entries: Sequence[Entry]) -> list[float]:
    """Numbers that keep a variable's order; of choices their place in the list."""
    variable = next(one for one in found.search.variables if one.path == path)
    if variable.choices:
        return [float(list(variable.choices).index(entry.values[path])) for entry in entries]
    return [float(str(entry.values[path]).split()[0]) for entry in entries]


def _correlation(x: list[float], y: list[float]) -> float:
    if len(set(x)) < 2 or len(set(y)) < 2:
        return 0.0
    found: Any = spearmanr(x, y)
    return float(found.statistic)
