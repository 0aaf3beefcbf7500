"""`StoredMatrix`: a real matrix held in cells. Everything above computes through it, and it alone writes the ledger.

y = W x with all that cells, drives and read-outs do to it. A matrix knows its cells, its age and its calibration; the
physics are the pure functions of the floors below.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TypeVar

import torch
from torch import Tensor

from ohmloom.chips.analogue import ALL, analogue_convolution, analogue_product
from ohmloom.chips.logic import logic_product
from ohmloom.chips.mapping import Mapping
from ohmloom.chips.segments import Segments
from ohmloom.chips.sensing import column_errors, compile_matrix, effective_matrix, held_matrix, hold, select_dies
from ohmloom.chips.wiring import Wired, termination, wire_up
from ohmloom.crossbars import AnalogueReadout, Driven, Layout, LogicReadout, Pulses, Sensing, Wires
from ohmloom.crossbars.converters import ColumnErrors
from ohmloom.crossbars.readouts import default_range
from ohmloom.crossbars.transfer import Levels, through
from ohmloom.crossbars.windows import Patches, Window
from ohmloom.devices import Cells, Device, Written
from ohmloom.devices import conductance as cell_conductance
from ohmloom.errors import ConfigurationError, NotFiniteError, ShapeError, message
from ohmloom.random import Streams

Made = TypeVar("Made")
_tokens = itertools.count()


@dataclass
class Calibration:
    """What a user's calibration chose. All optional: without it nothing clips and corrections are nominal."""

    limit: Tensor | None = None  # largest |x| (or x) that the drive reaches
    full_range: Tensor | None = None  # converter's, (dies, 1, 1, 1, 1)
    slope: Tensor | None = None  # (dies, segments, 1, columns)
    offset: Tensor | None = None  # (dies, segments, 1, columns), in weight units of one full-scale input
    stamp: str = ""  # dies and age at which it was measured


@dataclass
class Clips:
    """How often a range was too small, since the last programming."""

    drive: Tensor | float = 0.0
    saturation: Tensor | float = 0.0
    converter: Tensor | float = 0.0

    def count(self, drive: Tensor | int = 0, saturation: Tensor | int = 0, converter: Tensor | int = 0) -> None:
        """So many more. None is the usual case, and costs nothing."""
        for name, more in (("drive", drive), ("saturation", saturation), ("converter", converter)):
            if isinstance(more, Tensor) or more:
                setattr(self, name, getattr(self, name) + more)


@dataclass(eq=False)
class StoredMatrix:
    """A real (out, in) matrix in cells (dies, slices, signs, segments, rows, columns)."""

    mapping: Mapping
    device: Device
    streams: Streams
    segments: Segments
    cells: Cells
    scale: Tensor  # the weight of a value of 1
    targets: Tensor | None  # S, without the die axis; None for formed cells
    written: Written | None = None
    name: str = "matrix"
    owner: str = field(default_factory=lambda: f"matrix-{next(_tokens)}")
    bias_level: Tensor | None = None  # the number that the bias rows stand for
    key: Tensor | None = None  # bits XORed on stored bits: (slices, segments, rows, columns)
    wires: Wires = field(default_factory=Wires)
    calibration: Calibration = field(default_factory=Calibration)
    clips: Clips = field(default_factory=Clips)
    elapsed: float = 0.0
    extrapolate: bool = False
    mirror: StoredMatrix | None = None  # whose cells these are, if this is the other side of another matrix
    _cache: dict[str, object] = field(default_factory=dict, repr=False)
    _reads: dict[tuple[int, torch.device], torch.Generator] = field(default_factory=dict, repr=False)
    _other: StoredMatrix | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if isinstance(self.mapping.readout, LogicReadout) and not self.wires.absent:
            rule = "must be absent where cells are sensed one by one as bits"
            raise ConfigurationError(message(f"{self.name}.wires", rule, self.wires, "Leave them out."))
        if self.mapping.readout.linear:
            return
        rule = "a non-linear converter needs all inputs in one array and no pedestal"
        if self.segments.count > 1:
            remedy = "Use larger arrays, or a linear converter."
            raise ConfigurationError(message(f"{self.name}.converter", rule, f"{self.segments.count} arrays", remedy))
        if self.mapping.encoding.pedestal(self.low, self.high):
            remedy = "Use a pair or an offset column, or a linear converter."
            raise ConfigurationError(message(f"{self.name}.converter", rule, self.mapping.encoding.layout, remedy))

    # --- what it is -------------------------------------------------------------------------------------------------

    @property
    def dies(self) -> int:
        return self.cells.written.shape[0]

    @property
    def shape(self) -> tuple[int, int]:
        """(out, in)"""
        return self.segments.outputs, self.segments.inputs

    @property
    def low(self) -> float:
        """The conductance of a value of 0, S."""
        return self.mapping.reach(self.device)[0]

    @property
    def high(self) -> float:
        """The conductance of a value of 1, S."""
        return self.mapping.reach(self.device)[1]

    @property
    def unit(self) -> float:
        """The conductance between a value of 0 and of 1, S."""
        return self.mapping.encoding.unit(self.low, self.high)

    def conductance(self) -> Tensor:
        """Cell conductances at the present age: (dies, slices, signs, segments, rows, columns), S."""
        if self.mirror is not None:
            return self._turned(self.mirror.conductance())
        return self._cached("conductance", self._aged)

    @property
    def solves(self) -> bool:
        """True if every product solves a circuit: cells are not ohmic, and their lines do not hold them at one voltage
        (wires have resistance, or columns are open)."""
        held = termination(self.mapping) == "ground" and self.wires.absent
        return not (self.device.conduction.ohmic or held or isinstance(self.mapping.readout, LogicReadout))

    def wired(self) -> Wired:
        """The cells on the wires of their arrays, rebuilt only when cells or their age change."""
        return self._cached("wired", lambda: wire_up(self))

    @property
    def parts(self) -> int:
        """Arrays side by side that share the columns of a segment."""
        capacity = self.mapping.output_capacity
        return 1 if capacity is None else -(-self.segments.outputs // capacity)

    @property
    def arrays(self) -> int:
        """Arrays that hold a part of the matrix."""
        return self.segments.count * self.parts

    @property
    def cell_count(self) -> int:
        """Cells of one die."""
        slices, signs = self.cells.written.shape[1:3]
        columns = self.segments.outputs + (self.mapping.encoding.layout is Layout.OFFSET_COLUMN)
        return self.segments.held_rows * slices * signs * columns

    def _aged(self) -> Tensor:
        now = cell_conductance(self.device, self.cells, self.elapsed, extrapolate=self.extrapolate)
        return now * self.segments.present.to(now.device)

    def _turned(self, held: Tensor) -> Tensor:
        """Cells of the mirror as this side's rows and columns."""
        assert self.mirror is not None
        return self.segments.fold(self.mirror.segments.unfold(held).transpose(-1, -2))

    def _cached(self, name: str, make: Callable[[], Made]) -> Made:
        if name not in self._cache:
            self._cache[name] = make()
        return self._cache[name]  # type: ignore[return-value]

    def age(self, elapsed: float, *, extrapolate: bool = False) -> None:
        """Set the time since programming, s; absolute, so saying it twice changes nothing.

        Raises ConfigurationError for a negative time, or one beyond the published times unless ``extrapolate``.
        """
        if not elapsed >= 0:
            raise ConfigurationError(message("age", "must be a time since programming", elapsed, "Give seconds >= 0."))
        corner = Cells(*(leaf[..., :1, :1] for leaf in self.cells))
        cell_conductance(self.device, corner, elapsed, extrapolate=extrapolate)  # refuses before anything changes
        for side in (self, self._other):
            if side is not None:
                side.elapsed, side.extrapolate = elapsed, extrapolate
        self.refresh()

    def refresh(self) -> None:
        """Forget what was compiled from the cells: they, or their age, changed."""
        self._cache.clear()
        if self._other is not None:
            self._other._cache.clear()

    @property
    def T(self) -> StoredMatrix:  # noqa: N802 - the mathematical sign
        """The transposed matrix in the same cells, driven from the other side; its calibration is its own.

        Raises ConfigurationError for layouts that only work one way.
        """
        if self._other is None:
            mapping = self.mapping.transposed
            segments = mapping.segments(self.segments.outputs, self.segments.inputs)
            streams = self.streams.child("transposed")
            self._other = replace(
                self, mapping=mapping, segments=segments, streams=streams, targets=None, mirror=self,
                name=f"{self.name}.T", calibration=Calibration(), clips=Clips(), _cache={}, _reads={}, _other=self,
            )  # fmt: skip
            if self.targets is not None:
                self._other.targets = self._other._turned(self.targets)
        return self._other

    # --- computing --------------------------------------------------------------------------------------------------

    def product(self, x: Tensor, *, generator: torch.Generator | None = None, dies: slice = ALL) -> Tensor:
        """W x: (batch, in) or (dies, batch, in) → (dies, batch, out), with all that the hardware does to it.

        ``dies`` selects some of the matrix's dies; ``generator`` replaces the matrix's own stream of read noise. The
        gradient reaches ``x`` through :meth:`effective` (straight-through over quantisers and noise).
        Raises ShapeError and NotFiniteError.
        """
        self.check_vectors(x, dies)
        x = x if x.dim() == 3 else x.unsqueeze(0)
        generator = generator or self._read_stream(x.device, dies)
        dies = ALL if len(range(self.dies)[dies]) == self.dies else dies
        compute = logic_product if isinstance(self.mapping.readout, LogicReadout) else analogue_product
        with torch.no_grad():
            exact = compute(self, x.detach() if x.requires_grad else x, generator, dies)
        if not (torch.is_grad_enabled() and x.requires_grad):
            return exact
        linear = x @ self.effective()[dies].transpose(-1, -2)
        return linear + (exact - linear).detach()

    def convolve(
        self, images: Tensor, window: Window, *, generator: torch.Generator | None = None, dies: slice = ALL
    ) -> Tensor:
        """W x for all patches x of images (n, channels, height, width) or (dies, n, …): (dies, n · positions, out).

        The same as `product` of the unfolded patches (to rounding, with other draws of the same noise), which is what
        it computes where a drive codes whole vectors, cells are solved or sensed as bits, or no input range is known.
        An input beyond the range counts once, however many patches hold it. Raises ShapeError and NotFiniteError.
        """
        images = images if images.dim() == 5 else images.unsqueeze(0)
        if not self._sends_patches(window) or images.shape[1] == 0:
            return self.product(window.patches(images).flatten(1, 2), generator=generator, dies=dies)
        self.check_vectors(images.new_zeros(images.shape[0], 1, images.shape[2] * math.prod(window.kernel)), dies)
        self._check_finite(images)
        generator = generator or self._read_stream(images.device, dies)
        dies = ALL if len(range(self.dies)[dies]) == self.dies else dies
        with torch.no_grad():
            exact = analogue_convolution(self, images.detach(), window, generator, dies)
        if not (torch.is_grad_enabled() and images.requires_grad):
            return exact
        linear = window.patches(images).flatten(1, 2) @ self.effective()[dies].transpose(-1, -2)
        return linear + (exact - linear).detach()

    def _sends_patches(self, window: Window) -> bool:
        """True if the numbers of images may be coded before they are cut into patches, and patches stay products."""
        drive, limit = self.mapping.drive, self.calibration.limit
        apart = drive.elementwise and (limit.numel() == 1 if limit is not None else isinstance(drive, Pulses))
        at_rest = drive.lines_rest or window.padding == (0, 0)
        return apart and at_rest and isinstance(self.mapping.readout, AnalogueReadout) and not self.solves

    def effective(self) -> Tensor:
        """The noiseless real matrix that the hardware computes with now, read-out gain included: (dies, out, in).

        Quantisers, clips and saturation are left out; for logic it is the decoded integers times the scale.
        """
        return self._cached("effective", lambda: effective_matrix(self))

    def noise_density(self, frequency: float) -> Tensor:
        """One-sided density of each element's read noise at ``frequency`` (Hz): (dies, out, in), W² per Hz."""
        density = self.device.read_noise.density(self.conductance(), frequency) / self.unit**2
        weights = density.new_tensor(self.mapping.encoding.significance).square()
        summed = torch.einsum("l,dlpsrc->dsrc", weights, density)
        if self.mapping.encoding.layout is Layout.OFFSET_COLUMN:
            summed = summed[..., :-1] + summed[..., -1:]
        return self.segments.unfold(summed).transpose(-1, -2) * self.scale**2

    def drive(self, x: Tensor) -> tuple[Driven, Tensor]:
        """Codes of ``x`` (dies or 1, batch, in), and the levels they put on rows after the cells' conduction law:
        (phases, dies or 1, segments, batch, rows)."""
        driven, levels = self.line_levels(x)
        return driven, self._conducted(levels)

    def line_levels(self, x: Tensor) -> tuple[Driven, Tensor]:
        """The same before the cells' conduction law: what drivers put on rows, in units of the read voltage."""
        if self.segments.bias_rows:
            assert self.bias_level is not None
            x = torch.cat([x, self.bias_level.to(x).expand(*x.shape[:-1], 1)], dim=-1)
        driven = self.mapping.drive.encode(x, self.calibration.limit)
        if self.segments.count == 1 and self.segments.bias_rows == 0:
            return driven, driven.levels.unsqueeze(2)
        spread = self.segments.spread(driven.levels)  # (phases, dies, batch, segments, rows)
        return driven._replace(levels=spread.flatten(-2)), spread.transpose(2, 3)

    def drive_patches(self, images: Tensor, window: Window) -> tuple[Driven, Patches]:
        """The same for all patches of images (dies or 1, n, channels, height, width), each number coded once."""
        drive, segments = self.mapping.drive, self.segments
        driven = drive.encode(images.permute(0, 1, 3, 4, 2).contiguous(), self.calibration.limit)
        constant = None
        if segments.bias_rows:
            assert self.bias_level is not None
            constant = self._conducted(drive.encode(self.bias_level.to(images).view(1), self.calibration.limit).levels)
        levels = Patches(
            self._conducted(driven.levels), window, segments.count, segments.length, segments.bias_rows,
            None if constant is None else constant.flatten(),
        )  # fmt: skip
        return driven, levels

    def full_levels(self, like: Tensor) -> Tensor:
        """One phase in which every row is driven fully, for as many vectors as levels ``like`` have."""
        ones = self.segments.present.squeeze(-1).to(like).view(1, 1, self.segments.count, 1, self.segments.rows)
        return self._conducted(ones.expand(1, *like.shape[1:]))

    def _conducted(self, levels: Tensor) -> Tensor:
        """Levels as the cells' conduction law takes them."""
        if self.device.conduction.ohmic or self.solves:
            return levels
        return self.device.conduction.effective_voltage(levels * self.mapping.voltage) / self.mapping.voltage

    def sensing(self, generator: torch.Generator | None = None, dies: slice = ALL) -> Sensing:
        """The compiled read-out. With a generator, noise slower than one call is drawn now and held for the call."""
        sensing, common = self._compiled(dies)
        return sensing if common is None or generator is None else hold(sensing, common, generator)

    def _compiled(self, dies: slice) -> tuple[Sensing, Tensor | None]:
        name = f"sensing {dies}"
        if name not in self._cache:
            sensing, common = compile_matrix(self) if dies == ALL else self._compiled(ALL)
            if dies != ALL:
                sensing, common = select_dies(sensing, dies), None if common is None else common[dies]
            self._cache[name] = sensing, common
        return self._cache[name]  # type: ignore[return-value]

    def range_for(self, sensing: Sensing, significance: Tensor, dies: slice) -> Tensor:
        """The converter's range: calibrated, or one that never clips.

        A group of fewer phases, which is converted with fewer bits, keeps the calibrated step.
        """
        chosen, readout = self.calibration.full_range, self.mapping.readout
        if chosen is None or not isinstance(readout, AnalogueReadout):
            return default_range(sensing, significance)
        chosen = chosen if dies == ALL else chosen[dies]
        share = sensing.readout.converter.steps / readout.converter.steps
        return chosen if share == 1.0 else chosen * share

    def without_pedestal(self, value: Tensor, levels: Levels, significance: Tensor) -> Tensor:
        """Partial sums (dies, segments, batch, columns) without what single cells add to every column alike."""
        encoding = self.mapping.encoding
        pedestal = encoding.pedestal(self.low, self.high)
        if not pedestal:
            return value
        rows = self.segments.present.to(significance).view(1, self.segments.count, 1, -1, 1)
        inputs = torch.einsum("k,kdsqbc->dsb", significance, through(levels, rows))
        return value - inputs.unsqueeze(-1) * (sum(encoding.significance) * pedestal / self.unit)

    def forget_effective(self) -> None:
        """The calibration changed, and with it what the matrix effectively is."""
        self._cache.pop("effective", None)
        self._cache.pop("row_sums", None)

    def row_sums(self) -> Tensor:
        """Σ_i W_ij over all rows, those of the bias too, which an affine drive's offset multiplies: (dies, out)."""
        return self._cached("row_sums", lambda: (held_matrix(self) * self.segments.present.to(self.scale)).sum((1, 2)))

    def errors(self) -> ColumnErrors | None:
        """Static errors of the converters, drawn once per die and column."""
        if "errors" not in self._cache:
            self._cache["errors"] = column_errors(self)
        return self._cache["errors"]  # type: ignore[return-value]

    def _read_stream(self, device: torch.device, dies: slice) -> torch.Generator:
        """The stream of read noise: one for each die that computes alone, one for all together."""
        chosen = range(self.dies)[dies]
        key = (chosen[0] if len(chosen) == 1 else -1, device)
        if key not in self._reads:
            self._reads[key] = self.streams.generator("reads", key[0], device=device)
        return self._reads[key]

    def check_vectors(self, x: Tensor, dies: slice = ALL) -> None:
        """Raises ShapeError or NotFiniteError unless ``x`` can be multiplied with those dies."""
        selected = len(range(self.dies)[dies])
        if (
            x.shape[-1] != self.segments.inputs
            or x.dim() not in (2, 3)
            or (x.dim() == 3 and x.shape[0] not in (1, selected))
        ):
            rule = f"must be (batch, {self.segments.inputs}) or ({selected}, batch, {self.segments.inputs})"
            raise ShapeError(message(f"{self.name}.x", rule, tuple(x.shape), "Reshape the input."))
        self._check_finite(x)

    def _check_finite(self, x: Tensor) -> None:
        if not math.isfinite(x.detach().sum().item()) and not bool(torch.isfinite(x).all()):
            raise NotFiniteError(message(f"{self.name}.x", "must be finite", "NaN or inf", "Find where it arises."))
