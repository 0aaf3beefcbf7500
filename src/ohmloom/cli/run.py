"""``ohmloom run``: a system, or a ``run.toml`` that repeats one, into a folder with its report."""

from __future__ import annotations

import sys
from contextlib import nullcontext, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ohmloom.cli.output import INTERRUPTED, Json, show_json, show_table, speaking
from ohmloom.errors import ConfigurationError, OhmloomError, message

if TYPE_CHECKING:
    from ohmloom.experiments import Result, RunFile

What = Annotated[str, typer.Argument(metavar="SYSTEM|RUN.TOML", help="A system's name, or the run.toml of a run.")]
TierName = Annotated[str | None, typer.Option("--tier", help="smoke (default), standard or full.")]
Seed = Annotated[int | None, typer.Option("--seed", help="The seed of everything drawn by chance; default 0.")]
Out = Annotated[Path | None, typer.Option("--out", help="A new folder, or that of the same run, interrupted.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress bars.")]


@speaking
def run(
    what: What,
    tier: TierName = None,
    seed: Seed = None,
    out: Out = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Run a system and write its report.

    The folder (default runs/SYSTEM-<time>) gets run.toml, result.json, report.html and figures/. An interrupted run
    goes on when it is repeated with the same folder.
    """
    from ohmloom import systems
    from ohmloom.experiments import default_folder, open_progress
    from ohmloom.experiments import run as run_into

    ask = _ask(what, tier, seed)
    system = systems.load(ask.system)
    folder = out or default_folder(ask.system)
    settings = ask.settings or None
    aside = redirect_stdout(sys.stderr) if as_json else nullcontext()  # what a system prints would spoil the JSON
    try:
        with aside, open_progress(quiet=quiet or as_json) as progress:
            result = run_into(system, tier=ask.tier, seed=ask.seed, out=folder, settings=settings, progress=progress)
    except KeyboardInterrupt:
        _say_interrupted(folder, as_json)
        raise typer.Exit(INTERRUPTED) from None
    from ohmloom.reports import write_report  # matplotlib, only when there is something to draw

    _show(result, folder, write_report(folder), as_json)


def _ask(what: str, tier: str | None, seed: int | None) -> RunFile:
    from ohmloom.experiments import RunFile

    if not what.endswith(".toml"):
        return RunFile(system=what, tier="smoke" if tier is None else tier, seed=0 if seed is None else seed)
    if tier is not None or seed is not None:
        remedy = "Leave them out, or change the file."
        raise ConfigurationError(message("run", "a run.toml has its own tier and seed", "--tier or --seed", remedy))
    return RunFile.read(Path(what))


def _say_interrupted(folder: Path, as_json: bool) -> None:
    from ohmloom.experiments import read_result

    again = f"ohmloom run {folder}/run.toml --out {folder}"
    try:
        count = len(read_result(folder).figures)
        found = f"{count} figure{'s' if count != 1 else ''}"
    except OhmloomError:
        found = None
    if as_json:
        show_json({"folder": str(folder), "status": "interrupted", "resume": again})
        return
    state = f"The last complete state ({found}) is in {folder}" if found else "Nothing was written"
    typer.echo(f"ohmloom: interrupted. {state}; to go on: {again}", err=True)


def _show(result: Result, folder: Path, report: Path, as_json: bool) -> None:
    if as_json:
        whole = result.model_dump(mode="json", by_alias=True)
        names = ("system", "tier", "seeds", "status", "seconds", "figures", "claims", "controls", "cost", "data")
        show_json({"folder": str(folder), "report": str(report)} | {name: whole[name] for name in names})
        return
    rows = _rows(result)
    if rows:
        show_table(rows, ("", "published", "ours", "verdict", "why"))
    typer.echo(f"{result.about.title}: {result.status} after {result.seconds:.0f} s\n{report}")


def _rows(result: Result) -> list[tuple[str, ...]]:
    from ohmloom.experiments import say

    def ours(item: Any) -> str:
        return "" if item.ours is None else say(item.ours, item.unit)

    rows = [(c.name, say(c.published, c.unit), ours(c), c.verdict, c.reason) for c in result.claims]
    return rows + [(f"control: {c.name}", "", ours(c), c.verdict, c.reason) for c in result.controls]
