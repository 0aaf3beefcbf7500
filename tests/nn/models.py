"""Networks that conversion must handle, small enough for tests but of every kind that users bring."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812


def mlp() -> nn.Module:
    """Three fully connected layers, one of them without bias."""
    return nn.Sequential(nn.Linear(12, 16), nn.ReLU(), nn.Linear(16, 16, bias=False), nn.Tanh(), nn.Linear(16, 4))


def neurram_cnn() -> nn.Module:
    """The seven-layer network of NeuRRAM's digits: six 3x3 convolutions with batch norm, and one dense layer."""
    layers: list[nn.Module] = []
    channels = 1
    for width, count in ((8, 2), (16, 2), (32, 2)):
        for _ in range(count):
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU()]
            channels = width
        layers.append(nn.MaxPool2d(2, ceil_mode=True))
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(512, 10))


class Residual(nn.Module):
    """A basic block of ResNet; the shortcut is a 1x1 convolution where the shape changes."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        same = stride == 1 and inputs == outputs
        shortcut = (nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))
        self.shortcut = nn.Identity() if same else nn.Sequential(*shortcut)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.norm1(self.conv1(x)))
        return F.relu(self.norm2(self.conv2(y)) + self.shortcut(x))


class ResNet20(nn.Module):
    """Nineteen 3x3 convolutions in three stages of 16, 32 and 64 filters, two projected shortcuts, one dense layer."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        self.norm = nn.BatchNorm2d(16)
        blocks, channels = [], 16
        for width, first in ((16, 1), (32, 2), (64, 2)):
            for stride in (first, 1, 1):
                blocks.append(Residual(channels, width, stride))
                channels = width
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Linear(64, 10)

    def forward(self, x: Tensor) -> Tensor:
        y = self.blocks(F.relu(self.norm(self.stem(x))))
        return self.head(y.mean((2, 3)))


def depthwise_separable() -> nn.Module:
    """Depthwise, grouped, dilated and strided convolutions, with other padding modes, in one and two dimensions."""
    return nn.Sequential(
        nn.Conv2d(4, 8, 3, padding="same", padding_mode="circular"),
        nn.BatchNorm2d(8),
        nn.ReLU6(),
        nn.Conv2d(8, 8, 3, padding=1, groups=8, bias=False),
        nn.BatchNorm2d(8),
        nn.ReLU6(),
        nn.Conv2d(8, 12, 1),
        nn.Conv2d(12, 6, (3, 2), stride=(2, 1), dilation=(1, 2), padding=(2, 1), padding_mode="reflect", groups=3),
        nn.Flatten(2),
        nn.Conv1d(6, 6, 5, stride=2, padding=3, dilation=2, groups=2, padding_mode="replicate"),
        nn.BatchNorm1d(6),
        nn.Conv1d(6, 5, 3, padding="same"),
        nn.Flatten(),
        nn.LazyLinear(3),
    )


def transformer() -> nn.Module:
    """Two encoder layers and a head."""
    layer = nn.TransformerEncoderLayer(16, 4, 32, dropout=0.0, batch_first=True)
    return nn.Sequential(nn.TransformerEncoder(layer, 2), nn.Linear(16, 3))


class UsedTwice(nn.Module):
    """One module called twice."""

    def __init__(self) -> None:
        super().__init__()
        self.cell = nn.Linear(8, 8)
        self.head = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.tanh(self.cell(torch.tanh(self.cell(x)))))


class SharedParameter(nn.Module):
    """Two modules with one Parameter: an auto-encoder's tied layers (square, so that no transpose is needed)."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Linear(8, 8)
        self.decoder = nn.Linear(8, 8)
        self.decoder.weight = self.encoder.weight

    def forward(self, x: Tensor) -> Tensor:
        return self.decoder(torch.sigmoid(self.encoder(x)))


class Functional(nn.Module):
    """Functional calls between layers, and a way through that depends on the data."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3, padding=1)
        self.again = nn.Conv2d(4, 4, 3, padding=1)
        self.head = nn.Linear(64, 3)

    def forward(self, x: Tensor) -> Tensor:
        y = F.max_pool2d(F.relu(self.conv(x)), 2)
        steps = 1 + int(y.mean() > 0)  # always 2 after a relu, but no tracer can know
        for _ in range(steps):
            y = y + F.relu(self.again(y))
        return self.head(F.dropout(y, 0.2, self.training).flatten(1))


class Case(NamedTuple):
    """A network and an input of it."""

    build: Callable[[], nn.Module]
    shape: tuple[int, ...]


CASES = {
    "mlp": Case(mlp, (5, 12)),
    "neurram-cnn": Case(neurram_cnn, (2, 1, 28, 28)),
    "resnet-20": Case(ResNet20, (2, 3, 16, 16)),
    "depthwise-separable": Case(depthwise_separable, (3, 4, 9, 10)),
    "transformer": Case(transformer, (3, 5, 16)),
    "one module used twice": Case(UsedTwice, (5, 8)),
    "one parameter in two modules": Case(SharedParameter, (5, 8)),
    "functional calls and control flow": Case(Functional, (3, 1, 8, 8)),
}


def build(name: str, dtype: torch.dtype = torch.float32) -> tuple[nn.Module, Tensor]:
    """A network with batch norms that have seen data, and an input."""
    case = CASES[name]
    torch.manual_seed(20)
    model, x = case.build().to(dtype), torch.randn(case.shape, dtype=dtype)
    model.train()
    with torch.no_grad():
        for _ in range(2):
            model(torch.randn_like(x))
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d) and module.affine:
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.3)
    return model.eval(), x
