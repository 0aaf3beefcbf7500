"""The networks of a run: what each is, how it is trained, and how its course is computed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from ohmloom.codesign.neural_ode import DrivenODE, Records, fit, range_penalty, sampled, written
from ohmloom.devices import Device, OpenLoop
from ohmloom.experiments import Context, save_state, told, trainings
from ohmloom.random import Streams
from ohmloom.systems.twin.baselines import Cell, Memoryless, Recurrent, ResidualNet
from ohmloom.systems.twin.settings import (
    AWARE,
    FILES,
    GRU,
    LIMIT,
    LSTM,
    MILD,
    NO_STATE,
    NOISY,
    ONE,
    RESIDUAL,
    RNN,
    TWIN,
    WEIGHT,
    TwinSettings,
)

Model = DrivenODE | ResidualNet | Recurrent | Memoryless
Networks = dict[str, list[Model]]  # by name, one for each training seed
CELLS: dict[str, Cell] = {RNN: "rnn", GRU: "gru", LSTM: "lstm"}


class Lesson(NamedTuple):
    """What a network is trained on: records, and the time between their samples in the network's units."""

    records: Records
    step: float


@dataclass(frozen=True)
class Task:
    """What is to be learned: ``states`` under ``inputs`` signals, seen every ``step`` of the network's time.

    ``lesson(settings, seed, model)`` is a function of a module, so that processes of their own find it.
    """

    states: int
    inputs: int
    hidden: tuple[int, ...]
    step: float
    lesson: Callable[[Any, int, str], Lesson]

    @property
    def weights(self) -> int:
        """How many weights the twin has."""
        widths = (self.states + self.inputs + 1, *self.hidden, self.states)
        return sum(into * out for into, out in pairwise(widths))


class Wanted(NamedTuple):
    """One network of a run."""

    seed: int
    model: str

    @property
    def file(self) -> str:
        """Its name in the run's folder."""
        return f"seed-{self.seed}-{FILES[self.model]}.safetensors"


def preset(write: float | None = None) -> Device:
    """The cells of the published arrays; with ``write``, that spread of each target and no stuck cells."""
    device = Device.load("taox-180nm")
    if write is None:
        return device
    assert isinstance(device.programming, OpenLoop)
    programming = device.programming.replace(deviation=(0.0, write))
    return device.replace(programming=programming, faults={"kind": "none"})


def build(task: Task, model: str, generator: torch.Generator) -> Model:
    """A network with fresh weights."""
    if model in (TWIN, AWARE, MILD, ONE):
        return DrivenODE(task.states, task.inputs, task.hidden, generator)
    if model == RESIDUAL:
        return ResidualNet(task.states, task.inputs, task.hidden, task.step, generator)
    torch.manual_seed(int(torch.randint(2**31, (), generator=generator)))  # torch's own layers draw from the global one
    if model == NO_STATE:
        return Memoryless(task.states, task.inputs, task.hidden)
    return Recurrent(CELLS[model], task.states, task.inputs, task.weights, task.step)


def course(model: Model, start: Tensor, signal: Tensor, step: float) -> Tensor:
    """The states (samples, trajectories, states) under ``signal`` (samples, trajectories, inputs)."""
    with torch.no_grad():
        if isinstance(model, DrivenODE):
            return model.solve(start, sampled(signal), step)
        return model.predict(start, sampled(signal))


def trained(context: Context[Any], task: Task, models: Sequence[str], *, once: Sequence[str] = ()) -> Networks:
    """Every network of every training seed, those of ``once`` of the first alone, trained two at a time, from the
    run's folder if it is there."""
    seeds = {**dict.fromkeys(models, context.seeds), **dict.fromkeys(once, context.seeds[:1])}
    wanted = [Wanted(seed, model) for seed in context.seeds for model in seeds if seed in seeds[model]]
    folder = context.findings.folder / "networks"
    jobs = {one: (_train_to, (one, task, context.settings)) for one in wanted}
    with trainings(folder, jobs, context.progress) as under_way:
        under_way.wait()
    return {model: [_restored(Wanted(seed, model), task, folder) for seed in seeds[model]] for model in seeds}


def _train_to(path: str, one: Wanted, task: Task, settings: TwinSettings) -> None:
    """Train one network and write its state to ``path``."""
    with told(path) as tell:
        save_state(path, train(task, one.model, settings, one.seed, tell).state_dict())


def train(
    task: Task, model: str, settings: TwinSettings, seed: int, tell: Callable[[float], None] = lambda share: None
) -> Model:
    """A trained network: the same windows for all, and fresh write noise for the noise-aware ones."""
    streams = Streams(seed).child("twin")
    network = build(task, model, streams.generator("weights"))
    records, step = task.lesson(settings, seed, model)
    noise, device = streams.generator("write noise"), preset(NOISY[model]) if model in NOISY else None

    def predict(start: Tensor, stages: Tensor) -> Tensor:
        if not isinstance(network, DrivenODE):
            return network.predict(start, stages)
        weights = written(network.weights, device, settings.draws, noise) if device else None
        return network.solve(start, stages, step, weights=weights)

    def penalty() -> Tensor:
        assert isinstance(network, DrivenODE)
        return WEIGHT * range_penalty(network.weights, LIMIT)

    fit(network.parameters(), predict, records, settings.aware if device else settings.plan,
        streams.generator("windows"), penalty=penalty if device else None, tell=tell)  # fmt: skip
    return network


def _restored(one: Wanted, task: Task, folder: Path) -> Model:
    network = build(task, one.model, torch.Generator())
    network.load_state_dict(load_file(folder / one.file))
    return network.requires_grad_(False).eval()


def weights_of(network: nn.Module) -> int:
    """How many numbers are learned."""
    return sum(parameter.numel() for parameter in network.parameters())
