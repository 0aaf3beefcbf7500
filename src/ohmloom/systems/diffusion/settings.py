"""How much the diffusion systems train and generate."""

from __future__ import annotations

from typing import Literal, NamedTuple

from pydantic import Field

from ohmloom.codesign.diffusion import AutoencoderRecipe, Reverse, ScoreRecipe
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
LETTER_SAMPLERS = {
    "flow, rate times 1.5, from N(0, 1)": Reverse(rate_factor=1.5),  # as released
    "stochastic, rate times 1.5, from N(0, 1)": Reverse(stochastic=1, rate_factor=1.5),
    "stochastic, from N(0, 1)": STOCHASTIC,
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
    read_noises: tuple[float, ...] = (0.01, 0.05, 0.2)  # of each cell, relative, in a read of 1 µs
    read_samples: int = 2_000
    gains: tuple[float, ...] = (0.01, 0.05, 0.1)  # of multipliers, deviation
    offsets: tuple[Volts, ...] = (1e-3, 5e-3, 10e-3)  # of multipliers, deviation
    times: tuple[float, ...] = (0.1, 0.5, 1.0)  # at which the score is compared with the exact one


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

    @property
    def file(self) -> str:
        """Its name in the run's folder."""
        return f"seed-{self.seed}-{self.kind}.safetensors"


class WantedCoder(NamedTuple):
    """One autoencoder of a run, or the network that judges images, which is the same for all seeds."""

    seed: int
    what: Literal["autoencoder", "judge"]

    @property
    def file(self) -> str:
        """Its name in the run's folder."""
        return f"seed-{self.seed}-{self.what}.safetensors"
