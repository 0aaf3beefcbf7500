"""How commands speak: text for people, one JSON object for machines, one line and an exit code for errors."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Annotated, Any, ParamSpec

import typer

from ohmloom.errors import OhmloomError

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object for machines.")]
Arguments = ParamSpec("Arguments")
BAD_INPUT, INTERRUPTED = 2, 130


def speaking(command: Callable[Arguments, None]) -> Callable[Arguments, None]:
    """A command whose errors are one clean line (with ``--json`` one JSON object on the output) and exit code 2."""

    @wraps(command)
    def inside(*arguments: Arguments.args, **named: Arguments.kwargs) -> None:
        try:
            command(*arguments, **named)
        except OhmloomError as error:
            if inspect.signature(command).bind(*arguments, **named).arguments.get("as_json"):
                show_json({"error": {"kind": type(error).__name__, "message": str(error)}})
            else:
                typer.echo(f"ohmloom: {error}", err=True)
            raise typer.Exit(BAD_INPUT) from None
        except KeyboardInterrupt:
            typer.echo("ohmloom: interrupted.", err=True)
            raise typer.Exit(INTERRUPTED) from None

    return inside


def show_json(contents: Any) -> None:
    """Print one JSON value."""
    typer.echo(json.dumps(contents, indent=1, ensure_ascii=False, allow_nan=False))


def show_table(rows: Sequence[Sequence[str]], columns: Sequence[str]) -> None:
    """Print a table, as wide as the terminal; for a pipe as wide as it needs to be."""
    from rich.box import SIMPLE_HEAD  # start-up stays light
    from rich.console import Console
    from rich.table import Table

    table = Table(*columns, box=SIMPLE_HEAD, pad_edge=False)
    for row in rows:
        table.add_row(*(_escaped(cell) for cell in row))
    console = Console()
    if not console.is_terminal:
        console.width = max(80, table.__rich_measure__(console, console.options.update(max_width=10_000)).maximum)
    console.print(table)


def _escaped(cell: str) -> str:
    from rich.markup import escape

    return escape(cell)
