"""Zip archives: what a broken one raises becomes a DataError that names it."""

from __future__ import annotations

import lzma
import zipfile
import zlib
from collections.abc import Generator
from contextlib import contextmanager

from ohmloom.data.formats import Location
from ohmloom.errors import DataError, message


@contextmanager
def opened(path: Location, label: str, remedy: str) -> Generator[zipfile.ZipFile]:
    """The archive at ``path``; ``label`` names it in messages, ``remedy`` says what to do about a broken one."""
    with unpacking(label, remedy), path.open("rb") as stream, zipfile.ZipFile(stream) as archive:
        yield archive


@contextmanager
def unpacking(label: str, remedy: str) -> Generator[None]:
    """Raise DataError for what goes wrong while an archive is unpacked."""
    try:
        yield
    except DataError:
        raise
    except (zipfile.BadZipFile, lzma.LZMAError, zlib.error, EOFError, OSError) as error:
        raise DataError(message(label, "must be a whole zip archive", error, remedy)) from None
