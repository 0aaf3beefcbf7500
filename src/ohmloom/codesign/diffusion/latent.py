"""A small convolutional variational autoencoder: images to two numbers and back, one cloud of numbers per class.

A loop of three small arrays cannot generate images, but it can generate the two numbers that a decoder turns into one.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from ohmloom.codesign.diffusion.training import check_classes
from ohmloom.descriptions import Description
from ohmloom.errors import NotFiniteError, ShapeError, message

SIDE = 12  # pixels of an image
LATENTS = 2


class Coded(NamedTuple):
    """What the encoder makes of images: a normal distribution each."""

    mean: Tensor  # (images, 2)
    log_variance: Tensor


class AutoencoderRecipe(Description):
    """How an autoencoder is trained: Adam; the loss is Σ cross entropy + ``weight`` Σ KL(code || prior of the class).

    The defaults are those released with the analogue solver (yangjc97/memristor-sde-diffusion). ``radius``: of the
    classes' centres around the origin, as far from one another as they can be; three classes are at (2 sqrt 3, 2),
    (-2 sqrt 3, 2) and (0, -4), as released.
    """

    epochs: int = Field(default=20, ge=1)
    batch: int = Field(default=64, ge=1)
    rate: float = Field(default=1e-3, gt=0)
    weight: float = Field(default=3.0, ge=0)
    radius: float = Field(default=4.0, gt=0)

    def centres(self, classes: int) -> Tensor:
        """Centres of the classes' priors: (classes, 2)."""
        angles = math.pi / 6 + 2 * math.pi * torch.arange(classes) / classes
        return self.radius * torch.stack([angles.cos(), angles.sin()], -1)


class ImageAutoencoder(nn.Module):
    """Images (images, 1, 12, 12) in [0, 1] to two latent numbers, and back.

    Encoder: convolutions 1-8-16 (3 x 3, stride 2), then 144-16, then mean and log variance of each latent; the decoder
    mirrors it, with a sigmoid at its end. Sizes are those released with the analogue solver.
    """

    def __init__(self, *, seed: int = 0) -> None:
        super().__init__()
        flat = 16 * (SIDE // 4) ** 2
        self.encoder = nn.Sequential(
            nn.Conv2d(1, 8, 3, 2, 1), nn.ReLU(), nn.Conv2d(8, 16, 3, 2, 1), nn.ReLU(),
            nn.Flatten(), nn.Linear(flat, 16), nn.ReLU(),
        )  # fmt: skip
        self.heads = nn.Linear(16, 2 * LATENTS)
        self.decoder = nn.Sequential(
            nn.Linear(LATENTS, 16), nn.ReLU(), nn.Linear(16, flat), nn.ReLU(),
            nn.Unflatten(1, (16, SIDE // 4, SIDE // 4)),
            nn.ConvTranspose2d(16, 8, 3, 2, 1, output_padding=1), nn.ReLU(),
            nn.ConvTranspose2d(8, 1, 3, 2, 1, output_padding=1),
        )  # fmt: skip
        generator = torch.Generator().manual_seed(seed)
        for parameter in self.parameters():
            fan_in = parameter[0].numel() if parameter.dim() > 1 else len(parameter)
            nn.init.uniform_(parameter, -(fan_in**-0.5), fan_in**-0.5, generator=generator)

    def encode(self, images: Tensor) -> Coded:
        """The distribution of each image's latents. Raises ShapeError for images of another size."""
        if images.dim() != 4 or tuple(images.shape[1:]) != (1, SIDE, SIDE):
            rule = f"must be (images, 1, {SIDE}, {SIDE})"
            raise ShapeError(message("images", rule, tuple(images.shape), "Resize and crop them."))
        return Coded(*self.heads(self.encoder(images)).chunk(2, -1))

    def logits(self, latents: Tensor) -> Tensor:
        """Of the pixels: (points, 2) to (points, 1, 12, 12)."""
        return self.decoder(latents)

    def decode(self, latents: Tensor) -> Tensor:
        """Images in [0, 1]."""
        return self.logits(latents).sigmoid()


def drawn(coded: Coded, generator: torch.Generator) -> Tensor:
    """One draw of each code: (images, 2), with gradient."""
    z = torch.randn(coded.mean.shape, generator=generator)
    return coded.mean + (coded.log_variance / 2).exp() * z


def prior_divergence(coded: Coded, centres: Tensor) -> Tensor:
    """Σ KL(N(m, s²) || N(c, 1)) = Σ (s² + (m - c)² - 1 - log s²) / 2 in nats, for ``centres`` c (images, 2)."""
    away = (coded.mean - centres).square()
    return (coded.log_variance.exp() + away - 1 - coded.log_variance).sum() / 2


def train_autoencoder(
    network: ImageAutoencoder,
    images: Tensor,
    labels: Tensor,
    recipe: AutoencoderRecipe,
    *,
    seed: int = 0,
    tell: Callable[[float], None] = lambda _share: None,
) -> float:
    """Train in place; the mean loss of an image in the last epoch.

    Raises ConfigurationError for a class without images, NotFiniteError where the loss is not finite.
    """
    classes = check_classes(labels)
    centres, generator = recipe.centres(classes)[labels], torch.Generator().manual_seed(seed)
    optimiser = torch.optim.Adam(network.parameters(), lr=recipe.rate, fused=True)
    total = torch.zeros(())
    for epoch in range(recipe.epochs):
        total = torch.zeros(())
        for chosen in torch.randperm(len(images), generator=generator).split(recipe.batch):
            loss = _loss(network, images[chosen], centres[chosen], recipe, generator)
            optimiser.zero_grad()
            (loss / len(chosen)).backward()
            optimiser.step()
            total += loss.detach()
        if not bool(torch.isfinite(total)):
            raise NotFiniteError(message("loss", "must be finite", f"{float(total):g}", "Lower the rate."))
        tell((epoch + 1) / recipe.epochs)
    return float(total) / len(images)


def _loss(
    network: ImageAutoencoder, images: Tensor, centres: Tensor, recipe: AutoencoderRecipe, generator: torch.Generator
) -> Tensor:
    coded = network.encode(images)
    logits = network.logits(drawn(coded, generator))
    entropy = functional.binary_cross_entropy_with_logits(logits, images, reduction="sum")
    return entropy + recipe.weight * prior_divergence(coded, centres)
