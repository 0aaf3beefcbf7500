"""From a stored matrix to a compiled read-out: gather the lines, choose the cheapest exact way, decode it again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ohmloom.chips.logic import stored_weights, weight_steps
from ohmloom.chips.solved import SolvedArrays
from ohmloom.crossbars import (
    AnalogueReadout,
    Layout,
    Lines,
    LogicReadout,
    Sensing,
    compile_sensing,
    gather,
    standard_normal,
)
from ohmloom.crossbars.converters import ColumnErrors
from ohmloom.crossbars.transfer import Transfer

if TYPE_CHECKING:
    from ohmloom.chips.stored import StoredMatrix

SPAN = 1e-3  # s: noise slower than this is the same for all vectors of one call


def compile_matrix(matrix: StoredMatrix) -> tuple[Sensing, Tensor | None]:
    """The read-out of ``matrix`` at its age, with the noise of each vector's own; and the deviation of the noise that
    is common to a call, (dies, slices, signs, segments, rows, columns) in units of a value of 1, or None."""
    readout, encoding, noise = matrix.mapping.readout, matrix.mapping.encoding, matrix.device.read_noise
    assert isinstance(readout, AnalogueReadout)
    conductance, variance, common = matrix.conductance(), None, None
    if not noise.quiet:
        variance = noise.variance(conductance, readout.integration) * matrix.segments.present.to(conductance)
        share = noise.frozen_share(conductance, SPAN, readout.integration)
        if bool(share.any()):
            common, variance = (share * variance).sqrt() / matrix.unit, (1 - share) * variance
    lines = _lines(matrix, conductance, variance)
    if common is not None and (felt := _felt(matrix)) is not None:
        common = common * felt
    known = conductance if matrix.targets is None else matrix.targets.unsqueeze(0).to(conductance)
    nominal = gather(known, None, encoding, matrix.unit)
    voltage, full_level = abs(matrix.mapping.voltage), 1.0
    if not matrix.device.conduction.ohmic and voltage > 0:
        effective = matrix.device.conduction.effective_voltage(torch.tensor(voltage, dtype=torch.float64))
        full_level = float(effective) / voltage
    current = matrix.unit * voltage
    sensing = compile_sensing(readout, encoding, lines, nominal, matrix.errors(), current, full_level)
    if matrix.solves:
        bound = gather(conductance, None, encoding, matrix.unit)  # no cell on wires takes more than it would without
        largest = compile_sensing(readout, encoding, bound, nominal, None, current, full_level).largest
        sensing = sensing._replace(largest=largest, circuit=SolvedArrays.of(matrix, sensing))
    if sensing.gain is not None and not matrix.mapping.normalise:
        known = sensing.gain
        mean = known.sum(dim=(1, 2, 3, 4), keepdim=True) / (known > 0).sum(dim=(1, 2, 3, 4), keepdim=True)
        sensing = sensing._replace(gain=mean.expand_as(known))
    return sensing, common


def _lines(matrix: StoredMatrix, conductance: Tensor, variance: Tensor | None) -> Lines:
    """The lines of the cells, as their wires let them act; noise in its fast form."""
    encoding, unit = matrix.mapping.encoding, matrix.unit
    if matrix.wires.absent:
        return gather(conductance, variance, encoding, unit)
    wired, felt = matrix.wired(), _felt(matrix)
    if variance is not None and felt is not None:
        variance = variance * felt.square()
    return gather(wired.acting, variance, encoding, unit)._replace(admittance=wired.admittance / unit)


def _felt(matrix: StoredMatrix) -> Tensor | None:
    """How much of each cell's noise its column feels; None: all of it."""
    return None if matrix.wires.absent else matrix.wired().noise


def hold(sensing: Sensing, deviation: Tensor, generator: torch.Generator) -> Sensing:
    """The read-out with the noise that is slower than one call, drawn now for every cell; lines are linear in cells."""
    drawn = standard_normal(deviation.shape, generator, dtype=deviation.dtype, device=deviation.device)
    return sensing.shifted(gather(drawn.mul_(deviation), None, sensing.encoding, unit=1.0))


def select_dies(sensing: Sensing, dies: slice) -> Sensing:
    """The read-out of some of the dies."""

    def pick(value: Tensor | None) -> Tensor | None:
        return value if value is None or value.shape[0] == 1 else value[dies]

    lines = Lines(*(pick(leaf) for leaf in sensing.lines))  # type: ignore[arg-type]
    transfer = Transfer(*(pick(leaf) for leaf in sensing.transfer))  # type: ignore[arg-type]
    errors = sensing.errors
    if errors is not None:
        errors = ColumnErrors(errors.gain[dies], errors.offset[dies])
    circuit = None if sensing.circuit is None else sensing.circuit.select(dies)
    return sensing._replace(
        lines=lines, transfer=transfer, gain=pick(sensing.gain), errors=errors, largest=pick(sensing.largest),
        circuit=circuit,
    )  # fmt: skip


def column_errors(matrix: StoredMatrix) -> ColumnErrors | None:
    """Static converter errors of all dies: leaves (dies, segments, converters, 1, columns)."""
    readout, encoding = matrix.mapping.readout, matrix.mapping.encoding
    if not isinstance(readout, AnalogueReadout):
        return None
    reference = encoding.layout is Layout.OFFSET_COLUMN and encoding.pair_sum == "digital"
    shape = (matrix.segments.count, encoding.conversions, 1, matrix.segments.outputs + reference)
    drawn = [
        readout.converter.column_errors(shape, matrix.streams.generator("converters", die))
        for die in range(matrix.dies)
    ]
    if drawn[0] is None:
        return None
    device = matrix.cells.written.device
    gains, offsets = zip(*drawn, strict=True)  # type: ignore[arg-type]
    return ColumnErrors(torch.stack(gains).to(device), torch.stack(offsets).to(device))


def effective_matrix(matrix: StoredMatrix) -> Tensor:
    """What one unit on each input gives at the output, without noise, codes and clips: (dies, out, in)."""
    encoding, scale = matrix.mapping.encoding, matrix.scale
    if isinstance(matrix.mapping.readout, LogicReadout):
        return (stored_weights(matrix, None).transpose(-1, -2) * scale / weight_steps(encoding)).to(scale)
    return matrix.segments.unfold(held_matrix(matrix)).transpose(-1, -2)


def held_matrix(matrix: StoredMatrix) -> Tensor:
    """The same with its bias rows, as an analogue read-out sees it: (dies, segments, rows, columns)."""
    encoding, scale = matrix.mapping.encoding, matrix.scale
    sensing = matrix.sensing()
    value = sensing.transfer.mean if sensing.gain is None else sensing.transfer.mean * sensing.gain
    value = torch.einsum("q,dsqrc->dsrc", sensing.channel_weights, value)
    if encoding.layout is Layout.OFFSET_COLUMN:
        value = value[..., :-1] - value[..., -1:]
    value = value - sum(encoding.significance) * encoding.pedestal(matrix.low, matrix.high) / matrix.unit
    if matrix.calibration.slope is not None:
        value = value * matrix.calibration.slope
    return value * scale
