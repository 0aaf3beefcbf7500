"""Steps of a run: each figure is an arm of its own, computed once per run folder, with progress."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ohmloom.experiments import Context, Figure
from ohmloom.systems.neurram.mnist_settings import arm_name


@dataclass(frozen=True)
class Steps:
    """The arms of a ``group``."""

    context: Context[Any]
    group: str

    def figure(
        self, name: str, compute: Callable[[], Sequence[float]], unit: str = "%",
        over: Literal["dies", "seeds"] = "dies",
    ) -> list[float]:  # fmt: skip
        """Values over dies or seeds, recorded under ``name``."""
        values = self.values(name, compute)
        self.context.findings.figure(Figure.over(name, values, unit, over))
        return values

    def values(self, name: str, compute: Callable[[], Any]) -> Any:
        """What an arm of this name returns."""
        with self.context.progress.task(name, total=None):
            return self.context.findings.arm(arm_name(self.group, name), compute)
