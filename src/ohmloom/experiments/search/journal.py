"""The journal of a search: one SQLite file, in which every proposal stands before its trial begins."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, NamedTuple

from ohmloom import atomic
from ohmloom.errors import FormatError, message

FILE = "search.sqlite"
VERSION = 2
State = Literal["proposed", "done", "failed"]


class Entry(NamedTuple):
    """One trial: its values, from which finished trials it was proposed, and what came of it."""

    number: int
    point: tuple[float, ...]  # of the unit cube
    values: dict[str, Any]
    seen: tuple[int, ...]  # trials whose ends the proposal knew
    pending: tuple[int, ...]  # trials that were under way
    state: State
    found: dict[str, float] | None
    error: str
    attempts: int
    losses: int  # of these, how many lost their worker
    seconds: float


class Journal:
    """Entries by index. Only the searching process writes; each change is one transaction on disk."""

    def __init__(self, folder: Path, search: Mapping[str, Any]) -> None:
        """Open or begin the journal of ``search`` in ``folder``. Raises FormatError for that of another search, of
        another version, and for a file that is no journal."""
        folder.mkdir(parents=True, exist_ok=True)
        self.file = folder / FILE
        fingerprint = hashlib.sha256(json.dumps(search, sort_keys=True, default=str).encode()).hexdigest()
        try:
            self._base = sqlite3.connect(self.file, isolation_level=None)
            self._base.execute("PRAGMA journal_mode=WAL")
            self._base.execute("PRAGMA synchronous=FULL")
            self._base.execute("CREATE TABLE IF NOT EXISTS about (key TEXT PRIMARY KEY, value TEXT)")
            self._base.execute(
                "CREATE TABLE IF NOT EXISTS trials (number INTEGER PRIMARY KEY, point TEXT, chosen TEXT, seen TEXT, "
                "pending TEXT, state TEXT, found TEXT, error TEXT, attempts INTEGER, losses INTEGER, seconds REAL)"
            )
            held = dict(self._base.execute("SELECT key, value FROM about"))
        except sqlite3.DatabaseError as error:
            rule, remedy = "must be the journal of a search", "Move it away, or give another folder."
            raise FormatError(message(str(self.file), rule, error, remedy)) from None
        if not held:
            self._base.execute("INSERT INTO about VALUES ('version', ?)", (str(VERSION),))
            self._base.execute("INSERT INTO about VALUES ('search', ?)", (fingerprint,))
        elif held.get("version") != str(VERSION):
            rule, remedy = f"must be of version {VERSION}", "Give another folder, or that version of ohmloom."
            raise FormatError(message(str(self.file), rule, held.get("version"), remedy))
        elif held.get("search") != fingerprint:
            rule, remedy = "must be of the same search", "Give a new folder for a changed search."
            raise FormatError(message(str(self.file), rule, "another search's", remedy))

    def entries(self) -> list[Entry]:
        """All, by index."""
        return [_entry(row) for row in self._base.execute("SELECT * FROM trials ORDER BY number")]

    def entry(self, number: int) -> Entry:
        """One of them."""
        return _entry(self._base.execute("SELECT * FROM trials WHERE number = ?", (number,)).fetchone())

    def propose(
        self, index: int, point: Sequence[float], values: Mapping[str, Any], seen: Sequence[int], pending: Sequence[int]
    ) -> None:
        """A trial that is about to begin."""
        row = (index, *(json.dumps(one) for one in (list(point), dict(values), list(seen), list(pending))))
        self._base.execute("INSERT INTO trials VALUES (?, ?, ?, ?, ?, 'proposed', NULL, '', 0, 0, 0.0)", row)

    def tried(self, index: int) -> None:
        """One more attempt begins."""
        self._base.execute("UPDATE trials SET attempts = attempts + 1 WHERE number = ?", (index,))

    def lost(self, index: int) -> None:
        """An attempt lost its worker."""
        self._base.execute("UPDATE trials SET losses = losses + 1 WHERE number = ?", (index,))

    def done(self, index: int, found: Mapping[str, float], seconds: float) -> None:
        """What a trial found."""
        text = json.dumps(dict(found))
        self._base.execute(
            "UPDATE trials SET state = 'done', found = ?, seconds = ? WHERE number = ?", (text, seconds, index)
        )

    def failed(self, index: int, error: str) -> None:
        """A trial that ended without a result."""
        self._base.execute("UPDATE trials SET state = 'failed', error = ? WHERE number = ?", (error, index))

    def close(self) -> None:
        self._base.close()


def _entry(row: Sequence[Any]) -> Entry:
    number, point, chosen, seen, pending, state, found, *rest = row
    return Entry(
        number, tuple(json.loads(point)), json.loads(chosen), tuple(json.loads(seen)), tuple(json.loads(pending)),
        state, None if found is None else json.loads(found), *rest,
    )  # fmt: skip


@contextmanager
def journal(folder: Path, search: Mapping[str, Any]) -> Iterator[Journal]:
    """A journal that is closed where the block ends. Raises OutputError for a folder where a search is under way."""
    with atomic.alone(folder):
        held = Journal(folder, search)
        try:
            yield held
        finally:
            held.close()
