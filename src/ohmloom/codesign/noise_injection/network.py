"""A network that is trained with noise after, or in, its layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from ohmloom.codesign.noise_injection.noises import Multiplied, Noise
from ohmloom.errors import ConfigurationError, message
from ohmloom.nn import perturbed_call

Place = Literal["activations", "weights"]


class NoiseInjected(nn.Module):
    """Blocks one after the other, with noise of its own for each; in ``eval`` it is the plain network.

    ``noises[i]`` (None: none) multiplies what block i gives (``on="activations"``, as released; the last block, whose
    outputs are the answer, has none) or the parameters of block i (``on="weights"``, as the theorem has it).
    ``generator`` draws the noise: a stream of its own, so that the rest of a training does not depend on it.

    Raises ConfigurationError unless there is one entry per block, and for noise on the answer.
    """

    def __init__(
        self, blocks: Sequence[nn.Module], noises: Sequence[Noise | None], *, on: Place = "activations",
        generator: torch.Generator | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        if len(noises) != len(blocks):
            rule = f"must be one for each of the {len(blocks)} blocks"
            raise ConfigurationError(message("noises", rule, len(noises), "Give None where there is none."))
        if on == "activations" and noises[-1] is not None:
            remedy = "Give None for the last block."
            raise ConfigurationError(message("noises", "must leave the answer alone", repr(noises[-1]), remedy))
        self.blocks = nn.ModuleList(blocks)
        self.noises, self.on, self.generator = tuple(noises), on, generator

    def forward(self, values: Tensor) -> Tensor:
        for block, noise in zip(self.blocks, self.noises, strict=True):
            if noise is None or not self.training:
                values = block(values)
            elif self.on == "weights":
                values = perturbed_call(block, Multiplied(noise=noise), values, generator=self.generator)
            else:
                values = block(values)
                values = values * noise.factors(values, self.generator)
        return values

    def plain(self) -> nn.Sequential:
        """The same blocks without noise: what a chip is to hold."""
        return nn.Sequential(*self.blocks)
