"""Run ngspice on a netlist and read its results at full precision."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ohmloom.crossbars.circuits.netlist import RESULTS, netlist, nodes
from ohmloom.crossbars.circuits.wires import Termination, Wires
from ohmloom.devices.conduction import Conduction, Ohmic
from ohmloom.errors import SpiceError, message

LAST_LINES = 12


class SpiceSolution(NamedTuple):
    """What ngspice finds for an array; the shapes and meaning of `Solution`."""

    currents: Tensor  # (inputs, columns) A
    column_voltages: Tensor  # (inputs, columns) V
    row_nodes: Tensor  # (inputs, rows, columns) V
    column_nodes: Tensor  # (inputs, rows, columns) V
    power: Tensor  # (inputs) W


def available() -> str | None:
    """The path of ngspice, None if it is not installed."""
    return shutil.which("ngspice")


def run_ngspice(text: str) -> list[dict[str, float]]:
    """Run a netlist of `write_netlist` and return, for each input, every node voltage and source current by its name.

    Names are those of ngspice: ``v(r0_1)``, ``i(vs3)``. Raises SpiceError, with ngspice's last lines, where it is
    missing or fails.
    """
    wanted = len(re.findall("^op$", text, re.MULTILINE))
    plots = _run(text, wanted, "operating points")
    return [{name: float(values[0]) for name, values in plot.items()} for plot in plots]


def run_transient(text: str) -> dict[str, NDArray[np.float64]]:
    """Run a netlist with one transient analysis: the course of every variable it writes, ``time`` (s) among them.

    Raises SpiceError as `run_ngspice` does.
    """
    return _run(text, 1, "transient analysis")[0]


def _run(text: str, wanted: int, what: str) -> list[dict[str, NDArray[np.float64]]]:
    """Run a netlist and return its ``wanted`` plots."""
    program = available()
    if program is None:
        remedy = "Install it (Debian and Ubuntu: apt-get install ngspice; macOS: brew install ngspice)."
        raise SpiceError(message("ngspice", "must be installed and on PATH", "none", remedy))
    with tempfile.TemporaryDirectory(prefix="ohmloom-") as folder:
        Path(folder, "array.cir").write_text(text, encoding="utf-8")
        command = [program, "-n", "-b", "array.cir"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace", check=False)
        results = Path(folder, RESULTS)
        plots = read_raw(results.read_bytes()) if results.is_file() else []
        if len(plots) != wanted:
            last = "\n".join((done.stdout + done.stderr).strip().splitlines()[-LAST_LINES:])
            given = f"{len(plots)} and exit code {done.returncode}"
            remedy = f"Its last lines:\n{last}"
            raise SpiceError(message("ngspice", f"must find {wanted} {what}", given, remedy))
    return plots


def read_raw(contents: bytes) -> list[dict[str, NDArray[np.float64]]]:
    """The plots of a binary file: each variable's values by its name, one for an operating point."""
    plots = []
    while contents:
        head, mark, rest = contents.partition(b"Binary:\n")
        count, points = (re.search(rb"No\. " + what + rb":\s*(\d+)", head) for what in (b"Variables", b"Points"))
        if not mark or count is None or points is None:
            break
        size = 8 * int(count.group(1)) * int(points.group(1))
        names = re.findall(r"^\s*\d+\s+(\S+)\s+\S+\s*$", head.decode(errors="replace"), re.MULTILINE)
        if len(rest) < size or len(names) != int(count.group(1)):
            break  # cut off while it was written
        table = np.frombuffer(rest[:size], "<f8").reshape(-1, len(names))
        plots.append(dict(zip(names, table.T, strict=True)))
        contents = rest[size:].lstrip(b"\n")
    return plots


def solve_in_ngspice(
    conductance: Tensor,
    voltage: Tensor,
    wires: Wires,
    conduction: Conduction = Ohmic(),  # noqa: B008 (frozen)
    termination: Termination = "ground",
) -> SpiceSolution:
    """What ngspice finds for one array (rows, columns), S, at its inputs (inputs, rows), V: the reference of `solve`.

    Its time grows steeply with the array: 0.2 s at 32 x 32, 6 s at 64 x 64, for each input.
    """
    plots = run_ngspice(netlist(conductance, voltage, wires, conduction, termination))
    rows, columns = conductance.shape
    cells = [nodes(i, j, wires) for i in range(rows) for j in range(columns)]

    def read(names: list[str], *shape: int) -> Tensor:
        return torch.tensor([[plot[name] for name in names] for plot in plots], dtype=torch.float64).view(-1, *shape)

    zeros = torch.zeros(len(plots), columns, dtype=torch.float64)
    currents = read([f"i(vs{j})" for j in range(columns)], columns) if termination == "ground" else zeros
    ends = read([f"v(s{j})" for j in range(columns)], columns) if termination == "open" else zeros
    row_nodes = read([f"v({row})" for row, _ in cells], rows, columns)
    column_nodes = read([f"v({column})" for _, column in cells], rows, columns)
    drivers = read([f"i(vd{i})" for i in range(rows)], rows)
    return SpiceSolution(currents, ends, row_nodes, column_nodes, -(drivers * voltage.double()).sum(1))
