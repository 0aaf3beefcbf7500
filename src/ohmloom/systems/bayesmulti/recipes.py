"""Recipes: the five things that the published loop varied, one of them the material of the memristor."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ohmloom.data import MeasuredMemristors
from ohmloom.experiments.search import Variable

MATERIALS = ("MAPbI3", "MAPbBr3", "FAPbI3", "CsPbI3")  # of the table; the log's index of four has no stated order


def variables(materials: Sequence[str] = MATERIALS) -> tuple[Variable, ...]:
    """The five ranges of the released log; ``materials`` in the order in which a search sees them."""
    return (
        Variable(path="diameter_nm", low=0, high=300),
        Variable(path="length_um", low=0.5, high=3),
        Variable(path="compliance_ampere", low=1e-5, high=0.1, log=True),
        Variable(path="deposition_minutes", low=5, high=30),
        Variable(path="material", choices=tuple(materials)),
    )


class Recipe(NamedTuple):
    """How one device is made: pores of alumina, the current limit of its forming, minutes of lead, the perovskite."""

    diameter_nm: float
    length_um: float
    compliance_ampere: float
    deposition_minutes: float
    material: str

    @property
    def shares(self) -> tuple[float, ...]:
        """The four numbers as shares of their ranges, 0 to 1; the current over its logarithm."""
        return tuple(_share(one, float(number)) for one, number in zip(variables(), self[:-1], strict=False))

    @property
    def kind(self) -> int:
        """Which of `MATERIALS`."""
        return MATERIALS.index(self.material)


def _share(one: Variable, number: float) -> float:
    assert one.low is not None
    assert one.high is not None
    if one.log:
        return math.log(number / one.low) / math.log(one.high / one.low)
    return (number - one.low) / (one.high - one.low)


class Made(NamedTuple):
    """A device of the table that has a usability."""

    device: str
    recipe: Recipe
    usability: float


def rated_recipes(devices: MeasuredMemristors) -> list[Made]:
    """The devices with a usability, by the five factors; the first of the two tables of current limits."""
    return [Made(one.device, _recipe(devices.made[one.device]), one.usability) for one in devices.rated]


def _recipe(factors: Mapping[str, str]) -> Recipe:
    names = ("aao_diameter_nm", "aao_length_um", "compliance_A", "pb_deposition_min")
    diameter, length, compliance, minutes = (float(factors[name]) for name in names)
    return Recipe(diameter, length, compliance, minutes, factors["perovskite"])
