"""An array with its inputs as a circuit for ngspice.

Nodes: ``r<i>_<j>`` and ``c<i>_<j>`` where row i meets column j, ``d<i>`` the driver of row i, ``s<j>`` the sensed end
of column j; with ideal wires only the last two. Sources: ``vd<i>`` the drivers, ``vs<j>`` what holds the end of a
grounded column at 0 V and measures its current.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from torch import Tensor

from ohmloom import atomic
from ohmloom.crossbars.circuits.solving import check_circuit
from ohmloom.crossbars.circuits.wires import Termination, Wires
from ohmloom.devices.conduction import Conduction, HyperbolicSine, Ohmic
from ohmloom.errors import ConfigurationError, ShapeError, message

RESULTS = "ohmloom.raw"  # written by ngspice where it runs
# As tight as the rounding of its sparse solver allows; Newton then squares these. Its defaults stop at 1e-3.
OPTIONS = ".options reltol=1e-10 abstol=1e-17 vntol=1e-13 gmin=1e-24 itl1=200"


def write_netlist(
    file: str | Path | TextIO,
    conductance: Tensor,
    voltage: Tensor,
    wires: Wires,
    conduction: Conduction = Ohmic(),  # noqa: B008 (frozen)
    termination: Termination = "ground",
) -> None:
    """Write one array (rows, columns), S, with its inputs (inputs, rows), V, as a netlist for ngspice.

    The circuit is that of `solve`. It computes an operating point for each input and writes all node voltages and
    source currents as doubles to ``ohmloom.raw`` in the folder where ngspice runs (``ngspice -b FILE``; `run_ngspice`
    does that and reads them). A file is written whole or not at all.

    Raises what `solve` raises for bad input, ShapeError for more than one array, ConfigurationError for a conduction
    law without a SPICE form, and OutputError where the file cannot be written.
    """
    text = netlist(conductance, voltage, wires, conduction, termination)
    if isinstance(file, str | Path):
        atomic.write_text(Path(file), text)
    else:
        file.write(text)


def netlist(
    conductance: Tensor, voltage: Tensor, wires: Wires, conduction: Conduction, termination: Termination
) -> str:
    """The text that `write_netlist` writes."""
    check_circuit(conductance, voltage, wires, conduction, termination)
    if conductance.ndim != 2 or voltage.ndim != 2:
        shapes = f"{tuple(conductance.shape)} and {tuple(voltage.shape)}"
        rule = "must be one array (rows, columns) and its voltages (inputs, rows)"
        raise ShapeError(message("netlist", rule, shapes, "Write one file for each array."))
    if not isinstance(conduction, Ohmic | HyperbolicSine):
        rule = "must be ohmic or sinh to be written for SPICE"
        raise ConfigurationError(message("conduction", rule, type(conduction).__name__, "Check it against `solve`."))
    cells, inputs = conductance.double().tolist(), voltage.double().tolist()
    rows, columns = conductance.shape
    lines = [f"ohmloom: {rows} x {columns} cells, {len(inputs)} inputs, columns {termination}"]
    lines += (f"vd{i} d{i} 0 dc {volts!r}" for i, volts in enumerate(inputs[0]))
    if termination == "ground":
        lines += (f"vs{j} s{j} 0 dc 0" for j in range(columns))
    if not wires.ideal:
        lines += _rows(rows, columns, wires)
        lines += _columns(rows, columns, wires, termination)
    lines += _cells(cells, wires, conduction)
    return "\n".join([*lines, OPTIONS, *_control(inputs), ".end", ""])


def nodes(row: int, column: int, wires: Wires) -> tuple[str, str]:
    """The names of the row's and the column's node at a cell."""
    return (f"d{row}", f"s{column}") if wires.ideal else (f"r{row}_{column}", f"c{row}_{column}")


def _rows(rows: int, columns: int, wires: Wires) -> Iterator[str]:
    for i in range(rows):
        yield f"rd{i} d{i} r{i}_0 {wires.row + wires.driver!r}"
        for j in range(1, columns):
            yield f"rr{i}_{j} r{i}_{j - 1} r{i}_{j} {wires.row!r}"
        if wires.rows_from == "both":
            yield f"re{i} r{i}_{columns - 1} d{i} {wires.row + wires.driver!r}"


def _columns(rows: int, columns: int, wires: Wires, termination: Termination) -> Iterator[str]:
    end = 0 if wires.columns_to == "top" else rows - 1
    last = wires.column + (wires.sense if termination == "ground" else 0.0)  # open: no current, whatever the sense
    for j in range(columns):
        for i in range(1, rows):
            yield f"rc{i}_{j} c{i - 1}_{j} c{i}_{j} {wires.column!r}"
        yield f"rs{j} c{end}_{j} s{j} {last!r}"


def _cells(cells: list[list[float]], wires: Wires, conduction: Ohmic | HyperbolicSine) -> Iterator[str]:
    """Cells that do not conduct are left out."""
    for i, row in enumerate(cells):
        for j, g in enumerate(row):
            if g == 0:
                continue
            above, below = nodes(i, j, wires)
            if wires.access:
                yield f"ra{i}_{j} {above} x{i}_{j} {wires.access!r}"
                above = f"x{i}_{j}"
            if isinstance(conduction, HyperbolicSine):
                scale = conduction.scale
                yield f"bg{i}_{j} {above} {below} i={g * scale!r}*sinh(v({above},{below})/{scale!r})"
            else:
                yield f"rg{i}_{j} {above} {below} {1 / g!r}"


def _control(inputs: list[list[float]]) -> Iterator[str]:
    """One operating point for each input, all in one file of results."""
    yield from (".control", "set noaskquit", "set filetype=binary")
    for number, voltages in enumerate(inputs):
        if number:
            yield from (f"alter vd{i} dc = {volts!r}" for i, volts in enumerate(voltages))
        yield from ("op", f"write {RESULTS}")
        if number == 0:
            yield "set appendwrite"
    yield from ("quit", ".endc")
