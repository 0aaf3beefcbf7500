"""Files that are either wholly there or not there at all, and folders that one process at a time writes to."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ohmloom.errors import OutputError, message

LOCK = ".lock"  # the file that says who writes to a folder


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


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """No other process is in such a block for ``folder`` meanwhile, which is made if it is not there; a process that
    dies leaves it free.

    Raises OutputError where there is one, or where the folder cannot be written.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(folder / LOCK, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        rule, remedy = "must be in use by one process at a time", "Wait until it has ended, or give another folder."
        raise OutputError(message(str(folder), rule, "another that is running", remedy)) from None
    except OSError as error:
        raise cannot_write(folder, error) from None
    try:
        yield
    finally:
        lock.release()


def cannot_write(path: Path, error: OSError) -> OutputError:
    """The error for a place that cannot be written."""
    remedy = "Give another place, or mend its rights."
    return OutputError(message(str(path), "must be writable", error.strerror or str(error), remedy))


def _remove(temporary: Path) -> None:
    try:
        temporary.unlink(missing_ok=True)
    except OSError:  # its folder went away or never was one: nothing is left to remove
        return
