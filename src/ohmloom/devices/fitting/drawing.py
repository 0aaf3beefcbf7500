"""Tables drawn from a device that is known: examples of the formats, and trials of the fit against a known truth.

Unlike the reads of a programmer, which are drawn one by one, these are series in time: 1/f noise is correlated as its
spectrum says, and telegraph cells jump.
"""

from __future__ import annotations

import csv
import gzip
import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ohmloom.atomic import write
from ohmloom.devices.device import Device, conductance, program
from ohmloom.devices.read_noise import FlickerNoise, ReadNoise, SumOfNoises
from ohmloom.devices.telegraph import TelegraphNoise

Numbers = NDArray[np.float64]
Columns = dict[str, NDArray[Any]]
LINES = 64  # of the spectrum of 1/f noise, per factor of e in frequency at most this many in all bands
PULSES = 4  # of a writing in a drawn pulse train, at most


def draw_reads(
    device: Device, targets: Numbers, looks: Sequence[tuple[float, int, float]], seed: int, *, with_target: bool = True
) -> Columns:
    """Program one cell per target (S) and read it in bursts; ``looks``: age in s, number of reads, spacing in s.

    Noise of a burst is independent of that of the others. Rows are in order of cells, then time.
    """
    generator, chance = torch.Generator().manual_seed(seed), np.random.default_rng(seed)
    aims = torch.from_numpy(np.asarray(targets, dtype=np.float64))[None]
    cells = program(device, aims, generator).cells
    times, values = [], []
    jumpers = _Jumpers(device.read_noise, len(targets), chance)
    for age, reads, spacing in looks:
        held = conductance(device, cells, age, extrapolate=True)[0].numpy()
        times.append(age + spacing * np.arange(reads))
        values.append(held[:, None] + _series(device, held, reads, spacing, chance, jumpers))
    time = np.concatenate(times)
    rows = {
        "cell": np.repeat([f"c{i:05d}" for i in range(len(targets))], len(time)),
        "time_s": np.tile(time, len(targets)),
        "conductance_S": np.concatenate(values, axis=1).ravel(),
    }
    return rows | ({"target_S": np.repeat(targets, len(time))} if with_target else {})


class _Jumpers:
    """Which cells jump: the same ones in every burst."""

    def __init__(self, noise: ReadNoise, cells: int, chance: np.random.Generator) -> None:
        self.places = {id(part): chance.random(cells) < part.share for part in _telegraph(noise)}


def _parts(noise: ReadNoise) -> tuple[ReadNoise, ...]:
    return noise.parts if isinstance(noise, SumOfNoises) else (noise,)


def _telegraph(noise: ReadNoise) -> list[TelegraphNoise]:
    return [part for part in _parts(noise) if isinstance(part, TelegraphNoise)]


def _series(
    device: Device, g: Numbers, reads: int, spacing: float, chance: np.random.Generator, jumpers: _Jumpers
) -> Numbers:
    """The noise of one burst, (cells, reads) S."""
    total = np.zeros((len(g), reads))
    for part in _parts(device.read_noise):
        if isinstance(part, FlickerNoise):
            total += part.deviation * g[:, None] * _flicker(part, len(g), reads, spacing, chance)
        elif isinstance(part, TelegraphNoise):
            jumps = _jumps(part, len(g), reads, spacing, chance) * jumpers.places[id(part)][:, None]
            total += part.amplitude * g[:, None] * jumps
        else:
            deviation = part.variance(torch.from_numpy(g), device.read_time).sqrt().numpy()
            total += deviation[:, None] * chance.standard_normal((len(g), reads))
    return total


def _flicker(part: FlickerNoise, cells: int, reads: int, spacing: float, chance: np.random.Generator) -> Numbers:
    """1/f noise of unit variance between its ends: lines at random places of equal parts of log frequency."""
    lines = LINES * max(2, math.ceil(math.log10(part.fastest / part.slowest)))
    edges = np.linspace(math.log(part.slowest), math.log(part.fastest), lines + 1)
    frequency = np.exp(edges[:-1] + chance.random(lines) * np.diff(edges))
    phase = 2 * math.pi * frequency[:, None] * spacing * np.arange(reads)
    heights = chance.standard_normal((2, cells, lines)) / math.sqrt(lines)
    return heights[0] @ np.cos(phase) + heights[1] @ np.sin(phase)


def _jumps(part: TelegraphNoise, cells: int, reads: int, spacing: float, chance: np.random.Generator) -> Numbers:
    """Two states, one apart, with mean zero: exact at the times of the reads."""
    high = part.dwell_high / (part.dwell_low + part.dwell_high)
    moved = -math.expm1(-spacing / part.relaxation_time)
    state = np.empty((cells, reads))
    state[:, 0] = chance.random(cells) < high
    for t in range(1, reads):
        fresh = chance.random(cells) < moved
        state[:, t] = np.where(fresh, chance.random(cells) < high, state[:, t - 1])
    return state - high


def draw_sweeps(
    device: Device, states: tuple[float, float], devices: int, cycles: int, seed: int, *, top: float = 1.0,
    step: float = 0.02, error: float = 0.01, spreads: tuple[float, float] = (0.0, 0.05),
) -> Columns:  # fmt: skip
    """Cycles 0 → top → 0 → -top → 0 V of cells that are set on the way up and reset on the way down.

    ``states``: off and on conductance in S; ``spreads``: of their logarithms, from device to device and from cycle to
    cycle; ``error``: relative, of each current.
    """
    chance = np.random.default_rng(seed)
    up = np.arange(0, top + step / 2, step)
    branch = np.concatenate([up, up[-2::-1]])
    voltage = np.concatenate([branch, -branch[1:]])
    own = np.log(states) + spreads[0] * chance.standard_normal((devices, 1, 2))
    off, on = np.moveaxis(np.exp(own + spreads[1] * chance.standard_normal((devices, cycles, 2))), 2, 0)
    is_on = np.zeros(len(voltage), dtype=bool)
    is_on[len(up) - 1 : len(branch) + len(up) - 2] = True  # set at the top, reset at the bottom
    g = np.where(is_on, on[:, :, None], off[:, :, None])
    f = device.conduction.effective_voltage(torch.from_numpy(voltage)).numpy()
    current = g * f * np.exp(error * chance.standard_normal(g.shape))
    return {
        "device": np.repeat([f"d{i:03d}" for i in range(devices)], cycles * len(voltage)),
        "cycle": np.tile(np.repeat(np.arange(1, cycles + 1), len(voltage)), devices),
        "voltage_V": np.tile(voltage, devices * cycles),
        "current_A": current.ravel(),
    }


def draw_programming(device: Device, targets: Numbers, seed: int) -> Columns:
    """Pulse trains that end where the device's own programming ends; the way there is halving."""
    generator, chance = torch.Generator().manual_seed(seed), np.random.default_rng(seed)
    aims = torch.from_numpy(np.asarray(targets, dtype=np.float64))[None]
    written = program(device, aims, generator).cells.written[0].numpy()
    pulses = chance.integers(1, PULSES + 1, size=len(targets))
    cell = np.repeat(np.arange(len(targets)), pulses)
    first = np.concatenate([[0], np.cumsum(pulses)[:-1]])
    pulse = np.arange(len(cell)) - first[cell] + 1
    left = pulses[cell] - pulse
    reached = np.where(left == 0, written[cell], written[cell] * (1 - 0.5 * 0.5 ** (pulse - 1.0)))
    names = np.array([f"c{i:05d}" for i in range(len(targets))])
    return {"cell": names[cell], "target_S": targets[cell], "pulse": pulse, "conductance_S": reached}


def write_table(path: Path, columns: Mapping[str, NDArray[Any]]) -> None:
    """Write a CSV file, gzipped if its name ends in ``.gz``; numbers with 10 significant digits."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(columns)
    shown = [_shown(column) for column in columns.values()]
    rows.writerows(zip(*shown, strict=True))
    packed = text.getvalue().encode()
    contents = gzip.compress(packed, mtime=0) if path.suffix == ".gz" else packed
    write(path, lambda temporary: temporary.write_bytes(contents))


def _shown(column: NDArray[Any]) -> list[str]:
    return [f"{value:.10g}" for value in column] if column.dtype.kind == "f" else [str(value) for value in column]
