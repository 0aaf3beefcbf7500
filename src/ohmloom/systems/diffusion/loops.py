"""A score network in the arrays of a loop, and the reverse process that the loop runs in volts and seconds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor

from ohmloom.chips import Chip, Mapping, store
from ohmloom.codesign.diffusion import Reverse, ScoreNetwork, VariancePreserving
from ohmloom.devices import Device, OpenLoop
from ohmloom.dynamics import (
    Circuit,
    Heun,
    Loop,
    Multipliers,
    Staircase,
    array_power,
    probe,
    refine,
    solve,
    weight_conductance,
)
from ohmloom.random import Streams
from ohmloom.systems.diffusion.settings import LoopSettings


class Path(NamedTuple):
    """What the loop did."""

    points: Tensor  # at every tick, (ticks + 1, dies, samples, states), units of the network
    at_rail: float  # share of the samples at a rail


@dataclass(frozen=True)
class AnalogueSampler:
    """A loop, its schedules as staircases of converters, and the reverse process that they make it run.

    dx/dτ = β x / 2 + a β gain / d (W₃ u₂ + b₃): the first multiplier has a β gain / d, the second β / 2. Time signals,
    gains and biases are digital; only the matrices are in cells. A tick's levels belong to its middle. ``label`` is
    the class of what is generated, whose embedding is added to the time signals.
    """

    loop: Loop
    network: ScoreNetwork
    reverse: Reverse
    schedule: VariancePreserving
    settings: LoopSettings
    label: int | None = None

    def of_class(self, label: int) -> AnalogueSampler:
        """The same loop with the same cells, driven for another class."""
        return replace(self, label=label)

    @property
    def middles(self) -> Tensor:
        """The times t in the middle of all ticks."""
        edges = torch.linspace(1, 0, self.settings.ticks + 1, dtype=torch.float64)
        return (edges[1:] + edges[:-1]) / 2

    @property
    def rates(self) -> Tensor:
        """β of each tick."""
        return self.schedule.scaled(self.reverse.rate_factor).rate(self.middles)

    @property
    def added(self) -> Tensor:
        """Time signals and the embedding of the class in units of the network: (ticks, width)."""
        labels = None if self.label is None else torch.tensor([self.label])
        return self.network.signals(self.middles.float(), labels)

    @property
    def signal(self) -> Staircase:
        """What is added to the hidden stages, V."""
        held, unit = self.settings, self.settings.unit
        levels = unit * self.added.double()
        scale = max(unit, float(levels.abs().max()))
        return Staircase(levels, held.duration / held.ticks, bits=held.bits, full_scale=scale)

    @property
    def gains(self) -> Staircase:
        """The factors of the two multipliers."""
        held, rates = self.settings, self.rates.float()
        score = self.reverse.score_share * self.network.gain * rates / self.network.divisor(self.middles.float())
        levels = torch.stack([score, rates / 2], -1)
        return Staircase(levels, held.duration / held.ticks, bits=held.bits, full_scale=float(levels.max()))

    def times(self) -> Tensor:
        """From the start to the end of all ticks, s."""
        return torch.linspace(0, self.settings.duration, self.settings.ticks + 1, dtype=torch.float64)

    def run(self, start: Tensor, generator: torch.Generator | None = None, *, substeps: int = 1,
            fixed_noise: bool = False) -> Path:  # fmt: skip
        """From ``start`` (samples, states) to generated points; ``generator`` for stochastic processes.

        Noise is white: what one solver step adds has a variance in proportion to the step. ``fixed_noise`` gives each
        step what a whole tick should have, however short it is: the mistake that a control shows.
        """
        loop, method = self.loop, Heun()
        stack, times = loop.stack(), self.times()
        grid = refine(times, substeps)
        drives = loop.drives(grid, method, self.signal, self.gains)
        increments = None
        if self.reverse.stochastic:
            share = 1 if fixed_noise else substeps
            variance = (self.rates / self.settings.ticks / share).repeat_interleave(substeps)
            z = torch.randn(len(grid) - 1, *start.shape, generator=generator)
            increments = z * (self.reverse.stochastic * loop.units.voltage * variance.sqrt().float())[:, None, None]
            increments[-1] = 0
        rail = loop.circuit.rail or float("inf")
        begin = loop.units.volts(start).clamp(-rail, rail)
        volts = solve(stack, begin, times, method=method, drives=drives, increments=increments, substeps=substeps)
        volts = volts if volts.dim() == 4 else volts.unsqueeze(1)
        return Path(loop.units.network(volts), float((volts.abs() >= rail).double().mean()))

    def run_with_poles(self, start: Tensor, generator: torch.Generator | None = None) -> Path:
        """The same with the amplifiers' poles and, given a ``generator``, the cells' read noise as a process in time;
        for processes that are not stochastic themselves."""
        loop = self.loop
        noise = None if generator is None else loop.noise()
        course = loop.run(loop.units.volts(start), self.times(), signal=self.signal, gains=self.gains, noise=noise,
                          generator=generator)  # fmt: skip
        return Path(loop.units.network(course.volts), course.at_rail)

    def array_power(self, path: Path) -> float:
        """What the cells of all arrays dissipate on average along a path, W, of the first die."""
        volts = self.loop.units.volts(path.points)
        probed = probe(self.loop, volts, self.times(), signal=self.signal, gains=self.gains)
        return float(array_power(self.loop, probed)[0])


def written(error: float) -> Device:
    """Cells that are off or hold a target with an error of ``error`` times it: a weight w becomes w (1 + error z)."""
    return Device(name="written", g_min=0.0, g_max=100e-6, programming=OpenLoop(deviation=(0.0, error)))


def analogue_sampler(
    network: ScoreNetwork, device: Device, reverse: Reverse, settings: LoopSettings, streams: Streams, *, dies: int = 1,
    bandwidth: bool = False, multipliers: Multipliers | None = None,
    schedule: VariancePreserving = VariancePreserving(),  # noqa: B008 (frozen)
) -> AnalogueSampler:  # fmt: skip
    """Write the network into cells of ``device`` and close the loop; C is what makes a run last the duration.

    ``bandwidth``: with the amplifiers' poles; ``multipliers``: with their errors; ``schedule``: that of the network's
    training.
    """
    mapping: Mapping = Chip.load("ideal").layer_mapping
    matrices = tuple(
        store(weight, mapping, device, streams.child(f"layer {number}"), dies=dies, name=f"layer {number}")
        for number, (weight, _) in enumerate(network.matrices)
    )
    circuit = Circuit(
        unit=settings.unit, capacitance=settings.duration * weight_conductance(matrices[-1]),
        rail=settings.rail, clamp=settings.clamp, multipliers=multipliers,
        gain_bandwidth=settings.gain_bandwidth if bandwidth else None,
    )  # fmt: skip
    hidden, width = len(matrices) - 1, matrices[0].shape[0]
    loop = Loop(
        matrices, circuit, ("relu",) * hidden + ("identity",), biases=tuple(bias for _, bias in network.matrices),
        added=((0, width),) * hidden + (None,),
    )  # fmt: skip
    return AnalogueSampler(loop, network, reverse, schedule, settings)
