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


def slow(values: Mapping[str, Any], seed: int, folder: Path) -> dict[str, float]:
    """The same, a moment later."""
    time.sleep(0.15)
    return bowl(values, seed, folder)


def troubled(values: Mapping[str, Any], seed: int, folder: Path) -> dict[str, float]:
    """Raises, hangs, or kills its worker, by its choice of y; and is well otherwise."""
    kind = values["y"]
    if kind == "raises":
        raise ValueError("no such luck")
    if kind == "hangs":
        time.sleep(60)
    if kind == "kills":
        os._exit(9)
    return {"height": float(values["x"])}


def lost_once(values: Mapping[str, Any], seed: int, folder: Path) -> dict[str, float]:
    """Kills its worker at the first attempt only."""
    folder.mkdir(parents=True, exist_ok=True)
    mark = folder / "tried"
    if not mark.exists():
        mark.write_text("")
        os._exit(9)
    return bowl(values, seed, folder)
