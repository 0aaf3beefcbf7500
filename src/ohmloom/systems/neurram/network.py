"""NeuRRAM's MNIST network and its training: 7 layers, 23,170 weights and biases, noise on the weights in each forward.

Facts from the released training code: conv 3x3 8-8-pool-16-16-pool-32-32-pool, dense 512 → 10, 3-bit activations with
learned clips, Adam 1e-3, batch 128, Gaussian weight noise relative to the largest |weight| of a layer, on the bias too.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

import ohmloom as ol
from ohmloom.crossbars.normal import standard_normal
from ohmloom.data import Labelled

BATCH = 128
RATE = 1e-3
Disturbed = Literal["weights", "activations"]  # what training noise is added to


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
    on: Disturbed = "weights",
    settling: int = 30,
    tell: Callable[[str, float], None] = lambda _text, _share: None,
) -> dict[str, Tensor]:
    """Train with weight noise ``noise`` (0: a plain network) and learned clips; the state with clips.

    One-cycle learning rate up to 1e-3·3; the same clips, decay and epochs whatever the noise. ``on`` activations is a
    control: noise of the same variance, but drawn for each output instead of each weight. Before clips are set, the
    batch norms see ``settling`` batches.
    """
    torch.manual_seed(seed)
    hardware = ol.convert(Convolutional(), chip)
    _settle_norms(hardware, data, settling)
    ol.calibrate(hardware, data.images[:1000])
    clips = ol.learn_clips(hardware)
    ol.mode(hardware, ol.Noisy(ol.GaussianWeights(deviation=noise if on == "weights" else 0.0)))
    if on == "activations":
        for layer in ol.converted(hardware).values():
            layer.register_forward_hook(partial(_activation_noise, deviation=noise))
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


def _activation_noise(layer: nn.Module, inputs: tuple[Tensor], output: Tensor, deviation: float) -> Tensor:
    """``output`` with noise of the variance that independent weight noise would give it: σ² (Σ x² + 1), σ relative to
    max |W|, but drawn afresh for each output instead of shared by all that use a weight."""
    with torch.no_grad():
        held = layer.get_parameter("weight")
        power = inputs[0].clamp(0, float(layer.get_parameter("clips.matrix"))).square()
        summed = power.sum(1, keepdim=True)
        if isinstance(layer, nn.Conv2d):
            summed = nn.functional.conv2d(summed, torch.ones_like(held[:1, :1]), padding=layer.padding)
        size = deviation * float(held.abs().max())
        noise = standard_normal(output.shape).mul_((summed + 1).sqrt_().mul_(size))
    return output + noise


@torch.no_grad()
def _settle_norms(hardware: nn.Module, data: Labelled, batches: int) -> None:
    """Let the batch norms of a fresh network see the data, so that the first clips fit what will flow."""
    hardware.train()
    for step in range(min(batches, len(data.images) // BATCH)):
        hardware(data.images[step * BATCH : (step + 1) * BATCH])


def build(state: dict[str, Tensor], chip: ol.Chip, *, folded: bool = False) -> nn.Module:
    """The trained network on ``chip``, digital and unprogrammed, with its learned input ranges.

    ``folded`` puts the batch norms into the weights beforehand, as cells hold them.
    """
    model = Convolutional()
    clips = {name: value for name, value in state.items() if ".clips." in name}
    model.load_state_dict({name: value for name, value in state.items() if name not in clips})
    hardware = ol.convert(_folded(model.eval()) if folded else model.eval(), chip)
    for name, layer in ol.converted(hardware).items():
        layer.on_chip.limits = {"matrix": clips[f"{name}.clips.matrix"].clone()}
    return hardware


def _folded(model: Convolutional) -> Convolutional:
    """The same function with batch norms folded into the convolutions before them."""
    layers = model.features
    for index, layer in enumerate(layers):
        if isinstance(layer, nn.BatchNorm2d):
            convolution = layers[index - 1]
            assert isinstance(convolution, nn.Conv2d)
            layers[index - 1], layers[index] = fuse_conv_bn_eval(convolution, layer), nn.Identity()
    return model


@torch.no_grad()
def accuracy(hardware: nn.Module, data: Labelled, batch: int = 1000) -> float:
    """Share of correctly classified images of the selected die, in per cent."""
    hits = 0
    for start in range(0, len(data.images), batch):
        logits = hardware(data.images[start : start + batch])
        hits += int((logits.argmax(-1) == data.labels[start : start + batch]).sum())
    return 100 * hits / len(data.images)
