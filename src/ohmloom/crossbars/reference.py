"""The reference that fast noise is tested against: every cell of every physical row and column, drawn for every read.

One die, loops over segments, slices, phases and unit reads, no algebra: slow and obvious. Only tests and benchmarks
need it; :mod:`ohmloom.crossbars.readouts` gives the same statistics with dense products.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ohmloom.crossbars.encodings import Encoding, Layout
from ohmloom.crossbars.frontends import VoltageSense
from ohmloom.crossbars.readouts import AnalogueReadout
from ohmloom.devices import ReadNoise
from ohmloom.errors import ConfigurationError, message


@dataclass(frozen=True)
class Reading:
    """How the cells of one die are read."""

    encoding: Encoding
    readout: AnalogueReadout
    noise: ReadNoise
    unit: float  # the conductance of a value of 1, S
    voltage: float  # of a level of 1, V
    full_range: float  # of the converter
    span: float | None = None  # s; slower noise is drawn once for all reads; None: every read is independent

    @property
    def analogue_phases(self) -> bool:
        return self.readout.phase_sum == "analogue"

    @property
    def normalised(self) -> bool:
        return isinstance(self.readout.front_end, VoltageSense)


def sample_product(
    reading: Reading, conductance: Tensor, levels: Tensor, significance: Tensor, generator: torch.Generator
) -> Tensor:
    """Partial sums of one product, (segments, batch, outputs), in units of a weight of 1 at full level.

    ``conductance``: S, (slices, signs, segments, rows, columns), the last column of an offset-column layout being the
    reference; ``levels``: (phases, segments, batch, rows), fractions of the read voltage; ``significance``: (phases,),
    whole numbers where phases are summed on a capacitor.
    """
    weights = significance.tolist()
    parts = [
        _read_array(reading, conductance[:, :, segment], levels[:, segment], weights, generator)
        for segment in range(conductance.shape[2])
    ]
    return torch.stack(parts)


def _read_array(
    reading: Reading, cells: Tensor, levels: Tensor, weights: list[float], generator: torch.Generator
) -> Tensor:
    """One segment: cells (slices, signs, rows, columns), levels (phases, batch, rows) → (batch, outputs)."""
    layout = reading.encoding.layout
    slices = [_read_phases(reading, _physical_array(c, layout), levels, weights, generator) for c in cells]
    gains = [_sides(_physical_array(c, layout).sum(0, keepdim=True) / reading.unit, layout) for c in cells]
    total = torch.zeros(())
    for time, values in enumerate(zip(*slices, strict=True)):  # one time if phases were summed on a capacitor
        weight = 1.0 if reading.analogue_phases else weights[time]
        total = total + weight * _convert(reading, list(values), gains, generator)
    return total


def _read_phases(
    reading: Reading, array: Tensor, levels: Tensor, weights: list[float], generator: torch.Generator
) -> list[Tensor]:
    """What is converted at each time: (sides, batch, columns), where a column pair has two sides."""
    share = _frozen_share(reading, array)
    variance = reading.noise.variance(array, reading.readout.integration)
    held = array + (share * variance).sqrt() * _normal(array.shape, array, generator)
    times = []
    for phase, weight in zip(levels, weights, strict=True):
        count = _unit_reads(weight) if reading.analogue_phases else 1
        sign = -1.0 if reading.analogue_phases and weight < 0 else 1.0
        driven = _physical_levels(phase, reading.encoding.layout)
        reads = [_read_once(reading, driven, held, (1 - share) * variance, generator) for _ in range(count)]
        times.append(_sides(sign * torch.stack(reads).sum(0), reading.encoding.layout))
    return [torch.stack(times).sum(0)] if reading.analogue_phases else times


def _read_once(reading: Reading, levels: Tensor, held: Tensor, variance: Tensor, generator: torch.Generator) -> Tensor:
    """One read: every cell drawn for every vector, summed by Kirchhoff, sensed, saturated: (batch, columns)."""
    front = reading.readout.front_end
    g = held + variance.sqrt() * _normal((len(levels), *held.shape), held, generator)  # (batch, rows, columns)
    current = (levels.unsqueeze(-1) * g).sum(1)
    value = current / g.sum(1) if reading.normalised else current / reading.unit
    value = value + front.noise * _normal(value.shape, value, generator)
    if front.saturation is None:
        return value
    limit = front.saturation / (reading.unit * reading.voltage)
    return value.clamp(-limit, limit)


def _convert(reading: Reading, slices: list[Tensor], gains: list[Tensor], generator: torch.Generator) -> Tensor:
    """Analogue sums, converters, digital sums of (sides, batch, columns) of each slice: (batch, outputs)."""
    encoding, converter = reading.encoding, reading.readout.converter
    signs = list(encoding.layout.signs) if encoding.layout.columns_per_output == 2 else [1.0]
    significance = list(encoding.significance)
    offset = encoding.layout is Layout.OFFSET_COLUMN
    if offset and encoding.pair_sum == "analogue":
        slices = [v[..., :-1] - v[..., -1:] for v in slices]
    if encoding.pairs_meet:
        slices, signs = [_weighted(signs, list(sides)).unsqueeze(0) for sides in slices], [1.0]
    if encoding.slices_meet:
        slices, significance = [_weighted(significance, slices)], [1.0]
    if reading.readout.swing is not None:
        slices = [v.clamp(-reading.readout.swing, reading.readout.swing) for v in slices]
    full_range = slices[0].new_tensor(reading.full_range)
    codes = [converter.sense(v, full_range, None, generator).value for v in slices]
    if offset and encoding.pair_sum == "digital":
        codes = [c[..., :-1] - c[..., -1:] for c in codes]
    if reading.normalised and reading.readout.scalable:
        codes = [c * g for c, g in zip(codes, gains, strict=True)]
    return _weighted(significance, [_weighted(signs, list(sides)) for sides in codes])


def _frozen_share(reading: Reading, array: Tensor) -> Tensor:
    """The share of each cell's read variance that is drawn once for all reads."""
    if reading.span is None:
        return torch.zeros_like(array)
    return reading.noise.frozen_share(array, reading.span, reading.readout.integration)


def _unit_reads(weight: float) -> int:
    """How often a phase is integrated. Raises ConfigurationError for a weight that is no whole number."""
    if abs(weight - round(weight)) > 1e-6:
        rule = "must be a whole number of unit reads where phases are summed on a capacitor"
        raise ConfigurationError(message("significance", rule, weight, "Sum phases digitally."))
    return abs(round(weight))


def _weighted(weights: list[float], values: list[Tensor]) -> Tensor:
    total = torch.zeros(())
    for weight, value in zip(weights, values, strict=True):
        total = total + weight * value
    return total


def _physical_array(cells: Tensor, layout: Layout) -> Tensor:
    """(signs, rows, columns) as it lies: pairs on rows below one another, pairs on columns side by side."""
    return torch.cat(list(cells), dim=0 if layout is Layout.PAIR_ROWS else 1)


def _physical_levels(levels: Tensor, layout: Layout) -> Tensor:
    """(batch, physical rows): the second row of a pair is driven with the opposite sign."""
    return torch.cat([levels, -levels], dim=-1) if layout is Layout.PAIR_ROWS else levels


def _sides(sensed: Tensor, layout: Layout) -> Tensor:
    """(batch, physical columns) → (sides, batch, columns)."""
    return torch.stack(sensed.chunk(layout.columns_per_output, dim=-1))


def _normal(shape: tuple[int, ...] | torch.Size, like: Tensor, generator: torch.Generator) -> Tensor:
    return torch.randn(tuple(shape), dtype=like.dtype, generator=generator)
