"""What a product of a full NeuRRAM core takes: published points, ours from the ledger, and constants fitted to them.

The time of one product, as `ohmloom.chips.Timing` has it, with the groups of phases that are converted together:

    t = 0.27 us · Σ_groups (2^m - 1) + Σ_groups conversion · growth^(b - 3) + 0.3 us · (groups - 1)

for m magnitude bits in a group and conversions of b bits. Energies are one per product and one per row step for word
lines, one per driven row and phase for input pulses, and a power while the core is busy for neurons and control.

The points are digitised from figures of Wan et al., Nature 608, 504 (2022), doi:10.1038/s41586-022-04992-8, in CiMLoop
(github.com/mit-emze/cimloop, commit d6e1390, model wan_nature_2022, MIT licence).
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from typing import NamedTuple, Self

import numpy as np
import torch
from scipy.optimize import least_squares

from ohmloom.chips import Chip, Cost, Installation, cost, install, store
from ohmloom.chips.mapping import Mapping
from ohmloom.crossbars import AnalogueReadout
from ohmloom.crossbars.converters import ChargeDecrement
from ohmloom.crossbars.drives import BitSerial
from ohmloom.errors import ConfigurationError, message
from ohmloom.ledger import Ledger
from ohmloom.random import Streams

UNITS = {
    "throughput": "TOPS",
    "efficiency": "TOPS/W",
    "word lines": "fJ/OP",
    "neurons and control": "fJ/OP",
    "input pulses": "fJ/OP",
}
PARTS = {  # what the paper sums up, of the chip's components
    "word lines": ("word-line-set-up", "word-lines"),
    "neurons and control": ("neurons-and-control",),
    "input pulses": ("input-pulses",),
}
COLUMNS = {
    "throughput": "tops",
    "efficiency": "tops_per_watt",
    "word lines": "wl_switch_fJ_per_op",
    "neurons and control": "neuron_control_fJ_per_op",
    "input pulses": "input_pulse_fJ_per_op",
}
SAME = 4  # up to so many input bits one- and two-phase operation are one and the same published point
DOUBTFUL = 6  # input bits of the points that contradict each other by 11 % in their source: shown, not fitted


class Point(NamedTuple):
    """One published point: its precision, phases of operation, and the numbers known there, by the keys of `UNITS`."""

    output_bits: int
    input_bits: int
    phases: int
    published: dict[str, float]

    @property
    def fitted(self) -> bool:
        """True if its numbers are to be met."""
        return self.input_bits != DOUBTFUL

    @property
    def name(self) -> str:
        return f"{self.input_bits} → {self.output_bits} bits" + (", one phase" if self.phases == 1 else "")


def points() -> list[Point]:
    """The published points, each once, in their order: of equal ones the two-phase one, which has the energy parts."""
    text = (files("ohmloom.systems.neurram") / "energy.csv").read_text(encoding="utf-8")
    read = []
    for row in csv.DictReader(text.splitlines()):
        published = {kind: float(row[column]) for kind, column in COLUMNS.items() if row[column]}
        point = Point(int(row["output_bits"]), int(row["input_bits"]), int(row["phases"]), published)
        if point.phases == 2 or point.input_bits > SAME:
            read.append(point)
    return read


@dataclass(frozen=True)
class Product:
    """One product on one full core, with what the ledger counted."""

    point: Point
    ledger: Ledger
    installation: Installation

    def cost(self, chip: Chip) -> Cost:
        """The product priced with the timing and components of ``chip``."""
        return cost(self.ledger, replace(self.installation, chip=chip), inferences=1)

    def ours(self, chip: Chip) -> dict[str, float]:
        """Our numbers for the whole chip, by the keys of `UNITS`, in their units."""
        priced = self.cost(chip)
        per_operation = 1e15 / priced.operations
        parts = {part: per_operation * sum(priced.components[name] for name in names) for part, names in PARTS.items()}
        throughput = chip.cores.count * priced.operations / priced.latency_second
        return {"throughput": 1e-12 * throughput, "efficiency": 1e-12 * priced.operations_per_joule, **parts}


def run_product(point: Point, chip: Chip, streams: Streams, *, split: bool = True) -> Product:
    """Program one full core, send it one vector that drives every row in every phase, and count.

    ``split`` lets two-phase operation cut long inputs into two groups of phases.
    """
    mapping = mapping_of(point, chip, split=split)
    inputs, outputs = mapping.input_capacity, mapping.output_capacity
    assert inputs is not None
    assert outputs is not None
    weights = torch.randn(outputs, inputs, generator=streams.generator("weights"))
    matrix = store(weights, mapping, chip.device, streams, name="core")
    with Ledger() as ledger:
        matrix.product(torch.ones(1, inputs))
    return Product(point, ledger, install(chip, {"core": matrix}))


def mapping_of(point: Point, chip: Chip, *, split: bool = True) -> Mapping:
    """The chip's mapping at this precision.

    Inferred, not published: from 5 input bits on, two-phase operation converts the upper and the lower half of the
    magnitude bits apart; the longer half with its bits, the sign and two more, the shorter one with as many bits less.
    A whole core is filled, whatever share of its rows the chip's networks use.
    """
    mapping = chip.layer_mapping
    if not (
        isinstance(mapping.drive, BitSerial)
        and isinstance(mapping.readout, AnalogueReadout)
        and isinstance(mapping.readout.converter, ChargeDecrement)
    ):
        rule = "must have a bit-serial drive and charge-decrement converters"
        raise ConfigurationError(message("chip.mapping", rule, chip.name, "Use a chip that extends 'neurram'."))
    drive = mapping.drive.replace(bits=point.input_bits)
    groups = 2 if split and point.phases == 2 and point.input_bits > SAME else 1
    longest = -(-drive.magnitude_bits // groups)
    converter = mapping.readout.converter.replace(bits=point.output_bits - drive.magnitude_bits + longest)
    readout = mapping.readout.replace(phase_groups=groups, converter=converter)
    return mapping.replace(drive=drive, readout=readout, inputs=None)


class Constants(NamedTuple):
    """The six fitted constants, in SI units, under the names they have in this report."""

    word_line_set_up: float  # J per product and core
    word_line_step: float  # J per row and phase
    input_pulse: float  # J per driven row and phase
    neurons_and_control: float  # W of a busy core
    conversion: float  # s, at 3 bits
    growth: float  # of the conversion time, per bit

    @classmethod
    def of(cls, chip: Chip) -> Self:
        """Those of a chip."""
        parts, timing = chip.components, chip.timing
        return cls(
            parts["word-line-set-up"].energy,
            parts["word-lines"].energy,
            parts["input-pulses"].energy,
            parts["neurons-and-control"].power,
            timing.conversion,
            timing.growth,
        )

    def on(self, chip: Chip) -> Chip:
        """The chip with these constants."""
        parts = dict(chip.components)
        parts["word-line-set-up"] = parts["word-line-set-up"].replace(energy=self.word_line_set_up)
        parts["word-lines"] = parts["word-lines"].replace(energy=self.word_line_step)
        parts["input-pulses"] = parts["input-pulses"].replace(energy=self.input_pulse)
        parts["neurons-and-control"] = parts["neurons-and-control"].replace(power=self.neurons_and_control)
        timing = chip.timing.replace(conversion=self.conversion, growth=self.growth)
        return chip.replace(components=parts, timing=timing)


START = Constants(1e-10, 1e-12, 1e-12, 1e-4, 1e-6, 1.5)  # orders of magnitude, from which every fit sets out
CONSTANT_UNITS = dict(zip(Constants._fields, ("J", "J", "J", "W", "s", ""), strict=True))


class Compared(NamedTuple):
    """One published number and ours."""

    point: Point
    kind: str
    published: float
    ours: float

    @property
    def error(self) -> float:
        """Relative, in per cent."""
        return 100 * (self.ours / self.published - 1)


def compare(products: Sequence[Product], chip: Chip) -> list[Compared]:
    """All published numbers of these products with ours."""
    return [
        Compared(product.point, kind, published, ours[kind])
        for product in products
        for ours in [product.ours(chip)]
        for kind, published in product.point.published.items()
    ]


def worst(compared: Sequence[Compared]) -> float:
    """The largest relative error, in per cent."""
    return max(abs(number.error) for number in compared)


def root_mean_square(compared: Sequence[Compared]) -> float:
    """The root mean square of the relative errors, in per cent."""
    return float(np.sqrt(np.mean([number.error**2 for number in compared])))


def fit(products: Sequence[Product], chip: Chip, **held: float) -> Constants:
    """The constants with the least sum of squared relative errors over all numbers of these products.

    Each candidate is priced as every ledger is. Constants named in ``held`` are kept; the others are positive.
    """
    free = [name for name in Constants._fields if name not in held]

    def constants(logarithms: np.ndarray) -> Constants:
        return START._replace(**dict(zip(free, np.exp(logarithms).tolist(), strict=True)), **held)

    def errors(logarithms: np.ndarray) -> list[float]:
        return [number.error / 100 for number in compare(products, constants(logarithms).on(chip))]

    start = np.log([getattr(START, name) for name in free])
    return constants(least_squares(errors, start, xtol=1e-12, ftol=1e-12, gtol=1e-12).x)
