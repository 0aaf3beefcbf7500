"""Files that are either wholly there or not there at all."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from ohmloom.errors import OutputError, message


def write_text(path: Path, text: str) -> None:
    """Replace the contents of ``path`` in one step; whatever goes wrong, the old contents stay.

    Raises OutputError if the folder cannot be written.
    """

    def make(temporary: Path) -> None:
        with temporary.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())

    try:
        write(path, make)
    except OSError as error:
        raise cannot_write(path, error) from None


def write(path: Path, make: Callable[[Path], object]) -> None:
    """Let ``make`` write a temporary file beside ``path`` and put it there when it is whole."""
    temporary = path.parent / f".{os.getpid()}.part.{path.name}"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        make(temporary)
        os.replace(temporary, path)
    finally:
        _remove(temporary)


def cannot_write(path: Path, error: OSError) -> OutputError:
    """The error for a place that cannot be written."""
    remedy = "Give another place, or mend its rights."
    return OutputError(message(str(path), "must be writable", error.strerror or str(error), remedy))


def _remove(temporary: Path) -> None:
    try:
        temporary.unlink(missing_ok=True)
    except OSError:  # its folder went away or never was one: nothing is left to remove
        return
