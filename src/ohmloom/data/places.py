"""Where the files of a data set are looked for: the user's folder, the user's cache, the official source.

A folder counts when it holds all files of the data set; `$OHMLOOM_DATA` is never written to.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from ohmloom.data.catalogue import DataSet

VARIABLE = "OHMLOOM_DATA"


class Place(NamedTuple):
    """A place that is looked at, and what is there."""

    place: str
    state: str


def cache(dataset: DataSet) -> Path:
    """The folder of a data set in the user's cache, where downloads go. It need not exist."""
    import pooch  # pyright: ignore[reportMissingTypeStubs] (imported here: it brings in requests)

    return Path(pooch.os_cache("ohmloom")) / dataset.name


def folders(dataset: DataSet) -> list[Path]:
    """The folders that are looked at, in order."""
    own = os.environ.get(VARIABLE)
    return [*([Path(own).expanduser() / dataset.name] if own else []), cache(dataset)]


def lacking(dataset: DataSet, folder: Path) -> list[str]:
    """The names of those files of the full data set that a folder does not hold."""
    return [file.file for file in dataset.full.all if not (folder / file.file).is_file()]


def local(dataset: DataSet) -> list[Place]:
    """The folders that are looked at, in order, and which files are there (contents not checked)."""
    found = [Place(str(folder), _state(dataset, folder)) for folder in folders(dataset)]
    unset = [Place(f"${VARIABLE}/{dataset.name}", f"{VARIABLE} is not set")] if len(found) == 1 else []
    return unset + found


def places(dataset: DataSet) -> list[Place]:
    """All places of a data set, in the order in which they are looked at, and what is there."""
    sources = [Place(mirror, "official source, asked if no folder is complete") for mirror in dataset.mirrors]
    if dataset.embedded is None:
        return local(dataset) + sources
    training, test = dataset.counts["embedded training"], dataset.counts["embedded test"]
    state = f"{training} training and {test} test images, used only when asked for"
    return [*local(dataset), *sources, Place("embedded in ohmloom", state)]


def _state(dataset: DataSet, folder: Path) -> str:
    missing = lacking(dataset, folder)
    if len(missing) == len(dataset.full.all):
        return "absent"
    return f"lacks {', '.join(missing)}" if missing else "complete"
