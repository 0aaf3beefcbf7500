"""One trained network of `neurram-fine-tuning` on all dies: every arm on the test images, every stage on others."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import nn

import ohmloom as ol
from ohmloom.data import Labelled
from ohmloom.experiments import Context, Cost
from ohmloom.systems.neurram.evaluation import first
from ohmloom.systems.neurram.fine_tuning_arms import (
    Bench,
    Tuned,
    Way,
    changed_layers,
    severe,
    side_by_side,
    staged,
    stages,
    tuning_set,
)
from ohmloom.systems.neurram.fine_tuning_settings import FineTuningSettings, Severity
from ohmloom.systems.neurram.network import accuracy
from ohmloom.systems.neurram.training import State, training_set

Values = list[float]


def bench(settings: FineTuningSettings, severity: Severity) -> Bench:
    """The chip of that severity with the first tuning images to calibrate on."""
    return Bench(severe(severity), tuning_set(settings).images[: settings.calibration_images], settings.age)


def tunings(settings: FineTuningSettings) -> list[tuple[Way, int]]:
    """The fine-tunings of one network: way and die, those first that most depends on."""
    dies = range(settings.dies)
    ways: list[tuple[Way, int]] = [("software", 0), *(("progressive", die) for die in dies), ("shuffled-labels", 0)]
    return [*ways, *(("without-noise", die) for die in dies)] if settings.without_noise else ways


class Study:
    """The network of one training seed, and what its fine-tunings in ``path`` give."""

    def __init__(
        self,
        context: Context[FineTuningSettings],
        seed: int,
        state: State,
        severity: Severity,
        path: Callable[[Tuned], Path],
    ) -> None:
        self.context, self.settings, self.seed, self.state = context, context.settings, seed, state
        self.bench, self.dies, self._path = bench(context.settings, severity), range(context.settings.dies), path
        self.groups = stages(context.settings)

    def file(self, way: Way, die: int) -> Path:
        """The weights of a fine-tuning; waits until it has ended."""
        return self._path(Tuned(self.seed, way, die))

    @cached_property
    def held(self) -> Labelled:
        """Validation images of the stages."""
        held = training_set(self.settings.subset, 1, self.settings.validation_images)[1]
        return first(held, self.settings.stage_images)

    def software(self, test: Labelled) -> float:
        """Accuracy without cells."""
        return self._arm("in-software", lambda: self.bench.software(self.state, test))

    def after(self, test: Labelled) -> float:
        """The same after as many epochs in software as the fine-tuning has."""
        tuned = load_file(self.file("software", 0))
        return self._arm("in-software-after", lambda: self.bench.software(tuned, test))

    def compare(self, test: Labelled) -> dict[str, Values]:
        """Accuracy of every arm on each of its dies, per cent: the only look at test images."""
        found = {"calibrated": self._written("calibrated", [self.state] * len(self.dies), test)}
        found["software"] = self._written("software", [load_file(self.file("software", 0))] * len(self.dies), test)
        found["progressive"] = self._tuned("progressive", self.dies, test)
        others = [load_file(self.file("progressive", (die + 1) % len(self.dies))) for die in self.dies]
        found["other-die"] = self._written("other-die", others, test)
        found["shuffled-labels"] = self._tuned("shuffled-labels", range(1), test)
        if self.settings.without_noise:
            found["without-noise"] = self._tuned("without-noise", self.dies, test)
        return found

    def follow(self) -> dict[str, list[float]]:
        """Mean accuracy on validation images after each stage, layers without cells in software: plainly written, and
        fine-tuned."""
        start = self._arm("stages/software", lambda: self.bench.software(self.state, self.held))
        plain = self._arm("stages/calibrated", lambda: self._plain_stages())
        tuned = self._arm("stages/progressive", lambda: self._tuned_stages())
        return {name: [start, *(sum(column) / len(column) for column in zip(*rows, strict=True))]
                for name, rows in (("calibrated", plain), ("progressive", tuned))}  # fmt: skip

    def changed(self) -> int:
        """How many layers of all dies do not hold the cells of their own stage any more."""
        return self._arm("changed", lambda: sum(
            changed_layers(self.file("progressive", die), self.groups, self.state) for die in self.dies
        ))  # fmt: skip

    def cost(self, test: Labelled) -> Cost:
        """What one inference costs on the fine-tuned first die."""
        hardware = staged(self.file("progressive", 0), len(self.groups), self.state)
        with ol.Ledger() as ledger, torch.no_grad():
            hardware(test.images[:50])
        return Cost.priced(ol.cost(ledger, hardware))

    def _plain_stages(self) -> list[Values]:
        def compute(item: tuple[nn.Module, int]) -> Values:
            hardware, found = self.bench.written(*item), []
            for stage in range(len(self.groups), 0, -1):
                later = [name for group in self.groups[stage:] for name in group]
                ol.mode(hardware, ol.Digital(), layers=later)
                found.append(accuracy(hardware, self.held, batch=100))
            return found[::-1]

        return side_by_side(compute, [(self.bench.blank(self.state), die) for die in self.dies])

    def _tuned_stages(self) -> list[Values]:
        def compute(kept: list[nn.Module]) -> Values:
            return [accuracy(hardware, self.held, batch=100) for hardware in kept]

        files = [self.file("progressive", die) for die in self.dies]
        count = len(self.groups)
        return side_by_side(compute, [[staged(f, n, self.state) for n in range(1, count + 1)] for f in files])

    def _written(self, name: str, states: list[State], test: Labelled) -> Values:
        return self._arm(name, lambda: self.bench.accuracies(states, self.dies, test))

    def _tuned(self, way: Way, dies: range, test: Labelled) -> Values:
        files = [self.file(way, die) for die in dies]

        def compute() -> Values:
            kept = [staged(file, len(self.groups), self.state) for file in files]
            return side_by_side(lambda hardware: accuracy(hardware, test, batch=100), kept)

        return self._arm(way, compute)

    def _arm(self, name: str, compute: Callable[[], Any]) -> Any:
        with self.context.progress.task(f"network {self.seed}: {name}", total=None):
            return self.context.findings.arm(f"seed-{self.seed}/{name}", compute)
