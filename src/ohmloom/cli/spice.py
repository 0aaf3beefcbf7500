"""``ohmloom spice``: circuits of arrays, against ngspice."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from ohmloom.cli.given import Age, ChipName, Data, Model, Subset, Weights, load_chip, load_model, load_task
from ohmloom.cli.output import Json, show_json, show_table, speaking
from ohmloom.errors import ConfigurationError, message

if TYPE_CHECKING:
    from torch import Tensor

    from ohmloom.crossbars import Wires
    from ohmloom.devices import Conduction

spice = typer.Typer(help="Circuits of arrays, against ngspice.", no_args_is_help=True)

BAR = 1e-9  # relative
ADVICE = "ngspice is not installed: nothing was compared. Debian and Ubuntu: apt-get install ngspice."

Rows = Annotated[int, typer.Option("--rows", min=1, help="Rows of the array.")]
Columns = Annotated[int, typer.Option("--columns", min=1, help="Columns of the array.")]
Inputs = Annotated[int, typer.Option("--inputs", min=1, help="Input vectors.")]
Row = Annotated[str, typer.Option("--row-resistance", help="Of one segment of a row.")]
Column = Annotated[str, typer.Option("--column-resistance", help="Of one segment of a column.")]
Driver = Annotated[str, typer.Option("--driver", help="Resistance of each driver.")]
Sense = Annotated[str, typer.Option("--sense", help="Resistance of each sense circuit.")]
Access = Annotated[str, typer.Option("--access", help="Resistance of each cell's transistor.")]
RowsFrom = Annotated[str, typer.Option("--rows-from", help="Where rows are driven: left or both.")]
ColumnsTo = Annotated[str, typer.Option("--columns-to", help="Where columns are sensed: bottom or top.")]
Termination = Annotated[str, typer.Option("--termination", help="Columns end in ground or open.")]
Sinh = Annotated[str | None, typer.Option("--sinh", help='Scale of sinh cells, such as "0.1 V"; else ohmic.')]
Seed = Annotated[int, typer.Option("--seed", help="The seed of conductances and inputs.")]
Netlist = Annotated[Path | None, typer.Option("--netlist", help="Keep the netlist in this file.")]


Out = Annotated[Path, typer.Option("--out", help="The folder for the netlists.")]
Matrix = Annotated[str | None, typer.Option("--matrix", help="Which one, by its name in the summary; else the first.")]
Vectors = Annotated[int, typer.Option("--vectors", min=1, help="Of those that reach the matrix, the first so many.")]


class Compared(NamedTuple):
    """One quantity of the circuit, ours against ngspice's."""

    quantity: str
    unit: str
    largest: float
    difference: float  # the largest one over the largest value


@spice.command()
@speaking
def check(
    rows: Rows = 16,
    columns: Columns = 12,
    inputs: Inputs = 2,
    row_resistance: Row = "1 ohm",
    column_resistance: Column = "2 ohm",
    driver: Driver = "0 ohm",
    sense: Sense = "0 ohm",
    access: Access = "0 ohm",
    rows_from: RowsFrom = "left",
    columns_to: ColumnsTo = "bottom",
    termination: Termination = "ground",
    sinh: Sinh = None,
    seed: Seed = 0,
    netlist: Netlist = None,
    as_json: Json = False,
) -> None:
    """Solve a random array (1 to 100 uS, 0 to 0.2 V) and compare every node with ngspice. Exit code 1 above 1e-9.

    Without ngspice nothing is compared, which is said, and the exit code is 0.
    """
    from ohmloom.crossbars import Wires
    from ohmloom.devices import HyperbolicSine, Ohmic

    wires = Wires.parse(
        {"row": row_resistance, "column": column_resistance, "driver": driver, "sense": sense, "access": access,
         "rows_from": rows_from, "columns_to": columns_to}, file="spice check",
    )  # fmt: skip
    conduction = Ohmic() if sinh is None else HyperbolicSine.parse({"scale": sinh}, file="--sinh")
    lines = _check(_circuit(rows, columns, inputs, seed), wires, conduction, termination, netlist)
    held = lines is None or all(line.difference <= BAR for line in lines)
    _show(lines, held, as_json)
    if not held:
        raise typer.Exit(1)


def _circuit(rows: int, columns: int, inputs: int, seed: int) -> tuple[Tensor, Tensor]:
    import torch

    if not 0 <= seed < 2**63:
        raise ConfigurationError(message("--seed", "must be from 0 to 2^63 - 1", seed, "Give another one."))
    chance = torch.Generator().manual_seed(seed)
    conductance = 1e-6 + 99e-6 * torch.rand(rows, columns, generator=chance, dtype=torch.float64)
    return conductance, 0.2 * torch.rand(inputs, rows, generator=chance, dtype=torch.float64)


def _check(
    circuit: tuple[Tensor, Tensor], wires: Wires, conduction: Conduction, termination: str, netlist: Path | None
) -> list[Compared] | None:
    """The comparison, None without ngspice."""
    from ohmloom.crossbars import effective_conductance, solve, write_netlist
    from ohmloom.crossbars.circuits import ngspice

    if netlist is not None:
        write_netlist(netlist, *circuit, wires, conduction, termination)  # type: ignore[arg-type]
    ours = solve(*circuit, wires, conduction, termination)  # type: ignore[arg-type]
    if ngspice.available() is None:
        return None
    theirs = ngspice.solve_in_ngspice(*circuit, wires, conduction, termination)  # type: ignore[arg-type]
    sensed = ("currents", "A") if termination == "ground" else ("column_voltages", "V")
    lines = []
    for name, unit in (sensed, ("row_nodes", "V"), ("column_nodes", "V"), ("power", "W")):
        mine, reference = getattr(ours, name), getattr(theirs, name)
        largest = float(reference.abs().max())
        difference = float((mine - reference).abs().max())
        lines.append(Compared(name.replace("_", " "), unit, largest, difference / largest if largest else difference))
    if conduction.ohmic:
        merged = effective_conductance(circuit[0], wires, termination)  # type: ignore[arg-type]
        reference = getattr(theirs, sensed[0])
        largest, difference = float(reference.abs().max()), float((circuit[1] @ merged - reference).abs().max())
        lines.append(Compared("effective conductance", sensed[1], largest, difference / largest))
    return lines


def _show(lines: list[Compared] | None, held: bool, as_json: bool) -> None:
    status = "skipped" if lines is None else "agrees" if held else "differs"
    if as_json:
        compared = [line._asdict() for line in lines or []]
        show_json({"status": status, "bar": BAR, "compared": compared} | ({"advice": ADVICE} if lines is None else {}))
        return
    if lines is None:
        typer.echo(f"ohmloom: {ADVICE}", err=True)
        return
    rows = [(line.quantity, f"{line.largest:.4g} {line.unit}", f"{line.difference:.1e}") for line in lines]
    show_table(rows, ("quantity", "largest", "largest difference, relative"))
    verdict = "agrees with ngspice to" if held else "DIFFERS from ngspice by more than"
    typer.echo(f"ohmloom {verdict} {BAR:g}.")


@spice.command()
@speaking
def write(
    model: Model,
    data: Data,
    out: Out,
    weights: Weights = None,
    chip: ChipName = "neurram",
    subset: Subset = "full",
    matrix: Matrix = None,
    vectors: Vectors = 1,
    age: Age = "0 s",
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Write the arrays of a programmed matrix, with what your data put on their rows, as netlists for ngspice."""
    import ohmloom as ol
    from ohmloom.chips import write_netlists
    from ohmloom.experiments.evaluate import calibrate
    from ohmloom.nn import vectors_of

    held = load_task(data, subset, 1)
    hardware = ol.convert(load_model(model, weights), load_chip(chip))
    calibrate(hardware, held)
    ol.program(hardware, seed=seed)
    if age != "0 s":
        ol.age(hardware, age)
    name = matrix or next(iter(ol.matrices(hardware)))
    reached = vectors_of(hardware, held.samples.inputs, name)[:vectors]
    files = [str(file) for file in write_netlists(ol.matrices(hardware)[name], reached, out)]
    if as_json:
        show_json({"matrix": name, "vectors": len(reached), "files": files})
    else:
        typer.echo("\n".join(files))
        typer.echo(f"{name}: {len(files)} arrays, {len(reached)} vectors. Run one with ngspice -b FILE.")
