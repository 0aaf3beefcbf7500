"""A small network of one's own, and its data: 8 x 8 images of digits that come with scikit-learn."""

import torch
from safetensors.torch import save_file
from sklearn.datasets import load_digits
from torch import Tensor, nn


def network() -> nn.Module:
    """An ordinary PyTorch model."""
    return nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))


def samples() -> tuple[Tensor, Tensor, Tensor]:
    """Calibration inputs, test inputs and test labels: what `--data mynet:samples` asks for."""
    images, labels = digits()
    return images[:1200], images[1200:], labels[1200:]


def digits() -> tuple[Tensor, Tensor]:
    """All images, (1797, 64) from 0 to 1, and their labels."""
    images, labels = load_digits(return_X_y=True)
    return torch.tensor(images / 16, dtype=torch.float32), torch.tensor(labels)


def train(model: nn.Module, steps: int = 300, rate: float = 0.01) -> nn.Module:
    """Train on the first 1,200 images. An ordinary loop: it also trains a converted model, in any of its modes."""
    images, labels = digits()
    chance = torch.Generator().manual_seed(0)
    optimiser = torch.optim.Adam(model.parameters(), rate)
    for _ in range(steps):
        picked = torch.randint(1200, (100,), generator=chance)
        loss = nn.functional.cross_entropy(model(images[picked]), labels[picked])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return model


def accuracy(outputs: Tensor, labels: Tensor) -> float:
    """Per cent right; outputs (..., images, classes), such as those of several dies."""
    return 100 * float((outputs.argmax(-1) == labels).double().mean())


if __name__ == "__main__":
    torch.manual_seed(0)
    save_file(train(network()).state_dict(), "net.safetensors")
    print("net.safetensors")
