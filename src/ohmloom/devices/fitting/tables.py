"""Reading tidy CSV tables of measurements, plain or gzipped, and refusing those that cannot be right.

A table is read in blocks, so that a million rows take seconds and little memory.
"""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import IO, Self

import numpy as np
from numpy.typing import NDArray

from ohmloom.devices.fitting.columns import COUNTS, NAMES, PROGRAMMING, READS, SWEEPS, Kind, recognise
from ohmloom.devices.fitting.settings import Settings
from ohmloom.errors import DataError, message

Numbers = NDArray[np.float64]
Integers = NDArray[np.int64]
BLOCK = 100_000  # rows
LEAST_CELLS = 5  # of which anything about a spread from cell to cell can be said
LARGEST = {"conductance_S": 0.1, "target_S": 0.1, "voltage_V": 100.0, "current_A": 1.0}  # of a cell, in SI units
AROUND_ZERO = 0.02  # of the largest conductance: so far below zero the noise of cells that do not conduct may reach
SATURATED = 0.005  # share of the readings on the very largest value from which on they are taken to be cut off
CODES = (2**15 - 1, 2**15, 2**16 - 1, 2**16)  # 16-bit converters, signed and unsigned


@dataclass(frozen=True, eq=False)
class Table:
    """One table: its kind, the names of its cells (or devices), and one array per column.

    ``owner`` (rows,) numbers the cell of each row. Rows of a cell are in the order of the file.
    """

    file: str
    kind: Kind
    cells: tuple[str, ...]
    owner: Integers
    columns: dict[str, Numbers]

    def __len__(self) -> int:
        return len(self.owner)

    def __getitem__(self, column: str) -> Numbers:
        return self.columns[column]

    def of(self, chosen: NDArray[np.bool_]) -> Self:
        """The rows of some of the cells, ``chosen`` (cells,); the other cells are forgotten."""
        rows = chosen[self.owner]
        number = np.cumsum(chosen) - 1
        names = tuple(name for name, keep in zip(self.cells, chosen, strict=True) if keep)
        kept = {name: column[rows] for name, column in self.columns.items()}
        return replace(self, cells=names, owner=number[self.owner[rows]], columns=kept)


def read_tables(files: Sequence[str | Path], settings: Settings) -> dict[str, Table]:
    """The tables of ``files`` by kind, at most one of each kind.

    Raises DataError for a file that cannot be read or cannot be right.
    """
    if not files:
        raise DataError(message("tables", "must be at least one", "none", "Name a CSV file."))
    tables: dict[str, Table] = {}
    for file in files:
        table = read_table(file, settings)
        if table.kind.name in tables:
            rule = f"must be the only table of {table.kind.name}"
            raise DataError(message(str(file), rule, f"{tables[table.kind.name].file} as well", "Join the files."))
        tables[table.kind.name] = table
    return tables


def read_table(file: str | Path, settings: Settings = Settings()) -> Table:  # noqa: B008 (frozen)
    """Read and check one CSV file, gzipped if its name ends in ``.gz``."""
    path = Path(file)
    try:
        with _opened(path) as stream:
            table = _parse(str(file), stream)
    except FileNotFoundError:
        raise DataError(message(str(file), "must be a file", "nothing there", "Check the path.")) from None
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(message(str(file), "must be a whole CSV text file", error, "Export it again.")) from None
    check(table, settings)
    return table


@contextmanager
def _opened(path: Path) -> Iterator[IO[str]]:
    if path.suffix == ".gz":
        with gzip.open(path, "rb") as packed, io.TextIOWrapper(packed, encoding="utf-8-sig", newline="") as text:
            yield text
    else:
        with path.open(encoding="utf-8-sig", newline="") as text:
            yield text


def _parse(file: str, stream: IO[str]) -> Table:
    lines = csv.reader(stream)
    header = [name.strip() for name in next(lines, [])]
    if not header:
        raise DataError(message(file, "must have a line of column names", "an empty file", "Export it again."))
    kind = recognise(file, header)
    places = {name: header.index(name) for name in (*kind.required, *kind.optional) if name in header}
    numbers: dict[str, int] = {}
    owners: list[Integers] = []
    blocks: dict[str, list[Numbers]] = {name: [] for name in places if name not in NAMES}
    line = 2
    while rows := list(islice(lines, BLOCK)):
        rows = _whole(file, rows, len(header), line)
        for name, place in places.items():
            column = [row[place] for row in rows]
            if name in NAMES:
                owners.append(np.array([numbers.setdefault(text, len(numbers)) for text in column], dtype=np.int64))
            else:
                blocks[name].append(_floats(file, name, column, line))
        line += len(rows)
    if not owners:
        raise DataError(message(file, "must have rows below the column names", "none", "Export it again."))
    columns = {name: np.concatenate(block) for name, block in blocks.items()}
    return Table(file, kind, tuple(numbers), np.concatenate(owners), columns)


def _whole(file: str, rows: list[list[str]], width: int, line: int) -> list[list[str]]:
    """The rows without empty lines; all must have as many entries as the header."""
    rows = [row for row in rows if row]
    for number, row in enumerate(rows):
        if len(row) != width:
            rule = f"must have {width} entries in every row"
            raise DataError(message(f"{file}, line {line + number}", rule, len(row), "Mend that line."))
    return rows


def _floats(file: str, name: str, column: list[str], line: int) -> Numbers:
    try:
        values = np.array(column, dtype=np.float64)
    except ValueError:
        number, text = next((n, text) for n, text in enumerate(column) if not _is_number(text))
        where = f"{file}, line {line + number}, {name}"
        raise DataError(message(where, "must be a number", repr(text), "Fill or remove that row.")) from None
    if not np.isfinite(values).all():
        number = int(np.flatnonzero(~np.isfinite(values))[0])
        rule = "must be finite in every row"
        where = f"{file}, line {line + number}, {name}"
        raise DataError(message(where, rule, column[number], "Remove the rows without a reading."))
    return values


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def check(table: Table, settings: Settings) -> None:
    """Refuse a table that cannot be right: too few cells, other units, cut-off readings, times that run backwards."""
    for name, largest in LARGEST.items():
        if name in table.columns:
            _check_units(table, name, largest)
    if table.kind is not SWEEPS:
        _check_cells(table)
        _check_conductances(table, settings)
    reading = "current_A" if table.kind is SWEEPS else "conductance_S"
    _check_varies(table, reading)
    if not settings.keep_saturated and table.kind is not SWEEPS:  # points at a current limit are left out of sweeps
        _check_saturation(table, reading)
    if table.kind is READS:
        _check_order(table, "time_s")
    elif table.kind is PROGRAMMING:
        _check_order(table, "pulse")
    for name in COUNTS:
        if name in table.columns and (table[name] != np.rint(table[name])).any():
            raise DataError(message(f"{table.file}, {name}", "must be whole numbers", "others", "Count from 0 or 1."))


def _check_cells(table: Table) -> None:
    if len(table.cells) < LEAST_CELLS:
        rule = f"must hold at least {LEAST_CELLS} cells: one cell says nothing about the spread from cell to cell"
        given = f"{len(table.cells)} in {len(table)} row{'s' if len(table) != 1 else ''}"
        raise DataError(message(f"{table.file}, cell", rule, given, "Measure more cells."))


def _check_units(table: Table, name: str, largest: float) -> None:
    middle = float(np.median(np.abs(table[name])))
    if middle > largest:
        unit = name.rpartition("_")[2]
        rule = f"must be in {unit}; no cell has a typical value above {largest:g} {unit}"
        remedy = f"If these are u{unit}, multiply by 1e-06; raw codes need the scale of the converter."
        raise DataError(message(f"{table.file}, {name}", rule, f"a median of {middle:g}", remedy))


def _check_conductances(table: Table, settings: Settings) -> None:
    values = table["conductance_S"]
    below = int((values < -AROUND_ZERO * values.max()).sum())
    if below and not settings.keep_negative:
        rule = f"must not be negative (beyond {100 * AROUND_ZERO:g} % of the largest one, noise around zero)"
        remedy = "Divide by the voltage with its sign; if these are noise, say keep_negative (--keep-negative)."
        raise DataError(message(f"{table.file}, conductance_S", rule, f"{below} of {len(values)} below 0", remedy))
    if not (values > 0).any():
        raise DataError(message(f"{table.file}, conductance_S", "must be above 0 somewhere", "none", "Check the data."))
    if "target_S" in table.columns and (table["target_S"] < 0).any():
        raise DataError(message(f"{table.file}, target_S", "must not be negative", "negative ones", "Mend them."))


def _check_varies(table: Table, name: str) -> None:
    values = table[name]
    if values.max() == values.min():
        given = f"{values[0]:g} in all {len(values)} rows"
        raise DataError(message(f"{table.file}, {name}", "must vary", given, "Check the instrument and its range."))


def _check_saturation(table: Table, name: str) -> None:
    """Many readings on exactly the largest value (far more than on the next ones) are those of a full converter."""
    values = np.abs(table[name])
    levels, counts = np.unique(values, return_counts=True)
    if len(levels) < 20:  # a few discrete readings
        return
    top, near = int(counts[-1]), float(np.median(counts[-11:-1]))
    if top >= max(3, SATURATED * len(values)) and top > 10 * near:
        code = next((c for c in CODES if abs(levels[-1] / _step(levels) - c) < 0.5), None)
        kind = f" (code {code} of a 16-bit converter)" if code else ""
        rule = "must not be cut off at the end of the instrument's range"
        given = f"{top} of {len(values)} readings at exactly {levels[-1]:g}{kind}"
        remedy = "Measure with a larger range, remove the cells concerned, or say keep_saturated (--keep-saturated)."
        raise DataError(message(f"{table.file}, {name}", rule, given, remedy))


def _step(levels: Numbers) -> float:
    """The smallest step between readings: one code of the converter, if they are codes."""
    return float(np.diff(levels).min())


def _check_order(table: Table, name: str) -> None:
    """Within the writing of one cell to one target, ``name`` must increase from row to row."""
    order, trace = writings(table)
    values = table[name][order]
    steps = np.diff(values)
    wrong = np.flatnonzero((steps <= 0) & (np.diff(trace) == 0))
    if len(wrong):
        first = wrong[0]
        cell = table.cells[table.owner[order[first]]]
        same = steps[first] == 0
        rule = f"must increase within {'each target of ' if 'target_S' in table.columns else ''}a cell"
        given = f"{values[first]:g} {'twice' if same else f'before {values[first + 1]:g}'} in cell {cell!r}"
        count = "" if len(wrong) == 1 else f" ({len(wrong)} such rows)"
        remedy = "Remove the repeated rows, or give repeated reads their own times." if same else "Sort by it."
        raise DataError(message(f"{table.file}, {name}", rule, given + count, remedy))


def writings(table: Table) -> tuple[Integers, Integers]:
    """Rows brought together by writing (one cell, one target): their order, and the number of each's writing."""
    if "target_S" in table.columns:
        order = np.lexsort((table["target_S"], table.owner))
        new = (np.diff(table.owner[order]) != 0) | (np.diff(table["target_S"][order]) != 0)
    else:
        order = np.argsort(table.owner, kind="stable")
        new = np.diff(table.owner[order]) != 0
    return order, np.concatenate([[0], np.cumsum(new)])
