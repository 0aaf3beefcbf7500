"""The systems: published co-designs, one per folder, each found by its name.

The registry knows names and titles; a system's own code, and PyTorch with it, is imported when it is asked for.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ohmloom.errors import ConfigurationError, message, unknown

if TYPE_CHECKING:
    from ohmloom.experiments import Progress, Result, System

__all__ = ["Entry", "entries", "load", "names", "register", "run_system"]


class Entry(NamedTuple):
    """A registered system: its title, and its class or where it is (``package.module:Class``)."""

    title: str
    target: str | type[System]


_entries: dict[str, Entry] = {}


def register(name: str, title: str, target: str | type[System]) -> None:
    """Make a system known under ``name``. Raises ConfigurationError if another one has that name."""
    if _entries.setdefault(name, Entry(title, target)) != Entry(title, target):
        raise ConfigurationError(message("system", "must have a name of its own", repr(name), "Give another name."))


def names() -> list[str]:
    """The names of all systems."""
    return sorted(_entries)


def entries() -> dict[str, Entry]:
    """All systems by name; none of their code is imported."""
    return {name: _entries[name] for name in names()}


def load(name: str) -> System:
    """The system of that name. Raises UnknownNameError with near names."""
    if name not in _entries:
        raise unknown("system", name, _entries)
    entry = _entries[name]
    if isinstance(entry.target, str):
        module, _, cls = entry.target.partition(":")
        system: System = getattr(import_module(module), cls)()
    else:
        system = entry.target()
    if (system.name, system.title) != (name, entry.title):
        given = f"'{system.name}', '{system.title}'"
        rule = f"must have the registered name and title '{name}', '{entry.title}'"
        raise ConfigurationError(message(type(system).__name__, rule, given, "Make them equal."))
    return system


def run_system(
    name: str,
    *,
    tier: str = "smoke",
    seed: int = 0,
    out: str | Path | None = None,
    progress: Progress | None = None,
) -> Result:
    """Run the system of that name; see `ohmloom.experiments.run`."""
    from ohmloom.experiments import run  # brings in numpy and scipy

    return run(load(name), tier=tier, seed=seed, out=out, progress=progress)


register(
    "neurram-mnist", "A convolutional network on the 48-core NeuRRAM chip", "ohmloom.systems.neurram.mnist:NeurramMnist"
)
register(
    "neurram-energy", "NeuRRAM: energy and speed at each precision", "ohmloom.systems.neurram.energy:NeurramEnergy"
)
register(
    "neurram-fine-tuning",
    "NeuRRAM: training with the chip in the loop",
    "ohmloom.systems.neurram.fine_tuning:NeurramFineTuning",
)
register("wires", "Wires: what IR drop costs, and programming through it", "ohmloom.systems.wires.wires:WiresSystem")
register("esgnn-mutag", "Echo-state graph network on random resistors: MUTAG", "ohmloom.systems.esgnn.mutag:EsgnnMutag")
register(
    "esgnn-collab", "Echo-state graph network on random resistors: COLLAB", "ohmloom.systems.esgnn.collab:EsgnnCollab"
)
register("esgnn-cora", "Echo-state graph network on random resistors: CORA", "ohmloom.systems.esgnn.cora:EsgnnCora")
register(
    "edge-pruning-fashion",
    "Edge pruning of random resistors: images of clothes",
    "ohmloom.systems.edge_pruning.fashion:EdgePruningFashion",
)
register(
    "edge-pruning-spoken",
    "Edge pruning of random resistors: spoken digits",
    "ohmloom.systems.edge_pruning.spoken:EdgePruningSpoken",
)
register(
    "diffusion-ring",
    "Score-based diffusion on an analogue loop: a ring of points",
    "ohmloom.systems.diffusion.ring:DiffusionRing",
)
register(
    "diffusion-letters",
    "Score-based diffusion on an analogue loop: images of letters",
    "ohmloom.systems.diffusion.letters:DiffusionLetters",
)
register(
    "edge-pruning-drive",
    "Edge pruning of random resistors: vessels of the retina",
    "ohmloom.systems.edge_pruning.drive:EdgePruningDrive",
)
register("twin-hp", "Digital twin: an analogue loop that follows the HP memristor", "ohmloom.systems.twin.hp:TwinHP")
register(
    "twin-lorenz96",
    "Digital twin: an analogue loop that follows the chaotic Lorenz96 equation",
    "ohmloom.systems.twin.lorenz96:TwinLorenz96",
)
register(
    "bayesmulti-mnist",
    "BayesMulti: noise injection for drifting weights",
    "ohmloom.systems.bayesmulti.mnist:BayesMultiMnist",
)
register(
    "bayesmulti-devices",
    "BayesMulti: accuracy on 37 measured perovskite devices",
    "ohmloom.systems.bayesmulti.devices:BayesMultiDevices",
)
register(
    "bayesmulti-fabrication",
    "BayesMulti: which device to make next",
    "ohmloom.systems.bayesmulti.fabrication:BayesMultiFabrication",
)
