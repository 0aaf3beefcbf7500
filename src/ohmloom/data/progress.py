"""Bars on the error stream for what takes seconds: gone when it is done, and nothing where nobody looks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sized
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

Item = TypeVar("Item")


def bars(*, shown: bool = True) -> Progress:
    """Bars with a name and the time that remains; not ``shown``: they say nothing."""
    console = Console(stderr=True)
    columns = TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn()
    return Progress(*columns, console=console, transient=True, disable=not (shown and console.is_terminal))


def track(items: Iterable[Item], what: str) -> Iterator[Item]:
    """Go through ``items`` under a bar."""
    with bars() as progress:
        yield from progress.track(items, len(items) if isinstance(items, Sized) else None, description=what)
