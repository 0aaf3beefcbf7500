"""Where the files of a data set are looked for: the user's folder, the user's cache, the official source.

A folder counts when it holds all files of the data set; `$OHMLOOM_DATA` is never written to.
"""

from __future__ import annotations

import os
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import NamedTuple

from ohmloom.data.catalogue import DataSet

VARIABLE = "OHMLOOM_DATA"
_PACKAGE = "embedded in ohmloom"


class Place(NamedTuple):
    """A place that is looked at, and what is there."""

    place: str
    state: str


def cache_root() -> Path:
    """The user's cache. It need not exist."""
    import pooch  # pyright: ignore[reportMissingTypeStubs] (imported here: it brings in requests)

    return Path(pooch.os_cache("ohmloom"))


def cache(dataset: DataSet) -> Path:
    """The folder of a data set in the user's cache, where downloads go. It need not exist."""
    return cache_root() / dataset.name


def folders(dataset: DataSet) -> list[Path]:
    """The folders that are looked at, in order."""
    own = os.environ.get(VARIABLE)
    return [*([Path(own).expanduser() / dataset.name] if own else []), cache(dataset)]


def inside(dataset: DataSet) -> Traversable:
    """The folder inside the package. It need not exist."""
    return files("ohmloom.data") / "embedded" / dataset.name


def local(dataset: DataSet) -> list[Place]:
    """The folders that are looked at, in order, and which files are there (contents not checked)."""
    found = [Place(str(folder), _state(dataset, folder)) for folder in folders(dataset)]
    unset = [Place(f"${VARIABLE}/{dataset.name}", f"{VARIABLE} is not set")] if len(found) == 1 else []
    return unset + found


def places(dataset: DataSet) -> list[Place]:
    """All places of a data set, in the order in which they are looked at, and what is there."""
    asked = "official source, asked if no folder is complete"
    addresses = [*dataset.mirrors, *(file.address for file in dataset.full.files if file.address)]
    sources = [Place(address, asked) for address in addresses]
    by_hand = [Place("by hand", dataset.how)] if dataset.how else []
    if dataset.inside is None:
        return local(dataset) + sources + by_hand
    if dataset.embedded_whole:
        return [*local(dataset), Place(_PACKAGE, "complete"), *sources, *by_hand]
    held = " and ".join(f"{count} {part}" for part, count in dataset.inside.counts.items())
    return [*local(dataset), *sources, *by_hand, Place(_PACKAGE, f"{held}, used only when asked for")]


def _state(dataset: DataSet, folder: Path) -> str:
    missing = dataset.full.lacking(folder)
    if not missing:
        return "complete"
    return "absent" if len(missing) == len(dataset.full.files) else f"lacks {_some(missing)}"


def _some(missing: list[str]) -> str:
    return ", ".join(missing[:4]) + (f" and {len(missing) - 4} more" if len(missing) > 4 else "")
