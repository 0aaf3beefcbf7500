"""The idx format of MNIST: a magic number, the sizes as big-endian 32-bit integers, then the unsigned bytes.

The magic number is two zero bytes, the type (8: unsigned byte) and the number of axes. Format: the page of the MNIST
database by Y. LeCun, C. Cortes and C. Burges.
"""

from __future__ import annotations

import gzip
import hashlib
import struct
import zlib
from collections.abc import Iterable
from math import prod
from typing import Annotated, Literal

import numpy as np
from pydantic import Field, PositiveInt

from ohmloom.data.formats import DataFile, Format, Location, Provenance
from ohmloom.data.images import Bytes, Images
from ohmloom.errors import DataError, message

_UNSIGNED_BYTE = 8


class IdxFile(DataFile):
    """One gzip-compressed idx file of unsigned bytes.

    The checksum is that of the *uncompressed* bytes: copies of a data set that were compressed anew are as good.
    Without one the sizes decide.
    """

    file: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*\.gz$")]  # a bare name: it is joined to folders
    shape: tuple[PositiveInt, ...]
    md5: Annotated[str, Field(pattern="^[0-9a-f]{32}$")] | None = None

    @property
    def known(self) -> bool:
        return self.md5 is not None

    def verify(self, path: Location, *, label: str, remedy: str) -> None:
        read(path, self, label=label, remedy=remedy)


class IdxImages(Format):
    """The four files of a labelled set of images in the idx format of MNIST.

    ``transposed``: the files hold each image column by column, as those of EMNIST do; it is read the right way up.
    """

    kind: Literal["idx"] = "idx"
    training_images: IdxFile  # (n, rows, columns)
    training_labels: IdxFile  # (n,)
    test_images: IdxFile
    test_labels: IdxFile
    transposed: bool = False

    @property
    def files(self) -> tuple[IdxFile, ...]:
        return self.training_images, self.training_labels, self.test_images, self.test_labels

    @property
    def counts(self) -> dict[str, int]:
        return {"training": self.training_images.shape[0], "test": self.test_images.shape[0]}

    def read(self, folder: Location, about: Provenance, *, remedy: str) -> Images:
        paths = ((file, folder.joinpath(file.file)) for file in self.files)
        arrays = [read(path, file, label=str(path), remedy=remedy) for file, path in paths]
        if self.transposed:
            arrays = [array.swapaxes(1, 2) if array.ndim == 3 else array for array in arrays]
        return Images(about.name, *arrays, origin=about.origin, source=about.source, licence=about.licence)


def encode(array: Bytes) -> bytes:
    """The uncompressed idx file of an array of unsigned bytes."""
    return struct.pack(f">HBB{array.ndim}I", 0, _UNSIGNED_BYTE, array.ndim, *array.shape) + array.tobytes()


def read(path: Location, file: IdxFile, *, label: str, remedy: str) -> Bytes:
    """The array in a gzip-compressed idx file, read-only, shape ``file.shape``.

    ``label`` says in messages which file this is, and ``remedy`` what to do about a bad one. Raises DataError if the
    file cannot be read, is cut off, or has another magic number, size or checksum than ``file`` says.
    """
    header = encode(np.empty((0, *file.shape[1:]), np.uint8))
    length = len(header) + prod(file.shape)
    try:
        with path.open("rb") as compressed, gzip.GzipFile(fileobj=compressed) as stream:
            content = stream.read(length + 1)  # one more than wanted: reaches the end, where gzip checks itself
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(message(label, "must be a whole gzip file", error, remedy)) from None
    except OSError as error:
        raise DataError(message(label, "must be a readable file", error, remedy)) from None
    _check(content, file, length, label, remedy)
    return np.frombuffer(content, np.uint8, offset=len(header)).reshape(file.shape)


def _check(content: bytes, file: IdxFile, length: int, label: str, remedy: str) -> None:
    """Raise DataError at the first rule that an uncompressed file breaks, the most telling first."""
    magic = bytes((0, 0, _UNSIGNED_BYTE, len(file.shape)))
    if content[:4] != magic:
        rule = f"must begin with the magic number 0x{magic.hex()} (unsigned bytes, {len(file.shape)} axes)"
        raise DataError(message(label, rule, f"0x{content[:4].hex()}", remedy))
    there = min(len(file.shape), len(content) // 4 - 1)  # a file may end within its header
    sizes = struct.unpack_from(f">{there}I", content, 4)
    if sizes != file.shape:
        raise DataError(message(label, f"must hold the sizes {_times(file.shape)}", _times(sizes), remedy))
    if len(content) != length:
        given = "more" if len(content) > length else f"{len(content)}"
        raise DataError(message(label, f"must hold {length} bytes uncompressed", given, remedy))
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest() if file.md5 is not None else None
    if md5 != file.md5:
        raise DataError(message(label, f"must have the md5 {file.md5} uncompressed", md5, remedy))


def _times(sizes: Iterable[int]) -> str:
    return " x ".join(map(str, sizes))
