"""Progress of long work: bars for a person at a terminal, silence for everything else.

with context.progress.task("training, seed 0", total=50) as advance:
    for _ in range(50):
        ...
        advance()
"""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Generator, Iterable, Iterator, Sized
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol, TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

Item = TypeVar("Item")


class Advance(Protocol):
    """Called when some steps are done, with a note to show beside the bar."""

    def __call__(self, steps: float = 1, note: str = "") -> None: ...


class Progress(ABC):
    """What a system's code tells about its progress."""

    @abstractmethod
    def task(self, what: str, total: float | None = None) -> AbstractContextManager[Advance]:
        """A piece of work of ``total`` steps (None: unknown); tasks nest."""

    @abstractmethod
    def say(self, text: str) -> None:
        """One line about what happened."""

    def track(self, items: Iterable[Item], what: str, total: int | None = None) -> Iterator[Item]:
        """Go through ``items``, one step each."""
        count = len(items) if total is None and isinstance(items, Sized) else total
        with self.task(what, count) as advance:
            for item in items:
                yield item
                advance()


class Silent(Progress):
    """Says nothing."""

    @contextmanager
    def task(self, what: str, total: float | None = None) -> Generator[Advance]:
        def advance(steps: float = 1, note: str = "") -> None: ...

        yield advance

    def say(self, text: str) -> None: ...


class Terminal(Progress):
    """Bars on the error stream, so that the output stays clean for pipes."""

    def __init__(self, bars: Bars) -> None:
        self._bars = bars

    @contextmanager
    def task(self, what: str, total: float | None = None) -> Generator[Advance]:
        number = self._bars.add_task(what, total=total, note="")

        def advance(steps: float = 1, note: str = "") -> None:
            self._bars.update(number, advance=steps, note=note)

        try:
            yield advance
        finally:
            self._bars.remove_task(number)

    def say(self, text: str) -> None:
        self._bars.console.print(text, highlight=False, markup=False)


@contextmanager
def open_progress(*, quiet: bool = False) -> Generator[Progress]:
    """Bars if a person is at the terminal and did not ask for quiet, else silence."""
    if quiet or not sys.stderr.isatty():
        yield Silent()
        return
    columns = (TextColumn("{task.description}"), BarColumn(bar_width=32), MofNCompleteColumn())
    columns += (TimeElapsedColumn(), TimeRemainingColumn(), TextColumn("[dim]{task.fields[note]}"))
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        yield Terminal(bars)
