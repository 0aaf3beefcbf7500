"""What is known about each data set: licence, citation, official files and their checksums, from one TOML file each."""

from __future__ import annotations

from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator

from ohmloom.data.formats import DataFile, Format
from ohmloom.descriptions import Choice, Preset
from ohmloom.errors import message


class DataSet(Preset):
    """A data set: who made it, under which licence, where its files are and how to know them.

    ``mirrors`` are addresses that end in ``/``, tried in order; ``how`` says how to come by files that cannot be
    fetched. ``embedded`` is the subset inside the package, if any; with ``embedded_whole`` the package holds all
    files of ``full``, unchanged.
    """

    folder: ClassVar[str] = "ohmloom.data.sets"
    noun: ClassVar[str] = "data set"

    name: Annotated[str, Field(pattern="^[a-z0-9][a-z0-9-]*$")]  # also the name of its folder
    licence: str
    attribution: str
    citation: str
    classes: tuple[str, ...] = ()
    mirrors: tuple[Annotated[str, Field(pattern="^https?://.*/$")], ...] = ()
    how: str = ""
    full: Choice[Format]
    embedded: Choice[Format] | None = None
    embedded_whole: bool = False

    @model_validator(mode="after")
    def _fetched_files_are_known(self) -> Self:
        unknown = [file.file for file in self.full.files if self.addresses(file) and not file.known]
        if unknown:
            rule = "must have a checksum, for it can be fetched"
            raise ValueError(message("full", rule, f"none for {unknown[0]}", "Give one, or no address."))
        if self.embedded is not None and self.embedded_whole:
            raise ValueError(
                message("embedded", "must be absent where the package holds all files", "both", "Drop one.")
            )
        return self

    @property
    def inside(self) -> Format | None:
        """What the package holds of the data set: a subset, all of it, or nothing."""
        return self.full if self.embedded_whole else self.embedded

    @property
    def counts(self) -> dict[str, int]:
        """How many items each part holds."""
        embedded = {} if self.inside is None else self.inside.counts
        return self.full.counts | {f"embedded {part}": count for part, count in embedded.items()}

    @property
    def remedy(self) -> str:
        """What to do about a broken file."""
        if self.how and not all(self.addresses(file) for file in self.full.files):
            return f"Put the official file in its place. {self.how}"
        return f"Delete this file, then run `ohmloom data get {self.name}`."

    def addresses(self, file: DataFile) -> tuple[str, ...]:
        """Where a file is fetched from, in the order in which to try."""
        return tuple(mirror + file.file for mirror in self.mirrors) if file.address is None else (file.address,)


def names() -> list[str]:
    """The data sets that ohmloom knows.

    >>> names()
    ['collab', 'cora', 'drive', 'emnist', 'esgnn', 'fashion-mnist', 'fsdd', 'mnist', 'mutag', 'perovskite']
    """
    return DataSet.names()


def describe(name: str) -> DataSet:
    """All that is known about a data set; ``name`` may also be the path of a TOML file that describes one.

    >>> describe("mnist").licence, describe("mnist").counts["test"]
    ('CC BY-SA 3.0', 10000)

    Raises UnknownNameError, with near names offered.
    """
    return DataSet.load(name)
