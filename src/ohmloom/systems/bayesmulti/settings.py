"""How much the BayesMulti systems train and evaluate."""

from __future__ import annotations

import re

from pydantic import Field

from ohmloom.data import Subset
from ohmloom.descriptions import Description

STAR = 0.9  # sigma of the drift that rates are chosen for
LARGEST = 0.9  # rate of a mask: at 1 nothing is left


class Learning(Description):
    """What a network learns from."""

    subset: Subset = "full"
    training_images: int = Field(default=5_000, ge=128)
    validation_images: int = Field(default=5_000, ge=1)
    objective_images: int = 1_000  # of the validation images, under drift
    epochs: int = Field(default=12, ge=1)


PILOT = Learning(training_images=3_500, epochs=15)  # the size of the pilot that the acceptance figures are from


class MnistSettings(Description):
    """Sizes of `bayesmulti-mnist`."""

    learning: Learning = Field(default=PILOT)
    whole: Learning | None = None  # what the main arms learn from once more
    evaluations: int = Field(default=8, ge=2)  # of a search over two rates
    few_evaluations: int = Field(default=4, ge=1)  # over the one rate of noise on weights
    chance: int = Field(default=12, ge=2)  # random rates, for comparison
    objective_draws: int = Field(default=10, ge=10)
    sigmas: tuple[float, ...] = (0.0, 0.3, 0.6, 0.9, 1.2, 1.5)
    draws: int = 20
    test_images: int = 5_000  # the first, by the writers who are harder to read


class DeviceSettings(Description):
    """Sizes of `bayesmulti-devices`."""

    learning: Learning = Field(default=Learning())
    rates: tuple[float, float] = (0.5, 0.5)  # of the multinomial masks, released form
    draws: int = Field(default=10, ge=2)  # of each device, as published
    test_images: int = 2_000


class FabricationSettings(Description):
    """Sizes of `bayesmulti-fabrication`."""

    searches: int = Field(default=20, ge=3)  # of each kind, synthetic surface
    fewer: int = Field(default=8, ge=3)  # on the surrogate, and with materials in other places
    evaluations: int = Field(default=40, ge=3)  # devices made in a search
    initial: int = Field(default=10, ge=2)  # of them by chance
    noise: float = Field(default=0.01, ge=0)  # deviation of a measured usability, synthetic surface
    shuffles: int = Field(default=5, ge=1)


def arm_name(group: str, name: str) -> str:
    """The name of an arm's file: letters, digits and hyphens."""
    return f"{group}/" + "-".join(re.findall(r"[a-z0-9]+", name.lower()))
