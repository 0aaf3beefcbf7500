"""Downloading the files of a data set: each is checked before it gets its name, and nothing else stays behind."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from ohmloom.data.catalogue import DataSet
from ohmloom.data.formats import DataFile
from ohmloom.data.places import VARIABLE, cache, local
from ohmloom.errors import DataError, message

TIMEOUT = 30  # s, without a byte


def fetch(dataset: DataSet) -> Path:
    """Download those files that the user's cache lacks, verify them, and return the folder.

    Raises DataError, saying which file is missing, all places looked at, where to put it and the command that gets it.
    """
    folder = cache(dataset)
    wanted = dataset.full.lacking(folder)
    by_hand = next((f for f in dataset.full.files if f.file in wanted and not dataset.addresses(f)), None)
    if by_hand is not None:
        raise DataError(_not_here(dataset, by_hand, []))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _progress() as progress, TemporaryDirectory(dir=folder, prefix=".download-") as temporary:
            for file in (f for f in dataset.full.files if f.file in wanted):
                _fetch_file(dataset, file, Path(temporary), progress)
                (folder / file.file).parent.mkdir(parents=True, exist_ok=True)
                os.replace(Path(temporary) / file.file, folder / file.file)
    except DataError:
        raise
    except OSError as error:
        remedy = f"Make it writable, or put the official files into a folder {dataset.name} in ${VARIABLE}."
        raise DataError(message(str(folder), "must be a folder that can be written", error, remedy)) from None
    return folder


def _fetch_file(dataset: DataSet, file: DataFile, folder: Path, progress: Progress) -> None:
    """Download one file into ``folder`` from the first mirror that gives the right one."""
    import pooch  # pyright: ignore[reportMissingTypeStubs]

    failures: list[str] = []
    for address in dataset.addresses(file):
        bar = _Bar(progress, progress.add_task(file.file, total=None))
        # pooch takes any bar, whatever its annotation says; a server that unpacks on the way would spoil the file.
        as_they_are = {"Accept-Encoding": "identity"}
        download = pooch.HTTPDownloader(bar, timeout=TIMEOUT, headers=as_they_are)  # pyright: ignore[reportArgumentType]
        try:
            (folder / file.file).parent.mkdir(parents=True, exist_ok=True)
            download(address, str(folder / file.file), None)
            file.verify(folder / file.file, label=address, remedy="The download was thrown away.")
            return
        except OSError as error:  # requests' errors and DataError are OSErrors
            failures.append(str(error) if isinstance(error, DataError) else f"{address}: {_reason(error)}")
    raise DataError(_not_here(dataset, file, failures))


def _not_here(dataset: DataSet, file: DataFile, failures: list[str]) -> str:
    looked = "; ".join(f"{place} ({state})" for place, state in local(dataset))
    rule = f"{file.file} must be in one of the places looked at: {looked}"
    put = f"Put the official file into ${VARIABLE}/{dataset.name} or {cache(dataset)}"
    otherwise = f", or run `ohmloom data get {dataset.name}` with a network" if dataset.addresses(file) else ""
    embedded = ", or use the embedded subset" if dataset.embedded is not None else ""
    remedy = f"{put}{otherwise}{embedded}. {dataset.how}".rstrip()
    return message(dataset.name, rule, "; ".join(failures) or "no official source to ask", remedy)


def _reason(error: BaseException) -> str:
    """The innermost cause in words: the outer ones repeat the address at length."""
    while error.__context__ is not None:
        error = error.__context__
    return str(error) or type(error).__name__


def _progress() -> Progress:
    columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn()
    return Progress(*columns, console=Console(stderr=True), transient=True)


class _Bar:
    """A bar of rich with the four members that pooch uses of a progress bar."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress, self._task = progress, task

    @property
    def total(self) -> float | None:
        """How many bytes there are; None while that is not known."""
        return self._progress.tasks[self._task].total

    @total.setter
    def total(self, total: int) -> None:
        self._progress.update(self._task, total=total or None)

    def update(self, amount: int) -> None:
        """So many more bytes have arrived."""
        self._progress.advance(self._task, amount)

    def reset(self) -> None:
        """Begin again at nothing."""
        self._progress.reset(self._task)

    def close(self) -> None:
        """No more bytes will come."""
        self._progress.stop_task(self._task)
