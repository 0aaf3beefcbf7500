"""Fit the published measurements of `$OHMLOOM_DATA`: `python tools/fit_measured.py [FOLDER]`.

Each set becomes the tables that `ohmloom fit device` reads, kept in FOLDER (default runs/fit-measured) with the fitted
devices and their reports; what held-out cells say is written to ``results/fit-measured.json``.

- esgnn: conductances of two random resistor arrays, one read of each cell, no targets, no times;
- perovskite: current-voltage cycles of 43 devices of different recipes. Currents below 3 nA are at the meter's limit
  and left out, as are rows without a reading. Devices are fitted together, and one by one with cycles held out;
- neurram: no single cells are published, only polynomials of the spread after one second, one and two days (fitted by
  others to the paper's figures). Cells are drawn from these: a synthetic stand-in that shows that a fit returns them.
"""

from __future__ import annotations

import csv
import gzip
import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ohmloom.atomic import write_text
from ohmloom.devices.fitting import Fit, Settings, fit_device, read_tables, save, write_table
from ohmloom.errors import OhmloomError
from ohmloom.reports.fits import write_fit_report

RESULT = Path(__file__).resolve().parents[1] / "results" / "fit-measured.json"
FLOOR = 3e-9  # A
CELLS = 3200


def esgnn(data: Path, out: Path) -> list[Path]:
    """Both arrays as one table of reads at time zero."""
    maps = [
        np.loadtxt(data / "esgnn" / f"{name}_weight_conductance_uS.csv", delimiter=",") for name in ("input", "hidden")
    ]
    g = np.concatenate([array.ravel() for array in maps]) * 1e-6
    columns = {"cell": np.arange(len(g)).astype(str), "time_s": np.zeros(len(g)), "conductance_S": g}
    write_table(out / "esgnn.csv.gz", columns)
    return [out / "esgnn.csv.gz"]


def perovskite(data: Path, out: Path, only: str | None = None) -> list[Path]:
    """The curated cycles of all devices, or of one."""
    names = ("device", "cycle", "voltage_V", "current_A")
    with gzip.open(data / "perovskite" / "iv_curated.csv.gz", "rt", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["current_A"] != "nan"]
    rows = [row for row in rows if only is None or row["device"] == only]
    columns: dict[str, Any] = {name: np.array([row[name] for row in rows]) for name in names}
    columns |= {name: columns[name].astype(float) for name in names[2:]}
    path = out / f"perovskite-{only or 'all'}.csv.gz"
    write_table(path, columns)
    return [path]


def neurram(data: Path, out: Path) -> list[Path]:
    """Cells drawn from the polynomials: 16 targets, one read each at three ages, one latent number per cell."""
    with (data / "neurram" / "relaxation.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    chance = np.random.default_rng(0)
    target = np.resize(np.linspace(2.5e-6, 40e-6, 16), CELLS)
    x, latent = target / 40e-6, chance.standard_normal(CELLS)
    spread = [np.polyval([float(row[f"c{k}_uS"]) for k in range(4, -1, -1)], x).clip(0) * 1e-6 for row in rows]
    g = np.stack([np.maximum(target + sigma * latent, 0) for sigma in spread], axis=1)
    columns = {
        "cell": np.repeat(np.arange(CELLS).astype(str), len(rows)),
        "time_s": np.tile([float(row["time_s"]) for row in rows], CELLS),
        "conductance_S": g.ravel(),
        "target_S": np.repeat(target, len(rows)),
    }
    write_table(out / "neurram.csv.gz", columns)
    return [out / "neurram.csv.gz"]


def judged(fit: Fit) -> dict[str, Any]:
    """What held-out cells say, and the numbers of a fit."""
    return {
        "held_out": {
            held.name: {"cells": held.cells, "distance": held.distance, "p_value": held.p_value}
            for held in fit.held_out
        },
        "numbers": {
            number.name: {"value": number.value, "unit": number.unit, "low": number.low, "high": number.high}
            for number in fit.numbers
        },
        "cannot_tell": list(fit.notes),
    }


def fitted(name: str, files: list[Path], out: Path, settings: Settings) -> Fit:
    """Fit, save and report one set of tables."""
    fit = fit_device(read_tables(files, settings), settings, name=name)
    save(fit, out / f"{name}.toml")
    write_fit_report(fit, out / f"{name}-report")
    return fit


def one_by_one(data: Path, out: Path) -> dict[str, Any]:
    """Each perovskite device with cycles held out."""
    settings = Settings(current_floor=FLOOR, resamples=50, draws=0)
    found: dict[str, Any] = {}
    for number in range(1, 44):
        name = f"D{number:02d}"
        try:
            fit = fit_device(read_tables(perovskite(data, out, name), settings), settings, name=name)
        except OhmloomError as error:
            found[name] = {"refused": str(error).replace(f"{out}{os.sep}", "")}
            continue
        found[name] = {
            "conduction": fit.device.table()["conduction"],
            "held_out": judged(fit)["held_out"],
        }
    return found


def main(folder: str = "runs/fit-measured") -> None:
    torch.set_num_threads(1)
    data, out = Path(os.environ["OHMLOOM_DATA"]), Path(folder)
    out.mkdir(parents=True, exist_ok=True)
    found: dict[str, Any] = {"command": "python tools/fit_measured.py"}
    for name, files, settings in (
        ("esgnn", esgnn(data, out), Settings()),
        ("neurram", neurram(data, out), Settings()),
        ("perovskite", perovskite(data, out), Settings(current_floor=FLOOR)),
    ):
        fit = fitted(name, files, out, settings)
        found[name] = judged(fit) | {"origin": "synthetic stand-in" if name == "neurram" else "real"}
        print(name, json.dumps(found[name]["held_out"], indent=1))
    found["perovskite, one by one"] = one_by_one(data, out)
    write_text(RESULT, json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
