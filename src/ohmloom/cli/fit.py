"""``ohmloom fit``: from measured tables to a device."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ohmloom.cli.output import Json, show_json, show_table, speaking

if TYPE_CHECKING:
    from ohmloom.devices.fitting import Fit

fit = typer.Typer(help="Fit a device to measured tables.", no_args_is_help=True)

Files = Annotated[list[Path], typer.Argument(metavar="FILE…", help="CSV tables, also .gz, at most one of each kind.")]
Out = Annotated[Path, typer.Option("--out", help="The device's TOML file; draws of the fit go beside it.")]
Report = Annotated[Path | None, typer.Option("--report", help="A folder for the report page and all numbers.")]
Where = Annotated[Path, typer.Argument(metavar="DIR", help="A folder for the examples.")]
Low = Annotated[float, typer.Option("--low", help="The quantile of the conductances that becomes g_min.")]
High = Annotated[float, typer.Option("--high", help="The quantile of the conductances that becomes g_max.")]
ReadTime = Annotated[str | None, typer.Option("--read-time", help='How long one read takes, such as "1 us".')]
Floor = Annotated[str | None, typer.Option("--current-floor", help="Leave out smaller currents of sweeps.")]
Resamples = Annotated[int, typer.Option("--resamples", help="Bootstrap resamples of the cells, at least 50.")]
Draws = Annotated[int, typer.Option("--draws", help="Of these, how many are kept as devices.")]
Seed = Annotated[int, typer.Option("--seed", help="The seed of resamples and held-out cells.")]
Negative = Annotated[bool, typer.Option("--keep-negative", help="Accept negative conductances as noise.")]
Saturated = Annotated[bool, typer.Option("--keep-saturated", help="Accept readings at the end of the range.")]


@fit.command("template")
@speaking
def template(folder: Where = Path("tables"), as_json: Json = False) -> None:
    """Write examples of the three kinds of tables, drawn from a made-up device."""
    from ohmloom.devices.fitting.examples import write_examples

    written = [str(path) for path in write_examples(folder)]
    if as_json:
        show_json({"files": written})
    else:
        typer.echo("\n".join(written))


@fit.command("device")
@speaking
def device(
    tables: Files,
    out: Out = Path("my.toml"),
    report: Report = None,
    low: Low = 0.05,
    high: High = 0.95,
    read_time: ReadTime = None,
    current_floor: Floor = None,
    resamples: Resamples = 400,
    draws: Draws = 20,
    seed: Seed = 0,
    keep_negative: Negative = False,
    keep_saturated: Saturated = False,
    as_json: Json = False,
) -> None:
    """Fit a device to tables of reads, sweeps or programming, any of them.

    reads: cell, time_s, conductance_S, and target_S, voltage_V if known. sweeps: device, cycle, voltage_V, current_A.
    programming: cell, target_S, pulse, conductance_S. A table's kind is recognised by its columns.
    """
    from ohmloom.devices.fitting import Settings, fit_device, read_tables, save
    from ohmloom.experiments import open_progress

    table: dict[str, object] = {
        "quantiles": [low, high], "resamples": resamples, "draws": draws, "seed": seed,
        "keep_negative": keep_negative, "keep_saturated": keep_saturated,
    }  # fmt: skip
    table |= {"read_time": read_time} if read_time is not None else {}
    table |= {"current_floor": current_floor} if current_floor is not None else {}
    settings = Settings.parse(table, file="fit device")
    with (
        open_progress(quiet=as_json) as progress,
        progress.task(f"fitting {out.stem}", total=resamples // 10 + 4) as advance,
    ):
        advance(1, "reading")
        read = read_tables(tables, settings)
        found = fit_device(read, settings, name=out.stem, advance=lambda what: advance(1, what))
        save(found, out)
        page = _report(found, report)
    _show(found, out, page, as_json)


def _report(found: Fit, folder: Path | None) -> Path | None:
    if folder is None:
        return None
    from ohmloom.reports.fits import write_fit_report

    return write_fit_report(found, folder)


def _show(found: Fit, out: Path, page: Path | None, as_json: bool) -> None:
    from ohmloom.devices.fitting import record

    if as_json:
        show_json({"device": str(out), "report": page and str(page)} | {"fit": record(found)})
        return
    show_table([(n.name, n.text, n.method) for n in found.numbers], ("fitted", "value (95 % interval)", "interval"))
    rows = [(h.name, str(h.cells), f"{h.distance:.3f}", f"{h.p_value:.2g}") for h in found.held_out]
    if rows:
        show_table(rows, ("held out", "cells", "Kolmogorov-Smirnov", "p"))
    typer.echo("What these tables cannot tell:")
    for note in found.notes:
        typer.echo(f"- {note}")
    typer.echo(f"\n{out}" + (f"\n{page}" if page else ""))
