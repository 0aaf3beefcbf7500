"""The published networks: a convolutional one for Fashion-MNIST, a convolutional and recurrent one for spoken digits.

Layers and sizes are those of the authors' scripts; no layer has a bias, and batch norms have neither scale nor shift.
"""

from __future__ import annotations

from torch import Tensor, nn


class Fashion(nn.Module):
    """(batch, 1, 14, 14) → (batch, 10) logits; 62,272 weights."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 64, 3, bias=False), nn.BatchNorm2d(64, affine=False), nn.ReLU(),
            nn.Conv2d(64, 16, 3, bias=False), nn.MaxPool2d(2), nn.BatchNorm2d(16, affine=False), nn.ReLU(),
        )  # fmt: skip
        self.head = nn.Sequential(nn.Linear(400, 128, bias=False), nn.ReLU(), nn.Linear(128, 10, bias=False))

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.features(images).flatten(1))


class Spoken(nn.Module):
    """(batch, 1, 23, 20) features → (batch, 10) logits; 68,480 weights.

    Convolutions and pools leave (32, 1, 4): four steps in time, through which a recurrent layer of 128 runs; its states
    are averaged over the steps. The only bends are the pools and the recurrent layer, as the scripts have them.
    """

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 64, (3, 2), stride=(2, 1), bias=False), nn.MaxPool2d(2), nn.BatchNorm2d(64, affine=False),
            nn.Conv2d(64, 32, (3, 2), stride=(2, 1), bias=False), nn.MaxPool2d(2), nn.BatchNorm2d(32, affine=False),
        )  # fmt: skip
        self.recurrent = nn.RNN(32, 128, nonlinearity="relu", bias=False, batch_first=True)
        self.head = nn.Sequential(nn.Linear(128, 256, bias=False), nn.Linear(256, 10, bias=False))

    def forward(self, features: Tensor) -> Tensor:
        maps = self.features(features).squeeze(2)  # (batch, 32, steps)
        states, _ = self.recurrent(maps.transpose(1, 2))
        return self.head(states.mean(1))
