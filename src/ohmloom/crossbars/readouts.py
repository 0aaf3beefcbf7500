"""Read-outs: front end, places of the sums, converter, in one order of effects everywhere.

cell noise → line sum → front end (its noise) → saturation (per phase and column, before a pair is subtracted) →
analogue combination → swing (of what is combined) → converter (gain, offset, noise, code, clip) → digital combination.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Literal, NamedTuple

import torch
from pydantic import Field, model_validator
from torch import Tensor

from ohmloom.crossbars import conversion
from ohmloom.crossbars.clipping import clip
from ohmloom.crossbars.converters import ColumnErrors, Converted, Converter, NoConverter
from ohmloom.crossbars.encodings import Encoding, Layout
from ohmloom.crossbars.frontends import CurrentSense, FrontEnd
from ohmloom.crossbars.lines import Lines, meeting
from ohmloom.crossbars.reads import Added, Reads, Sums, add_phases
from ohmloom.crossbars.transfer import Activity, Levels, Transfer, vectors, weighted
from ohmloom.descriptions import Choice, Part
from ohmloom.quantities import Seconds


class Readout(Part, ABC):
    """Abstract: how an array is sensed."""

    integration: Seconds = 1e-7  # of one unit read

    @property
    @abstractmethod
    def output_bits(self) -> int | None:
        """Bits of one conversion, None for analogue."""

    @property
    def linear(self) -> bool:
        """True if partial sums of several arrays may be added."""
        return True

    @property
    def scalable(self) -> bool:
        """True if digital scales may follow."""
        return self.linear


class LogicReadout(Readout):
    """Cells are sensed as bits and combined exactly: AND or XOR of a drive bit and a stored bit, then a popcount.

    ``and`` gives Σ_i x_i w_i with the signs and powers of the codes; ``xor`` counts differing bits (Hamming distance).
    A cell reads 1 where its conductance exceeds ``threshold`` of the way from the low to the high target.
    """

    kind: Literal["logic"] = "logic"
    operation: Literal["and", "xor"] = "and"
    threshold: float = Field(default=0.5, gt=0, lt=1)

    @property
    def output_bits(self) -> int | None:
        return None


class AnalogueReadout(Readout):
    """Lines are summed by physics, sensed by a front end and converted.

    ``swing`` is where the stage before the converter saturates, such as the integrator that adds phases: the largest
    |value| it can hold, in units of one read at full drive (of the read voltage, where columns are open).
    """

    kind: Literal["analogue"] = "analogue"
    front_end: Choice[FrontEnd] = CurrentSense()
    converter: Choice[Converter] = NoConverter()
    phase_sum: Literal["analogue", "digital"] = "digital"  # phase k integrated 2^k times, or shifted and added
    phase_groups: int = Field(default=1, ge=1)  # analogue sums of so many phases each, added digitally
    swing: float | None = Field(default=None, gt=0)  # absent: without limit

    @model_validator(mode="after")
    def _consistent(self) -> AnalogueReadout:
        if self.phase_groups > 1 and (self.phase_sum == "digital" or not self.linear):
            raise ValueError(
                f"groups need an analogue sum and a linear converter, got {self.phase_groups}. Set it to 1."
            )
        return self

    @property
    def output_bits(self) -> int | None:
        return self.converter.output_bits

    @property
    def linear(self) -> bool:
        return self.converter.linear

    @property
    def scalable(self) -> bool:
        return self.converter.scalable

    def groups(self, phases: int) -> list[tuple[slice, AnalogueReadout]]:
        """Which phases are converted together, and the read-out of each group.

        The largest group converts with the converter's own bits; a group of fewer phases with as many bits less.
        """
        count = min(self.phase_groups, phases)
        if count == 1:
            return [(slice(None), self)]
        size = -(-phases // count)
        cuts = [slice(start, min(start + size, phases)) for start in range(0, phases, size)]
        spare = [size - (cut.stop - cut.start) for cut in cuts]
        converters = [self.converter.fewer_bits(less) for less in spare]
        return [(cut, self.replace(converter=part)) for cut, part in zip(cuts, converters, strict=True)]


class Sensed(NamedTuple):
    """One read of an array: values (dies, segments, batch, columns) in weight units, and what happened."""

    value: Tensor
    saturated: Tensor | int
    clipped: Tensor | int
    steps: Callable[[], Tensor] | None  # decrement steps (dies,), where the converter counts


class Circuit(ABC):
    """Abstract: an array whose columns are solved for every vector of levels."""

    @abstractmethod
    def read(self, levels: Tensor, linear: Tensor) -> Tensor:
        """The noiseless read of levels (phases, dies, segments, batch, rows): (phases, dies, segments, channels, batch,
        columns). ``linear`` is the transfer that ohmic cells would have, noise that is slower than a call included."""

    @abstractmethod
    def select(self, dies: slice) -> Circuit:
        """The circuit of some of the dies."""

    @abstractmethod
    def power(self, levels: Tensor, reads: Tensor) -> Tensor:
        """What ``reads`` of each phase's levels take from the drivers, in the units of
        :meth:`FrontEnd.cell_energy`: (dies, batch)."""


class Sensing(NamedTuple):
    """A read-out compiled for one array: how phases, channels and references meet."""

    readout: AnalogueReadout
    encoding: Encoding
    lines: Lines
    transfer: Transfer  # what the front end makes of the lines
    nodes: Tensor | None  # (conversions, channels): analogue sums of channels; None where each channel is converted
    weights: Tensor  # (conversions,): of the codes in w
    gain: Tensor | None  # (dies, segments, channels, 1, columns): known normalisation, applied digitally
    errors: ColumnErrors | None  # broadcastable to (dies, segments, channels, 1, columns)
    saturation: float | None  # of |read|, in units of a value of 1 at full drive
    own_noise: Tensor | None  # (conversions, 1, 1): variance of one read from the front ends of all columns that meet
    largest: Tensor  # (dies, 1, 1, 1, 1): |value| that no noiseless read of one phase exceeds
    circuit: Circuit | None = None  # of cells that are not ohmic, where lines are no linear map

    @property
    def path(self) -> str:
        """How many dense products one read takes, for the summary."""
        if self.circuit is not None:
            return "one circuit per vector and phase (cells are not ohmic)"
        phases = "one product" if self.merges_phases else "one product per phase"
        channels = self.lines.signed.shape[2]
        return phases + ("" if channels == 1 else f" and channel ({channels} channels)")

    def shifted(self, change: Lines) -> Sensing:
        """The same for lines whose cells changed by those of ``change``; what the digital side knows stays."""
        if change.signed.shape[2] != self.lines.signed.shape[2]:
            change = change.joined(meeting(self.encoding, change.signed)[0])
        old = self.lines
        signed, total = change.signed.add_(old.signed), change.total.add_(old.total)
        lines = old._replace(signed=signed, total=total, row_total=old.row_total + change.row_total)
        return self._replace(lines=lines, transfer=self.readout.front_end.transfer(lines))

    def cell_energy(self, levels: Levels, activity: Activity, reads: Tensor) -> Tensor:
        """What ``reads`` of each phase's levels heat cells and wires with: see :meth:`FrontEnd.cell_energy`."""
        if self.circuit is not None:
            return self.circuit.power(vectors(levels), reads).sum(1)
        if self.lines.admittance is not None:
            rows = vectors(levels)
            return torch.einsum("k,kdsbr,dsrq,kdsbq->d", reads, rows, self.lines.admittance, rows)
        return self.readout.front_end.cell_energy(levels, activity, reads, self.lines, self.transfer)

    @property
    def channel_weights(self) -> Tensor:
        """(channels,): of each channel in w, wherever it meets the others."""
        return self.weights if self.nodes is None else self.weights @ self.nodes

    @property
    def merges_phases(self) -> bool:
        """True if all phases are one product: nothing between them is non-linear, nor is the noise's sum."""
        noiseless = self.transfer.variance is None
        mergeable = noiseless or self.readout.front_end.merges_phases
        linear = self.saturation is None and self.circuit is None
        return self.readout.phase_sum == "analogue" and linear and mergeable

    def sums(self, levels: Levels, square: Levels) -> Sums:
        """What levels and their squares add up to on the lines: see :class:`Transfer`."""
        if self.circuit is None:
            return self.transfer.sums(levels, square)
        return self.transfer.sums(levels, square)._replace(mean=self.circuit.read(vectors(levels), self.transfer.mean))


def compile_sensing(
    readout: AnalogueReadout,
    encoding: Encoding,
    lines: Lines,
    nominal: Lines,
    errors: ColumnErrors | None,
    unit_current: float,
    full_level: float = 1.0,
) -> Sensing:
    """Choose the cheapest exact way to read ``lines``.

    ``nominal`` are the lines of the targets, whose column sums the digital side knows; ``unit_current`` is the
    current of a value of 1 at full drive, in amperes; ``full_level`` the largest |level|, after the cells' conduction.
    """
    front = readout.front_end
    nodes, weights = meeting(encoding, lines.signed)
    own_noise = nodes.square().sum(1).view(-1, 1, 1) * front.noise**2 if front.noise > 0 else None
    saturation = None if front.saturation is None else front.saturation / unit_current
    apart = bool(torch.equal(nodes, torch.eye(len(nodes)).to(nodes)))
    if not apart and saturation is None and front.merges_phases:
        lines, apart = lines.joined(nodes), True
    joined = None if apart else nodes
    largest = _largest(front, encoding, lines, joined) * full_level
    return Sensing(
        readout, encoding, lines, front.transfer(lines), joined, weights, front.gain(nominal), errors, saturation,
        own_noise, largest,
    )  # fmt: skip


def _largest(front: FrontEnd, encoding: Encoding, lines: Lines, nodes: Tensor | None) -> Tensor:
    """The largest noiseless |value| that one phase of full levels brings to a converter: (dies, 1, 1, 1, 1)."""
    bound = front.bound(lines)
    if encoding.layout is Layout.OFFSET_COLUMN and encoding.pair_sum == "analogue":
        bound = bound[..., :-1] + bound[..., -1:]
    if nodes is not None:
        bound = torch.einsum("oq,dsqxc->dsoxc", nodes.abs(), bound)
    largest = bound.flatten(1).amax(1).view(-1, 1, 1, 1, 1)
    return torch.where(largest > 0, largest, torch.ones_like(largest))


def default_range(sensing: Sensing, significance: Tensor) -> Tensor:
    """A converter range that never clips: the largest noiseless read, (dies, 1, 1, 1, 1)."""
    return sensing.largest * significance.abs().sum() if sensing.readout.phase_sum == "analogue" else sensing.largest


def sense(
    sensing: Sensing,
    levels: Levels,
    significance: Tensor,
    full_range: Tensor,
    generator: torch.Generator | None,
    probe: Callable[[Tensor], None] | None = None,
) -> Sensed:
    """Read ``levels`` (phases, dies, segments, batch, rows) of phases with ``significance``.

    ``full_range`` is the converter's, broadcastable to (dies, segments, channels, batch, columns). ``probe`` is shown
    what enters the converter (calibration looks there).
    """
    reads, saturated = _read_lines(sensing, levels, significance, generator)
    reference = sensing.encoding.layout is Layout.OFFSET_COLUMN
    if reference and sensing.encoding.pair_sum == "analogue":
        value = reads.draw(generator)
        reads, reference = Reads(Sums(value[..., :-1] - value[..., -1:])), False
    if (swing := sensing.readout.swing) is not None:
        inside, beyond = clip(reads.draw(generator), -swing, swing)
        reads, saturated = Reads(Sums(inside)), saturated + beyond
    if probe is not None:
        reads = Reads(Sums(reads.draw(generator)))
        probe(reads.sums.mean.clone())  # the converter may overwrite it
    converted = _converted(sensing, reads, full_range, generator)
    value = converted.value
    if reference:
        value = value[..., :-1] - value[..., -1:]
    if sensing.readout.phase_sum == "digital" and sensing.readout.linear:
        value = add_phases(significance, value)
    counted = converted.steps
    steps = None if counted is None else lambda: counted().sum((0, 2, 3, 4, 5))
    value = _sum_digital(sensing, value.squeeze(0), in_place=steps is None)
    return Sensed(value, saturated, converted.clipped, steps)


def _converted(sensing: Sensing, reads: Reads, full_range: Tensor, generator: torch.Generator | None) -> Converted:
    """Draw and convert, in one pass where the converter only rounds."""
    converter, errors = sensing.readout.converter, sensing.errors
    only_rounds = converter.ties is not None and converter.noise == 0 and full_range.shape[-2:].numel() == 1
    if converter.ties is None or not only_rounds or not conversion.suits(reads.shape.numel(), *reads.sums):
        return converter.sense(reads.draw(generator), full_range, errors, generator)
    value, clipped = conversion.convert(reads, converter.steps, converter.ties, errors, full_range, generator)
    return Converted(value, clipped, converter.counter(value, full_range))


def _sum_digital(sensing: Sensing, value: Tensor, *, in_place: bool) -> Tensor:
    """Normalise and add the channels that were converted apart: (dies, segments, batch, columns)."""
    if sensing.gain is not None and sensing.readout.scalable:
        value = value.mul_(sensing.gain) if in_place else value * sensing.gain
    if len(sensing.weights) == 1:
        return value.squeeze(2)  # its weight is 1
    return torch.einsum("q,dsqbc->dsbc", sensing.weights, value)


def _read_lines(
    sensing: Sensing, levels: Levels, significance: Tensor, generator: torch.Generator | None
) -> tuple[Reads, Tensor | int]:
    """The analogue side: what the converters see, and how many reads saturated."""
    if sensing.saturation is not None:
        value, saturated = _read_saturating(sensing, levels, significance, sensing.saturation, generator)
        return Reads(Sums(value)), saturated
    # Everything up to the converter is linear and normal: add first, draw once.
    transfer, own, added = sensing.transfer, sensing.own_noise, None
    square = levels if transfer.variance is None else levels.square()
    if sensing.readout.phase_sum == "analogue" and (len(significance) > 1 or float(significance) != 1.0):
        added = Added(significance, significance.abs())  # a phase read n times has n times the variance of one read
        own = None if own is None else own * added.reads.sum()
        square = levels if transfer.variance is None else weighted(added.reads, square)
        if sensing.merges_phases:
            levels, added = weighted(significance, levels), None
    reads = Reads(sensing.sums(levels, square), transfer.column, added, own)
    return (reads if sensing.nodes is None else _met(reads, sensing.nodes)), 0


def _read_saturating(
    sensing: Sensing, levels: Levels, significance: Tensor, limit: float, generator: torch.Generator | None
) -> tuple[Tensor, Tensor]:
    """The same where the amplifiers of each column and phase saturate: at the mean of the phase's unit reads."""
    front, transfer, analogue = sensing.readout.front_end, sensing.transfer, sensing.readout.phase_sum == "analogue"
    mean, variance = Reads(sensing.sums(levels, levels.square()), transfer.column).moments()
    repeats = (significance.abs() if analogue else torch.ones_like(significance)).view(-1, 1, 1, 1, 1, 1)
    own = front.noise**2 / repeats if front.noise > 0 else None
    noisy = Reads(Sums(mean, None if variance is None else variance / repeats), own=own).draw(generator)
    inside, saturated = clip(noisy, -limit, limit)
    if analogue:
        inside = add_phases(significance, inside)
    return (inside if sensing.nodes is None else _meet(sensing.nodes, inside)), saturated


def _met(reads: Reads, nodes: Tensor) -> Reads:
    """Reads of channels that meet on analogue nodes."""
    value, variance = reads._replace(own=None).moments()
    return Reads(
        Sums(_meet(nodes, value), None if variance is None else _meet(nodes.square(), variance)), own=reads.own
    )


def _meet(nodes: Tensor, value: Tensor) -> Tensor:
    return torch.einsum("oq,kdsqbc->kdsobc", nodes, value)
