"""Cells out and in: what stands in which cell of which core, as a table for a probe station, and measurements back.

One row for each cell and die. Columns: ``matrix``, ``die``, ``core``, ``row``, ``column`` (the address, from 0),
``target_S`` (absent for formed cells), ``written_S`` (right after programming), ``conductance_S`` (at the present age),
``pulses`` and ``fault`` (0 none, 1 stuck on, 2 stuck off, 3 unformed). ``.csv``, ``.csv.gz`` and ``.npz`` hold the same
columns.
"""

from __future__ import annotations

import csv
import gzip
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from ohmloom import atomic
from ohmloom.chips.addresses import Addresses, addresses
from ohmloom.errors import ConfigurationError, DataError, NotProgrammedError, message
from ohmloom.nn.convert import state_of

Columns = dict[str, Any]
ADDRESS = ("die", "core", "row", "column")
NEEDED = ("matrix", *ADDRESS, "conductance_S")
WHOLE = (*ADDRESS, "pulses", "fault")
SUFFIXES = (".csv", ".gz", ".npz")


def export_cells(hardware: nn.Module, file: str | Path, *, dies: Sequence[int] | None = None) -> Path:
    """Write the cells of programmed ``hardware``, of all ``dies`` unless some are named, to ``file``.

    Conductances are written with as many digits as they have, so that `import_cells` gives the same outputs bit for
    bit. Raises NotProgrammedError, ConfigurationError for a die or an ending that is not known, OutputError.
    """
    path, installation = Path(file), _installation(hardware)
    if path.suffix not in SUFFIXES:
        raise ConfigurationError(message(str(path), "must end in .csv, .csv.gz or .npz", path.suffix, "Rename it."))
    known = state_of(hardware).dies
    chosen = list(range(known)) if dies is None else list(dies)
    for die in chosen:
        if not 0 <= die < known:
            rule = f"must be from 0 to {known - 1}"
            raise ConfigurationError(message("dies", rule, die, "Choose dies that were programmed."))
    parts = [_cells(installation, name, die) for die in chosen for name in installation.matrices]
    table = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    atomic.write(path, lambda temporary: _write(temporary, path.suffix, table))
    return path


def import_cells(hardware: nn.Module, file: str | Path) -> int:
    """Put measured conductances into the cells of programmed ``hardware``; how many. The rest is as it was programmed.

    Columns ``matrix``, ``die``, ``core``, ``row``, ``column`` and ``conductance_S`` are needed; ``fault`` is taken if
    it is there. The measurement is the new beginning of time: the age is 0 s, and what was calibrated stays. All cells
    of a die must be there; dies that are not in the file keep theirs. Nothing changes unless everything fits.

    Raises DataError for a broken file, a missing column or core, an address that this hardware does not have (another
    chip's file), and conductances that are negative or no numbers; NotProgrammedError.
    """
    path, installation, state = Path(file), _installation(hardware), state_of(hardware)
    table = _read(path)
    _check_numbers(path, table)
    dies = sorted({int(die) for die in np.unique(table["die"])})
    if not dies or dies[-1] >= state.dies or dies[0] < 0:
        rule = f"must be dies of this hardware, 0 to {state.dies - 1}"
        raise DataError(message(f"{path}: die", rule, dies or "none", "Program as many dies as were measured."))
    strange = sorted(set(np.unique(table["matrix"])) - set(installation.matrices))
    if strange:
        rule = f"must be matrices of this hardware ({', '.join(installation.matrices)})"
        remedy = "This file is another chip's or network's."
        raise DataError(message(f"{path}: matrix", rule, ", ".join(map(str, strange)), remedy))
    places = {name: addresses(installation, name) for name in installation.matrices}
    found = [(name, die, *_match(path, table, name, die, places[name])) for die in dies for name in places]
    for name, die, place, rows in found:
        matrix = installation.matrices[name]
        _put(matrix.cells.written[die], place, table["conductance_S"][rows])
        if "fault" in table:
            _put(matrix.cells.faults[die], place, table["fault"][rows])
    for matrix in installation.matrices.values():
        matrix.age(0.0)
    return sum(len(rows) for *_, rows in found)


def _installation(hardware: nn.Module) -> Any:
    installation = state_of(hardware).installation
    if installation is None:
        remedy = "Call ohmloom.program(hardware)."
        raise NotProgrammedError(message("hardware", "must be programmed first", "no cells", remedy))
    return installation


def _cells(installation: Any, name: str, die: int) -> Columns:
    place, matrix = addresses(installation, name), installation.matrices[name]
    count = len(place.cell)

    def taken(leaf: torch.Tensor) -> np.ndarray:
        return leaf.reshape(-1)[place.cell].cpu().numpy()

    columns: Columns = {"matrix": np.full(count, name), "die": np.full(count, die)}
    columns |= {key: value.numpy() for key, value in place._asdict().items() if key != "cell"}
    targets = matrix.targets
    columns["target_S"] = np.full(count, np.nan) if targets is None else taken(targets)
    columns["written_S"] = taken(matrix.cells.written[die])
    columns["conductance_S"] = taken(matrix.conductance()[die])
    columns["pulses"], columns["fault"] = taken(matrix.cells.pulses[die]), taken(matrix.cells.faults[die])
    return columns


def _write(path: Path, suffix: str, table: Columns) -> None:
    if suffix == ".npz":
        with path.open("wb") as file:
            np.savez_compressed(file, **table)
        return
    text = [column.tolist() if name in ("matrix", *WHOLE) else [_text(value) for value in column]
            for name, column in table.items()]  # fmt: skip
    with gzip.open(path, "wt", newline="") if suffix == ".gz" else path.open("w", newline="") as file:
        writer = csv.writer(file)  # type: ignore[arg-type]
        writer.writerow(table)
        writer.writerows(zip(*text, strict=True))


def _text(value: np.floating[Any]) -> str:
    """The shortest text that is read back as the same number; empty for none."""
    return "" if np.isnan(value) else np.format_float_scientific(value, trim="-")


def _read(path: Path) -> Columns:
    try:
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as held:
                table = {name: held[name] for name in held.files}
        else:
            table = _read_csv(path)
    except FileNotFoundError:
        raise DataError(message(str(path), "must be a file", "none there", "Check the path.")) from None
    except (ValueError, OSError, EOFError, zipfile.BadZipFile, csv.Error) as error:
        raise DataError(message(str(path), "must be a whole table of cells", error, "Export it again.")) from None
    missing = [name for name in NEEDED if name not in table]
    if missing:
        rule = f"must have the columns {', '.join(NEEDED)}"
        raise DataError(message(str(path), rule, f"none named {', '.join(missing)}", "Add or rename them."))
    return table


def _read_csv(path: Path) -> Columns:
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as file:
        rows = csv.reader(file)  # type: ignore[arg-type]
        header = next(rows, [])
        columns = list(zip(*rows, strict=True)) or [()] * len(header)
    held = dict(zip(header, columns, strict=True))
    return {name: _parsed(name, column) for name, column in held.items()}


def _parsed(name: str, column: Sequence[str]) -> np.ndarray:
    if name == "matrix":
        return np.asarray(column, dtype=str)
    if name in WHOLE:
        return np.asarray(column, dtype=np.int64)
    return np.asarray([value or "nan" for value in column], dtype=np.float64)


def _check_numbers(path: Path, table: Columns) -> None:
    measured = np.asarray(table["conductance_S"], dtype=float)
    wrong = np.flatnonzero(~(np.isfinite(measured) & (measured >= 0)))
    if len(wrong):
        row = int(wrong[0])
        rule, given = "must be finite and not negative", f"{measured[row]} in row {row + 1}"
        raise DataError(message(f"{path}: conductance_S", rule, given, "Measure that cell again, or give 0."))


def _match(path: Path, table: Columns, name: str, die: int, place: Addresses) -> tuple[torch.Tensor, np.ndarray]:
    """The cells of a matrix on one die, and the row of the table for each."""
    rows = np.flatnonzero((table["matrix"] == name) & (table["die"] == die))
    there = _keys(*(table[key][rows] for key in ADDRESS[1:]))
    wanted = _keys(*(leaf.numpy() for leaf in place[:3]))
    order = np.argsort(there, kind="stable")
    at = np.searchsorted(there, wanted, sorter=order).clip(max=max(len(there) - 1, 0))
    missing = np.ones(len(wanted), bool) if not len(there) else there[order[at]] != wanted
    if missing.any():
        cores = sorted({int(core) for core in place.core.numpy()[missing]})
        given = f"{int(missing.sum())} of {len(wanted)} cells are missing, in cores {_few(cores)}"
        rule = f"must hold every cell of {name} on die {die}"
        raise DataError(message(str(path), rule, given, "Measure whole matrices, or leave the die out."))
    strange = ~np.isin(there, wanted)
    if strange.any():
        row = int(rows[np.flatnonzero(strange)[0]])
        given = ", ".join(f"{key} {int(table[key][row])}" for key in ADDRESS[1:])
        rule = f"must be an address that {name} has here"
        raise DataError(message(str(path), rule, given, "This file is another chip's."))
    return place.cell, rows[order[at]]


def _keys(core: np.ndarray, row: np.ndarray, column: np.ndarray) -> np.ndarray:
    """One whole number for each address."""
    return (core.astype(np.int64) << 40) | (row.astype(np.int64) << 20) | column.astype(np.int64)


def _few(numbers: list[int]) -> str:
    return ", ".join(map(str, numbers[:6])) + (" and more" if len(numbers) > 6 else "")


def _put(leaf: torch.Tensor, place: torch.Tensor, values: np.ndarray) -> None:
    leaf.view(-1)[place] = torch.from_numpy(np.asarray(values)).to(leaf)
