"""Random factors: what noise injection multiplies activations or weights by while a network is trained.

The masks of BayesMulti (arXiv 2412.02779) and of its forerunners. The paper calls P(0) p1 and P(1/2) p2, the released
code calls P(0) p0 and P(1) p1: here they are ``p_zero``, ``p_half`` and ``p_one``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar, Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor

from ohmloom.crossbars import standard_normal
from ohmloom.descriptions import Choice, Part
from ohmloom.errors import message
from ohmloom.nn import Perturbation

_WHOLE = 1e-12  # rounding of a sum of probabilities


class Noise(Part, ABC):
    """Abstract: a random factor for each element."""

    @abstractmethod
    def factors(self, like: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Factors of the shape, type and device of ``like``, drawn afresh."""


class Multinomial(Noise):
    """A mask of {0, 1/2, 1} divided by its mean: ``p_zero``, ``p_half``, and ``p_one`` for the rest.

    E[factor] = 1. With both at 0 it is the identity, bit for bit. The *released* one-parameter form is
    :meth:`released`; at p = 0 that is **not** the identity but a mask of {1/2, 1} / 0.75.
    """

    kind: Literal["multinomial"] = "multinomial"
    p_zero: float = Field(ge=0)
    p_half: float = Field(ge=0)

    @model_validator(mode="after")
    def _probabilities(self) -> Self:
        if self.p_zero + self.p_half > 1 + _WHOLE:
            given = f"{self.p_zero:g} + {self.p_half:g}"
            raise ValueError(message("p_zero + p_half", "must be at most 1", given, "Lower one of them."))
        if self.p_zero >= 1:
            rule = "must be below 1, for the mask is divided by its mean"
            raise ValueError(message("p_zero", rule, f"{self.p_zero:g}", "Lower it."))
        return self

    @classmethod
    def released(cls, p: float) -> Self:
        """P(0) = p, P(1/2) = P(1) = (1 - p) / 2, as in the released code. Raises ConfigurationError for p = 1."""
        return cls(p_zero=p, p_half=max(1 - p, 0.0) / 2)

    @property
    def p_one(self) -> float:
        """P(1)."""
        return max(1 - self.p_zero - self.p_half, 0.0)

    @property
    def mean(self) -> float:
        """Of the mask."""
        return 0.5 * self.p_half + self.p_one

    def factors(self, like: Tensor, generator: torch.Generator | None = None) -> Tensor:
        chance = _uniform(like, generator)
        ones = (chance >= self.p_zero).to(like.dtype)  # 1/2 or 1
        halves = ((chance >= self.p_zero) & (chance < self.p_zero + self.p_half)).to(like.dtype)
        return ones.sub_(halves, alpha=0.5).div_(self.mean)


class Dropout(Noise):
    """A mask of {0, 1} divided by its mean: zero with probability ``p_zero``."""

    kind: Literal["dropout"] = "dropout"
    p_zero: float = Field(ge=0, lt=1)

    def factors(self, like: Tensor, generator: torch.Generator | None = None) -> Tensor:
        return (_uniform(like, generator) >= self.p_zero).to(like.dtype).div_(1 - self.p_zero)


class GaussianFactors(Noise):
    """1 + N(0, deviation²)."""

    kind: Literal["gaussian-factors"] = "gaussian-factors"
    deviation: float = Field(ge=0)

    def factors(self, like: Tensor, generator: torch.Generator | None = None) -> Tensor:
        return standard_normal(like.shape, generator, dtype=like.dtype, device=like.device).mul_(self.deviation).add_(1)


class LogNormalFactors(Noise):
    """exp(N(0, deviation²)): the law of the drift, with mean exp(deviation²/2)."""

    kind: Literal["log-normal-factors"] = "log-normal-factors"
    deviation: float = Field(ge=0)

    def factors(self, like: Tensor, generator: torch.Generator | None = None) -> Tensor:
        return standard_normal(like.shape, generator, dtype=like.dtype, device=like.device).mul_(self.deviation).exp_()


class Multiplied(Perturbation):
    """Every parameter times a factor of its own."""

    every_parameter: ClassVar[bool] = True

    kind: Literal["multiplied"] = "multiplied"
    noise: Choice[Noise]

    def perturb(self, weights: Mapping[str, Tensor], generator: torch.Generator | None = None) -> dict[str, Tensor]:
        return {name: value * self.noise.factors(value, generator) for name, value in weights.items()}


def _uniform(like: Tensor, generator: torch.Generator | None) -> Tensor:
    return torch.rand(like.shape, generator=generator, dtype=like.dtype, device=like.device)
