"""Pages about many runs: one system's runs side by side, and the claims board of all systems."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from markupsafe import Markup
from matplotlib.figure import Figure as Picture

import ohmloom
from ohmloom.atomic import write_text
from ohmloom.errors import FormatError, message
from ohmloom.experiments import Result, read_result
from ohmloom.experiments.comparison import Comparison, check_verdicts
from ohmloom.experiments.figures import Figure
from ohmloom.reports import style, wording
from ohmloom.reports.page import FIGURES, FILE, template

ROWS = 24  # of one picture: more are not read


class Board(NamedTuple):
    """The results that a board shows, and files beside them that are none."""

    results: tuple[Result, ...]
    left_out: tuple[str, ...]


def read_board(files: Sequence[str | Path]) -> Board:
    """Read results; JSON files that are no results of a run (such as benchmarks) are named and left out.

    Raises FormatError for a broken result, one that was changed by hand, and where there is none at all.
    """
    results, left_out = [], []
    for file in map(Path, files):
        if file.is_file() and _is_other(file):
            left_out.append(file.name)
            continue
        result = read_result(file)
        check_verdicts(result, str(file))
        results.append(result)
    if not results:
        rule, remedy = "must hold at least one result of a run", "Name result.json files, such as results/*.json."
        raise FormatError(message("board", rule, f"{len(files)} files", remedy))
    return Board(tuple(sorted(results, key=lambda one: (one.system, one.tier))), tuple(left_out))


def _is_other(file: Path) -> bool:
    try:
        table = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(table, dict) and not {"schema", "system", "figures"} & table.keys()


def write_board(board: Board, file: str | Path) -> Path:
    """Write the page of all claims and controls. Raises OutputError for a file that cannot be written."""
    verdicts = Counter(claim.verdict for result in board.results for claim in result.claims)
    held = Counter(control.verdict for result in board.results for control in result.controls)
    text = template("board.html.jinja").render(
        board=board, tally=verdicts, held=held, words=wording, version=ohmloom.__version__
    )
    write_text(Path(file), text)
    return Path(file)


def write_comparison(found: Comparison, folder: str | Path) -> Path:
    """Write ``report.html``, ``comparison.json`` and ``figures/*.svg``. Raises OutputError."""
    folder = Path(folder)
    write_text(folder / "comparison.json", json.dumps(found.json(), indent=1, ensure_ascii=False, allow_nan=False))
    pictures = []
    for unit, names in _by_unit(found).items():
        name = f"figures-{len(pictures) + 1}"
        caption = f"Figures in {unit or 'pure numbers'}; bars are intervals where a run has them."
        more = len(names) - ROWS
        caption += f" The first {ROWS}; {more} more are in the table." if more > 0 else ""
        drawn = style.svg(side_by_side(found, names[:ROWS], unit), name, caption)
        write_text(folder / FIGURES / f"{name}.svg", drawn)
        pictures.append({"name": name, "caption": caption, "svg": Markup(style.inline(drawn))})
    text = template("comparison.html.jinja").render(
        found=found, pictures=pictures, words=wording, version=ohmloom.__version__
    )
    write_text(folder / FILE, text)
    return folder / FILE


def _by_unit(found: Comparison) -> dict[str, list[str]]:
    """Figures that more than one run has, by unit."""
    units: dict[str, list[str]] = defaultdict(list)
    for name, figures in found.figures.items():
        known = [figure for figure in figures if figure is not None and figure.value is not None]
        if len(known) > 1:
            units[known[0].unit].append(name)
    return units


@style.styled
def side_by_side(found: Comparison, names: Sequence[str], unit: str) -> Picture:
    """One row for each figure, one mark for each run."""
    figure, axes = style.canvas(0.9 + 0.3 * len(names), style.WIDE)
    shift = 0.16 * (np.arange(len(found.runs)) - (len(found.runs) - 1) / 2)
    for index, run in enumerate(found.runs):
        color, label = style.LINES[index % len(style.LINES)], run
        for row, name in enumerate(names):
            one: Figure | None = found.figures[name][index]
            if one is None or one.value is None:
                continue
            place = row + shift[index]
            if one.interval is not None:
                axes.plot([one.interval.low, one.interval.high], [place, place], color=color, linewidth=1.4)
            axes.plot([one.value], [place], "o", color=color, label=label)
            label = "_nolegend_"
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_xlabel(unit or "value")
    axes.grid(axis="x")
    axes.grid(visible=False, axis="y")
    style.legend_above(axes, columns=3)
    return figure


def runs_named(paths: Sequence[Path]) -> list[str]:
    """A short name for each run: its folder's or file's, with its parents' where these are the same."""
    depth = 1
    places = [path.resolve() if path.name != "result.json" else path.resolve().parent for path in paths]
    names: list[Any] = [place.stem if place.suffix == ".json" else place.name for place in places]
    while len(set(names)) < len(names) and depth < 4:
        depth += 1
        names = ["/".join(place.parts[-depth:]) for place in places]
    return names
