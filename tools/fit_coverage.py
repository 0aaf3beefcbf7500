"""Do the intervals of a fit hold the truth? `python tools/fit_coverage.py [DRAWS] [RESULT.json]`

Tables are drawn from two known devices, fitted, and each 95 % interval is compared with the number that the table was
drawn with. Quantiles and level statistics, of which no number of the device is the truth, are compared with those of
a table of 40,000 cells. The result says for each number in how many draws its interval held the truth, and how often
the form that it belongs to was chosen.
"""

from __future__ import annotations

import json
import math
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.special import ndtri

from ohmloom.atomic import write_text
from ohmloom.devices import (
    AdditiveNoise,
    Device,
    FlickerNoise,
    HyperbolicSine,
    PowerLawDrift,
    RandomFaults,
    RelativeNoise,
    Relaxation,
    SumOfNoises,
    TabulatedOpenLoop,
    TelegraphNoise,
)
from ohmloom.devices.fitting import Fit, Settings, draw_reads, draw_sweeps, fit_device, read_tables, write_table
from ohmloom.quantities import CONDUCTANCE, show

RESULT = Path(__file__).resolve().parents[1] / "results" / "fit-coverage.json"
LEVELS = np.array([6e-6, 14e-6, 22e-6, 30e-6, 38e-6])
STATES, SPREADS, ERROR = (5e-6, 40e-6), (0.1, 0.05), 0.01
CELLS, LARGE, DEVICES, CYCLES = 400, 40_000, 60, 5
FAULTS = RandomFaults(stuck_on=0.05, stuck_off=0.06)
DRIFTING = Device(
    name="drifting",
    g_min=1e-6,
    g_max=50e-6,
    programming=TabulatedOpenLoop(targets=(6e-6, 38e-6), means=(6.3e-6, 37.6e-6), deviations=(0.4e-6, 1.2e-6)),
    retention=PowerLawDrift(exponent=0.005, spread=0.004, start=1.0),
    faults=FAULTS,
    read_noise=SumOfNoises(
        parts=(
            AdditiveNoise(deviation=0.1e-6, read_time=1e-6),
            RelativeNoise(deviation=0.01, read_time=1e-6),
            FlickerNoise(deviation=0.01, slowest=10.0, fastest=500.0),
            TelegraphNoise(share=0.15, amplitude=0.12, dwell_low=5e-3, dwell_high=8e-3),
        )
    ),
    conduction=HyperbolicSine(scale=0.5),
)
RELAXING = Device(
    name="relaxing",
    g_min=1e-6,
    g_max=50e-6,
    programming=TabulatedOpenLoop(targets=(20e-6,), means=(20e-6,), deviations=(0.6e-6,)),
    retention=Relaxation(
        scale=40e-6,
        unit=1e-6,
        onset=1e-6,
        times=(1.0, 3600.0, 86400.0),
        coefficients=((0.0, 0.0), (0.3, 0.6), (0.4, 1.2)),
    ),
    faults=FAULTS,
    read_noise=RelativeNoise(deviation=0.01, read_time=1e-6),
)
LOOKS = {
    "drifting": ((1.0, 100, 1e-3), (60.0, 10, 1e-3), (3600.0, 10, 1e-3), (86400.0, 10, 1e-3)),
    "relaxing": ((1.0, 20, 1e-3), (3600.0, 20, 1e-3), (86400.0, 20, 1e-3)),
}
Truth = dict[str, float]


def tables(device: Device, folder: Path, seed: int) -> dict[str, Any]:
    """The tables of one draw, as they are read from files."""
    write_table(folder / "reads.csv", draw_reads(device, np.resize(LEVELS, CELLS), LOOKS[device.name], seed))
    sweeps = draw_sweeps(device, STATES, DEVICES, CYCLES, seed + 10**6, error=ERROR, spreads=SPREADS)
    write_table(folder / "sweeps.csv", sweeps)
    return dict(read_tables([folder / "reads.csv", folder / "sweeps.csv"], Settings()))


def large_truth(device: Device) -> Truth:
    """Quantiles and level statistics of many working cells when they are first looked at."""
    (age, reads, spacing), targets = LOOKS[device.name][0], np.resize(LEVELS, LARGE)
    drawn = draw_reads(device.replace(faults=RandomFaults()), targets, [(age, reads, spacing)], 10**9)
    level = drawn["conductance_S"].reshape(LARGE, reads).mean(1)
    low, high = np.quantile(level, Settings().quantiles)
    found = {
        "g_min: 5 % quantile of the conductances": float(low),
        "g_max: 95 % quantile of the conductances": float(high),
    }
    for target in LEVELS:
        name, cells = f"level {show(float(target), CONDUCTANCE)}", level[targets == target]
        found[f"{name}: mean"] = float(cells.mean())
        found[f"{name}: deviation, read noise included"] = float(cells.std())
    return found


def fixed_truth(device: Device) -> Truth:
    """What does not hang on the forms that a fit chooses."""
    off, on = STATES
    within, wide = SPREADS[1], math.hypot(*SPREADS)
    return large_truth(device) | {
        "share of cells stuck on": FAULTS.stuck_on,
        "share of cells stuck off": FAULTS.stuck_off,
        "yield: share of cells that work": 1 - FAULTS.stuck_on - FAULTS.stuck_off,
        "5 % quantile of the conductances of branches": off * math.exp(wide * float(ndtri(0.1))),
        "95 % quantile of the conductances of branches": on * math.exp(wide * float(ndtri(0.9))),
        "off state, geometric mean": off,
        "on state, geometric mean": on,
        "deviation of a state from cycle to cycle, relative": within,
        "deviation of the off state from cycle to cycle": off * within,
        "deviation of the on state from cycle to cycle": on * within,
        "deviation of the off state over all, of its logarithm": wide,
        "deviation of the on state over all, of its logarithm": wide,
        "relative deviation from the law": ERROR,
    }


def drifting_truth(fit: Fit) -> Truth:
    """The numbers of `DRIFTING` in the forms that the fit chose."""
    return programming_truth(DRIFTING, fit) | {
        "read noise, additive": 0.1e-6,
        "read noise, relative": 0.01,
        "read noise, slow (1/f), relative": 0.01,
        "telegraph noise: share of cells": 0.15,
        "telegraph noise: jump over conductance, rms": 0.12,
        "telegraph noise: dwell time in the lower state": 5e-3,
        "telegraph noise: dwell time in the upper state": 8e-3,
        "drift: exponent nu": 0.005,
        "drift: deviation of nu from cell to cell": 0.004,
        "sinh conduction: voltage scale v0": 0.5,
    }


def relaxing_truth(fit: Fit) -> Truth:
    """The numbers of `RELAXING` in the forms that the fit chose."""
    found = programming_truth(RELAXING, fit) | {"read noise, relative": 0.01}
    assert isinstance(RELAXING.retention, Relaxation)
    if isinstance(fit.device.retention, Relaxation):
        larger = fit.device.retention.scale / RELAXING.retention.scale
        for age, row in zip(("1 h", "1 day"), RELAXING.retention.coefficients[1:], strict=True):
            for power, coefficient in enumerate(row):
                found[f"relaxation after {age}: c{power}"] = 1e-6 * coefficient * larger**power
    return found


def programming_truth(device: Device, fit: Fit) -> Truth:
    """Mean and deviation at the knots that the fit chose."""
    rule = device.programming
    assert isinstance(rule, TabulatedOpenLoop)
    assert isinstance(fit.device.programming, TabulatedOpenLoop)
    knots = torch.tensor(fit.device.programming.targets, dtype=torch.float64)
    means, spreads = (knots + rule.offset(knots)).tolist(), rule.spread(knots).tolist()
    names = [n.name for n in fit.numbers if n.name.startswith(("mean reached", "deviation reached"))]
    return dict(zip(names, means + spreads, strict=True))


def forms(fit: Fit) -> str:
    """The forms that a fit chose."""
    table = fit.device.table()
    noise = table["read_noise"]
    kinds = " + ".join(part["kind"] for part in noise.get("parts", [noise]))
    knots = len(table["programming"]["targets"])
    return f"{knots} knots; {kinds}; {table['retention']['kind']}; {table['conduction']['kind']}"


def cover(device: Device, truth_of: Callable[[Fit], Truth], draws: int, folder: Path) -> dict[str, Any]:
    """In how many draws the interval of each number held the truth."""
    fixed = fixed_truth(device)
    held: Counter[str] = Counter()
    seen: Counter[str] = Counter()
    chosen: Counter[str] = Counter()
    for seed in range(draws):
        fit = fit_device(tables(device, folder, seed), Settings(resamples=200, draws=0, folds=0, seed=seed))
        truth = fixed | truth_of(fit)
        chosen[forms(fit)] += 1
        for number in fit.numbers:
            if number.name in truth:
                seen[number.name] += 1
                held[number.name] += number.low <= truth[number.name] <= number.high
        print(f"\r{device.name}: {seed + 1} of {draws}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    rows = {name: {"held": held[name], "draws": seen[name]} for name in seen}
    return {"forms": dict(chosen), "numbers": rows}


def main(draws: int = 100, result: Path = RESULT) -> None:
    torch.set_num_threads(1)
    found: dict[str, Any] = {"command": f"python tools/fit_coverage.py {draws}", "level": 0.95, "cells": CELLS}
    with tempfile.TemporaryDirectory() as folder:
        for device, truth_of in ((DRIFTING, drifting_truth), (RELAXING, relaxing_truth)):
            found[device.name] = cover(device, truth_of, draws, Path(folder))
            for name, row in found[device.name]["numbers"].items():
                print(f"{device.name}: {name:60s} {row['held']:3d} of {row['draws']}")
            write_text(result, json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 100, Path(sys.argv[2]) if sys.argv[2:] else RESULT)
