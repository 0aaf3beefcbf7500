"""Encodings: how a real matrix becomes cells, and how cells are read as a matrix again.

Three things are kept apart:

* the *number format and slices* (a final class here): what each slice l of a weight w in [-1, 1] holds, as a value
  v_l in [-1, 1] (or 0, 1) with significance s_l, so that w ≈ Σ_l s_l v_l;
* the *layout*: which cells hold a slice value, and on which lines (:class:`Layout`);
* the *order* of programming: ``parallel`` writes all slices from the code; ``successive`` writes slice 0, reads it
  back, and encodes what is left into slice 1, so that later slices repair earlier errors.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from enum import StrEnum
from typing import Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor

from ohmloom.descriptions import Part


class Layout(StrEnum):
    """Where the cells of one slice value lie."""

    PAIR_ROWS = "pair-rows"  # (G+, G-) on two rows driven by +d and -d: the pair is summed on the line
    PAIR_COLUMNS = "pair-columns"  # (G+, G-) on two columns, subtracted after sensing
    OFFSET_COLUMN = "offset-column"  # one cell, and one reference column per array
    SINGLE = "single"  # one cell, and a known pedestal removed digitally

    @property
    def signs(self) -> tuple[float, ...]:
        """The signs of the cells of one value."""
        return (1.0, -1.0) if self in (Layout.PAIR_ROWS, Layout.PAIR_COLUMNS) else (1.0,)

    @property
    def rows_per_input(self) -> int:
        return 2 if self is Layout.PAIR_ROWS else 1

    @property
    def columns_per_output(self) -> int:
        return 2 if self is Layout.PAIR_COLUMNS else 1

    @property
    def transposed(self) -> Layout:
        """The layout seen by someone who drives the columns and senses the rows."""
        swap = {Layout.PAIR_ROWS: Layout.PAIR_COLUMNS, Layout.PAIR_COLUMNS: Layout.PAIR_ROWS}
        return swap.get(self, self)


class Encoding(Part, ABC):
    """Abstract: a number format with its slices, a layout, the places of the sums and the programming order."""

    layout: Layout = Layout.PAIR_COLUMNS
    order: Literal["parallel", "successive"] = "parallel"
    pair_sum: Literal["analogue", "digital"] = (
        "analogue"  # of a column pair or an offset column, before or after the ADC
    )
    slice_sum: Literal["analogue", "digital"] = "digital"

    @property
    @abstractmethod
    def significance(self) -> tuple[float, ...]:
        """s_l of each slice, for values v_l: w = Σ_l s_l v_l."""

    @abstractmethod
    def digit(self, residue: Tensor, index: int) -> Tensor:
        """The value that slice ``index`` should hold when ``residue`` of w is left for it and the later slices."""

    @property
    def weight_bits(self) -> int | None:
        """Bits of a weight code, sign included; None for analogue weights."""
        return None

    @property
    def binary(self) -> bool:
        """True if every cell holds one stored bit, on which logic can act."""
        return False

    @property
    def channels(self) -> int:
        """Columns that are sensed apart for one output."""
        return len(self.significance) * self.layout.columns_per_output

    @property
    def slices_meet(self) -> bool:
        """True if slices are added before the converter."""
        return self.slice_sum == "analogue" or len(self.significance) == 1

    @property
    def pairs_meet(self) -> bool:
        """True if the columns of a pair are subtracted before the converter."""
        return self.pair_sum == "analogue" or self.layout.columns_per_output == 1

    @property
    def conversions(self) -> int:
        """Values that are converted apart for one output."""
        slices = 1 if self.slices_meet else len(self.significance)
        return slices * (1 if self.pairs_meet else self.layout.columns_per_output)

    @property
    def centred(self) -> bool:
        """True if a value's zero lies in the middle of the conductance range rather than at its foot."""
        return self.layout is Layout.OFFSET_COLUMN

    @property
    def signed(self) -> bool:
        """True if negative weights can be held."""
        return True

    def prepare(self, weights: Tensor) -> Tensor:
        """Weights in [-1, 1] rounded to the number format; slices then encode it without remainder."""
        return weights

    def values(self, weights: Tensor) -> Tensor:
        """The values of all slices in ``parallel`` order: (slices, ...)."""
        residue, slices = self.prepare(weights), []
        for index, significance in enumerate(self.significance):
            value = self.digit(residue, index)
            residue = residue - significance * value
            slices.append(value)
        return torch.stack(slices)

    def targets(self, value: Tensor, low: float, high: float) -> Tensor:
        """Conductance targets of one slice value: (signs, ...), in siemens between ``low`` and ``high``.

        A pair holds |v| in the cell of its sign and nothing in the other, or, ``centred``, (1 ± v)/2 in both.
        """
        span = high - low
        if len(self.layout.signs) == 2:
            up, down = (
                ((1 + value) / 2, (1 - value) / 2) if self.centred else (value.clamp(min=0), (-value).clamp(min=0))
            )
            return torch.stack([low + up * span, low + down * span])
        return (low + ((1 + value) / 2 if self.centred else value) * span).unsqueeze(0)

    def unit(self, low: float, high: float) -> float:
        """The conductance of a value of 1, in siemens."""
        halved = self.centred and len(self.layout.signs) == 1
        return (high - low) / 2 if halved else high - low

    def pedestal(self, low: float, high: float) -> float:
        """The conductance that a value of 0 leaves on the line after all subtractions, in siemens."""
        return low if self.layout is Layout.SINGLE else 0.0

    def decode(self, conductance: Tensor, low: float, high: float) -> Tensor:
        """Weights w = Σ_l s_l v_l from cells (..., slices, signs, inputs, outputs): linear, (..., inputs, outputs).

        With an offset column the last column holds the reference and is taken off.
        """
        signs = conductance.new_tensor(self.layout.signs)
        line = torch.einsum("p,...pij->...ij", signs, conductance)
        if self.layout is Layout.OFFSET_COLUMN:
            line = line[..., :-1] - line[..., -1:]
        value = (line - self.pedestal(low, high)) / self.unit(low, high)
        return torch.einsum("l,...lij->...ij", value.new_tensor(self.significance), value)


class Analogue(Encoding):
    """Continuous values; with several slices each holds what the one before could not, ``ratio`` times finer."""

    kind: Literal["analogue"] = "analogue"
    slices: int = Field(default=1, ge=1, le=8)
    ratio: float = Field(default=8.0, gt=1)
    centre: bool = False  # both cells of a pair around the middle of the range: (1 ± w)/2

    @property
    def significance(self) -> tuple[float, ...]:
        return tuple(self.ratio**-index for index in range(self.slices))

    @property
    def centred(self) -> bool:
        return self.centre or super().centred

    @property
    def signed(self) -> bool:
        return self.centred or self.layout is not Layout.SINGLE

    def digit(self, residue: Tensor, index: int) -> Tensor:
        value = residue / self.significance[index]
        return value if self.slices == 1 else value.clamp(-1, 1)


class Bits(Encoding):
    """Integer codes cut into slices of ``cell_bits`` bits each.

    ``sign-magnitude``: 2^(bits-1) - 1 steps to either side; in a pair the sign chooses the cell, in a single cell it
    is a slice of its own (logic only). ``twos-complement``: the top slice counts -2^(bits-1), one bit per cell.
    ``offset-binary``: odd symmetric levels ±1/2, ±3/2, … around the middle, for an offset column or centred pairs.
    """

    kind: Literal["bits"] = "bits"
    bits: int = Field(ge=1, le=16)
    cell_bits: int = Field(default=1, ge=1, le=8)
    number: Literal["sign-magnitude", "twos-complement", "offset-binary"] = "sign-magnitude"

    @model_validator(mode="after")
    def _consistent(self) -> Bits:
        pair = len(self.layout.signs) == 2
        if self.number == "sign-magnitude" and self.layout is Layout.OFFSET_COLUMN:
            raise ValueError("offset columns hold offset-binary codes, got sign-magnitude. Set number.")
        if self.number == "offset-binary" and self.layout is Layout.SINGLE:
            raise ValueError("offset-binary needs an offset column or a pair, got layout single. Set layout.")
        if self.number == "twos-complement" and (pair or self.cell_bits != 1):
            raise ValueError("twos-complement needs 1-bit single cells, got a pair or more bits. Set cell_bits = 1.")
        if self.sign_slice and self.cell_bits != 1:
            raise ValueError(f"a sign slice needs one bit per cell, got cell_bits {self.cell_bits}. Set cell_bits = 1.")
        if self.number == "sign-magnitude" and self.bits < 2:
            raise ValueError(f"sign-magnitude needs at least 2 bits, got {self.bits}. Set bits >= 2.")
        return self

    @property
    def sign_slice(self) -> bool:
        """True if slice 0 holds the sign bit (a single cell per bit, sign-magnitude)."""
        return self.number == "sign-magnitude" and self.layout is Layout.SINGLE

    @property
    def centred(self) -> bool:
        return self.number == "offset-binary"

    @property
    def binary(self) -> bool:
        return self.layout is Layout.SINGLE

    @property
    def weight_bits(self) -> int:
        return self.bits

    @property
    def _digit_bits(self) -> tuple[int, ...]:
        """Bits of each slice, most significant first; the top slice takes what does not divide evenly."""
        total = self.bits - 1 if self.number == "sign-magnitude" else self.bits
        full, rest = divmod(total, self.cell_bits)
        return ((rest,) if rest else ()) + (self.cell_bits,) * full

    @property
    def steps(self) -> float:
        """The code of w = 1."""
        if self.number == "offset-binary":
            return (2**self.bits - 1) / 2
        return 2 ** max(self.bits - 1, 1) - 1

    @property
    def significance(self) -> tuple[float, ...]:
        sizes, below, result = self._digit_bits, sum(self._digit_bits), []
        for size in sizes:
            below -= size
            result.append(2.0**below * (2**size - 1) / self.steps)
        if self.number == "twos-complement":
            result[0] = -result[0]
        if self.number == "offset-binary":
            result = [value / 2 for value in result]
        return (0.0, *result) if self.sign_slice else tuple(result)

    def prepare(self, weights: Tensor) -> Tensor:
        if self.number == "offset-binary":
            code = torch.floor(weights * self.steps).clamp(-(2 ** (self.bits - 1)), 2 ** (self.bits - 1) - 1) + 0.5
        elif self.number == "twos-complement":
            code = torch.round(weights * self.steps).clamp(-(2 ** (self.bits - 1)), 2 ** (self.bits - 1) - 1)
        else:
            code = torch.round(weights * self.steps).clamp(-self.steps, self.steps)
        return code / self.steps

    def digit(self, residue: Tensor, index: int) -> Tensor:
        if self.sign_slice:
            return (residue < 0).to(residue) if index == 0 else self._magnitude(residue.abs(), index - 1)
        if self.number == "sign-magnitude":
            return self._magnitude(residue.abs(), index) * residue.sign()
        levels = 2 ** self._digit_bits[index] - 1
        if self.number == "twos-complement":
            remaining = residue if index == 0 else residue.clamp(min=0)
            return (remaining < -1e-9).to(residue) if index == 0 else self._magnitude(remaining, index)
        # offset-binary: the sum of all later slices spans ±rest around this slice's level
        significance = self.significance[index]
        nearest = torch.round((residue / significance + 1) / 2 * levels)
        return (nearest.clamp(0, levels) * 2 / levels) - 1

    def _magnitude(self, magnitude: Tensor, index: int) -> Tensor:
        """The digit of a non-negative residue: that of its nearest integer code (exact in float32 up to 16 bits)."""
        sizes = self._digit_bits
        levels = 2 ** sizes[index] - 1
        whole = torch.floor(torch.round(magnitude * self.steps) / 2.0 ** sum(sizes[index + 1 :]))
        return whole.clamp(0, levels) / levels

    def values(self, weights: Tensor) -> Tensor:
        if not self.sign_slice:
            return super().values(weights)
        code = self.prepare(weights)
        unsigned = code.abs()
        planes = [(code < 0).to(code)]
        for index, significance in enumerate(self.significance[1:]):
            planes.append(self._magnitude(unsigned, index))
            unsigned = unsigned - significance * planes[-1]
        return torch.stack(planes)

    def integers(self, bits: Tensor) -> Tensor:
        """Integer weights from stored bits (..., slices, inputs, outputs) of single cells, exact."""
        powers = bits.new_tensor(self.significance) * self.steps
        magnitude = torch.einsum("l,...lij->...ij", torch.round(powers), bits)
        return magnitude * (1 - 2 * bits[..., 0, :, :]) if self.sign_slice else magnitude


class Radix(Encoding):
    """Two-level cells read against a fixed reference, each counting 1/ratio of the one before (sub-binary radix).

    w = Σ_l (c_l - reference) ratio^-l with c_l near 0 or 1. With ratio < 2 neighbouring codes overlap, so that in
    ``successive`` order later cells repair an earlier cell's error: of one that turns on up to e too strongly while
    ratio <= 1 + 1/(1 + 2e), and of any number of cells that turn on up to e too weakly while ratio <= 2 - 2e.
    """

    kind: Literal["radix"] = "radix"
    layout: Layout = Layout.SINGLE
    slice_sum: Literal["analogue", "digital"] = "analogue"
    ratio: float = Field(default=1.5, gt=1, le=2)
    cells: int = Field(default=12, ge=1, le=32)
    reference: float = Field(default=0.5, gt=0, lt=1)

    @model_validator(mode="after")
    def _consistent(self) -> Radix:
        if self.layout is not Layout.SINGLE:
            raise ValueError(f"radix cells are read against a fixed reference, got layout {self.layout}. Use single.")
        return self

    @property
    def significance(self) -> tuple[float, ...]:
        return tuple(self.ratio**-index for index in range(self.cells))

    def digit(self, residue: Tensor, index: int) -> Tensor:
        return torch.where(residue > 0, 1 - self.reference, -self.reference).to(residue)

    def targets(self, value: Tensor, low: float, high: float) -> Tensor:
        return (low + (value + self.reference) * (high - low)).unsqueeze(0)

    def pedestal(self, low: float, high: float) -> float:
        return low + self.reference * (high - low)


class Bipolar(Encoding):
    """Weights -1 or +1 (0 counts as +1): a pair of one on and one off cell, or one cell that is on for +1."""

    kind: Literal["bipolar"] = "bipolar"

    @property
    def significance(self) -> tuple[float, ...]:
        return (1.0,)

    @property
    def weight_bits(self) -> int:
        return 1

    @property
    def binary(self) -> bool:
        return self.layout is Layout.SINGLE

    @property
    def centred(self) -> bool:
        return len(self.layout.signs) == 1

    def prepare(self, weights: Tensor) -> Tensor:
        return torch.where(weights < 0, -1.0, 1.0).to(weights)

    def digit(self, residue: Tensor, index: int) -> Tensor:
        return self.prepare(residue)

    def pedestal(self, low: float, high: float) -> float:
        return (low + high) / 2 if self.layout is Layout.SINGLE else 0.0
