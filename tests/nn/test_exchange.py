"""Cells as tables: out, and in again."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import ohmloom as ol
from ohmloom.chips import Chip
from ohmloom.errors import ConfigurationError, DataError, NotProgrammedError

X = torch.randn(5, 1, 12, 12, generator=torch.Generator().manual_seed(0))


def hardware(chip: str = "generic-40nm", dies: int = 2, **mapping: Any) -> nn.Module:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(400, 6))
    held = Chip.load(chip)
    held = held.replace(device=held.device.replace(read_noise={"kind": "none"}))  # or no two forwards are the same
    if mapping:
        held = held.replace(mapping=held.mapping.replace(**mapping))
    made = ol.convert(model, held)
    ol.calibrate(made, X)
    ol.program(made, dies=dies)
    ol.age(made, "1 hour")
    ol.calibrate(made, X)
    return made


OFFSET = {"encoding": {"kind": "analogue", "layout": "offset-column", "pair_sum": "analogue"}}


@pytest.mark.parametrize("suffix", ["csv", "csv.gz", "npz"])
@pytest.mark.parametrize(
    ("chip", "mapping"),
    [("generic-40nm", {}), ("neurram", {}), ("generic-40nm", OFFSET)],
    ids=["pair", "rows", "offset"],
)
def test_a_round_trip_gives_the_same_outputs_bit_for_bit(
    suffix: str, chip: str, mapping: dict[str, Any], tmp_path: Path
) -> None:
    made = hardware(chip, **mapping)
    with torch.no_grad():
        before = ol.over_dies(made, X)
    file = ol.export_cells(made, tmp_path / f"cells.{suffix}")
    for matrix in ol.matrices(made).values():
        matrix.cells.written.mul_(0.5)
        matrix.refresh()
    with torch.no_grad():
        assert not torch.allclose(ol.over_dies(made, X), before, rtol=1e-3)
        count = ol.import_cells(made, file)
        assert torch.equal(ol.over_dies(made, X), before)
    assert count == 2 * sum(matrix.cell_count for matrix in ol.matrices(made).values())
    assert all(matrix.elapsed == 0 for matrix in ol.matrices(made).values())


def test_addresses_are_those_of_the_placement(tmp_path: Path) -> None:
    made = hardware(rows=128, columns=8)
    table = np.load(ol.export_cells(made, tmp_path / "cells.npz", dies=[1]))
    assert set(table["die"]) == {1}
    blocks = made.on_chip_state.installation.placement.blocks
    held = {(b.core, row, column) for b in blocks for row in range(b.row_start, b.row_stop)
            for column in range(b.column_start, b.column_stop)}  # fmt: skip
    found = list(zip(table["core"].tolist(), table["row"].tolist(), table["column"].tolist(), strict=True))
    assert len(found) == len(set(found))  # no two cells at one address
    assert set(found) <= held
    assert len(found) == sum(m.cell_count for m in ol.matrices(made).values())
    assert {"target_S", "written_S", "conductance_S", "pulses", "fault", "matrix"} <= set(table.files)
    matrix = ol.matrices(made)["3"]
    pairs = table["matrix"] == "3"  # neighbouring columns are a pair: their difference is the weight
    first = table["target_S"][pairs][0] - table["target_S"][pairs][1]
    assert first / matrix.unit * float(matrix.scale) == pytest.approx(float(made[3].weight.detach()[0, 0]), rel=1e-4)


def test_what_was_measured_is_computed_with(tmp_path: Path) -> None:
    made = hardware(dies=1)
    file = ol.export_cells(made, tmp_path / "cells.npz")
    table = dict(np.load(file))
    table["conductance_S"] = table["conductance_S"].astype(float)
    table["conductance_S"][table["matrix"] == "3"] = 0.0
    np.savez(file, **table)
    ol.import_cells(made, file)
    held = ol.matrices(made)
    assert float(held["3"].effective().abs().max()) < 1e-6 + float(held["3"].calibration.offset.abs().max())
    assert float(held["0"].conductance().max()) > 1e-6


def rewritten(file: Path, change: Any) -> Path:
    with gzip.open(file, "rt") as opened:
        header, *rows = csv.reader(opened)
    header, rows = change(header, rows)
    with gzip.open(file, "wt", newline="") as opened:
        csv.writer(opened).writerows([header, *rows])
    return file


def other(column: str, value: str) -> Any:
    def change(header: list[str], rows: list[list[str]]) -> tuple[list[str], list[list[str]]]:
        rows[3][header.index(column)] = value
        return header, rows

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (other("conductance_S", "-1e-6"), "must be finite and not negative, got -1e-06 in row 4"),
        (other("conductance_S", ""), "got nan in row 4"),
        (other("core", "60"), "1 of 72 cells are missing, in cores 0"),
        (other("die", "7"), "must be dies of this hardware, 0 to 0"),
        (other("matrix", "head"), "must be matrices of this hardware (0, 3), got head"),
        (other("row", "many"), "must be a whole table of cells"),
        (lambda h, r: (h, r[:100]), "must hold every cell of 3 on die 0"),
        (lambda h, r: (h, [*r, [*r[0][:3], "99", *r[0][4:]]]), "must be an address that 0 has here"),
        (lambda h, r: ([*h[:1], "chip", *h[2:]], r), "none named die"),
    ],
)
def test_files_that_do_not_fit_change_nothing(change: Any, words: str, tmp_path: Path) -> None:
    made = hardware(dies=1)
    file = rewritten(ol.export_cells(made, tmp_path / "cells.csv.gz"), change)
    before = [matrix.cells.written.clone() for matrix in ol.matrices(made).values()]
    with pytest.raises(DataError) as caught:
        ol.import_cells(made, file)
    assert words in str(caught.value)
    for old, matrix in zip(before, ol.matrices(made).values(), strict=True):
        assert torch.equal(old, matrix.cells.written)
        assert matrix.elapsed == 3600


def test_bad_requests(tmp_path: Path) -> None:
    made = hardware(dies=1)
    with pytest.raises(ConfigurationError, match="must end in"):
        ol.export_cells(made, tmp_path / "cells.txt")
    with pytest.raises(ConfigurationError, match="from 0 to 0"):
        ol.export_cells(made, tmp_path / "cells.csv", dies=[1])
    with pytest.raises(DataError, match="must be a file"):
        ol.import_cells(made, tmp_path / "none.npz")
    with pytest.raises(NotProgrammedError):
        ol.export_cells(ol.convert(nn.Linear(2, 2), Chip.load("ideal")), tmp_path / "cells.csv")
    file = ol.export_cells(made, tmp_path / "cells.npz")
    file.write_bytes(file.read_bytes()[:500])
    with pytest.raises(DataError, match="whole table"):
        ol.import_cells(made, file)
