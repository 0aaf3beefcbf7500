"""Logic read-out: cells sensed as bits, combined with drive bits by AND or XOR, and counted — exact integers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ohmloom.chips.tally import record_logic
from ohmloom.crossbars import Bits, Encoding, LogicReadout
from ohmloom.devices import sample_reads
from ohmloom.ledger import open_ledgers

if TYPE_CHECKING:
    from ohmloom.chips.stored import StoredMatrix


def sensed_bits(matrix: StoredMatrix, generator: torch.Generator | None) -> Tensor:
    """Bits of all cells, with the key taken off: (dies, slices, segments, rows, columns), 0 or 1 as float64.

    With a generator every cell is read once with its read noise; without one, noiselessly.
    """
    readout = matrix.mapping.readout
    assert isinstance(readout, LogicReadout)
    conductance = matrix.conductance()
    if generator is not None and not matrix.device.read_noise.quiet:
        conductance = sample_reads(matrix.device, conductance, readout.integration, generator)[0]
    threshold = matrix.low + readout.threshold * (matrix.high - matrix.low)
    bits = (conductance[:, :, 0] > threshold).double()  # the pair axis has one member
    if matrix.key is not None:
        bits = (bits - matrix.key.to(bits)).abs()
    return bits * matrix.segments.present.to(bits)


def stored_weights(matrix: StoredMatrix, generator: torch.Generator | None) -> Tensor:
    """Integer weights decoded from sensed bits: (dies, inputs, outputs), float64 and exact."""
    bits = sensed_bits(matrix, generator)
    bits = matrix.segments.unfold(bits)
    encoding = matrix.mapping.encoding
    return encoding.integers(bits) if isinstance(encoding, Bits) else 2 * bits[:, 0] - 1


def weight_steps(encoding: Encoding) -> float:
    """The integer that a weight of 1 is stored as."""
    return encoding.steps if isinstance(encoding, Bits) else 1.0


def logic_product(matrix: StoredMatrix, x: Tensor, generator: torch.Generator, dies: slice) -> Tensor:
    """Σ over phases and slices of a_k s_l popcount(d_k ∘ bits_l): one exact integer product for AND.

    Integers are held in float64, exact up to 2^53.
    """
    readout, drive = matrix.mapping.readout, matrix.mapping.drive
    assert isinstance(readout, LogicReadout)
    driven = drive.encode(x.double(), matrix.calibration.limit)
    code = torch.einsum("k,k...->...", driven.significance, driven.levels)
    if open_ledgers():
        record_logic(matrix, driven.levels, range(matrix.dies)[dies])
    if readout.operation == "xor":
        return _distance(matrix, driven.levels, driven.significance, generator, dies).to(x)
    weights = stored_weights(matrix, generator)[dies]
    one = matrix.scale.double() / weight_steps(matrix.mapping.encoding)
    value = (code @ weights) * (one * driven.scale)
    if driven.offset is not None:
        value = value + driven.offset * (weights.sum(-2) * one).unsqueeze(1)
    return value.to(x)


def _distance(
    matrix: StoredMatrix, levels: Tensor, significance: Tensor, generator: torch.Generator, dies: slice
) -> Tensor:
    """Σ_kl a_k s_l (number of differing bits): x ⊕ w = x + w - 2 x w."""
    bits = matrix.segments.unfold(sensed_bits(matrix, generator))[dies]  # (dies, slices, inputs, outputs)
    powers = bits.new_tensor(matrix.mapping.encoding.significance)
    powers = powers / powers.abs()[powers != 0].min()
    both = torch.einsum("k,l,kdbi,dlio->dbo", significance, powers, levels, bits)
    of_x = torch.einsum("k,kdbi->db", significance, levels) * powers.sum()
    of_w = torch.einsum("l,dlio->do", powers, bits) * significance.sum()
    return of_x.unsqueeze(-1) + of_w.unsqueeze(1) - 2 * both
