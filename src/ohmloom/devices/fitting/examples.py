"""Examples of the tables, drawn from a made-up device."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ohmloom.devices.conduction import HyperbolicSine
from ohmloom.devices.device import Device
from ohmloom.devices.faults import RandomFaults
from ohmloom.devices.fitting.drawing import draw_programming, draw_reads, draw_sweeps, write_table
from ohmloom.devices.read_noise import AdditiveNoise, FlickerNoise, SumOfNoises
from ohmloom.devices.retention import PowerLawDrift
from ohmloom.devices.tabulated import TabulatedOpenLoop
from ohmloom.devices.telegraph import TelegraphNoise

CELLS, DEVICES, CYCLES = 160, 8, 5
LEVELS = (5e-6, 15e-6, 25e-6, 35e-6, 45e-6)  # S
LOOKS = ((1.0, 100, 1e-3), (60.0, 10, 1e-3), (3600.0, 10, 1e-3), (86400.0, 10, 1e-3))
MADE_UP = Device(
    name="made-up",
    summary="A made-up device with everything that tables can show.",
    g_min=2e-6,
    g_max=50e-6,
    programming=TabulatedOpenLoop(targets=(5e-6, 45e-6), means=(5.2e-6, 44.5e-6), deviations=(0.5e-6, 1.5e-6)),
    retention=PowerLawDrift(exponent=0.005, spread=0.004, start=1.0, measured_until=86400.0),
    read_noise=SumOfNoises(
        parts=(
            AdditiveNoise(deviation=0.1e-6, read_time=1e-6),
            FlickerNoise(deviation=0.01, slowest=10.0, fastest=500.0),
            TelegraphNoise(share=0.1, amplitude=0.1, dwell_low=4e-3, dwell_high=8e-3),
        )
    ),
    faults=RandomFaults(stuck_on=0.01, stuck_off=0.02),
    conduction=HyperbolicSine(scale=0.5),
)


def write_examples(folder: str | Path, seed: int = 0) -> list[Path]:
    """Write ``reads.csv.gz``, ``sweeps.csv`` and ``programming.csv`` into ``folder``."""
    targets = np.resize(LEVELS, CELLS)
    tables = {
        "reads.csv.gz": draw_reads(MADE_UP, targets, LOOKS, seed),
        "sweeps.csv": draw_sweeps(MADE_UP, (5e-6, 45e-6), DEVICES, CYCLES, seed, spreads=(0.1, 0.05)),
        "programming.csv": draw_programming(MADE_UP, targets, seed + 1),
    }
    paths = [Path(folder) / name for name in tables]
    for path, columns in zip(paths, tables.values(), strict=True):
        write_table(path, columns)
    return paths
