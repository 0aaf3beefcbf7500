"""Measured perovskite memristors: sweeps, how they were made, and the usability released for them.

Source: N. Ye, Q. Sun et al., Synergistic Development of Perovskite Memristors and Algorithms for Robust Analog
Computing, arXiv 2412.02779 (2024), and its repositories.
"""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import PositiveInt

from ohmloom.data.formats import Format, Location, Origin, PlainFile, Provenance, check_count
from ohmloom.errors import DataError, message

Reals = NDArray[np.float64]
Row = dict[str, str]


class Rated(NamedTuple):
    """A device as the released table rates it: ``run`` is L, a share of 100 points; usability = L (1 - sigma)."""

    device: str
    run: float
    sigma: float
    usability: float


class Trial(NamedTuple):
    """One evaluation of the authors' search over fabrication, whose target is a *model* of the devices."""

    diameter_nm: float
    length_um: float
    compliance_ampere: float
    material: float  # rounded gives one of four perovskites, in an order that is not stated
    deposition_minutes: float
    target: float


@dataclass(frozen=True, eq=False)
class MeasuredMemristors:
    """43 devices, 37 of which have a released usability.

    - ``rated``: the 37, from file2sigma.npy and file2usability.npy of the release;
    - ``made``: how each device was made: 15 factors by name, as text;
    - ``trials``: the authors' log of 41 evaluations, milliseconds apart: of a model, not of new devices;
    - ``currents``: of each device its cycles, each (volts, amperes); currents are magnitudes.
    """

    name: str
    rated: tuple[Rated, ...]
    made: Mapping[str, Mapping[str, str]]
    trials: tuple[Trial, ...]
    currents: Mapping[str, tuple[tuple[Reals, Reals], ...]]
    origin: Origin
    source: str
    licence: str

    def readings(self, device: str, points: int = 100) -> tuple[Reals, Reals]:
        """Volts and amperes, each (cycles, points): the first ``points`` of every cycle that has them, none at 0 V.

        Raises DataError if no cycle is that long.
        """
        found: list[tuple[Reals, Reals]] = []
        for volts, amperes in self.currents[device]:
            used = (volts != 0) & np.isfinite(amperes)
            if used.sum() >= points:
                found.append((np.abs(volts[used][:points]), amperes[used][:points]))
        if not found:
            remedy = "Ask for fewer points."
            raise DataError(message(f"{self.name}.{device}", f"must have a cycle of {points} points", "none", remedy))
        return np.stack([volts for volts, _ in found]), np.stack([amperes for _, amperes in found])

    def conductance(self, device: str, points: int = 100) -> Reals:
        """I / |V| of :meth:`readings`, S."""
        volts, amperes = self.readings(device, points)
        return amperes / volts


class MemristorFiles(Format):
    """Three tables and a compressed one of sweeps."""

    kind: Literal["memristor sweeps"] = "memristor sweeps"
    usability: PlainFile
    devices: PlainFile
    search: PlainFile
    sweeps: PlainFile
    rated: PositiveInt
    made: PositiveInt
    trials: PositiveInt

    @property
    def files(self) -> tuple[PlainFile, ...]:
        return self.usability, self.devices, self.search, self.sweeps

    @property
    def counts(self) -> dict[str, int]:
        return {"devices": self.made, "rated": self.rated, "trials": self.trials}

    def read(self, folder: Location, about: Provenance, *, remedy: str) -> MeasuredMemristors:
        def table(file: PlainFile, count: int | None, what: str) -> list[Row]:
            path = folder.joinpath(file.file)
            rows = _rows(file.content(path, label=str(path), remedy=remedy), str(path), remedy)
            if count is not None:
                check_count(len(rows), count, what, label=str(path), remedy=remedy)
            return rows

        usability = table(self.usability, self.rated, "devices")
        devices = table(self.devices, self.made, "devices")
        search = table(self.search, self.trials, "evaluations")
        try:
            rated = tuple(_rated(row) for row in usability)
            made = {row["device"]: {k: v for k, v in row.items() if k not in ("device", "workbook")} for row in devices}
            trials = tuple(_trial(row) for row in search)
            currents = _cycles(table(self.sweeps, None, "points"))
        except (KeyError, ValueError, TypeError) as error:
            rule = "must hold the columns and numbers of this data set"
            raise DataError(message(f"{about.name} in {folder}", rule, repr(error), remedy)) from None
        return MeasuredMemristors(about.name, rated, made, trials, currents, about.origin, about.source, about.licence)


def _rows(content: bytes, label: str, remedy: str) -> list[Row]:
    try:
        text = gzip.decompress(content) if label.endswith(".gz") else content
    except (OSError, EOFError) as error:
        raise DataError(message(label, "must be a whole gzip file", error, remedy)) from None
    return list(csv.DictReader(io.StringIO(text.decode("utf-8", "replace"))))


def _rated(row: Row) -> Rated:
    return Rated(row["device"], float(row["L"]), float(row["sigma"]), float(row["usability"]))


def _trial(row: Row) -> Trial:
    names = ("aao_diameter_nm", "aao_length_um", "compliance_A", "material_index", "pb_deposition_min", "target")
    return Trial(*(float(row[name]) for name in names))


def _cycles(rows: Iterable[Row]) -> dict[str, tuple[tuple[Reals, Reals], ...]]:
    found: dict[str, dict[int, list[tuple[float, float]]]] = {}
    for row in rows:
        pair = float(row["voltage_V"]), float(row["current_A"])
        found.setdefault(row["device"], {}).setdefault(int(row["cycle"]), []).append(pair)
    return {device: tuple(_arrays(pairs) for _, pairs in sorted(cycles.items())) for device, cycles in found.items()}


def _arrays(pairs: list[tuple[float, float]]) -> tuple[Any, Any]:
    both = np.array(pairs)
    return both[:, 0], both[:, 1]
