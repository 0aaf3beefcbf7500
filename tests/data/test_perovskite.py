"""The measured perovskite memristors: what the files hold, and broken ones."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from ohmloom import data
from ohmloom.data import MemristorFiles, PlainFile, Provenance
from ohmloom.errors import DataError

ABOUT = Provenance("tiny", "real", "here", "none")
FILES = {
    "usability.csv": "device,L,sigma,usability\nA,0.4,0.5,0.2\n",
    "devices.csv": "device,perovskite,workbook\nA,MAPbI3,a.xlsx\n",
    "search.csv": "target,aao_diameter_nm,aao_length_um,compliance_A,material_index,pb_deposition_min\n"
    "0.1,50,1,0.01,1.2,10\n",
    "sweeps.csv.gz": "device,cycle,point,voltage_V,current_A\nA,1,0,0,0\nA,1,1,1,1e-6\nA,1,2,2,4e-6\nA,2,0,1,nan\n",
}


def read(folder: Path, **changes: str | bytes) -> data.MeasuredMemristors:
    for name, text in (FILES | {k.replace("_", "."): v for k, v in changes.items()}).items():
        content = text if isinstance(text, bytes) else text.encode()
        (folder / name).write_bytes(gzip.compress(content) if name.endswith("gz") and text is FILES[name] else content)
    usability, devices, search, sweeps = (PlainFile(file=name) for name in FILES)
    form = MemristorFiles(usability=usability, devices=devices, search=search, sweeps=sweeps, rated=1, made=1, trials=1)
    return form.read(folder, ABOUT, remedy="Mend it.")


def test_the_real_set() -> None:
    devices = data.load("perovskite")
    assert (len(devices.rated), len(devices.made), len(devices.trials), len(devices.currents)) == (37, 43, 41, 43)
    assert max(trial.target for trial in devices.trials) == pytest.approx(0.349, abs=5e-4)
    assert devices.made["D01"]["perovskite"] == "MAPbI3"
    assert devices.conductance("D02").shape[1] == 100
    assert np.isfinite(devices.conductance("D12")).all()  # has readings that are not numbers


def test_conductances_leave_zero_volts_and_short_cycles_out(tmp_path: Path) -> None:
    devices = read(tmp_path)
    np.testing.assert_allclose(devices.conductance("A", 2), [[1e-6, 2e-6]])
    with pytest.raises(DataError, match="must have a cycle of 3 points"):
        devices.conductance("A", 3)


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"usability_csv": "device,L,usability\nA,0.4,0.2\n"}, "must hold the columns and numbers of this data set"),
        ({"usability_csv": "device,L,sigma,usability\n"}, "must hold 1 devices, got 0"),
        ({"search_csv": FILES["search.csv"].replace("50", "x")}, "must hold the columns and numbers"),
        ({"sweeps_csv_gz": b"no gzip"}, "must be a whole gzip file"),
    ],
)
def test_broken_files_are_named(tmp_path: Path, changes: dict[str, str | bytes], rule: str) -> None:
    with pytest.raises(DataError, match=rule):
        read(tmp_path, **changes)
