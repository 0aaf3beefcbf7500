"""Signals: how exact the sums of each layer are on its chip, against the same products in software."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from ohmloom.ledger import Event, Ledger
from ohmloom.nn import Visitor, converted, select, visiting

if TYPE_CHECKING:
    from torch import nn

    from ohmloom.experiments.samples import Samples
    from ohmloom.nn.layers import OnChip, Weighted

VECTORS = 1024  # of each matrix: enough for a ratio within a tenth of a dB


class _Comparer(Visitor):
    """Compares each matrix's products with software's, on some of the vectors that reach it."""

    def __init__(self) -> None:
        self.signal: dict[str, float] = {}
        self.error: dict[str, float] = {}

    def see_vectors(self, layer: OnChip, x: Tensor, part: str, weighted: Weighted) -> None:
        rows = x.reshape(-1, x.shape[-1])
        rows = rows[:: max(len(rows) // VECTORS, 1)]
        wanted, found = F.linear(rows, *weighted), layer.hard(rows, part, weighted)
        name = layer.on_chip.name
        self.signal[name] = self.signal.get(name, 0.0) + float(wanted.double().square().sum())
        self.error[name] = self.error.get(name, 0.0) + float((found - wanted).double().square().sum())


def signals(hardware: nn.Module, data: Samples, dies: int) -> dict[str, list[float]]:
    """Signal-to-noise ratios, dB, of each layer's sums by die: 10 log10 Σ wanted² / Σ (found - wanted)², on inputs that
    came through the hardware before it."""
    ratios: dict[str, list[float]] = {name: [] for name in converted(hardware)}
    batch = next(data.batches())
    for die in range(dies):
        select(hardware, die)
        comparer = _Comparer()
        with visiting(hardware, comparer), torch.no_grad():
            hardware(*batch)
        for name, found in ratios.items():
            signal, error = comparer.signal.get(name, 0.0), comparer.error.get(name, 0.0)
            found.append(10 * math.log10(signal / error) if signal and error else math.inf)
    return ratios


def clipped(hardware: nn.Module, data: Samples) -> dict[str, float]:
    """Which share of each layer's conversions the converter's range cuts off, on the selected die; 0 without one."""
    layers = converted(hardware)
    before = {name: _clips(layer) for name, layer in layers.items()}
    with Ledger() as ledger, torch.no_grad():
        hardware(*next(data.batches()))
    shares = {}
    for name, layer in layers.items():
        made = sum(ledger.total(Event.CONVERSION, matrix.name) for matrix in layer.on_chip.matrices.values())
        shares[name] = (_clips(layer) - before[name]) / made if made else 0.0
    return shares


def _clips(layer: OnChip) -> float:
    return sum(float(matrix.clips.converter) for matrix in layer.on_chip.matrices.values())
