"""The control of noise training: noise on activations with exactly the variance that weight noise gives each output."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import ohmloom as ol
from ohmloom.systems.neurram.network import Convolutional, _activation_noise, build


@pytest.mark.parametrize(
    ("layer", "shape"), [(nn.Conv2d(3, 4, 3, padding=1), (2, 3, 5, 5)), (nn.Linear(20, 7), (3, 20))]
)
def test_variance_is_that_of_weight_noise(layer: nn.Module, shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    hardware = ol.convert(nn.Sequential(layer), ol.Chip.load("neurram"))
    x = torch.rand(shape)
    ol.calibrate(hardware, x)
    ol.learn_clips(hardware)
    converted = ol.converted(hardware)["0"]
    with torch.no_grad():
        clean = layer(x)
        codes = x  # the largest input is the clip: nothing is cut off
        noisy = ol.GaussianWeights(deviation=0.2)
        own = dict(layer.named_parameters())
        by_weights = torch.stack(
            [torch.func.functional_call(layer, noisy.perturb(own), (codes,)) - clean for _ in range(6000)]
        )
        on_outputs = torch.stack([_activation_noise(converted, (x,), clean, 0.2) - clean for _ in range(6000)])
    assert torch.allclose(by_weights.var(0), on_outputs.var(0), rtol=0.15)
    paired = (on_outputs[:, 0].flatten(1)[:, 0] * on_outputs[:, 0].flatten(1)[:, 1]).mean() / on_outputs.var(0).mean()
    assert abs(float(paired)) < 0.05  # outputs do not share their noise


def test_folding_keeps_the_function() -> None:
    torch.manual_seed(0)
    model, chip, images = Convolutional(), ol.Chip.load("neurram"), torch.rand(16, 1, 28, 28)
    model(images)  # norms that differ from the identity
    hardware = ol.convert(model, chip)
    ol.calibrate(hardware, images)
    ol.learn_clips(hardware)
    state = {name: value.detach() for name, value in hardware.state_dict().items()}
    with torch.no_grad():
        plain, folded = build(state, chip)(images), build(state, chip, folded=True)(images)
    assert torch.allclose(plain, folded, atol=1e-5)
