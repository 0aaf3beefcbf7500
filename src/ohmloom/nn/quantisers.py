"""Rounding with a gradient: what a drive and a converter do to numbers, for training and for `Quantised`."""

from __future__ import annotations

import torch
from torch import Tensor

from ohmloom.crossbars import AnalogueReadout, Drive


def quantise_input(x: Tensor, drive: Drive, limit: Tensor | float | None) -> Tensor:
    """The numbers that the drive's codes of ``x`` (..., inputs) stand for.

    The gradient passes where |x| is inside the limit and reaches the limit from outside (PACT, arXiv:1805.06085).
    """
    with torch.no_grad():
        held = limit.detach() if isinstance(limit, Tensor) else limit
        code = drive.encode(x.detach(), held).value()
    if not torch.is_grad_enabled():
        return code
    inside = x
    if limit is not None:
        top = torch.as_tensor(limit, dtype=x.dtype, device=x.device)
        inside = torch.minimum(x, top)
        inside = torch.maximum(inside, -top if drive.signed and bool((x < 0).any()) else torch.zeros_like(top))
    return inside + (code - inside).detach()


def quantise_output(y: Tensor, readout: AnalogueReadout, full_range: Tensor | None) -> Tensor:
    """``y`` rounded to the converter's codes; without a range, one that just holds the largest |y|."""
    if readout.output_bits is None:
        return y
    with torch.no_grad():
        size = y.detach().abs().max().clamp(min=torch.finfo(y.dtype).tiny) if full_range is None else full_range
        code = readout.converter.convert(y.detach().clone(), size, None).value
    return y + (code - y).detach()


def best_limit(values: Tensor, steps: float, candidates: int = 40) -> Tensor:
    """The clip that minimises the mean squared error of rounding ``values`` to ``steps`` steps up to it.

    Searches fractions of the largest magnitude: a large clip rounds coarsely, a small one cuts off.
    """
    magnitude = values.detach().abs().flatten()
    largest = magnitude.max()
    if largest == 0:
        return torch.ones_like(largest)
    shares = torch.linspace(1.0, 0.1, candidates, device=values.device, dtype=values.dtype)
    errors = []
    for share in shares:
        step = share * largest / steps
        code = (magnitude / step).round_().clamp_(max=steps)
        errors.append((code * step - magnitude).square_().mean())
    return shares[torch.stack(errors).argmin()] * largest
