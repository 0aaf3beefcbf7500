"""The networks of a run: what each is, what it is trained on, and how its course is computed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from ohmloom.codesign.neural_ode import DrivenODE, Records, fit, range_penalty, sampled, written
from ohmloom.devices import Device, OpenLoop
from ohmloom.random import Streams
from ohmloom.systems.twin import truth
from ohmloom.systems.twin.baselines import Memoryless, Recurrent, ResidualNet
from ohmloom.systems.twin.settings import (
    AWARE,
    HIDDEN,
    LIMIT,
    NO_STATE,
    ONE,
    RESIDUAL,
    TWIN,
    WEIGHT,
    WRITE,
    TwinSettings,
)

STEP = truth.SPAN / truth.SAMPLES / truth.UNIT  # between samples, in the network's time
FILES = {
    TWIN: "twin", AWARE: "aware", ONE: "one-sine", RESIDUAL: "residual", "an RNN": "rnn", "a GRU": "gru",
    "an LSTM": "lstm", NO_STATE: "no-state",
}  # fmt: skip
Model = DrivenODE | ResidualNet | Recurrent | Memoryless


def preset(write: float | None = None) -> Device:
    """The cells of the published arrays; with ``write``, that spread of each target and no stuck cells."""
    device = Device.load("taox-180nm")
    if write is None:
        return device
    assert isinstance(device.programming, OpenLoop)
    programming = device.programming.replace(deviation=(0.0, write))
    return device.replace(programming=programming, faults={"kind": "none"})


def build(model: str, generator: torch.Generator) -> Model:
    """A network with fresh weights."""
    if model in (TWIN, AWARE, ONE):
        return DrivenODE(1, 1, HIDDEN, generator)
    if model == RESIDUAL:
        return ResidualNet(HIDDEN, STEP, generator)
    torch.manual_seed(int(torch.randint(2**31, (), generator=generator)))  # torch's own layers draw from the global one
    if model == NO_STATE:
        return Memoryless(HIDDEN[0])
    return Recurrent({"an RNN": "rnn", "a GRU": "gru", "an LSTM": "lstm"}[model])  # type: ignore[arg-type]


def course(model: Model, start: Tensor, volts: Tensor, step: float = STEP) -> Tensor:
    """The states (samples, trajectories, 1) under ``volts`` (samples, trajectories, 1)."""
    with torch.no_grad():
        if isinstance(model, DrivenODE):
            return model.solve(start, sampled(volts), step)
        return model.predict(start, sampled(volts))


def records(model: str) -> Records:
    """What a network is trained on: several sines, or the published one."""
    drives = (truth.PUBLISHED,) if model == ONE else truth.several()
    return Records(truth.states(drives).float(), sampled(truth.waves(drives).float()))


def train(model: str, settings: TwinSettings, seed: int, path: Path, tell: Callable[[float], None]) -> None:
    """Train a network and write its weights to ``path``: the same plan and the same windows for all."""
    streams = Streams(seed).child("twin")
    network = build(model, streams.generator("weights"))
    noise, device = streams.generator("write noise"), preset(WRITE)

    def predict(start: Tensor, stages: Tensor) -> Tensor:
        if not isinstance(network, DrivenODE):
            return network.predict(start, stages)
        weights = written(network.weights, device, settings.draws, noise) if model == AWARE else None
        return network.solve(start, stages, STEP, weights=weights)

    def penalty() -> Tensor:
        assert isinstance(network, DrivenODE)
        return WEIGHT * range_penalty(network.weights, LIMIT)

    fit(network.parameters(), predict, records(model), settings.plan, streams.generator("windows"),
        penalty=penalty if model == AWARE else None, tell=tell)  # fmt: skip
    save_file({name: value.detach().contiguous() for name, value in network.state_dict().items()}, str(path))


def read(model: str, path: Path) -> Model:
    """A trained network."""
    network = build(model, torch.Generator())
    network.load_state_dict(load_file(path))
    return network.eval()


def weights_of(network: nn.Module) -> int:
    """How many numbers are learned."""
    return sum(parameter.numel() for parameter in network.parameters())
