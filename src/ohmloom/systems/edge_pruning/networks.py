"""The published networks: a convolutional one for Fashion-MNIST, a convolutional and recurrent one for spoken digits,
and one of U shape for vessels.

Layers and sizes are those of the authors' scripts; no layer has a bias, and batch norms have neither scale nor shift,
but for those of the U-Net, which are trained.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812


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


class UNet(nn.Module):
    """(batch, 1, rows, columns) → (batch, 2, rows, columns) logits of ground and vessel, for sides of at least 16.

    Four halvings by the largest of 2 x 2 pixels and four doublings, bilinear, each level with two convolutions of 3 x 3
    and with what the way down had there; a last convolution of 1 x 1: 19 in all. ``width`` channels on the first level,
    32 as published. (O. Ronneberger et al., MICCAI 2015, doi:10.1007/978-3-319-24574-4_28)
    """

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        sizes = [width, 2 * width, 4 * width, 8 * width, 8 * width]  # doubling keeps the channels of the lowest level
        self.down = nn.ModuleList(_twice(a, b, b) for a, b in zip([1, *sizes], sizes, strict=False))
        above = [*sizes[2::-1], width]  # what is handed up: as many as that level's own
        self.up = nn.ModuleList(
            _twice(2 * own, own, out) for own, out in zip(sizes[3::-1], above, strict=True)
        )  # fmt: skip
        self.head = nn.Conv2d(width, 2, 1, bias=False)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, images: Tensor) -> Tensor:
        levels = [self.down[0](images)]
        for step in list(self.down)[1:]:
            levels.append(step(F.max_pool2d(levels[-1], 2)))
        y = levels.pop()
        for step, own in zip(self.up, reversed(levels), strict=True):
            y = F.interpolate(y, size=own.shape[2:], mode="bilinear", align_corners=True)
            y = step(torch.cat((own, y), 1))
        return self.head(y)


def _twice(channels: int, between: int, out: int) -> nn.Sequential:
    """Two convolutions of 3 x 3, each with a batch norm that is trained and a rectifier."""
    return nn.Sequential(
        nn.Conv2d(channels, between, 3, padding=1, bias=False), nn.BatchNorm2d(between), nn.ReLU(),
        nn.Conv2d(between, out, 3, padding=1, bias=False), nn.BatchNorm2d(out), nn.ReLU(),
    )  # fmt: skip
