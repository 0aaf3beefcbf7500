"""How much the diffusion systems train and generate."""

from __future__ import annotations

from typing import Literal, NamedTuple, Self

from pydantic import Field, model_validator

from ohmloom.codesign.diffusion import AutoencoderRecipe, Reverse, ScoreNetwork, ScoreRecipe, VariancePreserving
from ohmloom.descriptions import Description
from ohmloom.nn import BoundedRelativeWeights
from ohmloom.quantities import Hertz, Seconds, Volts

Kind = Literal["noisy", "plain"]
KINDS: dict[Kind, str] = {"noisy": "noise-trained", "plain": "plain"}
NOISE = BoundedRelativeWeights(deviation=0.1, bound=0.2)  # of the released training
RELEASED = Reverse(rate_factor=2)
STOCHASTIC = Reverse(stochastic=1)
SAMPLERS = {  # the first two make the 2 x 2 with the two trainings
    "flow, rate doubled, from N(0, 1)": RELEASED,
    "stochastic, from N(0, 1)": STOCHASTIC,
    "flow, from N(0, 1)": Reverse(),
    "flow, from the diffused data": Reverse(start="marginal"),
    "flow, rate doubled, from the diffused data": Reverse(rate_factor=2, start="marginal"),
    "stochastic, rate doubled, from N(0, 1)": Reverse(stochastic=1, rate_factor=2),
}
FLOW, NOISY_FLOW = tuple(SAMPLERS)[:2]
EXACT_FLOW = "flow, from N(0, 1)"
LETTER_SAMPLERS = {
    "flow, rate times 1.5, from N(0, 1)": Reverse(rate_factor=1.5),  # as released
    "stochastic, rate times 1.5, from N(0, 1)": Reverse(stochastic=1, rate_factor=1.5),
    "stochastic, from N(0, 1)": STOCHASTIC,
}


DesignName = Literal["released", "wide", "consistent", "wide-consistent"]
CONSISTENT = VariancePreserving(first=0.1, last=20)  # of Song et al., ICLR 2021: at t = 1 data are forgotten
WIDE = 32


class Design(Description):
    """A score network and the diffusion that it learns.

    ``divided``: its arrays put out the noise in a point, and the multiplier behind them divides by the deviation.
    ``kinds``: which trainings it gets. ``flow`` and ``stochastic`` name the samplers that suit it.
    """

    title: str
    width: int = Field(default=14, ge=2)
    schedule: VariancePreserving = VariancePreserving()
    divided: bool = False
    kinds: tuple[Kind, ...] = ("noisy",)
    flow: str = FLOW
    stochastic: str = NOISY_FLOW

    def network(self, seed: int, classes: int = 0) -> ScoreNetwork:
        """Untrained."""
        divided = self.schedule if self.divided else None
        return ScoreNetwork(width=self.width, divided=divided, seed=seed, classes=classes)

    @property
    def samplers(self) -> dict[str, Reverse]:
        """The flow and the stochastic one by name."""
        return {name: SAMPLERS[name] for name in (self.flow, self.stochastic)}


DESIGNS: dict[DesignName, Design] = {
    "released": Design(title="released", kinds=tuple(KINDS)),
    "wide": Design(title="wide", width=WIDE),
    "consistent": Design(title="consistent", schedule=CONSISTENT, divided=True, flow=EXACT_FLOW),
    "wide-consistent": Design(title="wide, consistent", width=WIDE, schedule=CONSISTENT, divided=True, flow=EXACT_FLOW),
}


class LoopSettings(Description):
    """The circuit. ``ticks`` and ``bits`` are those of the released firmware, ``unit`` its v_bias; the rest is assumed:
    ``duration`` is the published time per sample of an earlier version, ``rail`` and ``clamp`` leave the signals of a
    trained network alone."""

    ticks: int = Field(default=200, ge=1)
    bits: int = Field(default=12, ge=1)
    unit: Volts = 0.1
    duration: Seconds = 20e-6
    rail: Volts = 2.0
    clamp: Volts = 2.0
    gain_bandwidth: Hertz = 20e6  # of the arms with read noise, whose hidden stages need a bandwidth


class Sizes(Description):
    """Sizes of a run that all diffusion systems have."""

    recipe: ScoreRecipe
    samples: int = Field(ge=10)  # of a class where there are classes
    steps: int = 200  # of the digital samplers
    errors: tuple[float, ...] = (0.0, 0.02, 0.05, 0.1, 0.2)  # of writing, relative to each weight
    dies: int = Field(default=5, ge=2)
    loop: LoopSettings = LoopSettings()


class RingSettings(Sizes):
    """Sizes of a run of `diffusion-ring`."""

    data: int = Field(default=10_000, ge=100)
    recipe: ScoreRecipe = ScoreRecipe(steps=60_000, rate=2e-3, falling=True)
    samples: int = Field(default=10_000, ge=100)
    read_noises: tuple[float, ...] = (0.05, 0.2)  # of each cell, relative, in a read of 1 µs
    read_samples: int = 2_000
    gains: tuple[float, ...] = (0.01, 0.05, 0.1)  # of multipliers, deviation
    offsets: tuple[Volts, ...] = (1e-3, 5e-3, 10e-3)  # of multipliers, deviation
    times: tuple[float, ...] = (0.1, 0.5, 1.0)  # at which the score is compared with the exact one
    design_errors: tuple[float, ...] = (0.0, 0.05, 0.1, 0.2)  # those of ``errors`` at which designs are compared

    @model_validator(mode="after")
    def _designs_are_compared_where_the_released_one_is(self) -> Self:
        missing = sorted(set(self.design_errors) - set(self.errors))
        if missing or not self.design_errors:
            rule = f"must be some of errors, {self.errors}"
            raise ValueError(f"design_errors {rule}, got {self.design_errors}. Leave others out, or add them there.")
        return self


class LetterSettings(Sizes):
    """Sizes of a run of `diffusion-letters`; the autoencoder is trained as released, the score in fewer steps."""

    subset: Literal["full", "embedded"] = "full"
    autoencoder: AutoencoderRecipe = AutoencoderRecipe()
    recipe: ScoreRecipe = ScoreRecipe(steps=30_000, rate=2e-3, falling=True, decay=1e-4, saturation=3e-6)
    judge_epochs: int = Field(default=5, ge=1)
    samples: int = Field(default=500, ge=10)  # as released
    strengths: tuple[float, ...] = (0.5, 1.0, 2.0)  # of guidance


class Wanted(NamedTuple):
    """One score network of a run."""

    seed: int
    kind: Kind
    design: DesignName = "released"

    @property
    def name(self) -> str:
        """Of its numbers."""
        own = f"seed-{self.seed}-{self.kind}"
        return own if self.design == "released" else f"{self.design}-{own}"


class Group(NamedTuple):
    """Networks of equal sizes that are trained side by side and kept in one file."""

    name: str
    networks: tuple[Wanted, ...]

    @property
    def file(self) -> str:
        """Its name in the run's folder."""
        return f"{self.name}.safetensors"


class WantedCoder(NamedTuple):
    """One autoencoder of a run, or the network that judges images, which is the same for all seeds."""

    seed: int
    what: Literal["autoencoder", "judge"]

    @property
    def file(self) -> str:
        """Its name in the run's folder."""
        return f"seed-{self.seed}-{self.what}.safetensors"
