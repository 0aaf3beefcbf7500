"""Quick checks of the machine itself: mapper, cells, converter. They need no trained network."""

from __future__ import annotations

import torch
from torch import Tensor

import ohmloom as ol
from ohmloom.chips import StoredMatrix
from ohmloom.crossbars import AnalogueReadout, ChargeDecrement, NoConverter, VoltageSense
from ohmloom.devices import Device, OpenLoop, WriteVerify, conductance, program

DAY = 86400.0
LEVELS = torch.linspace(1e-6, 40e-6, 8)


def recombined_error(chip: ol.Chip, weights: Tensor) -> tuple[float, float]:
    """Largest relative error of a split product, and of the transposed one, against the dense product.

    Ideal cells, scaling by the maximum, an ideal read-out: what remains is the mapper (N1).
    """
    readout = AnalogueReadout(front_end=VoltageSense(), converter=NoConverter())
    mapping = chip.layer_mapping.replace(percentile=100, readout=readout)
    mapping = mapping.replace(drive=ol.Chip.load("ideal").mapping.drive)
    matrix = ol.store(weights, mapping, Device.load("ideal"), ol.Streams(0))
    x = torch.randn(64, weights.shape[1], generator=torch.Generator().manual_seed(1))
    back = torch.randn(64, weights.shape[0], generator=torch.Generator().manual_seed(2))
    forward, dense = matrix.product(x)[0], x @ weights.T
    backward, transposed = matrix.T.product(back)[0], back @ weights
    return _relative(forward, dense), _relative(backward, transposed)


def _relative(value: Tensor, exact: Tensor) -> float:
    return float((value - exact).abs().max() / exact.abs().max())


def relaxation_errors(device: Device, cells: int, seed: int) -> dict[str, float]:
    """Largest relative deviation of mean and of spread from the rectified Gaussian, given what was written.

    For each published time: conductances at 8 levels written exactly, mean and standard deviation against
    E[max(0, g + s z)] in closed form (N2 with its correction).
    """
    exact = device.replace(programming=OpenLoop(deviation=(0.0,)))
    generator = torch.Generator().manual_seed(seed)
    worst = {"mean": 0.0, "spread": 0.0}
    targets = LEVELS.double().repeat_interleave(cells).view(8, cells)
    written = program(exact, targets, generator).cells
    for age in (1.0, DAY, 2 * DAY):
        g = conductance(device, written, age)
        mean, spread = rectified(LEVELS.double(), _sigma(device, age))
        worst["mean"] = max(worst["mean"], float((g.mean(1) / mean - 1).abs().max()))
        worst["spread"] = max(worst["spread"], float((g.std(1) / spread - 1).abs().max()))
    return worst


def _sigma(device: Device, age: float) -> Tensor:
    """The published polynomial itself, in siemens, at the 8 levels."""
    times, rows = device.retention.times, device.retention.coefficients  # type: ignore[attr-defined]
    row = rows[min(range(len(times)), key=lambda i: abs(times[i] - age))]
    x = LEVELS.double() / 40e-6
    return sum(c * x**power for power, c in enumerate(row)) * 1e-6  # type: ignore[return-value]


def rectified(mean: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of max(0, N(mean, sigma²)), in closed form."""
    normal = torch.distributions.Normal(torch.zeros(()).double(), torch.ones(()).double())
    a = mean / sigma
    density, below = normal.log_prob(a).exp(), normal.cdf(a)
    first = mean * below + sigma * density
    second = (mean**2 + sigma**2) * below + mean * sigma * density
    return first, (second - first**2).clamp(min=0).sqrt()


def epochs_spread(device: Device, cells: int, seed: int) -> dict[int, float]:
    """Deviation from a target of 12 µS one day later, µS, after one and three programming epochs."""
    rule = device.programming
    assert isinstance(rule, WriteVerify)
    targets = torch.full((cells // 100, 100), 12e-6)
    result = {}
    for epochs in (1, 3):
        again = device.replace(programming=rule.replace(epochs=epochs))
        written = program(again, targets, torch.Generator().manual_seed(seed))
        later = conductance(again, written.cells, DAY)
        result[epochs] = float((later - targets).square().mean().sqrt()) * 1e6
    return result


def converter_error(bits: int) -> float:
    """Largest deviation of a code from value / step, in steps, over the range (N3)."""
    converter = ChargeDecrement(bits=bits)
    value = torch.linspace(-1, 1, 20001, dtype=torch.float64)
    code = converter.convert(value.clone(), torch.ones((), dtype=torch.float64), None).value
    return float((code - value).abs().max() * converter.steps)


def level_histograms(device: Device, cells: int, seed: int) -> tuple[list[str], list[float], list[list[list[float]]]]:
    """Write-verified cells at 8 levels by age: ages, bin edges (S), counts[age][level][bin]."""
    generator = torch.Generator().manual_seed(seed)
    written = program(device, LEVELS.repeat_interleave(cells).view(8, cells), generator).cells
    edges = torch.linspace(0, 56e-6, 113)
    ages = {"written": 0.0, "1 s": 1.0, "1 day": DAY, "2 days": 2 * DAY}
    counts = [
        [torch.histogram(row, edges)[0].tolist() for row in conductance(device, written, age)] for age in ages.values()
    ]
    return list(ages), edges.tolist(), counts


def permuted_cells(matrix: StoredMatrix, seed: int) -> None:
    """The control: shuffle the cells of each column among its rows."""
    generator = torch.Generator().manual_seed(seed)
    held = matrix.cells
    rows = int(matrix.segments.rows)
    order = torch.randperm(rows, generator=generator)
    matrix.cells = type(held)(*(leaf[..., order, :] for leaf in held))
    matrix.refresh()
