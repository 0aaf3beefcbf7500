"""The command line. Only what `--help` needs is imported here; each command imports what it uses."""

from __future__ import annotations

from typing import Annotated

import typer

import ohmloom
from ohmloom.cli import boards, doctor, files, fit, lists, models, run, search, spice

__all__ = ["app", "main"]

app = typer.Typer(
    name="ohmloom",
    help=ohmloom.__doc__,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("run")(run.run)
app.add_typer(lists.lists, name="list")
app.command("summary")(models.summary)
app.command("evaluate")(models.evaluate)
app.command("diagnose")(models.diagnose)
app.command("search")(search.search)
app.command("sweep")(search.sweep)
app.add_typer(fit.fit, name="fit")
app.command("report")(files.report)
app.command("compare")(boards.compare)
app.command("board")(boards.board)
app.command("cite")(lists.cite)
app.add_typer(files.data, name="data")
app.add_typer(spice.spice, name="spice")
app.command("doctor")(doctor.doctor)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(ohmloom.__version__)
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Say which.")] = False,
) -> None:
    """Puts neural networks on memristor chips: accuracy, energy, latency and area from one run."""


def main() -> None:
    """The command ``ohmloom``."""
    app()
