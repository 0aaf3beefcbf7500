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
from importlib.resources.abc import Traversable
from math import prod
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ohmloom.data.catalogue import DataFile
from ohmloom.errors import DataError, message

Bytes = NDArray[np.uint8]
_UNSIGNED_BYTE = 8


def encode(array: Bytes) -> bytes:
    """The uncompressed idx file of an array of unsigned bytes."""
    return struct.pack(f">HBB{array.ndim}I", 0, _UNSIGNED_BYTE, array.ndim, *array.shape) + array.tobytes()


def read(path: Path | Traversable, file: DataFile, *, label: str, remedy: str) -> Bytes:
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


def _check(content: bytes, file: DataFile, length: int, label: str, remedy: str) -> None:
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
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if md5 != file.md5:
        raise DataError(message(label, f"must have the md5 {file.md5} uncompressed", md5, remedy))


def _times(sizes: Iterable[int]) -> str:
    return " x ".join(map(str, sizes))
