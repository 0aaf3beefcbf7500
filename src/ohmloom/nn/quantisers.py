"""Rounding with a gradient: what a drive and a converter do to numbers, for training and for `Quantised`."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ohmloom.crossbars import AnalogueReadout, Drive, conversion


class _Rounded(torch.autograd.Function):
    """The value of a drive's code, straight through inside the limit; outside, the gradient is the limit's (PACT)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, limit: Tensor, drive: Drive) -> Tensor:  # type: ignore[override]
        ctx.save_for_backward(x, limit)
        ctx.low = -1.0 if drive.signed else 0.0
        return drive.coded(x, limit).value()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, None]:  # type: ignore[override]
        x, limit = ctx.saved_tensors
        if limit.numel() == 1 and conversion.suits(x.numel(), x, gradient):
            kept, below, above = conversion.inside(x, gradient, ctx.low * float(limit), float(limit))
            return kept, limit.new_full(limit.shape, above + ctx.low * below), None
        above, below = x > limit, x < ctx.low * limit
        to_x = to_limit = None
        if ctx.needs_input_grad[0]:
            to_x = gradient.masked_fill(above | below, 0.0)
        if ctx.needs_input_grad[1]:
            beyond = torch.where(above, gradient, 0.0).sum() + ctx.low * torch.where(below, gradient, 0.0).sum()
            to_limit = beyond.reshape(limit.shape)
        return to_x, to_limit, None


def quantise_input(x: Tensor, drive: Drive, limit: Tensor | None) -> Tensor:
    """The numbers that the drive's codes of ``x`` (..., inputs) stand for.

    The gradient passes where |x| is inside the limit and reaches the limit from outside (PACT, arXiv:1805.06085).
    """
    if limit is None and drive.input_bits is None and drive.signed:
        return x  # exact volts
    if limit is not None:
        return _Rounded.apply(x, limit.to(x), drive)  # type: ignore[no-any-return]
    with torch.no_grad():
        code = drive.coded(x, None).value()
    return x + (code - x).detach() if x.requires_grad else code


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
