"""What a data set consists of: files that can be known, in a format that a reader understands.

A :class:`Format` is a part of a data set's description, chosen by ``kind`` in its TOML file: it lists the files, and
reads them into one of the classes of this package. Readers stand one to a module.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated, Literal, NamedTuple, Protocol

from pydantic import Field

from ohmloom.descriptions import Description, Part
from ohmloom.errors import DataError, message

Origin = Literal["real", "embedded", "synthetic stand-in"]
Location = Path | Traversable
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]

_STEP = "[A-Za-z0-9][A-Za-z0-9._-]*"


class Provenance(NamedTuple):
    """Where data come from: printed beside every figure that is made from them."""

    name: str  # of the data set
    origin: Origin
    source: str  # the folder that was read, or the generator that made the data
    licence: str


class Loaded(Protocol):
    """What all data sets have in common once they are read."""

    @property
    def name(self) -> str: ...
    @property
    def origin(self) -> Origin: ...
    @property
    def source(self) -> str: ...
    @property
    def licence(self) -> str: ...


class DataFile(Description, ABC):
    """One file of a data set, under the name that it has in its folder.

    ``address`` is where it is fetched from if not at the data set's mirrors under its own name.
    """

    file: Annotated[str, Field(pattern=f"^{_STEP}(/{_STEP})*$")]  # it is joined to folders, and must stay in them
    address: Annotated[str, Field(pattern="^https?://")] | None = None

    @property
    @abstractmethod
    def known(self) -> bool:
        """Whether there is a checksum: only then is the file ever fetched."""

    @abstractmethod
    def verify(self, path: Location, *, label: str, remedy: str) -> None:
        """Raise DataError, naming the file ``label`` and saying ``remedy``, unless this is the right file."""


class PlainFile(DataFile):
    """A file that is known by the SHA-256 of its bytes; without one the reader's own checks decide."""

    sha256: Sha256 | None = None

    @property
    def known(self) -> bool:
        return self.sha256 is not None

    def verify(self, path: Location, *, label: str, remedy: str) -> None:
        self.content(path, label=label, remedy=remedy)

    def content(self, path: Location, *, label: str, remedy: str) -> bytes:
        """The bytes of the file, verified."""
        content = read_bytes(path, label=label, remedy=remedy)
        check_sha256(content, self.sha256, "", label=label, remedy=remedy)
        return content


class Format(Part, ABC):
    """The files of a data set, and how they are read."""

    @property
    @abstractmethod
    def files(self) -> tuple[DataFile, ...]:
        """The files without which the data set cannot be read."""

    @property
    @abstractmethod
    def counts(self) -> dict[str, int]:
        """How many items of each sort there are; the reader refuses files that hold another number."""

    @abstractmethod
    def read(self, folder: Location, about: Provenance, *, remedy: str) -> Loaded:
        """The data in ``folder``. Raises DataError, naming the file and saying ``remedy``, if they break a rule."""

    def lacking(self, folder: Location) -> list[str]:
        """The names of those files that ``folder`` does not hold."""
        return [file.file for file in self.files if not folder.joinpath(file.file).is_file()]


def read_bytes(path: Location, *, label: str, remedy: str) -> bytes:
    """The bytes of a file; raises DataError if it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(message(label, "must be a readable file", error, remedy)) from None


def check_sha256(content: bytes, wanted: str | None, of: str, *, label: str, remedy: str) -> None:
    """Raise DataError unless ``content`` has the checksum ``wanted`` (None: anything is right)."""
    found = hashlib.sha256(content).hexdigest()
    if wanted is not None and found != wanted:
        raise DataError(message(label, f"must have the sha256 {wanted}{of}", found, remedy))


def check_count(found: int, wanted: int, what: str, *, label: str, remedy: str) -> None:
    """Raise DataError unless there are as many items as the data set has."""
    if found != wanted:
        raise DataError(message(label, f"must hold {wanted} {what}", found, remedy))
