"""Plots as data: curves, bars and grids of figures."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from ohmloom.descriptions import Description
from ohmloom.experiments.plots.base import Gappy, Labels, Line, Numbers, Plot, check_length, check_lines, plain


class AccuracyOverAges(Plot):
    """Accuracy against the age of the cells; ``references`` are horizontal lines such as software or published."""

    kind: Literal["accuracy_over_ages"] = "accuracy_over_ages"
    ages: Labels
    lines: tuple[Line, ...]
    references: dict[str, float] = Field(default_factory=dict)
    axis: str = "accuracy, %"

    @model_validator(mode="after")
    def _one_value_per_age(self) -> Self:
        check_lines(self.lines, len(self.ages), "ages")
        return self


class EffectWaterfall(Plot):
    """Accuracy after each effect is switched on in turn: ``values[i]`` holds with ``steps[: i + 1]``."""

    kind: Literal["effect_waterfall"] = "effect_waterfall"
    steps: Labels
    values: Numbers
    axis: str = "accuracy, %"

    @model_validator(mode="after")
    def _one_value_per_step(self) -> Self:
        check_length("values", self.values, len(self.steps), "steps")
        return self


class AblationBars(Plot):
    """The same figure with one thing left out at a time."""

    kind: Literal["ablation_bars"] = "ablation_bars"
    labels: Labels
    values: Gappy
    low: Gappy | None = None
    high: Gappy | None = None
    references: dict[str, float] = Field(default_factory=dict)
    axis: str = "accuracy, %"

    @model_validator(mode="after")
    def _one_value_per_label(self) -> Self:
        for field in ("values", "low", "high"):
            if (given := getattr(self, field)) is not None:
                check_length(field, given, len(self.labels), "labels")
        return self


class NoiseGrid(Plot):
    """Accuracy for each pair of training and test noise: ``accuracy[train][test]``, None where not run."""

    kind: Literal["noise_grid"] = "noise_grid"
    train: Numbers
    test: Numbers
    accuracy: Annotated[tuple[Gappy, ...], BeforeValidator(plain)]
    train_axis: str = "training noise, % of max |W|"
    test_axis: str = "test noise, % of max |W|"
    axis: str = "accuracy, %"

    @model_validator(mode="after")
    def _one_value_per_pair(self) -> Self:
        check_length("accuracy", self.accuracy, len(self.train), "training noises")
        for row in self.accuracy:
            check_length("accuracy of one training noise", row, len(self.test), "test noises")
        return self


class NoiseCurves(Plot):
    """Accuracy against noise (or any other number), one line per network.

    ``references`` are horizontal lines; ``marks`` are vertical ones, such as where two networks cross. ``logarithmic``:
    the vertical axis, for positive values that spread over decades.
    """

    kind: Literal["noise_curves"] = "noise_curves"
    noise: Numbers
    lines: tuple[Line, ...]
    references: dict[str, float] = Field(default_factory=dict)
    marks: dict[str, float] = Field(default_factory=dict)
    noise_axis: str = "test noise, % of max |W|"
    axis: str = "accuracy, %"
    logarithmic: bool = False

    @model_validator(mode="after")
    def _one_value_per_noise(self) -> Self:
        check_lines(self.lines, len(self.noise), "noises")
        return self


class Pair(Description):
    """What was published and ours at the same positions; ``predicted`` is ours by constants that saw fewer points."""

    label: str
    published: Gappy
    ours: Gappy
    predicted: Gappy | None = None


class PublishedAndOurs(Plot):
    """Published points and our lines through them; points at the ``doubtful`` positions are hollow."""

    kind: Literal["published_and_ours"] = "published_and_ours"
    positions: Numbers
    pairs: tuple[Pair, ...]
    doubtful: tuple[float, ...] = ()
    prediction: str = "predicted"  # what the predicted lines are called
    position_axis: str
    axis: str

    @model_validator(mode="after")
    def _one_value_per_position(self) -> Self:
        for pair in self.pairs:
            for field in ("published", "ours", "predicted"):
                if (given := getattr(pair, field)) is not None:
                    check_length(f"{field} of '{pair.label}'", given, len(self.positions), "positions")
        return self
