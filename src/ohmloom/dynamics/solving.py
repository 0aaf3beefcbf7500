"""Solving dv/dt = f(v, t) on a time grid: the plain torch reference, and the choice of the fused path."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from ohmloom.dynamics.fused import solve_fused
from ohmloom.dynamics.grids import check_times, refine
from ohmloom.dynamics.methods import Method, RungeKutta4
from ohmloom.dynamics.stack import Drives, Stack, check_start, drift, held_by_rails
from ohmloom.errors import ConfigurationError, ShapeError, message

Path = Literal["auto", "fused", "plain"]


def solve(
    stack: Stack,
    start: Tensor,
    times: Tensor,
    *,
    method: Method = RungeKutta4(),  # noqa: B008 (frozen)
    drives: Drives | None = None,
    increments: Tensor | None = None,
    substeps: int = 1,
    path: Path = "auto",
) -> Tensor:
    """The states at ``times``: (times, ..., trajectories, states), from ``start`` (..., trajectories, states).

    ``drives`` are sampled at the stages of the *refined* grid, ``substeps`` steps an interval. ``increments`` (steps,
    ..., trajectories, states) are added at the end of each step (additive noise, Ito or Stratonovich alike). The
    gradient is that of the discretisation. ``path``: ``auto`` takes the compiled kernel where it applies, that is for
    float32 and float64 on the processor; both paths agree to rounding.

    Raises ShapeError, NotFiniteError and ConfigurationError for a bad grid, start or drive.
    """
    check_times(times)
    check_start(stack, start)
    if substeps < 1:
        raise ConfigurationError(message("substeps", "must be at least 1", substeps, "Give a whole number of steps."))
    grid = refine(times, substeps)
    drives = stack.autonomous if drives is None else drives
    _check_drives(drives, len(grid) - 1, len(method.nodes), len(stack.layers))
    _check_increments(increments, len(grid) - 1)
    applies = fusible(stack, start, drives)
    if path == "fused" and not applies:
        rule = "needs one of float32 and float64 on the processor, no delay and no gradient by the gains"
        raise ConfigurationError(message("path", rule, "fused", "Use auto."))
    if path != "plain" and applies:
        states = solve_fused(stack, start, grid.diff(), method, drives, increments)
    else:
        states = _solve_plain(stack, start, grid.diff(), method, drives, increments)
    return states[::substeps]


def fusible(stack: Stack, start: Tensor, drives: Drives) -> bool:
    """Does the compiled kernel apply?"""
    kinds = {start.dtype, *(layer.weight.dtype for layer in stack.layers)}
    on_processor = start.device.type == "cpu" and all(layer.weight.device.type == "cpu" for layer in stack.layers)
    floats = len(kinds) == 1 and kinds <= {torch.float32, torch.float64}
    factors = stack.factors or (None, None)
    gains = any(gain is not None and gain.requires_grad for gain in (drives.output, drives.state, *factors))
    plain = stack.delay == 0 and not gains
    return on_processor and floats and start.dim() in (2, 3) and plain


def _solve_plain(
    stack: Stack, start: Tensor, steps: Tensor, method: Method, drives: Drives, increments: Tensor | None
) -> Tensor:
    state = _over_dies(stack, start)
    states = [state]
    for number, step in enumerate(steps.tolist()):
        state = take_step(stack, state, step, method, drives, number)
        if increments is not None:
            state = state + increments[number]
        state = held_by_rails(stack, state)
        states.append(state)
    return torch.stack(states)


def take_step(stack: Stack, state: Tensor, step: float, method: Method, drives: Drives, number: int) -> Tensor:
    """One step of the method, before the rails hold the state."""
    slope, total = None, None
    for index, (node, share) in enumerate(zip(method.nodes, method.shares, strict=True)):
        at = state if slope is None else held_by_rails(stack, state + (step * node) * slope)
        slope = drift(stack, at, drives.at(number, index))
        total = share * slope if total is None else total + share * slope
    assert total is not None
    return state + step * total


def _over_dies(stack: Stack, start: Tensor) -> Tensor:
    """``start`` with the axis of the dies that the stack has."""
    if stack.dies is None:
        return start
    return start.expand(stack.dies, *start.shape[-2:]) if start.dim() == 2 or start.shape[0] == 1 else start


def _check_drives(drives: Drives, steps: int, stages: int, layers: int) -> None:
    if len(drives.layers) != layers:
        rule = f"must have one entry for each of the {layers} layers"
        raise ShapeError(message("drives", rule, len(drives.layers), "Use None where nothing is driven."))
    for sampled in (*drives.layers, drives.output, drives.state):
        if sampled is not None and tuple(sampled.shape[:2]) != (steps, stages):
            rule = f"must be sampled at ({steps}, {stages}) stages"
            remedy = "Sample at stage_times of the refined grid."
            raise ShapeError(message("drives", rule, tuple(sampled.shape[:2]), remedy))


def _check_increments(increments: Tensor | None, steps: int) -> None:
    if increments is not None and len(increments) != steps:
        raise ShapeError(message("increments", f"must be one for each of {steps} steps", len(increments), "Redraw."))
