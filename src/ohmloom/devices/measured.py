"""Measured arrays: files of cell conductances, shipped with their licence or a user's own."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ohmloom.errors import DataError, UnknownNameError, message, unknown

FOLDER = "ohmloom.devices.arrays"
MICRO = 1e-6


def arrays() -> list[str]:
    """The names of the shipped arrays."""
    return sorted(f.name.removesuffix(".csv") for f in files(FOLDER).iterdir() if f.name.endswith(".csv"))


@lru_cache(maxsize=32)
def read_array(name: str) -> Tensor:
    """Conductances (rows, columns) in S, float64, of the shipped array of that name, or of the CSV file at that path.

    The file holds µS, one line per column of the array. Raises UnknownNameError for a file that is not there, and
    DataError for one that is not a rectangle of finite numbers >= 0 with a cell that conducts.
    """
    path = Path(name)
    if path.suffix == ".csv":
        if not path.is_file():
            raise UnknownNameError(message("forming.arrays", "no such file", repr(name), "Check the path."))
        text = path.read_text(encoding="utf-8")
    elif name in arrays():
        text = (files(FOLDER) / f"{name}.csv").read_text(encoding="utf-8")
    else:
        raise unknown("forming.arrays", name, arrays())
    try:
        lines = np.loadtxt(text.splitlines(), delimiter=",", ndmin=2)
    except ValueError as error:
        remedy = "Give conductances in µS, separated by commas."
        raise DataError(message(name, "must be lines of equally many numbers", error, remedy)) from None
    if lines.size == 0 or not np.isfinite(lines).all() or lines.min() < 0 or lines.max() <= 0:
        given = f"{lines.size} numbers from {lines.min(initial=np.inf)} to {lines.max(initial=-np.inf)}"
        raise DataError(message(name, "must hold finite conductances >= 0, one above 0", given, "Mend the file."))
    return torch.from_numpy(lines.T.copy()) * MICRO
