"""The fully connected network of the comparison: its training, and fine-tuning on what wires leave of its weights."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

import ohmloom as ol
from ohmloom.codesign import WiredWeights
from ohmloom.data import Labelled

BATCH = 128
RATE, TUNING_RATE = 3e-3, 1e-3  # of Adam


class Dense(nn.Module):
    """(batch, 1, 28, 28) → (batch, 10) logits: means of 2 x 2 pixels, then 196-128-128-10."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.AvgPool2d(2), nn.Flatten(), nn.Linear(196, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(),
            nn.Linear(128, 10),
        )  # fmt: skip

    def forward(self, images: Tensor) -> Tensor:
        return self.layers(images)


def trained(data: Labelled, epochs: int, seed: int, tell: Callable[[float], None]) -> dict[str, Tensor]:
    """The state after plain training, with Adam at a rate that falls to nothing."""
    torch.manual_seed(seed)
    model = Dense()
    _fit(model, data, epochs * (len(data.images) // BATCH), RATE, seed, tell)
    return _state(model)


def fine_tuned(
    state: dict[str, Tensor], chip: ol.Chip, data: Labelled, batches: int, seed: int, tell: Callable[[float], None]
) -> dict[str, Tensor]:
    """The state after training on what the wires of ``chip`` leave of the weights, gradient through the solver.

    Biases start where each layer's mean outputs are what they were: on the chip calibration does as much.
    """
    torch.manual_seed(seed)
    model = Dense()
    model.load_state_dict(state)
    hardware, few = ol.convert(model, chip), data.images[:500]
    ol.calibrate(hardware, few)
    wanted = _mean_outputs(hardware, few)
    ol.mode(hardware, ol.Noisy(WiredWeights(chip=chip)))
    for layer, mean in enumerate(wanted):
        with torch.no_grad():
            _linear(hardware)[layer].bias.add_(mean - _mean_outputs(hardware, few)[layer])
    _fit(hardware, data, batches, TUNING_RATE, seed, tell)
    return ol.digital_state(hardware)


def _linear(model: nn.Module) -> list[nn.Linear]:
    return [module for module in model.modules() if isinstance(module, nn.Linear)]


def _mean_outputs(model: nn.Module, images: Tensor) -> list[Tensor]:
    """The mean of each linear layer's outputs."""
    means: list[Tensor] = []
    hooks = [layer.register_forward_hook(lambda *call: means.append(call[2].mean(0))) for layer in _linear(model)]
    with torch.no_grad():
        model(images)
    for hook in hooks:
        hook.remove()
    return means


def _fit(model: nn.Module, data: Labelled, batches: int, rate: float, seed: int, tell: Callable[[float], None]) -> None:
    model.train()
    adam = torch.optim.Adam(model.parameters(), lr=rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(adam, batches)
    order, chosen = torch.Generator().manual_seed(seed), iter(())
    for step in range(batches):
        batch = next(chosen, None)
        if batch is None:
            chosen = iter(torch.randperm(len(data.images), generator=order).split(BATCH))
            batch = next(chosen)
        loss = nn.functional.cross_entropy(model(data.images[batch]), data.labels[batch])
        adam.zero_grad()
        loss.backward()
        adam.step()
        schedule.step()
        tell((step + 1) / batches)
    model.eval()


def _state(model: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in model.state_dict().items()}
