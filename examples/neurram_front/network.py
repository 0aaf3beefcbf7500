"""The network of `front.toml`: 8 x 8 images of digits, trained with the weight noise that its cells will have.

    python network.py
    ohmloom search front.toml --out front

Images 1 to 1,000 train and calibrate, 1,001 to 1,200 choose the chip; the rest is kept for the choice's own test.
"""

import torch
from safetensors.torch import save_file
from sklearn.datasets import load_digits
from torch import Tensor, nn

TRAINED, VALIDATED = 1000, 1200


def network() -> nn.Module:
    return nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))


def digits() -> tuple[Tensor, Tensor]:
    """All images, (1797, 64) from 0 to 1, and their labels."""
    images, labels = load_digits(return_X_y=True)
    return torch.tensor(images / 16, dtype=torch.float32), torch.tensor(labels)


def validation() -> tuple[Tensor, Tensor, Tensor]:
    """Calibration images, and the validation images with their labels."""
    images, labels = digits()
    return images[:TRAINED], images[TRAINED:VALIDATED], labels[TRAINED:VALIDATED]


def noisy(model: nn.Module, share: float, chance: torch.Generator) -> dict[str, Tensor]:
    """The weights with Gaussian noise, relative to the largest of each matrix; biases as they are."""
    return {
        name: value + share * value.detach().abs().max() * torch.randn(value.shape, generator=chance)
        if value.dim() == 2
        else value
        for name, value in model.named_parameters()
    }


def trained(steps: int = 400, noise: float = 0.1) -> nn.Module:
    torch.manual_seed(0)
    model, chance = network(), torch.Generator().manual_seed(0)
    images, labels = digits()
    optimiser = torch.optim.Adam(model.parameters(), 0.005)
    for _ in range(steps):
        picked = torch.randint(TRAINED, (100,), generator=chance)
        outputs = torch.func.functional_call(model, noisy(model, noise, chance), (images[picked],))
        loss = nn.functional.cross_entropy(outputs, labels[picked])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return model


if __name__ == "__main__":
    save_file(trained().state_dict(), "network.safetensors")
    print("network.safetensors")
