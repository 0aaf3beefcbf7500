"""Solve an array's circuit: currents and voltages everywhere, wires, non-ohmic cells and transistors included."""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor

from ohmloom.crossbars.circuits.branches import Branches
from ohmloom.crossbars.circuits.newton import Limits, Lines, Newton
from ohmloom.crossbars.circuits.solution import Outcome, Solution, Stats
from ohmloom.crossbars.circuits.wires import Termination, Wires
from ohmloom.devices.conduction import Conduction, Ohmic
from ohmloom.errors import ConfigurationError, ConvergenceError, NotFiniteError, ShapeError, message

CHUNK = 1 << 17  # cells times inputs worked on at once: they stay in the processor's cache


def solve(
    conductance: Tensor,
    voltage: Tensor,
    wires: Wires,
    conduction: Conduction = Ohmic(),  # noqa: B008 (frozen)
    termination: Termination = "ground",
    *,
    limits: Limits = Limits(),  # noqa: B008 (a tuple)
    throw: bool = True,
) -> Solution:
    """The currents and voltages of an array whose rows are driven with ``voltage``.

    ``conductance`` (..., rows, columns) in S, not negative; ``voltage`` (..., inputs, rows) in V; leading dimensions
    broadcast. Columns end in a virtual ground, or are open and sensed as voltages. Every node obeys Kirchhoff's law
    with I = g f(V) in each cell, to ``limits.tolerance`` of the energy lost in the lines. The result has the inputs'
    dtype (inside all is float64) and carries no gradient; for many inputs of ohmic cells `effective_conductance` is
    faster.

    Raises ShapeError, NotFiniteError and ConfigurationError for bad input, and ConvergenceError with advice where the
    solver does not converge, unless ``throw`` is False: then ``outcome`` of the result says so.

    >>> cells, volts = torch.full((2, 2), 1e-4).double(), torch.tensor([[0.2, 0.1]]).double()
    >>> solution = solve(cells, volts, Wires(row="100 ohm", column="100 ohm"))
    >>> [round(float(i) * 1e6, 4) for i in solution.currents[0]], solution.outcome.name
    ([28.6648, 28.3883], 'CONVERGED')
    """
    check_circuit(conductance, voltage, wires, conduction, termination)
    dtype, device = torch.promote_types(conductance.dtype, voltage.dtype), voltage.device
    lead = torch.broadcast_shapes(conductance.shape[:-2], voltage.shape[:-2])
    arrays = zip(_flat(conductance, lead), _flat(voltage, lead), strict=True)
    branches = ((Branches(g, conduction, wires.access), v) for g, v in arrays)
    solved = _joined([_array(b, v, wires, termination, limits) for b, v in branches])
    if throw and solved.outcome is not Outcome.CONVERGED:
        steps, iterations, residual, _ = solved.stats
        given = f"a residual of {residual:.2g} after {steps} steps and {iterations} iterations"
        raise ConvergenceError(message("solve", f"must reach {limits.tolerance:g}", given, solved.outcome.value))
    fields = {k: f.reshape(*lead, -1, *f.shape[1:]).to(device, dtype) for k, f in _tensors(solved).items()}
    return replace(solved, **fields)


def check_circuit(conductance: Tensor, voltage: Tensor, wires: Wires, conduction: Conduction, termination: str) -> None:
    """Refuse arrays and inputs that are no circuit; see `solve` for what is raised."""
    if termination not in ("ground", "open"):
        raise ConfigurationError(message("termination", "must be ground or open", repr(termination), "Choose one."))
    for name, given, kind in (("wires", wires, Wires), ("conduction", conduction, Conduction)):
        if not isinstance(given, kind):
            rule = f"must be {kind.__name__}"
            raise ConfigurationError(message(name, rule, type(given).__name__, f"Give a {kind.__name__}."))
    _check_shapes(conductance, voltage)
    _check_conductance(conductance, termination)
    if not bool(voltage.isfinite().all()):
        raise NotFiniteError(message("voltage", "must be finite", "NaN or infinity", "Look for its origin."))


def _check_shapes(conductance: Tensor, voltage: Tensor) -> None:
    for name, given, axes in (("conductance", conductance, "rows, columns"), ("voltage", voltage, "inputs, rows")):
        rule = f"must be a floating-point tensor (..., {axes}), none of them 0"
        if not isinstance(given, Tensor) or not given.is_floating_point():
            kind = given.dtype if isinstance(given, Tensor) else type(given).__name__
            raise ShapeError(message(name, rule, kind, "Convert it."))
        if given.ndim < 2 or given.numel() == 0:
            raise ShapeError(message(name, rule, tuple(given.shape), "A single vector is voltage[None]."))
    shapes = f"{tuple(conductance.shape)} and {tuple(voltage.shape)}"
    if conductance.shape[-2] != voltage.shape[-1]:
        rule = "must have one number for each row of the conductance (..., rows, columns)"
        raise ShapeError(message("voltage", rule, shapes, "Transpose the one that is the wrong way round."))
    try:
        torch.broadcast_shapes(conductance.shape[:-2], voltage.shape[:-2])
    except RuntimeError:
        rule = "leading dimensions must broadcast with those of the conductance"
        raise ShapeError(message("voltage", rule, shapes, "Give both the same, or 1.")) from None


def _check_conductance(conductance: Tensor, termination: str) -> None:
    least, largest = (float(bound) for bound in conductance.aminmax())
    if not math.isfinite(largest - least):  # NaN travels through aminmax
        remedy = "Look for its origin; a short is a large finite conductance."
        raise NotFiniteError(message("conductance", "must be finite", "NaN or infinity", remedy))
    if least < 0:
        remedy = "A negative weight is a pair of cells."
        raise ConfigurationError(message("conductance", "must not be negative", f"{least:g} S", remedy))
    conducting = conductance.amax(-2)  # of each column
    if not bool(conducting.amax(-1).all()):
        remedy = "Program the array first, and give conductances in siemens."
        raise ConfigurationError(message("conductance", "must have a conducting cell", "0 S everywhere", remedy))
    if termination == "open" and not bool(conducting.all()):
        rule = "must have a conducting cell in each open column, whose voltage is nowhere else defined"
        column = int((conducting == 0).nonzero()[0, -1])
        raise ConfigurationError(message("conductance", rule, f"none in column {column}", "Leave that column out."))


def _flat(given: Tensor, lead: torch.Size) -> Tensor:
    """(arrays, ., .) in float64 where the solver works."""
    there = given.detach().to("cpu", torch.float64)
    return there.expand(*lead, *given.shape[-2:]).reshape(-1, *given.shape[-2:]).contiguous()


def _array(branches: Branches, voltage: Tensor, wires: Wires, termination: Termination, limits: Limits) -> Solution:
    """One array at its inputs (inputs, rows), a few at a time."""
    size = max(CHUNK // branches.conductance.numel(), 1)
    parts = [_inputs(branches, part, wires, termination, limits) for part in voltage.split(size)]
    return _joined(parts)


def _inputs(branches: Branches, voltage: Tensor, wires: Wires, termination: Termination, limits: Limits) -> Solution:
    columns = branches.conductance.shape[1]
    grounded = voltage.new_zeros(len(voltage), columns)
    resting = branches.open_columns(voltage) if termination == "open" else grounded
    applied = (voltage.unsqueeze(-1) - resting.unsqueeze(1)).contiguous()
    rows, rises, sensed = voltage.unsqueeze(-1).expand_as(applied), resting.unsqueeze(1).expand_as(applied), resting
    if wires.ideal:
        flow, stats, outcome = branches.flow(applied), Stats(0, 0, 0.0, 0.0), Outcome.CONVERGED
        currents = flow.current.sum(1)
    else:
        lines, end = Lines.of(wires, termination), 0 if wires.columns_to == "top" else -1
        newton = Newton(branches, lines, applied, voltage.abs().amax(-1), limits)
        outcome = newton.run()
        flow, stats, drops = newton.flow, newton.stats(), torch.from_numpy(newton.drops)
        rows, rises = rows - drops[0], rises + drops[1]
        currents, sensed = max(lines.columns[1:]) * drops[1, :, end], rises[:, end]
    open_ends = termination == "open"
    power = (flow.current.sum(2) * voltage).sum(1)
    return Solution(
        grounded if open_ends else currents, sensed if open_ends else grounded, flow.across, flow.current,
        rows, rises, power, stats, outcome,
    )  # fmt: skip


def _tensors(solution: Solution) -> dict[str, Tensor]:
    return {name: value for name, value in vars(solution).items() if isinstance(value, Tensor)}


def _joined(parts: list[Solution]) -> Solution:
    """Solutions one after the other: the largest of their stats, the worst outcome."""
    if len(parts) == 1:
        return parts[0]
    fields = {name: torch.cat([getattr(part, name) for part in parts]) for name in _tensors(parts[0])}
    stats = Stats(*(max(values) for values in zip(*(p.stats for p in parts), strict=True)))
    return replace(max(parts, key=lambda part: part.outcome.worse), **fields, stats=stats)
