"""Model-driven calibration: what a chip is told after it was programmed, from the network's own activations.

Layer after layer, in the order in which a forward calls them, so that each layer is fitted to what the calibrated ones
before it really send: the input range (the number that full pulse amplitude stands for), the converter's range (its
step as a fraction of the read voltage: pulse amplitude and decrement charge enter only as that ratio), then per column
a slope and an offset by linear regression of wanted on measured partial sums.
Source of the procedure: Wan et al. 2022, doi:10.1038/s41586-022-04992-8, and the released tool chain.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from ohmloom.chips import StoredMatrix
from ohmloom.chips.analogue import partial_sums
from ohmloom.crossbars import AnalogueReadout
from ohmloom.errors import ConfigurationError, NotFiniteError, ShapeError, message
from ohmloom.nn.convert import converted, state_of
from ohmloom.nn.hardware import select, unfused
from ohmloom.nn.layers import Clips, OnChip, Weighted
from ohmloom.nn.modes import Programmed
from ohmloom.nn.perturbations import Perturbation
from ohmloom.nn.quantisers import best_limit
from ohmloom.quantities import TIME, show

Pairs = Callable[[Tensor], tuple[Tensor, Tensor]]


def calibrate(
    hardware: nn.Module,
    batches: Tensor | Iterable[Any],
    *,
    ranges: bool = True,
    corrections: bool = True,
    samples: int = 1000,
    vectors: int = 8192,
    pairs: Pairs | None = None,
    trained_on: Perturbation | None = None,
) -> None:
    """Calibrate on (training-set) inputs: legal in every mode.

    ``batches`` is a tensor of inputs or an iterable of inputs or (input, …) tuples, of which the first ``samples`` are
    used. In `Programmed`: converter ranges and, with ``corrections``, slopes and offsets, on at most ``vectors``
    vectors of each matrix, for all dies at their present age. In the other modes: input and output ranges. Learned
    clips are never overwritten; neither are input ranges that cells were programmed with.

    ``pairs`` (for experiments) maps the vectors that reached a matrix to (vectors to measure, vectors of the wanted
    sums): random vectors instead of activations, or shuffled targets.

    ``trained_on`` is for a network that was trained on what its chip makes of the weights, such as
    :class:`ohmloom.codesign.WiredWeights`: the wanted sums are then those of the perturbed weights.

    Raises ShapeError, NotFiniteError, ConfigurationError for data that do not fit.
    """
    x = _collect(batches, samples)
    state, layers = state_of(hardware), converted(hardware)
    programmed = isinstance(state.mode, Programmed)
    calibrator = Calibrator(ranges, corrections, vectors, pairs, trained_on)
    dies = range(state.dies) if programmed else [None]
    with _all_or_nothing(hardware), _evaluating(hardware), torch.no_grad():
        for layer in layers.values():
            layer.on_chip.calibrating = calibrator
        for die in dies:
            calibrator.begin(die or 0)
            if die is not None:
                select(hardware, die)
            _forward(hardware, x)
    if programmed:
        for matrix in state.matrices.values():
            when = f"{show(matrix.elapsed, TIME)} after programming"
            matrix.calibration.stamp = f"read-outs on {len(x)} samples, {state.dies} dies, {when}"
    elif ranges:
        state.ranges = f"{len(x)} samples"


@contextmanager
def _all_or_nothing(hardware: nn.Module) -> Iterator[None]:
    """Put die and hooks back; and, if the calibration fails or is interrupted, all ranges and corrections too."""
    layers, hooks = [layer.on_chip for layer in converted(hardware).values()], unfused(hardware)
    dies = [layer.die for layer in layers]
    ranges = [(dict(layer.limits), dict(layer.output_ranges)) for layer in layers]
    held = [matrix for layer in layers for matrix in layer.matrices.values()]
    corrections = [copy.deepcopy(matrix.calibration) for matrix in held]
    try:
        yield
    except BaseException:
        for layer, (limits, output_ranges) in zip(layers, ranges, strict=True):
            layer.limits, layer.output_ranges = limits, output_ranges
        for matrix, before in zip(held, corrections, strict=True):
            matrix.calibration = before
            matrix.forget_effective()
        raise
    finally:
        for hook in hooks:
            hook.remove()
        for layer, die in zip(layers, dies, strict=True):
            layer.calibrating, layer.die = None, die


@contextmanager
def _evaluating(module: nn.Module) -> Iterator[None]:
    """``module.eval()``, and back to each part's own setting."""
    training = [(part, part.training) for part in module.modules()]
    try:
        module.eval()
        yield
    finally:
        for part, setting in training:
            part.training = setting


def learn_clips(hardware: nn.Module) -> list[nn.Parameter]:
    """Make input ranges parameters of their layers (PACT), starting at the calibrated ones; returns them.

    From then on they are in ``state_dict``. Raises ConfigurationError before input ranges were calibrated.
    """
    learned = []
    for name, layer in converted(hardware).items():
        if not layer.on_chip.limits:
            rule = "must be calibrated before they are learned"
            raise ConfigurationError(message(f"{name}.limits", rule, "none", "Call ohmloom.calibrate on some inputs."))
        layer.clips = Clips(layer.on_chip.limits)
        learned += list(layer.clips.parameters())
    return learned


@dataclass
class Calibrator:
    """Visits each part of each layer once per die, as a forward comes by."""

    ranges: bool
    corrections: bool
    vectors: int
    pairs: Pairs | None
    trained_on: Perturbation | None
    die: int = 0
    seen: set[tuple[int, str]] = field(default_factory=set)

    def begin(self, die: int) -> None:
        """Start the forward of another die."""
        self.die = die
        self.seen.clear()

    def see_input(self, layer: OnChip, x: Tensor, part: str) -> None:
        """Outside `Programmed`: choose the input range."""
        known = layer.on_chip.limits if getattr(layer, "clips", None) is None else {layer.range_of(part): x}
        name = layer.range_of(part)
        if self.ranges and ((id(layer), name) not in self.seen or name not in known):
            self.seen.add((id(layer), name))
            bits = layer.on_chip.mapping.drive.input_bits
            steps = 1e6 if bits is None else 2 ** max(bits - layer.on_chip.mapping.drive.signed, 1) - 1
            layer.on_chip.limits[name] = best_limit(self.thinned(x.flatten()), steps)

    def see_output(self, layer: OnChip, y: Tensor, part: str) -> None:
        """Outside `Programmed`: choose the converter's range for `Quantised`."""
        readout = layer.on_chip.mapping.readout
        if self.ranges and isinstance(readout, AnalogueReadout) and readout.output_bits is not None:
            layer.on_chip.output_ranges[part] = best_limit(self.thinned(y.flatten()), readout.converter.steps)

    def fit(self, layer: OnChip, x: Tensor, part: str, weighted: Weighted) -> None:
        """In `Programmed`: fit one matrix of the present die to the vectors that reach it."""
        matrix = layer.on_chip.matrices[part]
        readout = matrix.mapping.readout
        if (id(layer), part) in self.seen or not isinstance(readout, AnalogueReadout) or not readout.linear:
            return
        self.seen.add((id(layer), part))
        rows = self.thinned(x.reshape(-1, x.shape[-1]))
        measured, wanted = (rows, rows) if self.pairs is None else self.pairs(rows)
        weight, bias = weighted
        if self.trained_on is not None:
            weight = self.trained_on.perturb({"weight": weight})["weight"]
        held_bias = bias if part in layer.on_chip.bias_in_rows else None
        if self.ranges and readout.output_bits is not None:
            _fit_range(matrix, measured, self.die)
        if self.corrections:
            _fit_columns(matrix, measured, wanted, (weight, held_bias), self.die)

    def thinned(self, values: Tensor) -> Tensor:
        """At most ``vectors`` rows, or 64 numbers for each of them."""
        return _some(values, self.vectors if values.dim() == 2 else 64 * self.vectors)


def _some(values: Tensor, most: int) -> Tensor:
    """At most ``most`` rows, picked by chance (always the same): even steps would fall in with columns of an image."""
    if len(values) <= most:
        return values
    picked = torch.randint(len(values), (most,), generator=torch.Generator().manual_seed(0))
    return values[picked.to(values.device)]


def _fit_range(matrix: StoredMatrix, rows: Tensor, die: int) -> None:
    """The converter range that loses least on what really enters it."""
    entering: list[Tensor] = []
    _measure(matrix, rows, die, entering.append)
    values = torch.cat([e.flatten() for e in entering])
    readout = matrix.mapping.readout
    assert isinstance(readout, AnalogueReadout)
    chosen = best_limit(_some(values, 500_000), readout.converter.steps)
    ranges = matrix.calibration.full_range
    if ranges is None:
        ranges = torch.full((matrix.dies, 1, 1, 1, 1), torch.nan, dtype=chosen.dtype, device=chosen.device)
        matrix.calibration.full_range = ranges
    ranges[die] = chosen


def _fit_columns(matrix: StoredMatrix, measured: Tensor, wanted: Tensor, weighted: Weighted, die: int) -> None:
    """Slope and offset of each segment's columns: least squares of wanted on measured, in units of codes."""
    calibration, shape = matrix.calibration, (matrix.dies, matrix.segments.count, 1, matrix.segments.outputs)
    if calibration.slope is None or calibration.offset is None:
        calibration.slope, calibration.offset = matrix.scale.new_ones(shape), matrix.scale.new_zeros(shape)
    calibration.slope[die], calibration.offset[die] = 1.0, 0.0
    matrix.forget_effective()
    values = _measure(matrix, measured, die, None)  # (segments, vectors, columns)
    goals = _wanted(matrix, wanted, weighted)
    mean, goal_mean = values.mean(1, keepdim=True), goals.mean(1, keepdim=True)
    spread = (values - mean).square().mean(1, keepdim=True)
    common = ((values - mean) * (goals - goal_mean)).mean(1, keepdim=True)
    slope = torch.where(spread > 0, common / spread.clamp(min=1e-30), torch.ones_like(spread))
    calibration.slope[die], calibration.offset[die] = slope, goal_mean - slope * mean
    matrix.forget_effective()


def _measure(matrix: StoredMatrix, rows: Tensor, die: int, probe: Callable[[Tensor], None] | None) -> Tensor:
    """Uncorrected partial sums of one die: (segments, vectors, columns), in units of codes."""
    generator = matrix.streams.generator("calibration", die, device=rows.device)
    driven, levels = matrix.drive(rows.unsqueeze(0))
    chosen = slice(die, die + 1)
    return partial_sums(matrix, driven, levels, matrix.sensing(generator, chosen), generator, chosen, probe)[0]


def _wanted(matrix: StoredMatrix, rows: Tensor, weighted: Weighted) -> Tensor:
    """What ideal cells would give for the same codes: (segments, vectors, columns)."""
    weight, bias = weighted
    driven, _ = matrix.drive(rows.unsqueeze(0))
    codes = torch.einsum("k,k...->...", driven.significance, driven.levels)[0]  # (vectors, segments · rows)
    codes = codes.unflatten(-1, (matrix.segments.count, matrix.segments.rows))
    limit = matrix.calibration.limit
    share = None if bias is None or limit is None else bias / (limit * matrix.scale)
    held = matrix.segments.fold((weight / matrix.scale).T, share)
    return torch.einsum("bsr,src->sbc", codes, held)


def _collect(batches: Tensor | Iterable[Any], samples: int) -> Tensor:
    parts, count = [], 0
    source = [batches] if isinstance(batches, Tensor) else batches
    for item in source:
        x = item[0] if isinstance(item, tuple | list) else item
        if not isinstance(x, Tensor) or x.dim() < 1 or len(x) == 0:
            given = type(x).__name__ if not isinstance(x, Tensor) else tuple(x.shape)
            raise ShapeError(message("batches", "must hold tensors of inputs (batch, …)", given, "Give a loader."))
        parts.append(x)
        count += len(x)
        if count >= samples:
            break
    if not parts:
        raise ShapeError(message("batches", "must hold at least one batch", "none", "Give training-set inputs."))
    if len({p.shape[1:] for p in parts}) > 1:
        shapes = sorted({tuple(p.shape[1:]) for p in parts})
        raise ShapeError(message("batches", "must hold inputs of one shape", shapes, "Make them alike."))
    x = torch.cat(parts)[:samples]
    if x.is_floating_point() and not bool(torch.isfinite(x).all()):
        raise NotFiniteError(message("batches", "must be finite", "NaN or inf", "Check the data."))
    return x


def _forward(hardware: nn.Module, x: Tensor) -> None:
    try:
        hardware(x)
    except (RuntimeError, ValueError) as error:
        if isinstance(error, ShapeError | NotFiniteError | ConfigurationError):
            raise
        rule = f"must be inputs of {type(hardware).__name__}"
        raise ShapeError(
            message("batches", rule, f"{tuple(x.shape)} ({error})", "Give the model's own inputs.")
        ) from error


def permuted(rows: Tensor, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Pairs for the control "calibration on shuffled targets": wanted sums of other vectors than the measured ones."""
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(seed))
    return rows, rows[order.to(rows.device)]


def random_like(rows: Tensor, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Pairs for "random vectors instead of activations": uniform numbers over the same range."""
    noise = torch.rand(rows.shape, generator=torch.Generator().manual_seed(seed)).to(rows)
    low, high = rows.min(), rows.max()
    drawn = low + (high - low) * noise
    return drawn, drawn
