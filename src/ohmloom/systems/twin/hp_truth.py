"""The truth: wave forms, and what the HP memristor does under them."""

from __future__ import annotations

import math
from functools import cache
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from ohmloom.devices import HPMemristor
from ohmloom.dynamics import RungeKutta4, Samples

Form = Literal["sine", "triangle", "rectangle", "modulated", "two-tone"]
UNSEEN: tuple[Form, ...] = ("sine", "triangle", "rectangle", "modulated")
DEVICE = HPMemristor()
SPAN = 0.5  # s of a record: two periods of 4 Hz
SAMPLES = 500  # of a record, the published (recalled) number
UNIT = 0.1  # s of the network's time: the device's own rate is some 10 per second
START = 0.1  # state at the start of every test
REFINED = 2  # steps of the truth for each sample


class Drive(NamedTuple):
    """One drive of the device from one state on."""

    form: Form
    volts: float
    hertz: float
    phase: float = 0.0  # in turns
    start: float = START


PUBLISHED = Drive("sine", 1.0, 4.0)
TESTS = (  # amplitudes for which the charge, and so the swing, is about that of the published sine
    Drive("sine", 0.9, 3.7), Drive("triangle", 1.1, 3.6), Drive("rectangle", 0.6, 4.0), Drive("modulated", 1.1, 4.4),
)  # fmt: skip
VALIDATION = (  # by which sizes of networks and trainings were chosen: none of the tests' wave forms but sines
    Drive("sine", 0.85, 4.3), Drive("sine", 0.55, 2.9), Drive("two-tone", 1.0, 3.8), Drive("two-tone", 1.3, 5.2),
)  # fmt: skip


def several() -> tuple[Drive, ...]:
    """Sines of several amplitudes, frequencies, phases and starts, the published one first."""
    more = [
        Drive("sine", volts, hertz, phase, start)
        for volts, hertz in ((0.4, 2.2), (0.6, 2.6), (0.8, 4.0), (1.0, 4.6), (1.2, 5.5), (0.6, 5.0), (1.2, 5.0))
        for phase, start in ((0.0, 0.1), (0.5, 0.85), (0.25, 0.25))
    ]
    return (PUBLISHED, *more)


def wave(drive: Drive, samples: int = SAMPLES) -> Tensor:
    """The voltage at ``samples`` steps and the start: (samples + 1)."""
    turns = drive.hertz * SPAN * torch.arange(samples + 1, dtype=torch.float64) / samples + drive.phase
    sine = torch.sin(2 * math.pi * turns)
    if drive.form == "triangle":
        return drive.volts * (2 / math.pi) * torch.asin(sine.clamp(-1, 1))
    if drive.form == "rectangle":
        return drive.volts * torch.where(turns % 1 < 0.5, 1.0, -1.0).double()
    if drive.form == "modulated":
        return drive.volts * sine * (0.7 + 0.3 * torch.cos(2 * math.pi * turns / 2))
    if drive.form == "two-tone":
        return drive.volts * (0.75 * sine + 0.25 * torch.sin(6 * math.pi * turns))
    return drive.volts * sine


def waves(drives: tuple[Drive, ...], samples: int = SAMPLES) -> Tensor:
    """The voltages of several drives: (samples + 1, drives, 1)."""
    return torch.stack([wave(drive, samples) for drive in drives], 1).unsqueeze(-1)


@cache
def states(drives: tuple[Drive, ...], samples: int = SAMPLES) -> Tensor:
    """The device's states under the sampled voltages, straight between samples: (samples + 1, drives, 1).

    The classical method with `REFINED` steps a sample, in double precision; computed once in a process.
    """
    method, volts = RungeKutta4(), waves(drives, samples)
    times = torch.arange(samples + 1, dtype=torch.float64) * (SPAN / samples)
    signal, step = Samples(times, volts), SPAN / samples / REFINED
    grid = torch.linspace(0, SPAN, samples * REFINED + 1, dtype=torch.float64)
    seen = signal.stages(grid[:-1, None] + step * torch.tensor(method.nodes, dtype=torch.float64))
    state = torch.tensor([[drive.start] for drive in drives], dtype=torch.float64)
    kept = [state]
    for number in range(len(grid) - 1):
        rate, total = torch.zeros_like(state), torch.zeros_like(state)
        for index, (node, share) in enumerate(zip(method.nodes, method.shares, strict=True)):
            rate = DEVICE.rate(state + step * node * rate, seen[number, index])
            total = total + share * rate
        state = state + step * total
        if (number + 1) % REFINED == 0:
            kept.append(state)
    return torch.stack(kept)
