"""Drives: how a vector becomes line levels, phase by phase.

A drive turns numbers x into levels d_k (fractions of the read voltage) of phases k with significance a_k, such that

    x ≈ scale · Σ_k a_k d_k + offset

Any code may *encode*; decoding is linear, which is what lets a crossbar compute with it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cache
from typing import Literal, NamedTuple

import torch
from pydantic import Field, model_validator
from torch import Tensor

from ohmloom.crossbars import conversion
from ohmloom.crossbars.clipping import clip
from ohmloom.descriptions import Part
from ohmloom.errors import NotFiniteError, message


class Driven(NamedTuple):
    """A vector as line levels: x ≈ scale · Σ_k significance_k · levels_k + offset."""

    levels: Tensor  # (phases, ..., inputs), fractions of the read voltage, |level| <= 1
    significance: Tensor  # (phases,) a_k
    scale: Tensor | float  # (..., 1) or a number: the value of one unit of Σ_k a_k d_k
    offset: Tensor | None  # (..., 1): an affine drive's zero; None where it is 0
    clipped: Tensor | int  # inputs beyond the limit

    def value(self) -> Tensor:
        """The numbers that the levels stand for: (..., inputs)."""
        total = torch.einsum("k,k...->...", self.significance.to(self.levels), self.levels) * self.scale
        return total if self.offset is None else total + self.offset


class Coded(NamedTuple):
    """A vector as codes, before they are cut into phases: x ≈ scale · code + offset."""

    code: Tensor  # (..., inputs)
    scale: Tensor | float  # (..., 1) or a number
    offset: Tensor | None  # (..., 1), None where it is 0
    clipped: Tensor | int  # inputs beyond the limit

    def value(self) -> Tensor:
        """The numbers that the codes stand for: (..., inputs)."""
        return self.code * self.scale if self.offset is None else self.code * self.scale + self.offset


class Drive(Part, ABC):
    """Abstract: a code from numbers to line levels."""

    @property
    @abstractmethod
    def significance(self) -> tuple[float, ...]:
        """a_k of each phase; also the number of unit reads that phase k is integrated for, where phases are summed
        on a capacitor."""

    @property
    @abstractmethod
    def input_bits(self) -> int | None:
        """Bits of an input code, sign included; None for analogue levels."""

    @property
    @abstractmethod
    def digits(self) -> tuple[float, ...] | None:
        """The levels that one phase can have, None where they are analogue."""

    @abstractmethod
    def coded(self, x: Tensor, limit: Tensor | float | None = None) -> Coded:
        """Codes of ``x`` (..., inputs). ``limit`` is the largest |x| (or x) that the code reaches, and larger ones
        clip; None takes each vector's own largest magnitude, so that nothing clips and no vector depends on another.
        """

    @abstractmethod
    def levels(self, code: Tensor) -> Tensor:
        """The levels that send a code: (phases, ..., inputs), with Σ_k a_k levels_k = code · `code_weight`."""

    @property
    def code_weight(self) -> float:
        """How much one step of the code is in Σ_k a_k levels_k."""
        return 1.0

    def encode(self, x: Tensor, limit: Tensor | float | None = None) -> Driven:
        """Levels of ``x`` (..., inputs) with their significance and scale; ``limit`` as in :meth:`coded`."""
        coded = self.coded(x, limit)
        levels = self.levels(coded.code)
        significance = _significance(self.significance, levels.dtype, levels.device)
        scale = coded.scale if self.code_weight == 1.0 else coded.scale / self.code_weight
        return Driven(levels, significance, scale, coded.offset, coded.clipped)

    @property
    def signed(self) -> bool:
        """True if negative numbers can be sent."""
        return True

    @property
    def lines_rest(self) -> bool:
        """True if a zero input leaves its row at rest in every phase."""
        return True

    @property
    def elementwise(self) -> bool:
        """True if, with a given limit, each number is coded on its own, whatever else its vector holds."""
        return True

    @property
    def reads_sums(self) -> bool:
        """True if the row sums that an offset multiplies are read with every vector, rather than known."""
        return False


@cache
def _significance(values: tuple[float, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    return torch.tensor(values, dtype=dtype, device=device)


def _fractions(x: Tensor, limit: Tensor | float | None, lowest: float) -> tuple[Tensor, Tensor | float, Tensor]:
    """x / limit clipped to [lowest, 1], the limit, and how many were clipped."""
    limit = _own_limit(x) if limit is None else limit
    inside, clipped = clip(x / limit, lowest, 1.0)
    return inside, limit, clipped


def _rounded(
    x: Tensor, limit: Tensor | float | None, lowest: float, steps: int, unit: float
) -> tuple[Tensor, Tensor | float, Tensor | int]:
    """The same in ``steps`` steps of size ``unit`` to either side of zero."""
    limit = _own_limit(x) if limit is None else limit
    each = torch.as_tensor(limit, dtype=x.dtype, device=x.device)
    if conversion.suits(x.numel(), x) and (each.numel() == 1 or each.shape == (*x.shape[:-1], 1)):
        code, clipped = conversion.drive(x, each, lowest, steps, unit)
        return code, limit, clipped
    fraction, limit, clipped = _fractions(x, limit, lowest)
    return fraction.mul_(steps).round_().mul_(unit), limit, clipped


def _own_limit(x: Tensor) -> Tensor:
    """The largest magnitude of each vector, (..., 1); a vector of zeros has one too."""
    return x.abs().amax(-1, keepdim=True).clamp_(min=torch.finfo(x.dtype).tiny)


def _bits(code: Tensor, count: int) -> Tensor:
    """Bits of non-negative integers held as floats, least significant first: (count, ...)."""
    whole = code.to(torch.uint8 if count <= 8 else torch.int32)
    bits = code.new_empty((count, *code.shape))
    for index in range(count):
        bits[index] = (whole >> index) & 1
    return bits


class Amplitude(Drive):
    """Analogue amplitudes from a DAC of ``bits`` bits, or exact volts where ``bits`` is absent.

    Signed codes are sign-magnitude with 2^(bits-1) - 1 steps to either side, so zero is exact and the range symmetric.
    """

    kind: Literal["amplitude"] = "amplitude"
    bits: int | None = Field(default=None, ge=1, le=16)
    negative: bool = True

    @property
    def digits(self) -> tuple[float, ...] | None:
        return None

    @property
    def significance(self) -> tuple[float, ...]:
        return (1.0,)

    @property
    def input_bits(self) -> int | None:
        return self.bits

    @property
    def signed(self) -> bool:
        return self.negative

    def coded(self, x: Tensor, limit: Tensor | float | None = None) -> Coded:
        lowest = -1.0 if self.negative else 0.0
        if self.bits is None:
            fraction, limit, clipped = _fractions(x, limit, lowest)
        else:
            steps = max(2 ** (self.bits - self.negative) - 1, 1)
            fraction, limit, clipped = _rounded(x, limit, lowest, steps, 1 / steps)
        return Coded(fraction, limit, None, clipped)

    def levels(self, code: Tensor) -> Tensor:
        return code.unsqueeze(0)


class BitSerial(Drive):
    """One bit per phase; phase k counts 2^k.

    ``code`` is ``signed`` (sign-magnitude: bits - 1 ternary phases), ``unsigned`` (bits binary phases),
    ``two-phase`` (unsigned numbers as bipolar phases ±1 and one all-ones phase: u = (Σ 2^k c_k + 2^n - 1)/2, which
    NeuRRAM uses so that every row is driven in every phase) or ``twos-complement`` (the top phase counts -2^(bits-1),
    which reaches one step further below zero than above).
    """

    kind: Literal["bit-serial"] = "bit-serial"
    bits: int = Field(ge=1, le=16)
    code: Literal["signed", "unsigned", "two-phase", "twos-complement"] = "signed"

    @model_validator(mode="after")
    def _consistent(self) -> BitSerial:
        if self.code == "twos-complement" and self.bits < 2:
            raise ValueError(f"twos-complement needs at least 2 bits, got {self.bits}. Set bits >= 2.")
        return self

    @property
    def digits(self) -> tuple[float, ...]:
        return {"signed": (-1.0, 0.0, 1.0), "two-phase": (-1.0, 1.0)}.get(self.code, (0.0, 1.0))

    @property
    def magnitude_bits(self) -> int:
        """Bits that carry magnitude: all but the sign; a 1-bit signed input has one ternary phase."""
        return max(self.bits - 1, 1) if self.code in ("signed", "twos-complement") else self.bits

    @property
    def significance(self) -> tuple[float, ...]:
        powers = tuple(float(2**k) for k in range(self.magnitude_bits))
        if self.code == "two-phase":
            return (*powers, float(2**self.bits - 1))
        return (*powers, -float(2 ** (self.bits - 1))) if self.code == "twos-complement" else powers

    @property
    def input_bits(self) -> int:
        return self.bits

    @property
    def signed(self) -> bool:
        return self.code in ("signed", "twos-complement")

    @property
    def lines_rest(self) -> bool:
        return self.code != "two-phase"

    @property
    def code_weight(self) -> float:
        return 2.0 if self.code == "two-phase" else 1.0

    def coded(self, x: Tensor, limit: Tensor | float | None = None) -> Coded:
        steps = 2**self.magnitude_bits - 1
        lowest = {"signed": -1.0, "twos-complement": -(steps + 1) / steps}.get(self.code, 0.0)
        code, limit, clipped = _rounded(x, limit, lowest, steps, 1.0)
        return Coded(code, limit / steps, None, clipped)

    def levels(self, code: Tensor) -> Tensor:
        if self.code == "signed":
            levels = _bits(code.abs(), self.magnitude_bits)
            return levels.mul_(code.sign()) if bool((code < 0).any()) else levels
        if self.code == "unsigned":
            return _bits(code, self.bits)
        if self.code == "two-phase":
            return torch.cat([_bits(code, self.bits).mul_(2).sub_(1), torch.ones_like(code).unsqueeze(0)])
        return _bits(torch.where(code < 0, code + 2**self.bits, code), self.bits)


class Affine(Drive):
    """Unsigned bits of each vector between its own minimum and maximum: x ≈ min + u (max - min)/(2^bits - 1).

    The offset min · Σ_i W_ij is put back digitally. ``sums`` says from where: row sums that are ``known`` exactly
    (published simulations), or those that are ``read`` with each vector in one more phase with every row driven, with
    the noise and the conversion of any read. Nothing clips (ESGNN, 4 bits).
    """

    kind: Literal["affine"] = "affine"
    bits: int = Field(default=4, ge=1, le=16)
    sums: Literal["known", "read"] = "known"

    @property
    def elementwise(self) -> bool:
        return False

    @property
    def reads_sums(self) -> bool:
        return self.sums == "read"

    @property
    def digits(self) -> tuple[float, ...]:
        return (0.0, 1.0)

    @property
    def significance(self) -> tuple[float, ...]:
        return tuple(float(2**k) for k in range(self.bits))

    @property
    def input_bits(self) -> int:
        return self.bits

    def coded(self, x: Tensor, limit: Tensor | float | None = None) -> Coded:
        low, high = x.amin(-1, keepdim=True), x.amax(-1, keepdim=True)
        span = torch.where(high > low, high - low, torch.ones_like(low))
        steps = 2**self.bits - 1
        return Coded(((x - low) / span * steps).round_(), span / steps, low, 0)

    def levels(self, code: Tensor) -> Tensor:
        return _bits(code, self.bits)


class Pulses(Drive):
    """Spikes as they are: 0 or 1 (``binary``), or -1, 0, 1 (``bipolar``; 0 is a masked line)."""

    kind: Literal["pulses"] = "pulses"
    code: Literal["binary", "bipolar"] = "binary"

    @property
    def digits(self) -> tuple[float, ...]:
        return (-1.0, 0.0, 1.0) if self.signed else (0.0, 1.0)

    @property
    def significance(self) -> tuple[float, ...]:
        return (1.0,)

    @property
    def input_bits(self) -> int:
        return 1

    @property
    def signed(self) -> bool:
        return self.code == "bipolar"

    def coded(self, x: Tensor, limit: Tensor | float | None = None) -> Coded:
        allowed = (x == 0) | (x == 1) | ((x == -1) if self.signed else False)
        if not bool(allowed.all()):
            wrong = x[~allowed].flatten()[0].item()
            rule = f"must be {'-1, 0 or 1' if self.signed else '0 or 1'} for {self.code} pulses"
            raise NotFiniteError(message("x", rule, wrong, "Send spikes, or choose another drive."))
        return Coded(x, 1.0, None, 0)

    def levels(self, code: Tensor) -> Tensor:
        return code.unsqueeze(0)
