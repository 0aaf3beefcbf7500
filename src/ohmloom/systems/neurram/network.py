"""NeuRRAM's MNIST network and its training: 7 layers, 23,170 weights and biases, noise on the weights in each forward.

Facts from the released training code: conv 3x3 8-8-pool-16-16-pool-32-32-pool, dense 512 → 10, 3-bit activations with
learned clips, Adam 1e-3, batch 128, Gaussian weight noise relative to the largest |weight| of a layer, on the bias too.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

import ohmloom as ol
from ohmloom.data import Labelled

BATCH = 128
RATE = 1e-3


class Convolutional(nn.Module):
    """(batch, 1, 28, 28) → (batch, 10) logits; the last pool rounds 7 up to 4."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        previous = 1
        for width in (8, 16, 32):
            for _ in range(2):
                layers += [nn.Conv2d(previous, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU()]
                previous = width
            layers.append(nn.MaxPool2d(2, ceil_mode=True))
        self.features = nn.Sequential(*layers)
        self.head = nn.Linear(512, 10)

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.features(images).flatten(1))


def train(
    data: Labelled,
    chip: ol.Chip,
    *,
    noise: float,
    epochs: int,
    seed: int,
    tell: Callable[[str, float], None] = lambda _text, _share: None,
) -> dict[str, Tensor]:
    """Train in `Noisy` mode with weight noise ``noise`` (0: a plain network) and learned clips; the state with clips.

    One-cycle learning rate up to 1e-3·3; the same clips, decay and epochs whatever the noise.
    """
    torch.manual_seed(seed)
    hardware = ol.convert(Convolutional(), chip)
    _settle_norms(hardware, data)
    ol.calibrate(hardware, data.images[:1000])
    clips = ol.learn_clips(hardware)
    ol.mode(hardware, ol.Noisy(ol.GaussianWeights(deviation=noise)))
    others = [p for p in hardware.parameters() if not any(p is clip for clip in clips)]
    optimiser = torch.optim.Adam(
        [{"params": others, "weight_decay": 0.0}, {"params": clips, "weight_decay": 1e-4}], lr=RATE
    )
    steps = epochs * (len(data.images) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=3 * RATE, total_steps=steps)
    order = torch.Generator().manual_seed(seed)
    hardware.train()
    for epoch in range(epochs):
        shuffled = torch.randperm(len(data.images), generator=order)
        total = 0.0
        for step in range(steps // epochs):
            chosen = shuffled[step * BATCH : (step + 1) * BATCH]
            loss = nn.functional.cross_entropy(hardware(data.images[chosen]), data.labels[chosen])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            total += float(loss.detach())
            if step % 20 == 0:
                tell(f"epoch {epoch + 1} of {epochs}", (epoch + step * epochs / steps) / epochs)
        tell(f"epoch {epoch + 1}: loss {total / (steps // epochs):.4f}", (epoch + 1) / epochs)
    return {name: value.detach().clone() for name, value in hardware.state_dict().items()}


@torch.no_grad()
def _settle_norms(hardware: nn.Module, data: Labelled, batches: int = 30) -> None:
    """Let the batch norms of a fresh network see the data, so that the first clips fit what will flow."""
    hardware.train()
    for step in range(min(batches, len(data.images) // BATCH)):
        hardware(data.images[step * BATCH : (step + 1) * BATCH])


def build(state: dict[str, Tensor], chip: ol.Chip) -> nn.Module:
    """The trained network on ``chip``, digital and unprogrammed, with its learned input ranges."""
    model = Convolutional()
    clips = {name: value for name, value in state.items() if ".clips." in name}
    model.load_state_dict({name: value for name, value in state.items() if name not in clips})
    hardware = ol.convert(model.eval(), chip)
    for name, layer in ol.converted(hardware).items():
        layer.on_chip.limits = {"matrix": clips[f"{name}.clips.matrix"].clone()}
    return hardware


@torch.no_grad()
def accuracy(hardware: nn.Module, data: Labelled, batch: int = 1000) -> float:
    """Share of correctly classified images of the selected die, in per cent."""
    hits = 0
    for start in range(0, len(data.images), batch):
        logits = hardware(data.images[start : start + batch])
        hits += int((logits.argmax(-1) == data.labels[start : start + batch]).sum())
    return 100 * hits / len(data.images)
