"""Findings: what a run finds, on disk as soon as it is found.

Every call below rewrites ``result.json`` in one step, with all claims and controls judged anew. While the run goes on,
and if it is stopped in whatever way, the file says *interrupted*; only a run that ended by itself says *complete*.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ohmloom import atomic
from ohmloom.errors import ConfigurationError, unknown
from ohmloom.experiments.arms import Arms
from ohmloom.experiments.claims import Origin
from ohmloom.experiments.figures import Figure
from ohmloom.experiments.plots import Plot
from ohmloom.experiments.progress import Progress, Silent
from ohmloom.experiments.result import FILE, Cost, DataUse, Result, Statement, Table

RUNNING = "still running, or stopped from outside"


class Findings:
    """Collects what a system's code finds and keeps ``result.json`` in ``folder`` up to date."""

    def __init__(
        self,
        folder: Path,
        start: Result,
        run: Mapping[str, Any],
        progress: Progress | None = None,
        *,
        earlier: Result | None = None,
    ) -> None:
        self.folder = folder
        self._found = start  # in this session; claims and controls not judged
        self._result = start  # as written
        self._earlier = earlier  # shown as well until this session has ended, so that a second Ctrl-C loses nothing
        self._objections: dict[str, str] = {}
        self._arms = Arms(folder / "arms", run)
        self._progress = progress or Silent()
        self._start = time.monotonic() - start.seconds

    @property
    def result(self) -> Result:
        """All that is found so far, as ``result.json`` has it."""
        return self._result

    def figure(self, figure: Figure) -> Figure:
        """Record a figure; one of the same name is replaced, as when another die has come in."""
        self._save(figures=self._found.figures | {figure.name: figure})
        return figure

    def data(self, name: str, origin: Origin, note: str = "") -> None:
        """Say which data set was used, and whether it was the real one."""
        others = [use for use in self._found.data if use.name != name]
        self._save(data=(*others, DataUse(name=name, origin=origin, note=note)))

    def cost(self, cost: Cost) -> None:
        """Record energy, latency and area."""
        self._save(cost=cost)

    def table(
        self, name: str, columns: Sequence[str], rows: Iterable[Sequence[str | int | float | None]], caption: str = ""
    ) -> None:
        """Record a table of the system's own."""
        table = Table(name=name, columns=tuple(columns), rows=tuple(tuple(row) for row in rows), caption=caption)
        self._save(tables=_replaced(self._found.tables, table))

    def plot(self, kind: str, *, caption: str, name: str | None = None, **data: Any) -> None:
        """Record a picture as data; `ohmloom.experiments.plots` has the fields of each kind.

        Raises UnknownNameError for an unknown kind, and ConfigurationError for data that do not fit it.
        """
        kinds = Plot.kinds()
        if kind not in kinds:
            raise unknown("plot", kind, kinds)
        plot = kinds[kind](name=name or kind.replace("_", "-"), caption=caption, **data)
        self._save(plots=_replaced(self._found.plots, plot))

    def assumption(self, text: str, source: str = "") -> None:
        """Record something that was assumed because it is not published."""
        self._save(assumptions=(*self._found.assumptions, Statement(text=text, source=source)))

    def reference(self, text: str, source: str = "") -> None:
        """Record a source beside the paper itself."""
        self._save(references=(*self._found.references, Statement(text=text, source=source)))

    def not_comparable(self, claim: str, reason: str) -> None:
        """Say that our figure must not be held against a claim, and why."""
        names = [c.name for c in self._found.claims]
        if claim not in names:
            raise unknown("claim", claim, names)
        self._objections[claim] = reason
        self._save()

    def arm(self, name: str, compute: Callable[[], Any], **settings: Any) -> Any:
        """What ``compute()`` returns, computed once per run folder: an interrupted run goes on after its last arm.

        ``compute`` returns numbers, text, lists or tables (arrays become lists, NaN becomes None), and the same is
        returned whether the arm ran now or earlier. ``settings`` are what it depends on beside the run's own settings.
        """
        value, earlier = self._arms.value(name, compute, settings)
        self._tell(name, earlier)
        return value

    def keep_file(self, name: str, make: Callable[[Path], object], **settings: Any) -> Path:
        """The path of a file that ``make(path)`` writes once per run folder, such as trained weights."""
        path, earlier = self._arms.file(name, make, settings)
        self._tell(name, earlier)
        return path

    def close(self, stopped: str | None = None) -> Result:
        """End the run: complete, or interrupted for the reason ``stopped``."""
        self._save(status="interrupted" if stopped else "complete", stopped=stopped)
        return self._result

    def _tell(self, name: str, earlier: bool) -> None:
        if earlier:
            self._progress.say(f"{name}: taken from {self._arms.folder}")

    def _save(self, *, status: str = "interrupted", stopped: str | None = RUNNING, **changes: Any) -> None:
        found = self._found.replace(**changes)
        shown = found if self._earlier is None or status == "complete" else _joined(self._earlier, found)
        origins: dict[str, Origin] = {use.name: use.origin for use in shown.data}
        ended = stopped != RUNNING
        result = shown.replace(
            claims=tuple(
                c.judge(shown.figures, origins, self._objections.get(c.name), guess=ended) for c in found.claims
            ),
            controls=tuple(c.judge(shown.figures, guess=ended) for c in found.controls),
            status=status,
            stopped=stopped,
            seconds=round(time.monotonic() - self._start, 3),
        )
        atomic.write_text(self.folder / FILE, result.text())
        self._found, self._result = found, result


def _joined(earlier: Result, now: Result) -> Result:
    """What this session found over what an interrupted one had found before."""
    changes: dict[str, Any] = {"figures": earlier.figures | now.figures, "cost": now.cost or earlier.cost}
    for field in ("data", "tables", "plots"):
        merged = {item.name: item for item in (*getattr(earlier, field), *getattr(now, field))}
        changes[field] = tuple(merged.values())
    for field in ("assumptions", "references"):
        changes[field] = tuple(dict.fromkeys((*getattr(earlier, field), *getattr(now, field))))
    return now.replace(**changes)


def _replaced(items: tuple[Any, ...], new: Any) -> tuple[Any, ...]:
    """``items`` with the one of the same name replaced in its place, or ``new`` at the end."""
    names = [item.name for item in items]
    if new.name not in names:
        return (*items, new)
    if type(items[names.index(new.name)]) is not type(new):
        raise ConfigurationError(f"plot: two kinds must not share a name, got '{new.name}' twice. Give one a name.")
    return tuple(new if item.name == new.name else item for item in items)
