"""``ohmloom list …`` and ``ohmloom cite``: what there is."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

import typer

from ohmloom.cli.output import Json, show_json, show_table, speaking

if TYPE_CHECKING:
    from ohmloom.descriptions import Preset

lists = typer.Typer(help="List what there is to run, to build with and to read.", no_args_is_help=True)
System = Annotated[str, typer.Argument(metavar="SYSTEM", help="A system's name.")]


@lists.command("systems")
@speaking
def list_systems(as_json: Json = False) -> None:
    """The published co-designs that can be run."""
    from ohmloom import systems

    rows = [(name, entry.title) for name, entry in systems.entries().items()]
    _show("systems", ("name", "title"), rows, as_json)


@lists.command("devices")
@speaking
def list_devices(as_json: Json = False) -> None:
    """The presets of memory cells."""
    from ohmloom.devices import Device

    _show("devices", ("name", "summary"), _presets(Device), as_json)


@lists.command("chips")
@speaking
def list_chips(as_json: Json = False) -> None:
    """The presets of chips."""
    from ohmloom.chips import Chip

    _show("chips", ("name", "summary"), _presets(Chip), as_json)


@lists.command("data")
@speaking
def list_data(as_json: Json = False) -> None:
    """The data sets that can be read, their licences, and where they are found."""
    from ohmloom import data

    rows = []
    for name in data.names():
        about = data.describe(name)
        counts = ", ".join(f"{part} {count}" for part, count in about.counts.items())
        found = next((str(place) for place, state in data.where(name) if state == "complete"), "not on this machine")
        rows.append((name, about.summary, about.licence, counts, found))
    _show("data", ("name", "summary", "licence", "counts", "found"), rows, as_json)


@speaking
def cite(system: System, as_json: Json = False) -> None:
    """The paper of a system, as a reference and as BibTeX."""
    from ohmloom import systems

    paper = systems.load(system).paper
    if as_json:
        show_json({"system": system, "text": paper.text, "doi": paper.doi, "bibtex": paper.bibtex})
    else:
        typer.echo(f"{paper.text}\n\n{paper.bibtex}")


def _presets(kind: type[Preset]) -> list[tuple[str, ...]]:
    return [(name, str(kind.raw(name).get("summary", ""))) for name in kind.names()]


def _show(what: str, columns: tuple[str, ...], rows: Iterable[tuple[str, ...]], as_json: bool) -> None:
    if as_json:
        show_json({what: [dict(zip(columns, row, strict=True)) for row in rows]})
    else:
        show_table(list(rows), columns)
