"""A user's own package, as `ohmloom evaluate` meets it."""

import torch
from torch import nn

CLASSES = torch.randn(4, 12, generator=torch.Generator().manual_seed(0))


def network() -> nn.Module:
    """Template matching, which needs no training."""
    model = nn.Sequential(nn.Linear(12, 4))
    with torch.no_grad():
        model[0].weight.copy_(CLASSES)
        model[0].bias.copy_(-CLASSES.square().sum(1) / 2)
    return model


def data() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Noisy copies of the four templates."""
    random = torch.Generator().manual_seed(1)
    labels = torch.randint(0, 4, (200,), generator=random)
    inputs = CLASSES[labels] + 0.2 * torch.randn(200, 12, generator=random)
    return inputs[:100], inputs[100:], labels[100:]


def not_a_network() -> str:
    return "text"


def pair() -> nn.Module:
    """A network of two inputs: templates against the sum of both."""

    class Pair(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = network()

        def forward(self, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
            return self.body(first + second)

    return Pair()


def pair_data() -> tuple[tuple[torch.Tensor, ...], tuple[torch.Tensor, ...], torch.Tensor]:
    """The same templates, cut into two."""
    calibration, inputs, labels = data()
    return (calibration / 2, calibration / 2), (inputs / 4, inputs * 0.75), labels


def loaders() -> tuple[list[tuple[torch.Tensor, ...]], list[tuple[torch.Tensor, ...]]]:
    """For calibration and for the test."""
    calibration, inputs, labels = data()
    return [(calibration, labels)], list(zip(inputs.split(30), labels.split(30), strict=True))


def nothing() -> tuple[list[tuple[torch.Tensor, ...]], list[tuple[torch.Tensor, ...]]]:
    """A test loader that yields nothing."""
    return loaders()[0], []


def margin(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """How far the right class is ahead of the mean."""
    return (outputs.gather(1, targets.unsqueeze(1)).squeeze(1) - outputs.mean(1)).mean()


def undefined(outputs: torch.Tensor, targets: torch.Tensor) -> float:
    """A metric that is no number."""
    return float("nan")
