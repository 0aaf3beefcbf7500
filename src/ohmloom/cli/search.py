"""``ohmloom search`` and ``ohmloom sweep``: many runs, chosen or in a grid."""

from __future__ import annotations

from concurrent.futures import Executor
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ohmloom.cli.output import Json, show_json, show_table, speaking
from ohmloom.errors import ConfigurationError, message

if TYPE_CHECKING:
    from ohmloom.experiments.search import Found

File = Annotated[Path, typer.Argument(metavar="FILE.toml", help="What is tried, varied and wanted.")]
Out = Annotated[Path, typer.Option("--out", help="The search's folder; an interrupted one is taken up.")]
Count = Annotated[int, typer.Option("--workers", min=1, help="Trials at once.")]
NO_RESULT = 1  # exit code of a search all of whose trials failed
Scheduler = Annotated[str | None, typer.Option("--scheduler", help="A Dask scheduler, such as tcp://host:8786.")]


@speaking
def search(file: File, out: Out = Path("search"), workers: Count = 1, scheduler: Scheduler = None,
           as_json: Json = False) -> None:  # fmt: skip
    """Look for the best settings: one objective, or a Pareto front of several, with constraints.

    Each trial is a run of its own in OUT/trials; the journal OUT/search.sqlite makes the search resumable at any time.
    """
    _search(file, out, workers, scheduler, as_json, {})


@speaking
def sweep(file: File, out: Out = Path("sweep"), workers: Count = 1, scheduler: Scheduler = None,
          as_json: Json = False) -> None:  # fmt: skip
    """Try every point of a grid over the variables of a search's file."""
    _search(file, out, workers, scheduler, as_json, {"method": "grid"})


def _search(file: Path, out: Path, workers: int, scheduler: str | None, as_json: bool, changes: dict[str, Any]) -> None:
    from ohmloom.cli.trials import SearchFile
    from ohmloom.experiments import open_progress
    from ohmloom.experiments.search import search as run
    from ohmloom.reports.searches import write_search

    what = SearchFile.read(file)
    what = what.replace(**changes) if changes else what
    executor = None if scheduler is None else dask_executor(scheduler)
    with open_progress(quiet=as_json) as progress:
        found = run(what, what.trial, out, workers=workers, executor=executor, progress=progress)
    page = write_search(found, out)
    if as_json:
        show_json({"report": str(page), "note": found.note, "front": [entry.number for entry in found.front],
                   "trials": [entry._asdict() for entry in found.entries]})  # fmt: skip
    else:
        _show(found)
        typer.echo(page)
    if not found.done:
        raise typer.Exit(NO_RESULT)


def dask_executor(address: str) -> Executor:
    """The executor of a running Dask scheduler. Raises ConfigurationError where it cannot be reached."""
    try:
        from distributed import Client
    except ImportError:
        rule, remedy = "needs Dask", "pip install 'ohmloom[cluster]'"
        raise ConfigurationError(message("--scheduler", rule, "none installed", remedy)) from None
    try:
        return Client(address, timeout="5s").get_executor(pure=False)  # a repeated trial is to run again
    except (OSError, ValueError, TimeoutError) as error:
        rule, remedy = "must be a scheduler that can be reached", "Start one with `dask scheduler`, or leave it out."
        raise ConfigurationError(message("--scheduler", rule, f"{address} ({error})", remedy)) from None


def _show(found: Found) -> None:
    from ohmloom.reports.searches import rows

    columns, table = rows(found, found.front)
    show_table([[str(cell) for cell in row] for row in table], columns)
    failed = [entry for entry in found.entries if entry.state == "failed"]
    typer.echo(f"{len(found.done)} of {len(found.entries)} trials gave a result.")
    for entry in failed[:5]:
        typer.echo(f"trial {entry.number}: {entry.error}")
    if found.note:
        typer.echo(found.note)
