"""Trials that worker processes can import."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch


def bowl(values: Mapping[str, Any], seed: int, folder: Path) -> dict[str, float]:
    """Smooth, with its best at 0.3 for both; the noise of a seed, so that a repeated trial must be the same."""
    x, y = float(values["x"]), float(values["y"])
    noise = float(torch.randn(1, generator=torch.Generator().manual_seed(seed)))
    folder.mkdir(parents=True, exist_ok=True)
    return {"height": (x - 0.3) ** 2 + (y - 0.3) ** 2 + 1e-3 * noise, "left": -x}


def logged(values: Mapping[str, Any], seed: int, folder: Path) -> dict[str, float]:
    """The bowl after a moment that its seed draws; each begin is a line with the process's id, and so is each end."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "log").open("a", buffering=1) as log:
        log.write(f"begin {os.getpid()}\n")
        time.sleep(0.2 * float(torch.rand(1, generator=torch.Generator().manual_seed(seed + 1))))
        log.write(f"end {os.getpid()}\n")
    return bowl(values, seed, folder)


def long(values: Mapping[str, Any], seed: int, folder: Path) -> dict[str, float]:
    """The bowl; the first attempt takes a minute, unless its worker is killed."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "log").open("a", buffering=1) as log:
        log.write(f"begin {os.getpid()}\n")
    if len((folder / "log").read_text().splitlines()) == 1:
        time.sleep(60)
    return bowl(values, seed, folder)


def troubled(values: Mapping[str, Any], seed: int, folder: Path) -> dict[str, float]:
    """Raises, hangs, finds no number, forgets its figure or kills its worker, by its choice of y; else it is well."""
    kind = values["y"]
    if kind == "raises":
        raise ValueError("no such luck")
    if kind == "hangs":
        time.sleep(60)
    if kind == "kills":
        os._exit(9)
    if kind == "forgets":
        return {"width": 1.0}
    return {"height": float("nan") if kind == "undefined" else float(values["x"])}


def narrow(values: Mapping[str, Any], seed: int, folder: Path) -> dict[str, float]:
    """Better the further to the right, but no further than the bound allows, and without a result beyond 0.8."""
    x, y = float(values["x"]), float(values["y"])
    if x > 0.8:
        raise ValueError("beyond the edge")
    return {"height": -x - 0.1 * y, "room": 0.5 - x}


def lost_once(values: Mapping[str, Any], seed: int, folder: Path) -> dict[str, float]:
    """Kills its worker at the first attempt only."""
    folder.mkdir(parents=True, exist_ok=True)
    mark = folder / "tried"
    if not mark.exists():
        mark.write_text("")
        os._exit(9)
    return bowl(values, seed, folder)
