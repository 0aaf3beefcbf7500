"""What can be done to converted hardware: set its mode, program, age, select a die, price, run all dies."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from rich.progress import track
from torch import Tensor, nn

from ohmloom.chips import Chip, Correction, Cost, StoredMatrix, install, store
from ohmloom.chips import cost as price
from ohmloom.devices import ProgrammingReport, programming_report
from ohmloom.errors import (
    BypassedError,
    ConfigurationError,
    NotFiniteError,
    NotProgrammedError,
    message,
    unknown,
)
from ohmloom.ledger import Event, Ledger, open_ledgers, record
from ohmloom.nn.convert import converted, matrix_name, state_of
from ohmloom.nn.layers import OnChip
from ohmloom.nn.modes import Digital, Mode, Programmed, Quantised
from ohmloom.nn.state import Fingerprint, Removable, new_owner
from ohmloom.quantities import TIME, parse
from ohmloom.random import Streams

NAMED: dict[str, Mode] = {"digital": Digital(), "quantised": Quantised(), "programmed": Programmed()}


def mode(hardware: nn.Module, wanted: Mode | str, *, layers: Sequence[str] | None = None) -> None:
    """Set what all converted layers compute; ``.train()`` and ``.eval()`` never do.

    ``layers`` sets these alone, as chip-in-the-loop training needs where only some are programmed yet.

    Raises UnknownNameError for an unknown name and NotProgrammedError for `Programmed` without cells.
    """
    if isinstance(wanted, str) and wanted not in NAMED:
        raise unknown("mode", wanted, NAMED)
    chosen = NAMED[wanted] if isinstance(wanted, str) else wanted
    state = state_of(hardware)
    if isinstance(chosen, Programmed) and not state.dies:
        raise NotProgrammedError(message("mode", "needs programmed cells", "none", "Call ohmloom.program(hardware)."))
    own = converted(hardware)
    if layers is not None:
        for name in layers:
            if name not in own:
                raise unknown("layers", name, own)
            own[name].on_chip.mode = chosen
        if not state.hooks and not isinstance(chosen, Digital):
            state.hooks = _watch(hardware)
        return
    state.mode = chosen
    for layer in own.values():
        layer.on_chip.mode = chosen
    for hook in state.hooks:
        hook.remove()
    state.hooks = [] if isinstance(chosen, Digital) else _watch(hardware)


@dataclass(frozen=True)
class ProgramReport:
    """What programming did, by matrix."""

    matrices: dict[str, ProgrammingReport]
    seed: int
    dies: int

    def table(self) -> str:
        """One line per matrix."""
        width = max(len(name) for name in self.matrices) + 2
        heads = (f"{head:>14}" for head in ("cells", "mean pulses", "failed", "read-back in", "truly in", "rms, uS"))
        lines = [f"{'matrix':<{width}}" + "".join(heads)]
        for name, r in self.matrices.items():
            lines.append(
                f"{name:<{width}}{r.cells:>14}{r.mean_pulses:>14.2f}{r.failed_share:>14.2%}"
                f"{r.read_back_share:>14.2%}{r.true_share:>14.2%}{r.rms_error * 1e6:>14.2f}"
            )
        return "\n".join(lines)


def program(
    hardware: nn.Module,
    *,
    seed: int = 0,
    dies: int = 1,
    layers: Sequence[str] | None = None,
    correction: Correction | None = None,
    progress: bool = False,
) -> ProgramReport:
    """Write all converted layers, or those named, into fresh cells of ``dies`` dies, and set the mode `Programmed`.

    Batch norms are folded in. Until every layer is written nothing changes, so an interrupt leaves the hardware as it
    was. Layers that are not named keep their cells, ages and calibration, and the selected die stays. A ``correction``
    writes other targets, such as those of :class:`ohmloom.codesign.ThroughWires`.

    Raises UnknownNameError, ConfigurationError, PlacementError.
    """
    state, own = state_of(hardware), converted(hardware)
    chosen = list(own) if layers is None else list(layers)
    for name in chosen:
        if name not in own:
            raise unknown("layers", name, own)
    if dies < 1:
        raise ConfigurationError(message("dies", "must be at least 1", dies, "Draw one die or more."))
    if layers is not None and state.dies and dies != state.dies:
        rule = f"must be the {state.dies} of the layers programmed before"
        raise ConfigurationError(message("dies", rule, dies, "Program all layers, or give that number."))
    written: dict[str, dict[str, StoredMatrix]] = {}
    kept_bias: dict[str, set[str]] = {}
    for name in track(chosen, "programming", disable=not progress, transient=True):
        written[name], kept_bias[name] = _write_layer(own[name], name, state.chip, Streams(seed), dies, correction)
    merged = {name: written.get(name, layer.on_chip.matrices) for name, layer in own.items()}
    installation = install(state.chip, _named(merged))
    for name, matrices in written.items():
        on_chip = own[name].on_chip
        on_chip.matrices, on_chip.bias_in_rows = matrices, kept_bias[name]
        on_chip.fingerprint = Fingerprint(own[name].watched())
    state.installation, state.dies, state.owner = installation, dies, new_owner()
    if layers is None:
        select(hardware, 0)
    mode(hardware, Programmed())
    tolerance = getattr(state.chip.device.programming, "tolerance", 1e-6)
    reports = {
        matrix.name: _report(matrix, tolerance)
        for matrices in written.values()
        for matrix in matrices.values()
        if matrix.written is not None
    }
    return ProgramReport(reports, seed, dies)


def age(hardware: nn.Module, since_programming: str | float, *, extrapolate: bool = False) -> None:
    """Set the time since programming, as text with a unit or in seconds; absolute.

    Raises ConfigurationError beyond the device's published times unless ``extrapolate``.
    """
    if isinstance(since_programming, str):
        try:
            seconds = parse(since_programming, TIME)
        except ValueError as error:
            raise ConfigurationError(f"since_programming: {error}") from None
    else:
        seconds = float(since_programming)
    if not 0 <= seconds < math.inf:
        rule = "must be a time since programming, finite and not negative"
        raise ConfigurationError(message("since_programming", rule, since_programming, 'Say "1 day".'))
    for matrix in matrices(hardware).values():
        matrix.age(seconds, extrapolate=extrapolate)


def select(hardware: nn.Module, die: int) -> None:
    """Let the hardware compute as die number ``die``. Raises ConfigurationError if it was not drawn."""
    dies = state_of(hardware).dies
    if not 0 <= die < dies:
        remedy = "Program more dies."
        raise ConfigurationError(message("die", f"must be one of the {dies} dies drawn", die, remedy))
    for layer in converted(hardware).values():
        layer.on_chip.die = die


def matrices(hardware: nn.Module) -> dict[str, StoredMatrix]:
    """All stored matrices by name. Raises NotProgrammedError before programming."""
    state_of(hardware)
    found = _named({name: layer.on_chip.matrices for name, layer in converted(hardware).items()})
    if not found:
        remedy = "Call ohmloom.program(hardware)."
        raise NotProgrammedError(message("hardware", "must be programmed first", "no cells", remedy))
    return found


def over_dies(hardware: nn.Module, *inputs: Tensor) -> Tensor:
    """The outputs of all dies: (dies, batch, …).

    The dies are folded into the batch where a probe in the user's own arithmetic shows that samples do not see each
    other (the same outputs whatever else is in the batch); otherwise one die runs after the other.
    """
    state = state_of(hardware)
    installation = state.installation
    if installation is None:
        raise NotProgrammedError(message("over_dies", "needs programmed cells", "none", "Program the hardware first."))
    layers = converted(hardware).values()
    selected = next(iter(layers)).on_chip.die
    try:
        if state.dies > 1 and folds(hardware, *inputs):
            for layer in layers:
                layer.on_chip.die = None
            folded = hardware(*(x.repeat(state.dies, *[1] * (x.dim() - 1)) for x in inputs))
            return folded.unflatten(0, (state.dies, -1))
        outputs = []
        for die in range(state.dies):
            select(hardware, die)
            outputs.append(hardware(*inputs))
        return torch.stack(outputs)
    finally:
        for layer in layers:
            layer.on_chip.die = selected


def folds(hardware: nn.Module, *inputs: Tensor) -> bool:
    """True if samples of a batch do not see each other, so that dies may be folded into it.

    Two samples, two others, and all four together go through the user's own arithmetic.
    """
    few = [x[:2] for x in inputs]
    others = [x * 0.5 if x.is_floating_point() else x.flip(-1) for x in few]
    if any(torch.equal(a, b) for a, b in zip(few, others, strict=True)):
        return False  # nothing to tell them apart by
    current = state_of(hardware).mode
    try:
        mode(hardware, Digital())
        with torch.no_grad(), _untouched(hardware):
            apart = [hardware(*few), hardware(*others)]
            together = hardware(*(torch.cat(pair) for pair in zip(few, others, strict=True)))
            return bool(torch.allclose(together, torch.cat(apart), rtol=1e-4, atol=1e-5))
    except Exception:  # a model that takes no such batch, or returns no such tensor
        return False
    finally:
        mode(hardware, current)


def cost(ledger: Ledger, hardware: nn.Module) -> Cost:
    """Price what ``ledger`` counted of this hardware, per inference. Raises LedgerError, NotProgrammedError."""
    state = state_of(hardware)
    if state.installation is None:
        raise NotProgrammedError(message("cost", "needs programmed hardware", "no cells", "Program the hardware."))
    dies = {die for _, event, die, _ in ledger.rows() if event is Event.SAMPLE}
    runs = sum(sum(v.values()) for (o, _, e), v in ledger.counts.items() if o == state.owner and e is Event.INFERENCE)
    return price(ledger, state.installation, inferences=runs / max(len(dies), 1) or None)


def _write_layer(
    layer: OnChip, name: str, chip: Chip, streams: Streams, dies: int, correction: Correction | None
) -> tuple[dict[str, StoredMatrix], set[str]]:
    with torch.no_grad():
        parts = layer.parts()
    stored: dict[str, StoredMatrix] = {}
    bias_in_rows: set[str] = set()
    for part, (weight, bias) in parts.items():
        limit, full = layer.limit(part), matrix_name(name, part, len(parts))
        if bias is not None and not bool(torch.isfinite(bias).all()):
            raise NotFiniteError(message(f"{full}.bias", "must be finite", "NaN or inf", "Check the training."))
        rows = layer.on_chip.mapping.bias == "rows" and bias is not None and limit is not None
        held = None if limit is None else limit.detach().clone()  # a learned clip may move on
        weight = weight.to(torch.promote_types(weight.dtype, torch.float32))  # cells are held in no less
        stored[part] = store(
            weight, layer.on_chip.mapping, chip.device, streams.child(full), dies=dies, bias=bias if rows else None,
            limit=held, wires=chip.wires, correction=correction, name=full,
        )  # fmt: skip
        bias_in_rows |= {part} if rows else set()
    return stored, bias_in_rows


def _named(by_layer: dict[str, dict[str, StoredMatrix]]) -> dict[str, StoredMatrix]:
    return {matrix.name: matrix for parts in by_layer.values() for matrix in parts.values()}


def _report(matrix: StoredMatrix, tolerance: float) -> ProgrammingReport:
    assert matrix.targets is not None
    assert matrix.written is not None
    shape = matrix.cells.written.shape
    present = matrix.segments.present.to(matrix.cells.written.device).expand(shape)
    off_below = matrix.device.g_min
    return programming_report(
        matrix.targets.expand(shape), matrix.written, tolerance, off_below=off_below, wanted=present
    )


def _watch(hardware: nn.Module) -> list[Removable]:
    """Outside `Digital`: notice layers that a forward does not call, and keep torch's fused paths from doing so."""
    hooks = [hardware.register_forward_pre_hook(_before_forward), hardware.register_forward_hook(_after_forward)]
    return [*hooks, *unfused(hardware)]


def unfused(hardware: nn.Module) -> list[Removable]:
    """Keep torch's fused paths from passing converted layers by, until what is returned is removed."""
    layers = [layer for layer in converted(hardware).values() if isinstance(layer, nn.Module)]
    encoders = [m for m in hardware.modules() if isinstance(m, nn.TransformerEncoder) and m.use_nested_tensor]
    hooks = [layer.register_forward_pre_hook(_no_fused_path) for layer in layers]
    return [*hooks, *(_Padded(encoder) for encoder in encoders)]


# These know their module only as an argument, so that a copy of the hardware is watched by its own hooks.
def _before_forward(hardware: nn.Module, _inputs: object) -> None:
    for layer in converted(hardware).values():
        layer.on_chip.calls = 0


def _after_forward(hardware: nn.Module, inputs: tuple[object, ...], _output: object) -> None:
    layers = {name: layer.on_chip for name, layer in converted(hardware).items()}
    missed = [name for name, layer in layers.items() if not layer.calls]
    if missed:
        rule = "must be called by every forward outside Digital"
        remedy = "Call the layer itself rather than its weight, or keep it digital with a rule."
        raise BypassedError(message(", ".join(missed), rule, "a forward that passed it by", remedy))
    visited = any(layer.visitor is not None for layer in layers.values())
    if open_ledgers() and inputs and isinstance(inputs[0], Tensor) and not visited:
        _record_inferences(state_of(hardware).owner, hardware, inputs[0])


class _Padded:
    """Keeps a transformer encoder on padded tensors (nested ones only fit torch's fused path) until removed."""

    def __init__(self, encoder: nn.TransformerEncoder) -> None:
        self._encoder = encoder
        encoder.use_nested_tensor = False

    def remove(self) -> None:
        self._encoder.use_nested_tensor = True


def _no_fused_path(*_: object) -> None:
    """Torch takes no fused path around a module that has a hook; having one is all that this does."""


def _record_inferences(owner: str, hardware: nn.Module, x: Tensor) -> None:
    state = state_of(hardware)
    die = next(iter(converted(hardware).values())).on_chip.die
    if die is None:
        record(owner, "network", range(state.dies), {Event.INFERENCE: [x.shape[0] / state.dies] * state.dies})
    else:
        record(owner, "network", [die], {Event.INFERENCE: [x.shape[0]]})


@contextmanager
def _untouched(module: nn.Module) -> Iterator[None]:
    """Leave buffers (running statistics) and torch's random numbers as they were."""
    buffers = {name: value.clone() for name, value in module.named_buffers()}
    try:
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        for name, value in module.named_buffers():
            if not torch.equal(value, buffers[name]):
                value.copy_(buffers[name])
