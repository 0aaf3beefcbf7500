"""A circuit that integrates: learn how a pendulum moves, write the network into cells, let the loop compute."""

import torch

from ohmloom.codesign.neural_ode import (
    DrivenODE,
    Records,
    Shooting,
    fit,
    place_loop,
    range_penalty,
    run_loop,
    sampled,
)
from ohmloom.devices import Device, NoFaults
from ohmloom.dynamics import Circuit
from ohmloom.random import Streams

STEP, SAMPLES = 0.1, 100
chance = torch.Generator().manual_seed(0)


def swings(starts: torch.Tensor) -> torch.Tensor:
    """Angle and speed of a damped pendulum, finely integrated: (samples, records, 2)."""
    state, seen, fine = starts, [starts], 20
    for _ in range(SAMPLES):
        for _ in range(fine):
            angle, speed = state.unbind(-1)
            state = state + STEP / fine * torch.stack([speed, -torch.sin(angle) - 0.2 * speed], -1)
        seen.append(state)
    return torch.stack(seen)


device = Device.load("taox-180nm").replace(faults=NoFaults())  # cells are written once, 4 % off
starts = 4 * torch.rand(40, 2, generator=chance) - 2
records = Records(swings(starts), sampled(torch.zeros(SAMPLES + 1, 40, 0)))  # no signals drive this pendulum


def trained(limit: float | None) -> DrivenODE:
    """dx/ds learned from records alone; weights beyond ``limit`` are held back: they would take all of the range."""
    network = DrivenODE(states=2, inputs=0, hidden=(24,), generator=torch.Generator().manual_seed(1))
    fit(
        network.parameters(),
        lambda start, stages: network.solve(start, stages, STEP),
        records,
        Shooting(length=20, windows=40, steps=1000, whole=50),
        torch.Generator().manual_seed(2),
        penalty=None if limit is None else lambda: range_penalty(network.weights, limit),
    )
    return network


# Starts that no network has seen, in software and as loops of arrays, integrators and amplifiers on five dies.
unseen = torch.tensor([[1.5, 0.0], [-1.0, 1.0], [0.5, -1.5]])
truth, rest = swings(unseen), torch.zeros(SAMPLES + 1, 3, 0)


def error(found: torch.Tensor) -> float:
    """Mean distance from the truth, per cent of its largest swing."""
    return 100 * float((found - truth).abs().mean() / truth.abs().max())


for name, limit in (("any weights", None), ("weights up to 1", 1.0)):
    network = trained(limit)
    with torch.no_grad():
        software = error(network.solve(unseen, sampled(rest), STEP))
        loop = place_loop(network, device, Circuit(capacitance="10 nF"), Streams(0), dies=5)
        courses = run_loop(loop, unseen, rest, STEP)  # (samples, dies, starts, states)
    dies = ", ".join(f"{error(courses[:, die]):.0f}" for die in range(5))
    print(f"{name}: {software:.1f} % of the swing in software; {dies} % on five dies")
print(f"a loop takes {1e6 * SAMPLES * STEP * loop.units.time:.0f} µs for {SAMPLES * STEP:g} units of time")
