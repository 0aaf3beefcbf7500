"""Training of `diffusion-letters` in processes of their own: autoencoders, the judge of images, score networks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from ohmloom.codesign.diffusion import ImageAutoencoder, ScoreTraining, train_autoencoder
from ohmloom.experiments import save_state, told
from ohmloom.random import Streams
from ohmloom.systems.diffusion.letters_data import SIDE, latents, prepared
from ohmloom.systems.diffusion.settings import LetterSettings, Wanted, WantedCoder
from ohmloom.systems.diffusion.training import score_training

BATCH, RATE = 128, 1e-3  # of the judge, assumed


class Judge(nn.Module):
    """An independent network that says which class an image (images, 1, 12, 12) shows: 1-16-32 (3 x 3, pooled), 64."""

    def __init__(self, classes: int, seed: int = 0) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.layers = nn.Sequential(
                nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(),
                nn.MaxPool2d(2), nn.Flatten(), nn.Linear(32 * (SIDE // 4) ** 2, 64), nn.ReLU(), nn.Linear(64, classes),
            )  # fmt: skip

    def forward(self, images: Tensor) -> Tensor:
        """Logits: (images, classes)."""
        return self.layers(images)


def train_coder(path: str, one: WantedCoder, settings: LetterSettings, images: str) -> None:
    """Train an autoencoder or the judge on the prepared ``images`` and write its state to ``path``."""
    held = prepared(images)
    with told(path) as tell:
        if one.what == "autoencoder":
            network: nn.Module = ImageAutoencoder(seed=one.seed)
            assert isinstance(network, ImageAutoencoder)
            train_autoencoder(network, held.training_images, held.training_labels, settings.autoencoder,
                              seed=one.seed, tell=tell)  # fmt: skip
        else:
            network = Judge(int(held.training_labels.max()) + 1, one.seed)
            optimiser = torch.optim.Adam(network.parameters(), lr=RATE)
            generator = torch.Generator().manual_seed(one.seed)
            for epoch in range(settings.judge_epochs):
                for chosen in torch.randperm(len(held.training_labels), generator=generator).split(BATCH):
                    optimiser.zero_grad()
                    logits = network(held.training_images[chosen])
                    nn.functional.cross_entropy(logits, held.training_labels[chosen]).backward()
                    optimiser.step()
                tell((epoch + 1) / settings.judge_epochs)
        save_state(path, network.state_dict())


def letter_training(settings: LetterSettings, images: str, coders: Mapping[int, str], one: Wanted) -> ScoreTraining:
    """How a score network learns the latents that the autoencoder of its seed, in one of the files ``coders``, makes of
    the training ``images``."""
    held, network = prepared(images), restored_coder(coders[one.seed])
    points = latents(network, held.training_images, Streams(one.seed).child("letters").generator("training latents"))
    return score_training(one, settings, points, held.training_labels)


def restored_coder(path: str | Path) -> ImageAutoencoder:
    """A trained autoencoder."""
    network = ImageAutoencoder()
    network.load_state_dict(load_file(path))
    return network.requires_grad_(False).eval()


def restored_judge(path: str | Path, classes: int) -> Judge:
    """The trained judge."""
    network = Judge(classes)
    network.load_state_dict(load_file(path))
    return network.requires_grad_(False).eval()
