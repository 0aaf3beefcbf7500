"""The folder of a run and its ``run.toml``: what was asked for, enough to repeat it."""

from __future__ import annotations

import time
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

import tomli_w
from pydantic import ConfigDict, Field

from ohmloom import atomic
from ohmloom.descriptions import Description
from ohmloom.errors import ConfigurationError, FormatError, OutputError, UnknownNameError, message
from ohmloom.experiments import result as results

FILE = "run.toml"


class RunFile(Description):
    """A run that was asked for: ``run.toml``."""

    model_config = ConfigDict(populate_by_name=True)  # `schema` itself is a name of pydantic's

    schema_number: Literal[1] = Field(default=1, alias="schema")
    system: str
    tier: str = "smoke"
    seed: Annotated[int, Field(ge=0)] = 0
    settings: dict[str, Any] = Field(default_factory=dict)

    def text(self) -> str:
        """The contents of ``run.toml``."""
        return tomli_w.dumps(self.model_dump(mode="json", by_alias=True))

    @classmethod
    def read(cls, file: Path) -> RunFile:
        """Read a ``run.toml``. Raises UnknownNameError without one, FormatError for one that breaks a rule."""
        if not file.is_file():
            raise UnknownNameError(message("run", "no such file", repr(str(file)), f"Give the {FILE} of a run."))
        try:
            return cls(**tomllib.loads(file.read_text(encoding="utf-8")))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise FormatError(message(str(file), "must be valid TOML", error, "Mend that line.")) from None
        except ConfigurationError as error:
            raise FormatError(f"{file}: {error}") from None


def default_folder(system: str, parent: Path = Path("runs")) -> Path:
    """A new name below ``runs``: the system and the time."""
    first = parent / f"{system}-{time.strftime('%Y-%m-%d-%H%M%S')}"
    more = (first.with_name(f"{first.name}-{count}") for count in range(2, 1000))
    return first if not first.exists() else next(path for path in more if not path.exists())


def open_folder(folder: Path, run: RunFile) -> results.Result | None:
    """Make the folder of a run, or take up an interrupted one of the same run, whose result so far is returned.

    Raises OutputError for a folder that holds anything else, or cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        occupied = any(folder.iterdir())
    except FileExistsError:
        raise OutputError(_taken(folder, "a file")) from None
    except OSError as error:
        raise atomic.cannot_write(folder, error) from None
    earlier = _interrupted(folder, run) if occupied else None
    atomic.write_text(folder / FILE, run.text())
    return earlier


def _interrupted(folder: Path, run: RunFile) -> results.Result | None:
    if not (folder / FILE).is_file():
        raise OutputError(_taken(folder, "other files"))
    held = RunFile.read(folder / FILE)
    if held != run:
        what = "the same run with other settings" if held.replace(settings={}) == run.replace(settings={}) else "a run"
        raise OutputError(_taken(folder, f"{what} ({held.system}, {held.tier} tier, seed {held.seed})"))
    if not (folder / results.FILE).is_file():
        return None
    earlier = results.read_result(folder)
    if earlier.status == "complete":
        raise OutputError(_taken(folder, "this run, complete"))
    return earlier


def _taken(folder: Path, what: str) -> str:
    rule = "must be a new or empty folder, or hold the same run, interrupted"
    return message(str(folder), rule, what, "Give another folder with --out, or delete this one.")
