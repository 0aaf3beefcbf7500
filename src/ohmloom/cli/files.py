"""``ohmloom report`` and ``ohmloom data``: pages made anew, data sets fetched and found."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ohmloom.cli.output import Json, show_json, show_table, speaking

data = typer.Typer(help="Fetch data sets, and say where they are.", no_args_is_help=True)
Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The folder of a run.")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="A data set's name.")]


@speaking
def report(folder: Folder, as_json: Json = False) -> None:
    """Make a run's figures/*.svg and report.html anew from its result.json."""
    from ohmloom.reports import write_report

    page = write_report(folder)
    if as_json:
        show_json({"report": str(page)})
    else:
        typer.echo(page)


@data.command("get")
@speaking
def get(name: Name, as_json: Json = False) -> None:
    """Fetch a data set, unless it is there already, and print its folder."""
    from ohmloom import data as sets

    folder = sets.get(name)
    if as_json:
        show_json({"name": name, "folder": str(folder)})
    else:
        typer.echo(folder)


@data.command("where")
@speaking
def where(name: Name, as_json: Json = False) -> None:
    """Every place that a data set is looked for in, in order, and what is there."""
    from ohmloom import data as sets

    places = [(str(place), str(state)) for place, state in sets.where(name)]
    if as_json:
        show_json({"name": name, "places": [{"place": place, "state": state} for place, state in places]})
    else:
        show_table(places, ("place", "state"))
