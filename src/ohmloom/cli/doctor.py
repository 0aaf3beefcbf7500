"""``ohmloom doctor``: what is here, what is missing, and what to do about it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import typer

from ohmloom.cli.output import Json, show_json, show_table, speaking
from ohmloom.errors import OhmloomError


class Check(NamedTuple):
    """One thing looked at: ``state`` is ok, missing (optional) or broken."""

    what: str
    state: str
    found: str
    advice: str = ""


@speaking
def doctor(as_json: Json = False) -> None:
    """Look at the installation, the machine and the data, with advice. Exit code 1 if something is broken."""
    checks = [check for look in CHECKS for check in look()]
    if as_json:
        show_json({"checks": [check._asdict() for check in checks]})
    else:
        show_table(checks, ("", "state", "found", "advice"))
    if any(check.state == "broken" for check in checks):
        raise typer.Exit(1)


def _versions() -> list[Check]:
    from ohmloom.experiments.environment import environment

    found = environment()
    versions = [Check(name, "ok", str(found[name])) for name in ("ohmloom", "python", "numpy", "scipy")]
    return [*versions, Check("machine", "ok", f"{found['platform']}, {found['processors']} processors")]


def _torch() -> list[Check]:
    try:
        import torch
    except (ImportError, OSError) as error:
        return [Check("torch", "broken", str(error), "Install PyTorch 2.6 or later; see the README.")]
    kind = "CUDA" if torch.cuda.is_available() else "CPU"
    return [Check("torch", "ok", f"{torch.__version__}, {kind}, {torch.get_num_threads()} threads")]


def _threads() -> list[Check]:
    given = os.environ.get("OMP_NUM_THREADS")
    if given is None or given.isdecimal():
        return [Check("OMP_NUM_THREADS", "ok", given or "not set: PyTorch chooses")]
    return [Check("OMP_NUM_THREADS", "broken", given, "Set it to a number, or unset it.")]


def _data() -> list[Check]:
    from ohmloom import data

    checks = []
    for name in data.names():
        found = [str(place) for place, state in data.where(name) if state == "complete"]
        advice = "" if found else f"ohmloom data get {name}"
        checks.append(Check(f"data: {name}", "ok" if found else "missing", found[0] if found else "none", advice))
    return checks


def _data_folder() -> list[Check]:
    given = os.environ.get("OHMLOOM_DATA")
    if given is None:
        return [Check("OHMLOOM_DATA", "ok", "not set: the user's cache is used")]
    if not Path(given).expanduser().is_dir():
        return [Check("OHMLOOM_DATA", "broken", f"{given}: no such folder", "Make the folder, or unset it.")]
    return [Check("OHMLOOM_DATA", "ok", given)]


def _ngspice() -> list[Check]:
    path = shutil.which("ngspice")
    if path is None:
        return [Check("ngspice", "missing", "none", "Optional: install it to check circuits against SPICE.")]
    return [Check("ngspice", "ok", path)]


def _fonts() -> list[Check]:
    from matplotlib import font_manager

    try:
        path = font_manager.findfont("DejaVu Sans", fallback_to_default=False)
    except ValueError:
        return [Check("fonts", "broken", "no DejaVu Sans", "Install matplotlib again: it ships this font.")]
    return [Check("fonts", "ok", Path(path).name)]


def _here() -> list[Check]:
    free = shutil.disk_usage(Path.cwd()).free / 1e9
    if not os.access(Path.cwd(), os.W_OK):
        return [Check("this folder", "broken", "cannot be written", "Give runs another place with --out.")]
    return [Check("this folder", "ok", f"{free:.0f} GB free")]


def _careful(look: Callable[[], list[Check]]) -> Callable[[], list[Check]]:
    """A look that reports what ohmloom itself refuses, instead of ending the visit."""

    def inside() -> list[Check]:
        try:
            return look()
        except OhmloomError as error:
            return [Check(look.__name__.strip("_"), "broken", str(error))]

    return inside


CHECKS = [_careful(look) for look in (_versions, _torch, _threads, _data_folder, _data, _ngspice, _fonts, _here)]
