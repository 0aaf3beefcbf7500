"""A learned equation in arrays: each layer in pairs of cells, closed through integrators."""

from __future__ import annotations

import torch
from torch import Tensor

from ohmloom.chips import Mapping, store
from ohmloom.codesign.neural_ode.network import DrivenODE, with_constant
from ohmloom.crossbars import Amplitude, Analogue, AnalogueReadout, Layout
from ohmloom.devices import Device
from ohmloom.dynamics import Circuit, Loop, LoopNoise, Samples
from ohmloom.random import Streams

MAPPING = Mapping(drive=Amplitude(), encoding=Analogue(layout=Layout.PAIR_ROWS), readout=AnalogueReadout())


def place_loop(network: DrivenODE, device: Device, circuit: Circuit, streams: Streams, *, dies: int = 1) -> Loop:
    """Write the network into fresh cells of ``dies`` dies; its signals and the constant drive the first array."""
    matrices = [
        store(weight.detach().double(), MAPPING, device, streams.child(f"layer-{n}"), dies=dies, name=f"layer-{n}")
        for n, weight in enumerate(network.weights)
    ]
    kinds = ("relu",) * (len(matrices) - 1) + ("identity",)
    return Loop(tuple(matrices), circuit, kinds, driven=network.weights[0].shape[1] - network.states)


def hold(
    network: DrivenODE, device: Device, circuit: Circuit, streams: Streams, *, dies: int = 1, cells: int = 1
) -> list[Tensor]:
    """What each of ``dies`` dies holds of the network with ``cells`` in parallel for each half of a pair.

    (dies, out, in) for each layer: the same targets are written into ``cells`` arrays, each with its own errors, whose
    lines are joined, so that currents add and the feedback of `place_loop` shrinks by ``cells``:

        W = (1 / cells) Σ_k W_k
    """
    loop = place_loop(network, device, circuit, streams, dies=dies * cells)
    return [matrix.effective().unflatten(0, (dies, cells)).mean(1) for matrix in loop.matrices]


def run_loop(
    loop: Loop, start: Tensor, signal: Tensor, step: float, *, gain: float = 1.0, noise: LoopNoise | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:  # fmt: skip
    """The states (samples, dies, trajectories, states) for a signal (samples, trajectories, channels), network units.

    ``step`` is that between samples in the network's time and ``gain`` its gain: the loop takes gain · step · C / g0
    seconds for one. That neighbouring states may part is what was learned, and accepted.
    """
    times, volts = loop_signal(loop, signal, step, gain=gain)
    course = loop.run(loop.units.volts(start.double()), times, signal=volts, growth="accept", noise=noise,
                      generator=generator)  # fmt: skip
    return loop.units.network(course.volts)


def loop_signal(loop: Loop, signal: Tensor, step: float, *, gain: float = 1.0) -> tuple[Tensor, Samples]:
    """When the loop sees each sample of a signal (samples, trajectories, channels), s, and what it sees, V: the signal
    and the constant of one. See `run_loop`."""
    times = torch.arange(len(signal), dtype=torch.float64) * (step * gain * loop.units.time)
    return times, Samples(times, loop.units.volts(with_constant(signal).double()))
