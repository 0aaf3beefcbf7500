"""Mapping: how one matrix is held and computed with — drive, encoding, read-out, and the scale between them."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor

from ohmloom.chips.segments import Segments, cut
from ohmloom.crossbars import (
    Affine,
    AnalogueReadout,
    Bits,
    Drive,
    Encoding,
    Layout,
    LogicReadout,
    Readout,
    VoltageSense,
)
from ohmloom.descriptions import Choice, Description
from ohmloom.devices import Device
from ohmloom.errors import ConfigurationError, message
from ohmloom.quantities import Siemens, Volts


class Mapping(Description):
    """How a real matrix becomes cells and line levels, y = scale · Σ_k Σ_l a_k s_l Q(d_k(x) · G_l) + correction.

    ``lowest`` and ``highest`` are the conductances of a slice value of 0 and 1 (absent: the device's range).
    ``percentile`` of |W| is mapped to 1; larger weights are clipped, or programmed above ``highest``, as far as the
    device goes, where ``overrange`` is ``extend``. ``rows`` and ``columns`` are the largest array (absent: any size);
    ``inputs`` limits the inputs of one array further. ``bias`` is added digitally or held in extra rows driven at full
    level.
    ``normalise`` multiplies voltage-sensed columns by the column sums of the *targets*, which is all that the digital
    side knows before calibration.
    """

    drive: Choice[Drive]
    encoding: Choice[Encoding]
    readout: Choice[Readout]
    voltage: Volts = 0.2
    lowest: Siemens | None = None
    highest: Siemens | None = None
    percentile: float = Field(default=100.0, gt=0, le=100)
    overrange: Literal["clip", "extend"] = "clip"
    rows: int | None = Field(default=None, ge=2)
    columns: int | None = Field(default=None, ge=1)
    inputs: int | None = Field(default=None, ge=1)
    bias: Literal["digital", "rows"] = "digital"
    normalise: bool = True

    @model_validator(mode="after")
    def _consistent(self) -> Mapping:
        if isinstance(self.readout, AnalogueReadout):
            self._check_analogue(self.readout)
        elif not self.encoding.binary:
            raise ValueError("logic needs one stored bit per cell, got another encoding. Use bits with layout single.")
        elif self.drive.digits is None:
            raise ValueError("logic needs bits as inputs, got analogue levels. Choose a bit-serial drive.")
        elif isinstance(self.readout, LogicReadout) and self.readout.operation == "xor" and self.drive.digits[0] < 0:
            raise ValueError("xor compares bits 0 and 1, got signed levels. Choose unsigned or two's-complement bits.")
        return self

    def _check_analogue(self, readout: AnalogueReadout) -> None:
        channels, conversions = self.encoding.channels, self.encoding.conversions
        if isinstance(readout.front_end, VoltageSense):
            if conversions < channels and readout.linear:
                raise ValueError("voltage-sensed columns are normalised apart, got an analogue sum. Sum digitally.")
            if len(self.encoding.layout.signs) == 1:
                raise ValueError(f"voltage sensing needs pairs, got layout {self.encoding.layout}. Use pair-rows.")
        if not readout.linear and conversions > 1:
            raise ValueError("a non-linear converter comes after all sums, got digital sums. Sum slices analogue.")
        if not readout.linear and readout.phase_sum == "digital" and len(self.drive.significance) > 1:
            raise ValueError("a non-linear converter comes after all phases, got digital. Set phase_sum = analogue.")
        if not readout.linear and isinstance(self.drive, Affine):
            raise ValueError("an affine drive's offset is added digitally, got a non-linear converter. Change either.")
        if isinstance(self.encoding, Bits) and self.encoding.sign_slice:
            raise ValueError("a sign slice is not linear, got an analogue read-out. Use logic, or a pair.")

    def reach(self, device: Device) -> tuple[float, float]:
        """The conductances of a slice value of 0 and of 1 on cells of ``device``, S."""
        low = device.g_min if self.lowest is None else self.lowest
        return low, device.g_max if self.highest is None else self.highest

    @property
    def input_capacity(self) -> int | None:
        """Inputs, bias rows included, that the rows of one array take."""
        return None if self.rows is None else self.rows // self.encoding.layout.rows_per_input

    def segments(self, inputs: int, outputs: int, bias: float = 0.0) -> Segments:
        """How a matrix is cut along its inputs; ``bias`` as in :func:`ohmloom.chips.segments.cut`."""
        return cut(inputs, outputs, self.input_capacity, bias, self.inputs)

    @property
    def output_capacity(self) -> int | None:
        """Outputs that one array takes when its columns are sensed."""
        if self.columns is None:
            return None
        spare = 1 if self.encoding.layout is Layout.OFFSET_COLUMN else 0
        per_output = self.encoding.layout.columns_per_output * len(self.encoding.significance)
        capacity = (self.columns - spare * len(self.encoding.significance)) // per_output
        if capacity < 1:
            rule = f"an output needs {per_output + spare} columns"
            raise ConfigurationError(message("mapping.columns", rule, self.columns, "Use fewer slices or wider cores."))
        return capacity

    def scale(self, weights: Tensor) -> Tensor:
        """w_max, the weight that becomes 1: the percentile of |W| over all elements (1 for a zero matrix)."""
        magnitude = weights.detach().abs().flatten().double()
        if self.percentile == 100 or len(magnitude) == 0:
            largest = magnitude.max() if len(magnitude) else magnitude.new_ones(())
        else:
            rank = max(round(self.percentile / 100 * len(magnitude)), 1)
            largest = magnitude.kthvalue(rank).values
        return torch.where(largest > 0, largest, torch.ones_like(largest)).to(weights)

    @property
    def transposed(self) -> Mapping:
        """The mapping of the same cells driven from the other side.

        Pairs change lines. They are subtracted digitally, or, where one bit comes out, before the comparator.

        Raises ConfigurationError for layouts that only work one way.
        """
        if self.encoding.layout not in (Layout.PAIR_ROWS, Layout.PAIR_COLUMNS):
            rule = "must be a pair to be driven from both sides"
            raise ConfigurationError(message("encoding.layout", rule, self.encoding.layout, "Use pair-rows."))
        place = "digital" if self.readout.linear else "analogue"
        encoding = self.encoding.replace(layout=self.encoding.layout.transposed, pair_sum=place)
        return self.replace(encoding=encoding, rows=self.columns, columns=self.rows, inputs=None)
