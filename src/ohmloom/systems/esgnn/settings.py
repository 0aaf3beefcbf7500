"""How much the three systems compute."""

from __future__ import annotations

from pydantic import Field

from ohmloom.data import Subset
from ohmloom.descriptions import Description
from ohmloom.systems.esgnn.publication import LEVELS


class MutagSettings(Description):
    """Sizes of a run of `esgnn-mutag`."""

    subset: Subset = "full"
    draws: int = Field(default=50, ge=2)  # of random arrays
    curve_draws: int = Field(default=10, ge=1)
    iterations: tuple[int, ...] = (0, 1, 2, 3, 4, 5, 6, 8, 10, 15, 20)
    hidden: tuple[int, ...] = (4, 8, 12, 20, 50)
    levels: tuple[float, ...] = LEVELS
    splits: int = Field(default=10, ge=2)  # fresh stratified sets of ten folds


class CollabSettings(Description):
    """Sizes of a run of `esgnn-collab`; without the data set, ``graphs`` are generated."""

    real: bool = True
    graphs: int = Field(default=200, ge=30)  # drawn with replacement, as published
    distinct: int = Field(default=1_500, ge=30)
    draws: int = Field(default=5, ge=2)
    distinct_draws: int = Field(default=5, ge=2)
    curve_draws: int = Field(default=3, ge=1)
    iterations: tuple[int, ...] = (0, 1, 2, 3, 4, 5, 10, 15, 20)
    hidden: tuple[int, ...] = (4, 8, 12, 20, 50)
    levels: tuple[float, ...] = LEVELS


class CoraSettings(Description):
    """Sizes of a run of `esgnn-cora`."""

    subset: Subset = "full"
    hidden: int = Field(default=1_000, ge=10)
    reservoirs: int = Field(default=10, ge=2)
    dies: int = Field(default=5, ge=1)  # of the chip
    control_draws: int = Field(default=2, ge=1)  # of the chip
    curve_draws: int = Field(default=3, ge=1)  # of reservoirs of numbers
    epochs: int = Field(default=200, ge=1)
    iterations: tuple[int, ...] = (0, 1, 2, 3, 4, 5, 6)
    sizes: tuple[int, ...] = (100, 200, 400, 600, 1_000, 1_200)
    levels: tuple[float, ...] = LEVELS
