"""``ohmloom compare`` and ``ohmloom board``: many runs on one page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ohmloom.cli.output import Json, show_json, show_table, speaking

Runs = Annotated[list[Path], typer.Argument(metavar="RUN…", help="Folders of runs, or their result.json files.")]
Files = Annotated[list[Path], typer.Argument(metavar="FILE…", help="Results of runs, such as results/*.json.")]
Report = Annotated[Path | None, typer.Option("--report", help="A folder for the page and its pictures.")]
Page = Annotated[Path, typer.Option("--out", help="The page.")]


@speaking
def compare(runs: Runs, report: Report = None, as_json: Json = False) -> None:
    """Runs of one system side by side: their figures, and what differs in their settings."""
    from ohmloom.experiments import read_result
    from ohmloom.experiments.comparison import compare as put
    from ohmloom.reports.boards import runs_named, write_comparison

    found = put([read_result(run) for run in runs], runs_named(runs))
    page = None if report is None else str(write_comparison(found, report))
    if as_json:
        show_json(found.json() | {"report": page})
        return
    rows = [(path, *(str(value) for value in values)) for path, values in found.settings.items()]
    if rows:
        show_table(rows, ("setting that differs", *found.runs))
    else:
        typer.echo("The settings are the same.")
    show_table(found.table(), ("figure", *found.runs))
    if page:
        typer.echo(page)


@speaking
def board(files: Files, out: Page = Path("board.html"), as_json: Json = False) -> None:
    """One page of all claims and controls: published in each version, ours with its interval, the verdict."""
    from ohmloom.reports.boards import read_board, write_board

    found = read_board(files)
    page = write_board(found, out)
    counts = {result.system: len(result.claims) for result in found.results}
    if as_json:
        show_json({"page": str(page), "claims": counts, "left out": list(found.left_out)})
        return
    typer.echo(f"{sum(counts.values())} claims of {len(found.results)} runs: {page}")
    if found.left_out:
        typer.echo(f"No results of runs, left out: {', '.join(found.left_out)}")
