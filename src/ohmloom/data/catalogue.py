"""What is known about each data set: licence, citation, official files and their checksums, from one TOML file each."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field, PositiveInt

from ohmloom.descriptions import Description, Preset


class DataFile(Description):
    """One gzip-compressed idx file of unsigned bytes.

    The checksum is that of the *uncompressed* bytes: copies of a data set that were compressed anew are as good.
    """

    file: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*\.gz$")]  # a bare name: it is joined to folders
    shape: tuple[PositiveInt, ...]
    md5: Annotated[str, Field(pattern="^[0-9a-f]{32}$")]


class Files(Description):
    """The four files of a labelled set of images in the idx format of MNIST."""

    training_images: DataFile  # (n, rows, columns)
    training_labels: DataFile  # (n,)
    test_images: DataFile
    test_labels: DataFile

    @property
    def all(self) -> tuple[DataFile, ...]:
        """The four files."""
        return self.training_images, self.training_labels, self.test_images, self.test_labels


class DataSet(Preset):
    """A labelled set of images: who made it, under which licence, where its files are and how to know them.

    ``mirrors`` are addresses that end in ``/``, tried in order; ``embedded`` is the subset inside the package, if any.
    """

    folder: ClassVar[str] = "ohmloom.data.sets"
    noun: ClassVar[str] = "data set"

    name: Annotated[str, Field(pattern="^[a-z0-9][a-z0-9-]*$")]  # also the name of its folder
    licence: str
    attribution: str
    citation: str
    classes: tuple[str, ...]
    mirrors: tuple[Annotated[str, Field(pattern="^https?://.*/$")], ...] = ()
    full: Files
    embedded: Files | None = None

    @property
    def counts(self) -> dict[str, int]:
        """How many images each part holds."""
        parts = {"training": self.full.training_images, "test": self.full.test_images}
        if self.embedded is not None:
            parts |= {"embedded training": self.embedded.training_images, "embedded test": self.embedded.test_images}
        return {part: file.shape[0] for part, file in parts.items()}


def names() -> list[str]:
    """The data sets that ohmloom knows.

    >>> names()
    ['fashion-mnist', 'mnist']
    """
    return DataSet.names()


def describe(name: str) -> DataSet:
    """All that is known about a data set; ``name`` may also be the path of a TOML file that describes one.

    >>> describe("mnist").licence, describe("mnist").counts["test"]
    ('CC BY-SA 3.0', 10000)

    Raises UnknownNameError, with near names offered.
    """
    return DataSet.load(name)
