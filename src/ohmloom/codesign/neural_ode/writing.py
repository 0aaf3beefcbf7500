"""What cells make of weights when they are written without verification, as training sees it."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from ohmloom.devices import Device, OpenLoop
from ohmloom.errors import ConfigurationError, message


def write_deviation(weight: Tensor, device: Device) -> Tensor:
    """The standard deviation of each weight held in a pair of cells of ``device``, same shape.

        σ_w = sqrt(σ(g⁺)² + σ(g⁻)²) max|W| / (g_max - g_min),   g^± = g_min + max(±w, 0) (g_max - g_min) / max|W|

    The largest weight sets the scale, so that one large weight makes all others noisier: see `range_penalty`.
    Raises ConfigurationError for a device that verifies what it writes, whose spread is not a function of the target.
    """
    if not isinstance(device.programming, OpenLoop):
        rule = "must be open-loop"
        remedy = "Choose a device with open-loop programming, or train with another noise."
        raise ConfigurationError(message("device.programming", rule, type(device.programming).__name__, remedy))
    scale, span = weight.abs().amax((-1, -2), keepdim=True), device.g_max - device.g_min
    active = device.g_min + weight.abs() / scale * span
    rest = torch.full_like(weight, device.g_min)
    spread = device.programming.spread(device, active).square() + device.programming.spread(device, rest).square()
    return spread.sqrt() * scale / span


def written(weights: Iterable[Tensor], device: Device, draws: int, generator: torch.Generator) -> list[Tensor]:
    """Fresh draws of what cells hold of each of ``weights``: (draws, out, in), differentiable by the weights.

        w' = w + σ_w(w) z,   z ~ N(0, 1)

    The spread passes its gradient as well, so that training also moves weights to where cells err less: the largest of
    a layer, which sets the scale of all others, feels what its range costs them. See `range_penalty`.
    """
    drawn = []
    for weight in weights:
        noise = torch.randn(draws, *weight.shape, generator=generator, dtype=weight.dtype)
        drawn.append(weight + noise * write_deviation(weight, device))
    return drawn


def range_penalty(weights: Iterable[Tensor], limit: float) -> Tensor:
    """Σ over layers of the mean of max(|w| - limit, 0)²: keeps a few large weights from taking all of the range."""
    return torch.stack([(weight.abs() - limit).clamp_min(0).square().mean() for weight in weights]).sum()
