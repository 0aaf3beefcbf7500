"""System: a published co-design that can be run, judged against its paper, and cited."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Generic, TypeVar

from pydantic import PositiveInt

from ohmloom.descriptions import Description
from ohmloom.errors import ConfigurationError, message, unknown
from ohmloom.experiments.claims import Claim, Control
from ohmloom.experiments.findings import Findings
from ohmloom.experiments.progress import Progress
from ohmloom.experiments.result import Paper
from ohmloom.quantities import Seconds

if TYPE_CHECKING:
    from ohmloom.random import Streams

TIERS = ("smoke", "standard", "full")
Settings = TypeVar("Settings", bound=Description)


class Tier(Description):
    """One size of a run: its settings, how long it may take on two cores, and how many training seeds it has."""

    summary: str
    budget: Seconds
    settings: Description
    seeds: PositiveInt = 1


@dataclass(frozen=True)
class Context(Generic[Settings]):
    """What a system's code is given: what to do, where to put what it finds, whom to tell."""

    settings: Settings
    tier: str
    seed: int
    seeds: tuple[int, ...]  # of the trainings; the first is ``seed``
    findings: Findings
    progress: Progress

    @property
    def streams(self) -> Streams:
        """The random streams under ``seed``."""
        from ohmloom.random import Streams  # brings in torch

        return Streams(self.seed)


class System(ABC, Generic[Settings]):
    """A published co-design: data → network → chip → findings.

    A final class states the paper, its claims, the controls that must fail, and its tiers; ``run`` does the work and
    fills ``context.findings``. It is registered in `ohmloom.systems`.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    summary: ClassVar[str]
    paper: ClassVar[Paper]
    tiers: ClassVar[Mapping[str, Tier]]
    claims: ClassVar[tuple[Claim, ...]]
    controls: ClassVar[tuple[Control, ...]]

    @abstractmethod
    def run(self, context: Context[Settings]) -> None:
        """Do the work of ``context.settings`` and record what is found."""

    def tier(self, name: str) -> Tier:
        """One of the tiers. Raises UnknownNameError with near names."""
        if name not in self.tiers:
            raise unknown(f"tier of {self.name}", name, self.tiers)
        return self.tiers[name]


def check_system(system: System) -> None:
    """The contract of a system, checked before each run: complete, and no two things of one name.

    Raises ConfigurationError.
    """
    parts = ("name", "title", "summary", "paper", "tiers", "claims", "controls")
    missing = [part for part in parts if not hasattr(system, part)]
    if missing:
        given = f"none of {', '.join(missing)}"
        raise ConfigurationError(message(type(system).__name__, f"must state {', '.join(parts)}", given, "Add them."))
    strange = sorted(set(system.tiers) - set(TIERS))
    if strange or not system.tiers:
        rule = f"must be some of {', '.join(TIERS)}"
        raise ConfigurationError(message(f"{system.name}.tiers", rule, strange or "none", "Rename them."))
    _check_unique(f"{system.name}.claims", (claim.name for claim in system.claims))
    _check_unique(f"{system.name}.controls", (control.name for control in system.controls))


def _check_unique(what: str, names: Iterable[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise ConfigurationError(message(what, "must have different names", f"'{name}' twice", "Rename one."))
        seen.add(name)
