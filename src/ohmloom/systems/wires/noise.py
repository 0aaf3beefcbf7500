"""Read noise through wires: how far its fast form is from the exact deviation, and what correlation it leaves out."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ohmloom.crossbars import Wires, effective_conductance
from ohmloom.crossbars.circuits.sensitivity import own_sensitivity, read_covariance
from ohmloom.crossbars.circuits.wires import Termination

NOISE = 4e-7  # S, of each read of each cell
INPUTS = 40


class NoiseError(NamedTuple):
    """Relative errors of the deviation of a read, mean over inputs and columns, per cent; correlation of neighbours."""

    size: int
    ohms: float
    termination: Termination
    inputs: str
    ignored: float  # wires ignored
    fast: float
    correlation: float


def noise_errors(sizes: tuple[int, ...], ohms: tuple[float, ...], seed: int) -> list[NoiseError]:
    """For uniform cells of 1 to 50 µS, inputs of both signs and positive ones, both kinds of columns."""
    ends: tuple[Termination, ...] = ("ground", "open")
    return [_error(size, one, end, inputs, seed) for size in sizes for one in ohms for end in ends
            for inputs in ("both signs", "positive")]  # fmt: skip


def _error(size: int, ohms: float, end: Termination, inputs: str, seed: int) -> NoiseError:
    generator = torch.Generator().manual_seed(seed)
    cells = (1 + 49 * torch.rand(size, size, generator=generator, dtype=torch.float64)) * 1e-6
    volts = 0.2 * torch.rand(INPUTS, size, generator=generator, dtype=torch.float64)
    volts = 2 * volts - 0.2 if inputs == "both signs" else volts
    wires, variance = Wires(row=ohms, column=ohms), torch.full_like(cells, NOISE**2)
    covariance = read_covariance(cells, variance, volts, wires, end)
    exact = covariance.diagonal(dim1=-2, dim2=-1)
    transfer = effective_conductance(cells, wires, end)
    felt = own_sensitivity(cells, wires, end, transfer)

    def off(share: Tensor, seen: Tensor) -> float:
        ratio = (_variance(cells, variance * share.square(), volts, seen, end) / exact).sqrt()
        return 100 * float((ratio - 1).mean())

    ideal = effective_conductance(cells, Wires(), end)
    beside = covariance.diagonal(offset=1, dim1=-2, dim2=-1) / (exact[:, 1:] * exact[:, :-1]).sqrt()
    return NoiseError(
        size, ohms, end, inputs, off(torch.ones_like(felt), ideal), off(felt, transfer), float(beside.mean())
    )


def _variance(cells: Tensor, variance: Tensor, volts: Tensor, transfer: Tensor, end: Termination) -> Tensor:
    """The sum that a read-out forms: independent cells, (inputs, columns)."""
    if end == "ground":
        return volts.square() @ variance
    away = volts.unsqueeze(-1) - (volts @ transfer).unsqueeze(1)
    return (away.square() * variance).sum(1) / cells.sum(0).square()
