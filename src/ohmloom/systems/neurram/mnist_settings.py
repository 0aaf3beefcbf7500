"""How much `neurram-mnist` trains and evaluates."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pydantic import Field

from ohmloom.data import Subset
from ohmloom.descriptions import Description


class MnistSettings(Description):
    """How much is trained and evaluated."""

    subset: Subset = "full"
    training_images: int = Field(default=55_000, ge=128)
    validation_images: int = 5_000
    epochs: int = Field(default=8, ge=1)
    noises: tuple[float, ...] = (0.0, 0.15)  # of training; the last is programmed
    grid: tuple[float, ...] = ()  # further ones, with the first seed alone
    activation_noise: bool = True  # a control: as much noise as the last, but on activations
    dies: int = Field(default=5, ge=1)
    test_images: int = 10_000  # of the figures after one day
    few_images: int = 1_000  # of other ages, ablations and effects
    few_dies: int = 3
    noise_images: int = 2_000
    draws: int = 5
    calibration_images: int = 500
    calibration_vectors: int = 8_192  # of each matrix
    cells: int = 100_000  # of each level of the cell statistics


def arm_name(group: str, name: str) -> str:
    """The name of an arm's file: letters, digits and hyphens."""
    return f"{group}/" + "-".join(re.findall(r"[a-z0-9]+", name.lower()))


def mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
