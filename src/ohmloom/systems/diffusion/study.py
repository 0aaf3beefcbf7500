"""One run of a diffusion system: its networks, its random streams, and the ways it generates points."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Generic, TypeVar

import torch
from torch import Tensor

from ohmloom.codesign.diffusion import Reverse, ScoreNetwork, VariancePreserving
from ohmloom.devices import Device
from ohmloom.dynamics import Multipliers
from ohmloom.experiments import Context, Figure
from ohmloom.random import Streams
from ohmloom.systems.diffusion.loops import AnalogueSampler, analogue_sampler
from ohmloom.systems.diffusion.settings import Kind, Sizes, Wanted

Settings = TypeVar("Settings", bound=Sizes)


class Study(ABC, Generic[Settings]):
    """One run: its networks, its random streams, and what all diffusion systems do with them.

    ``samplers`` by name: the first two, the flow and the stochastic one, make the 2 x 2 with the two trainings.
    ``measures`` are the names of what is found of generated points.
    """

    samplers: Mapping[str, Reverse]
    measures: ClassVar[tuple[str, ...]]

    def __init__(
        self, context: Context[Settings], networks: Mapping[Wanted, ScoreNetwork],
        schedule: VariancePreserving = VariancePreserving(),  # noqa: B008 (frozen)
    ) -> None:  # fmt: skip
        self.context, self.settings, self.findings = context, context.settings, context.findings
        self.networks, self.schedule = networks, schedule
        self.streams = Streams(context.seed).child("diffusion")

    @property
    def flow(self) -> str:
        """The name of the deterministic sampler of the 2 x 2."""
        return next(iter(self.samplers))

    @property
    def stochastic(self) -> str:
        """The name of the stochastic one."""
        return list(self.samplers)[1]

    @abstractmethod
    def start(self, samples: int, purpose: str = "start") -> Tensor:
        """N(0, 1), as many points as ``samples`` stands for."""

    @abstractmethod
    def generated(self, analogue: AnalogueSampler, generator: torch.Generator) -> Tensor:
        """What a loop generates, as many samples as the settings say: (dies, ..., samples, 2)."""

    @abstractmethod
    def measured(self, points: Tensor, seed: int) -> list[float]:
        """`measures` of the points of one die, made with the networks of a training seed."""

    def network(self, kind: Kind = "noisy", seed: int | None = None) -> ScoreNetwork:
        """A trained network; by default that of the first seed."""
        return self.networks[self.wanted(self.context.seed if seed is None else seed, kind)]

    def wanted(self, seed: int, kind: Kind) -> Wanted:
        """Which of the run's networks this study looks at."""
        return Wanted(seed, kind)

    def arm(self, name: str, compute: Callable[[], Any]) -> Any:
        """What is computed once per run folder."""
        words = "/".join("-".join(re.findall(r"[a-z0-9.]+", part.lower())) for part in name.split("/"))
        return self.findings.arm(words, compute)

    def figure(self, name: str, values: list[float], unit: str = "", over: str = "seeds") -> Figure:
        """Record the mean of ``values``."""
        return self.findings.figure(Figure.over(name, values, unit, over))  # type: ignore[arg-type]

    def one(self, name: str, value: float, unit: str = "") -> Figure:
        """Record a single number."""
        return self.findings.figure(Figure.of(name, value, unit))

    def sampler(
        self, network: ScoreNetwork, device: Device, reverse: Reverse, streams: Streams, *, dies: int = 1,
        multipliers: Multipliers | None = None,
    ) -> AnalogueSampler:  # fmt: skip
        """The loop of this run's circuit with a network in cells of ``device``."""
        held = self.settings.loop
        return analogue_sampler(network, device, reverse, held, streams, dies=dies, multipliers=multipliers,
                                schedule=self.schedule)  # fmt: skip

    def on_cells(
        self, kind: Kind, sampler: str, device: Device, name: str, dies: int, *, seed: int | None = None,
        multipliers: Multipliers | None = None,
    ) -> list[list[float]]:  # fmt: skip
        """`measures` of what each die's loop generates."""
        streams, seed = self.streams.child(name), self.context.seed if seed is None else seed
        network, reverse = self.network(kind, seed), self.samplers[sampler]
        analogue = self.sampler(network, device, reverse, streams, dies=dies, multipliers=multipliers)
        points = self.generated(analogue, streams.generator("noise"))
        return [self.measured(of_die, seed) for of_die in points]

    def on_seeds(self, kind: Kind, sampler: str, device: Device, name: str, dies: int) -> list[list[float]]:
        """`measures` of ``dies`` dies of each training seed, one seed after the other."""
        return [of_die for seed in self.context.seeds
                for of_die in self.on_cells(kind, sampler, device, f"{name}/{seed}", dies, seed=seed)]  # fmt: skip


def mean(values: list[float]) -> float:
    """Of at least one value."""
    return sum(values) / len(values)
