"""Making stored matrices: write targets, form fresh cells, switch formed cells on or off."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor

from ohmloom.chips.mapping import Mapping
from ohmloom.chips.segments import Segments
from ohmloom.chips.stored import StoredMatrix
from ohmloom.chips.tally import record_pulses
from ohmloom.crossbars import Layout, LogicReadout, Wires
from ohmloom.devices import Cells, Device, Written, sample_reads, set_and_reset
from ohmloom.devices import form as form_cells
from ohmloom.devices import program as write_cells
from ohmloom.devices import switch as switch_cells
from ohmloom.errors import ConfigurationError, NotFiniteError, ShapeError, message
from ohmloom.ledger import open_ledgers
from ohmloom.random import Streams

IDEAL = Wires()
# Better targets (slices, signs, segments, rows, columns), S, for the plain ones in arrays with these wires.
Correction = Callable[[Tensor, Mapping, Device, Wires], Tensor]


def store(
    weights: Tensor,
    mapping: Mapping,
    device: Device,
    streams: Streams,
    *,
    dies: int = 1,
    bias: Tensor | None = None,
    limit: float | Tensor | None = None,
    key: Tensor | None = None,
    wires: Wires = IDEAL,
    correction: Correction | None = None,
    name: str = "matrix",
) -> StoredMatrix:
    """Program ``weights`` (out, in) into fresh cells of ``dies`` dies.

    ``bias`` (out,) goes into rows driven at the full level ``limit`` (mapping.bias = "rows"). ``key`` (slices, out,
    in) of 0 and 1 is XORed on the stored bits; reading takes it off again as long as the matrix holds it. ``wires`` are
    those of the arrays; a ``correction`` may write other targets because of them.
    Raises ShapeError, NotFiniteError, ConfigurationError, PlacementError.
    """
    _check_weights(weights, bias, mapping, device, name)
    scale = mapping.scale(weights)
    matrix = (weights.detach() / scale).T
    if mapping.overrange == "clip":
        matrix = matrix.clamp(-1, 1)
    share = _bias_share(bias, limit, scale)
    largest = 0.0 if share is None else float(share.abs().max())
    segments = mapping.segments(*matrix.shape, bias=largest)
    held_key = None if key is None else _held_key(key, segments, mapping)
    cells_of = Targets(mapping, device, segments, held_key)
    folded = segments.fold(matrix, share)
    goals = cells_of.parallel(folded) if mapping.encoding.order == "parallel" else None
    if correction is not None:
        if goals is None:
            rule = "needs all slices' targets at once"
            raise ConfigurationError(message("encoding.order", rule, "successive", "Use parallel."))
        goals = correction(goals, mapping, device, wires) * segments.present
    written = [_write(folded, goals, cells_of, streams.generator("programming", die)) for die in range(dies)]
    cells = Cells(*(torch.stack(leaves) for leaves in zip(*(w.cells for w, _ in written), strict=True)))
    report = Written(cells, torch.stack([w.read_back for w, _ in written]), torch.stack([w.failed for w, _ in written]))
    level = None if limit is None else torch.as_tensor(limit, dtype=weights.dtype, device=weights.device)
    stored = StoredMatrix(
        mapping, device, streams, segments, cells, scale, written[0][1], report, name, bias_level=level, key=held_key,
        wires=wires,
    )  # fmt: skip
    stored.calibration.limit = level
    if open_ledgers():
        record_pulses(stored, cells.pulses.flatten(1).sum(1), range(dies))
    return stored


def form(
    shape: tuple[int, int],
    mapping: Mapping,
    device: Device,
    streams: Streams,
    *,
    dies: int = 1,
    voltage: float | None = None,
    one_of_pair: bool = False,
    signs: Tensor | None = None,
    extrapolate: bool = False,
    dtype: torch.dtype = torch.float32,
    wires: Wires = IDEAL,
    name: str = "matrix",
) -> StoredMatrix:
    """Fresh random cells for a (out, in) matrix: no targets, one weight is one unit of conductance.

    ``voltage`` is the forming voltage (absent: the device's own; outside the measured range only with
    ``extrapolate``). In a pair layout one cell of each pair may be formed alone: the one that breaks down first, which
    keeps the other from forming and so chooses the weight's sign (``one_of_pair``), or the one that ``signs`` chooses,
    (out, in) of +1 and -1; the other is never biased. ``dtype`` is that of conductances and products, float32 or
    float64. Raises ConfigurationError and ShapeError.
    """
    segments = mapping.segments(shape[1], shape[0])
    layout = mapping.encoding.layout
    chosen = one_of_pair or signs is not None
    if chosen and len(layout.signs) != 2:
        what = "one_of_pair" if one_of_pair else "signs"
        raise ConfigurationError(message(what, "needs a pair layout", layout, "Use pair-rows or pair-columns."))
    if one_of_pair and signs is not None:
        rule = "must be absent where breakdown itself chooses the signs"
        raise ConfigurationError(message("signs", rule, "one_of_pair as well", "Give one of the two."))
    columns = segments.outputs + (layout is Layout.OFFSET_COLUMN)
    held = (len(mapping.encoding.significance), segments.count, len(layout.signs), segments.rows, columns)
    wanted = segments.present.unsqueeze(1).expand(held)
    selected = None if signs is None else _of_sign(signs, shape, segments).expand(held)
    fresh = [
        form_cells(
            device, held, streams.generator("forming", die), voltage=voltage, one_of_pair=one_of_pair, wanted=wanted,
            selected=selected, extrapolate=extrapolate, dtype=dtype,
        )
        for die in range(dies)
    ]  # fmt: skip
    cells = Cells(*(torch.stack(leaves).transpose(2, 3).contiguous() for leaves in zip(*fresh, strict=True)))
    unit = cells.written.new_ones(())
    formed = StoredMatrix(mapping, device, streams, segments, cells, unit, None, None, name, wires=wires)
    if open_ledgers():
        record_pulses(formed, cells.pulses.flatten(1).sum(1), range(dies))
    return formed


def switch(matrix: StoredMatrix, keep: Tensor, streams: Streams) -> Tensor:
    """Set the formed cells where ``keep`` (out, in) is True, reset the others; the number of flips, (dies,).

    Cells that are already as wanted get no pulse. Raises ConfigurationError on the transposed side of a matrix.
    """
    if matrix.mirror is not None:
        rule = "must be switched from the side it was formed on"
        raise ConfigurationError(message(matrix.name, rule, "its transpose", "Switch the original."))
    if keep.shape != matrix.shape or keep.dtype != torch.bool:
        rule = f"must be a bool mask of shape {matrix.shape}"
        raise ShapeError(message("keep", rule, f"{keep.dtype} {tuple(keep.shape)}", "Give (out, in)."))
    held = matrix.segments.fold(keep.T.to(matrix.cells.written)).bool()
    if matrix.mapping.encoding.layout is Layout.OFFSET_COLUMN:
        held = torch.cat([held, torch.ones_like(held[..., :1])], -1)
    results = [
        switch_cells(
            matrix.device, Cells(*(leaf[die] for leaf in matrix.cells)), held.expand(matrix.cells.written.shape[1:]),
            streams.generator("switching", die),
        )
        for die in range(matrix.dies)
    ]  # fmt: skip
    matrix.cells = Cells(*(torch.stack(leaves) for leaves in zip(*(cells for cells, _ in results), strict=True)))
    matrix.refresh()
    flips = torch.stack([flipped.sum() for _, flipped in results])
    if open_ledgers():
        record_pulses(matrix, flips, range(matrix.dies))
    return flips


class States(NamedTuple):
    """The weights of a formed matrix in both states of its cells, each (dies, out, in)."""

    on: Tensor
    off: Tensor


def states(matrix: StoredMatrix, streams: Streams, *, reads: int | None = None) -> States:
    """What ``matrix`` would hold with all of its cells set, and with all of them reset; the matrix stays as it is.

    With ``reads`` each cell is what the mean of so many noisy reads says, as a chip is measured; absent: exactly.
    Raises ConfigurationError.
    """
    if reads is not None and reads < 1:
        raise ConfigurationError(message("reads", "must be at least 1", reads, "Leave it out for exact states."))
    pairs = [
        set_and_reset(matrix.device, Cells(*(leaf[die] for leaf in matrix.cells)), streams.generator("states", die))
        for die in range(matrix.dies)
    ]
    both = []
    for name, cells in zip(States._fields, zip(*pairs, strict=True), strict=True):
        held = Cells(*(torch.stack(leaves) for leaves in zip(*cells, strict=True)))
        copy = replace(matrix, cells=held, _cache={}, _reads={}, _other=None)
        if reads is not None:
            seen = sample_reads(matrix.device, copy.conductance(), matrix.mapping.readout.integration,
                                streams.generator(f"reads of {name}"), reads=reads).mean(0)  # fmt: skip
            copy = replace(copy, cells=held._replace(written=seen), elapsed=0.0, _cache={}, _reads={})
        both.append(copy.effective())
    return States(*both)


def _of_sign(signs: Tensor, shape: tuple[int, int], segments: Segments) -> Tensor:
    """Which cell of each pair is formed: (segments, 2, rows, columns), bool."""
    if tuple(signs.shape) != tuple(shape) or not bool((signs.abs() == 1).all()):
        rule = f"must hold +1 and -1 in the shape {tuple(shape)} (out, in)"
        raise ShapeError(message("signs", rule, f"{signs.dtype} {tuple(signs.shape)}", "Give one sign per weight."))
    held = segments.fold(signs.T.to(torch.float32))
    return torch.stack([held > 0, held < 0], 1)


@dataclass(frozen=True)
class Targets:
    """The conductances that slice values ask for: (signs, segments, rows, columns)."""

    mapping: Mapping
    device: Device
    segments: Segments
    key: Tensor | None

    def of(self, value: Tensor, index: int) -> Tensor:
        """Targets of slice ``index``."""
        encoding = self.mapping.encoding
        if self.key is not None:
            value = (value - self.key[index]).abs()
        reach = self.mapping.reach(self.device)
        cells = encoding.targets(value, *reach)
        if encoding.layout is Layout.OFFSET_COLUMN:
            reference = encoding.targets(torch.zeros_like(value[..., :1]), *reach)
            cells = torch.cat([cells, reference], dim=-1)
        return cells.clamp(max=self.device.g_max) * self.segments.present

    def parallel(self, folded: Tensor) -> Tensor:
        """Targets of all slices (slices, signs, segments, rows, columns), each from the code."""
        return torch.stack([self.of(value, index) for index, value in enumerate(self.mapping.encoding.values(folded))])


def _write(
    folded: Tensor, goals: Tensor | None, targets: Targets, generator: torch.Generator
) -> tuple[Written, Tensor]:
    """Write one die: the cells, and the targets of all slices (slices, signs, segments, rows, columns).

    Without ``goals`` slice follows slice: each encodes what the read-back of those before left over.
    """

    def write(goal: Tensor) -> Written:
        return write_cells(targets.device, goal, generator, wanted=targets.segments.present.expand(goal.shape))

    if goals is not None:
        return write(goals), goals
    encoding, reach = targets.mapping.encoding, targets.mapping.reach(targets.device)
    residue = encoding.prepare(folded)
    signs = residue.new_tensor(encoding.layout.signs)
    asked, parts = [], []
    for index, significance in enumerate(encoding.significance):
        asked.append(targets.of(encoding.digit(residue, index), index))
        parts.append(write(asked[-1]))
        line = torch.einsum("p,psrc->src", signs, parts[-1].read_back)
        if encoding.layout is Layout.OFFSET_COLUMN:
            line = line[..., :-1] - line[..., -1:]
        value = (line - encoding.pedestal(*reach)) / encoding.unit(*reach)
        residue = residue - significance * value
    cells = Cells(*(torch.stack(leaves) for leaves in zip(*(part.cells for part in parts), strict=True)))
    read_back, failed = torch.stack([p.read_back for p in parts]), torch.stack([p.failed for p in parts])
    return Written(cells, read_back, failed), torch.stack(asked)


def _bias_share(bias: Tensor | None, limit: float | Tensor | None, scale: Tensor) -> Tensor | None:
    """The bias in units of the largest weight at full input level: (out,)."""
    if bias is None:
        return None
    if limit is None:
        rule = "needs the largest input level when it is held in rows"
        raise ConfigurationError(
            message("limit", rule, None, "Calibrate input ranges first, or keep the bias digital.")
        )
    return bias.detach() / (torch.as_tensor(limit, dtype=bias.dtype, device=bias.device) * scale)


def _held_key(key: Tensor, segments: Segments, mapping: Mapping) -> Tensor:
    slices = len(mapping.encoding.significance)
    expected = (slices, segments.outputs, segments.inputs)
    if tuple(key.shape) != expected or not bool(((key == 0) | (key == 1)).all()):
        rule = f"must hold 0 and 1 in the shape {expected} (slices, out, in)"
        raise ShapeError(message("key", rule, tuple(key.shape), "Give one bit per stored bit."))
    if not mapping.encoding.binary:
        rule = "needs one stored bit per cell"
        raise ConfigurationError(
            message("key", rule, mapping.encoding.layout, "Use bits with layout single and logic.")
        )
    return segments.fold(key.transpose(-1, -2).to(torch.float32))


def _check_weights(weights: Tensor, bias: Tensor | None, mapping: Mapping, device: Device, name: str) -> None:
    if weights.dim() != 2 or 0 in weights.shape:
        raise ShapeError(message(f"{name}.weights", "must be (out, in)", tuple(weights.shape), "Flatten to a matrix."))
    if bias is not None and isinstance(mapping.readout, LogicReadout):
        raise ConfigurationError(message("bias", "logic has no bias rows", mapping.bias, "Keep the bias digital."))
    for what, values in (("weights", weights), ("bias", bias)):
        if values is not None and not bool(torch.isfinite(values).all()):
            count = int((~torch.isfinite(values)).sum())
            raise NotFiniteError(
                message(f"{name}.{what}", "must be finite", f"{count} NaN or inf", "Check the training.")
            )
    if not mapping.encoding.signed and bool((weights < 0).any()):
        rule, remedy = "must not be negative in single cells", "Use pair-columns, pair-rows or offset-column."
        raise ConfigurationError(message(f"{name}.weights", rule, float(weights.min()), remedy))
