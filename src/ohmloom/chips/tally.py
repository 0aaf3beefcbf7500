"""What a stored matrix tells the ledger: the events of one product, per die."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ohmloom.crossbars import Layout, Sensing
from ohmloom.crossbars.transfer import Levels, activity
from ohmloom.ledger import Event, record

if TYPE_CHECKING:
    from ohmloom.chips.stored import StoredMatrix


def record_product(
    matrix: StoredMatrix,
    levels: Levels,
    significance: Tensor,
    sensing: Sensing,
    dies: Sequence[int],
    steps: Tensor | None,
    first: bool,
) -> None:
    """Count one product, or one group of its phases (not the ``first``).

    ``levels`` are (phases, dies or 1, segments, batch, rows), decrement ``steps`` (dies,).
    """
    readout, encoding, segments = sensing.readout, matrix.mapping.encoding, matrix.segments
    phases, _, _, batch, _ = levels.shape
    reads = significance.abs() if readout.phase_sum == "analogue" else torch.ones_like(significance)
    conversions = 1 if readout.phase_sum == "analogue" else phases
    arrays, parts = matrix.arrays, matrix.parts
    per_input = encoding.layout.rows_per_input
    rows = segments.held_rows * per_input * parts
    channels = encoding.conversions
    reference = encoding.layout is Layout.OFFSET_COLUMN and encoding.pair_sum == "digital"
    converted = segments.count * channels * (segments.outputs + reference * parts) * conversions * batch
    active = activity(levels)
    lines = active.driven.tolist()
    joule = matrix.unit * matrix.mapping.voltage**2 * readout.integration
    energy = (sensing.cell_energy(levels, active, reads) * joule).tolist()
    bits, input_bits = readout.output_bits or 0, matrix.mapping.drive.input_bits if first else 0
    scaled = sensing.gain is not None or matrix.calibration.slope is not None
    same = {
        Event.SAMPLE: batch if first else 0,
        Event.ARRAY_OPERATION: arrays * batch if first else 0,
        Event.PHASE: arrays * phases * batch,
        Event.ROW_STEP: rows * phases * batch,
        Event.ARRAY_STEP: arrays * float(reads.sum()) * batch,
        Event.CELL_READ: matrix.cell_count * float(reads.sum()) * batch,
        Event.CONVERSION: converted if bits else 0,
        Event.CONVERSION_BIT: converted * bits,
        Event.CONVERSION_ROUND: arrays * conversions * batch if bits else 0,
        Event.ADDITION: (segments.count * channels * conversions - first) * segments.outputs * batch,
        Event.MULTIPLICATION: segments.count * segments.outputs * batch if scaled else 0,
        Event.BYTE: batch * (segments.inputs * (input_bits or 0) + segments.outputs * bits) / 8,
    }
    events: dict[Event, Sequence[float]] = {event: [amount] * len(dies) for event, amount in same.items() if amount}
    events[Event.ROW_DRIVE] = [count * per_input * parts for count in lines] * (len(dies) // len(lines))
    events[Event.CELL_JOULE] = energy
    if steps is not None:
        events[Event.DECREMENT] = steps.tolist()
    record(matrix.owner, matrix.name, dies, events)


def record_logic(matrix: StoredMatrix, levels: Tensor, dies: Sequence[int]) -> None:
    """Count one logic product: one sensing and one operation per stored bit, phase and vector."""
    phases, batch = levels.shape[0], levels.shape[-2]
    operations = matrix.cell_count * phases * batch
    same = {
        Event.SAMPLE: batch,
        Event.ARRAY_OPERATION: matrix.arrays * batch,
        Event.PHASE: matrix.arrays * phases * batch,
        Event.CELL_READ: operations,
        Event.LOGIC: operations,
        Event.POPCOUNT: operations,
        Event.ADDITION: matrix.segments.count * len(matrix.mapping.encoding.significance) * matrix.segments.outputs
        * phases * batch,
    }  # fmt: skip
    if matrix.key is not None:
        same[Event.LOGIC] += int(matrix.key.count_nonzero()) * batch  # one XOR per keyed bit and read
    record(matrix.owner, matrix.name, dies, {event: [amount] * len(dies) for event, amount in same.items()})


def record_pulses(matrix: StoredMatrix, pulses: Tensor, dies: Sequence[int]) -> None:
    """Count programming pulses: ``pulses`` (dies,)."""
    record(matrix.owner, matrix.name, dies, {Event.PULSE: pulses.tolist()})
