"""How much `neurram-fine-tuning` trains and evaluates."""

from __future__ import annotations

from pydantic import Field

from ohmloom.codesign import FineTuning
from ohmloom.data import Subset
from ohmloom.descriptions import Description
from ohmloom.nn import GaussianWeights

SPREAD = 0.15  # training noise of the network and of its fine-tuning, of the largest |weight|: the published one


class Severity(Description):
    """How bad the chip is: the resistance of a segment of wire, and the swing of the neurons' integrators."""

    ohms: float = Field(gt=0)  # rows and columns alike
    swing: float = Field(gt=0)  # of the read voltage


class FineTuningSettings(Description):
    """Sizes of a run."""

    subset: Subset = "full"
    training_images: int = Field(default=20_000, ge=128)  # of the network
    tuning_images: int = Field(default=10_000, ge=128)  # of the fine-tuning: the first of those
    calibration_images: int = Field(default=500, ge=1)  # the first of those too
    validation_images: int = 5_000
    epochs: int = Field(default=5, ge=1)  # of the network
    severities: tuple[Severity, ...] = Field(
        default=tuple(Severity(ohms=ohms, swing=0.7) for ohms in (10, 14, 17, 20, 24, 28))
    )
    chosen_on: int = 500  # validation images that the severity is chosen on
    together: int = Field(default=1, ge=1)  # layers that are programmed in one stage
    recipe: FineTuning = FineTuning(epochs=1, rate=1e-3, batch=64, noise=GaussianWeights(deviation=SPREAD))
    without_noise: bool = False  # an arm more: the same recipe without noise
    dies: int = Field(default=5, ge=2)
    test_images: int = 2_000
    stage_images: int = 300  # validation images on which each stage is evaluated
    age: str = "1 day"  # since the programming of each layer
