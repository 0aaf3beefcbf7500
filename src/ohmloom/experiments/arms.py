"""Arms: the parts of an experiment that are computed once and kept, so that a repeated run goes on where it ended."""

from __future__ import annotations

import hashlib
import json
import math
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import ohmloom
from ohmloom import atomic
from ohmloom.errors import ConfigurationError, message

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*")


class Arms:
    """The finished arms of one run below ``folder``, each a JSON file with the fingerprint of its settings.

    An arm whose fingerprint (of the run, the arm's own settings and ohmloom's version) differs is computed anew.
    """

    def __init__(self, folder: Path, run: Mapping[str, Any]) -> None:
        self.folder = folder
        self._run = dict(run)
        self._used: set[str] = set()

    def value(self, name: str, compute: Callable[[], Any], settings: Mapping[str, Any]) -> tuple[Any, bool]:
        """What ``compute`` returns, as plain JSON values, and whether it was taken from an earlier run."""
        file, fingerprint = self._claim(name, settings, ".json")
        kept = _read(file, fingerprint)
        if kept is not None:
            return kept["value"], True
        start = time.monotonic()
        value = plain(compute(), name)
        self._keep(file, {"fingerprint": fingerprint, "seconds": round(time.monotonic() - start, 3), "value": value})
        return value, False

    def file(self, name: str, make: Callable[[Path], object], settings: Mapping[str, Any]) -> tuple[Path, bool]:
        """The file that ``make`` writes to the path it is given, and whether it was there from an earlier run."""
        note, fingerprint = self._claim(name, settings, ".made.json")
        file = self.folder / name
        if _read(note, fingerprint) is not None and file.is_file():
            return file, True
        note.unlink(missing_ok=True)  # or a crash between the two writes would pair it with another file
        start = time.monotonic()
        atomic.write(file, make)
        self._keep(note, {"fingerprint": fingerprint, "seconds": round(time.monotonic() - start, 3)})
        return file, False

    def _claim(self, name: str, settings: Mapping[str, Any], suffix: str) -> tuple[Path, str]:
        if not _NAME.fullmatch(name):
            rule = "must be letters, digits, '.', '_' and '-', with '/' between parts"
            raise ConfigurationError(message("arm", rule, repr(name), "Rename the arm."))
        if name in self._used:
            remedy = "Give each arm its own name, such as 'seed-0/plain'."
            raise ConfigurationError(message("arm", "must be computed once per run", repr(name), remedy))
        self._used.add(name)
        about = {"run": self._run, "arm": name, "settings": plain(settings, name), "ohmloom": ohmloom.__version__}
        fingerprint = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()
        return self.folder / f"{name}{suffix}", fingerprint

    @staticmethod
    def _keep(file: Path, contents: Mapping[str, Any]) -> None:
        atomic.write_text(file, json.dumps(contents, indent=1, allow_nan=False, ensure_ascii=False))


def plain(value: Any, name: str) -> Any:
    """A value as JSON gives it back: arrays and tensors as lists, tuples as lists, non-finite numbers as None."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): plain(item, name) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item, name) for item in value]
    if hasattr(value, "tolist"):
        return plain(value.tolist(), name)
    rule = "must return numbers, text, lists and tables"
    raise ConfigurationError(message(f"arm '{name}'", rule, type(value).__name__, "Keep other things with keep_file."))


def _read(file: Path, fingerprint: str) -> dict[str, Any] | None:
    try:
        kept = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # none, or damaged from outside: computed anew
        return None
    return kept if isinstance(kept, dict) and kept.get("fingerprint") == fingerprint else None
