"""The fused path: all steps of a small network in one compiled call, with a hand-written reverse pass.

At the sizes of analogue loops the cost of a step in torch is that of calling some forty operations, not that of their
arithmetic. Here a whole trajectory is one operation of torch, with a gradient by every tensor that shapes it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from ohmloom.dynamics import fused_columns, fused_loop
from ohmloom.dynamics.methods import Method
from ohmloom.dynamics.stack import Drives, Stack

KINDS = {"relu": fused_loop.RELU, "tanh": fused_loop.TANH, "identity": fused_loop.IDENTITY}
BLOCK = 64  # trajectories that pass through all steps together
MANY = 16  # trajectories from which on they lie side by side in the processor's vectors
COLUMNS = 512  # of them that pass through all steps together: what fits into the nearest caches
NUMPY = {torch.float32: np.float32, torch.float64: np.float64}


class Plan(NamedTuple):
    """What a fused call needs beside the tensors that have gradients; sizes as in `fused_loop`."""

    layers: int
    sizes: np.ndarray[Any, Any]
    kinds: np.ndarray[Any, Any]
    limits: np.ndarray[Any, Any]
    series: np.ndarray[Any, Any]
    gains: np.ndarray[Any, Any]
    rail: Any
    steps: np.ndarray[Any, Any]
    nodes: np.ndarray[Any, Any]
    shares: np.ndarray[Any, Any]


def solve_fused(
    stack: Stack, start: Tensor, steps: Tensor, method: Method, drives: Drives, increments: Tensor | None
) -> Tensor:
    """The states after each of ``steps`` (s): (steps + 1, ..., trajectories, states); die by die if there are any."""
    plan = _plan(stack, start.dtype, steps, method, drives)
    if start.dim() == 2 and stack.dies is None:
        return _solve_die(plan, stack, start, drives, increments, None)
    dies = max(stack.dies or 1, start.shape[0] if start.dim() == 3 else 1)
    starts = start.expand(dies, *start.shape[-2:])
    solved = [_solve_die(plan, stack, starts[die], drives, increments, die) for die in range(dies)]
    return torch.stack(solved, dim=1)


def _solve_die(
    plan: Plan, stack: Stack, start: Tensor, drives: Drives, increments: Tensor | None, die: int | None
) -> Tensor:
    if stack.factors is not None:
        plan = plan._replace(gains=_gains(stack, len(plan.gains), drives, die).numpy().astype(plan.steps.dtype))
    weights = [_of_die(layer.weight, 2, die) for layer in stack.layers]
    biases = [None if layer.bias is None else _of_die(layer.bias, 2, die).reshape(-1) for layer in stack.layers]
    driven = [None if drive is None else _drive_of_die(drive, die) for drive in drives.layers]
    offset = None if stack.offset is None else _of_die(stack.offset, 2, die).reshape(-1)
    if increments is not None:
        drawn = increments if increments.dim() == 3 or die is None else increments[:, die % increments.shape[1]]
        increments = drawn.expand(len(drawn), *start.shape)
    result = _FusedSolve.apply(plan, start, increments, offset, *weights, *biases, *driven)
    assert isinstance(result, Tensor)
    return result


def _of_die(held: Tensor, axes: int, die: int | None) -> Tensor:
    """The part of a die of a tensor that may have an axis of dies before its own ``axes``."""
    return held if held.dim() <= axes or die is None else held[die % held.shape[0]]


def _drive_of_die(drive: Tensor, die: int | None) -> Tensor:
    """(steps, stages, [dies,] trajectories or 1, out) to (steps · stages, trajectories or 1, out)."""
    if drive.dim() == 5:
        drive = drive[:, :, 0 if die is None else die % drive.shape[2]]
    return drive.flatten(0, 1)


def _plan(stack: Stack, dtype: torch.dtype, steps: Tensor, method: Method, drives: Drives) -> Plan:
    kind = NUMPY[dtype]
    sizes = [stack.layers[0].weight.shape[-1], *(layer.weight.shape[-2] for layer in stack.layers)]
    series = [1 / n for n in range(10, 1, -1)] + [1.0, 2.0, 40.0, 2.0**-fused_loop.DOUBLINGS]
    times = 1 if drives.output is None and drives.state is None else len(steps) * len(method.nodes)
    return Plan(
        len(stack.layers), np.array(sizes), np.array([KINDS[layer.activation] for layer in stack.layers]),
        np.array([(layer.low, layer.high, layer.unit) for layer in stack.layers], kind), np.array(series, kind),
        _gains(stack, times, drives, None).numpy().astype(kind), kind(stack.rail), steps.detach().numpy().astype(kind),
        np.array(method.nodes, kind), np.array(method.shares, kind),
    )  # fmt: skip


def _gains(stack: Stack, times: int, drives: Drives, die: int | None) -> Tensor:
    """What output and state are multiplied by: (times, 2, states); with the errors of multipliers those of a die."""
    gains = torch.empty(times, 2, stack.states, dtype=torch.float64)
    gains[:, 0], gains[:, 1] = stack.output_gain, stack.state_gain
    output, state = (drive if drive is None else drive.detach().flatten().unsqueeze(1).double()
                     for drive in (drives.output, drives.state))  # fmt: skip
    if output is not None:
        gains[:, 0] *= output
    if stack.factors is not None and (die is not None or stack.factors[0].dim() == 1):
        by_output, by_state = (_of_die(factor.detach(), 1, die).reshape(-1).double() for factor in stack.factors)
        gains[:, 0] *= by_output
        state = None if state is None else state * by_state
    if state is not None:
        gains[:, 1] += state
    return gains


class _Packed(NamedTuple):
    net: tuple[Any, ...]
    drive: np.ndarray[Any, Any]
    offset: np.ndarray[Any, Any]
    increments: np.ndarray[Any, Any]


def _pack(plan: Plan, increments: Tensor | None, offset: Tensor | None, tensors: tuple[Tensor | None, ...]) -> _Packed:
    kind = plan.steps.dtype
    weights, biases, drives = (tensors[i * plan.layers : (i + 1) * plan.layers] for i in range(3))
    places, copies, parts, at = [], [], [], 0
    for drive in drives:
        places.append(-1 if drive is None else at)
        copies.append(1 if drive is None else drive.shape[1])
        if drive is not None:
            parts.append(_flat(drive))
            at += parts[-1].size
    zeros = [np.zeros(size, kind) for size in plan.sizes[1:]]
    flat_biases = [zero if bias is None else _flat(bias) for bias, zero in zip(biases, zeros, strict=True)]
    flat_weights = [_flat(weight) for weight in weights if weight is not None]
    net = (
        np.concatenate(flat_weights), np.concatenate(flat_biases), plan.sizes, plan.kinds, plan.limits,
        np.array(places), np.array(copies), plan.series,
    )  # fmt: skip
    drawn = np.empty((0, 0, 0), kind) if increments is None else increments.detach().contiguous().numpy()
    still = np.zeros(plan.sizes[-1], kind) if offset is None else _flat(offset)
    return _Packed(net, np.concatenate(parts) if parts else np.empty(0, kind), still, drawn)


def _flat(tensor: Tensor) -> np.ndarray[Any, Any]:
    return tensor.detach().contiguous().view(-1).numpy()


class _FusedSolve(torch.autograd.Function):
    """Inputs: plan, start (trajectories, states), increments, offset, then weights, biases and drives of the layers."""

    @staticmethod
    def forward(
        ctx: Any, plan: Plan, start: Tensor, increments: Tensor | None, offset: Tensor | None, *rest: Any
    ) -> Tensor:
        packed = _pack(plan, increments, offset, rest)
        out = torch.empty(len(plan.steps) + 1, *start.shape, dtype=start.dtype)
        out[0] = start.detach()
        many = len(start) >= MANY
        forward, block = (fused_columns.forward_columns, COLUMNS) if many else (fused_loop.forward, BLOCK)
        forward(
            packed.net, packed.drive, plan.gains, packed.offset, plan.rail, plan.steps, plan.nodes, plan.shares,
            packed.increments, min(block, len(start)), out.numpy(),
        )  # fmt: skip
        ctx.plan, ctx.shapes = plan, [None if tensor is None else tensor.shape for tensor in rest]
        ctx.save_for_backward(out, increments, offset, *rest)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, pulls: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        plan: Plan = ctx.plan
        out, increments, offset, *rest = ctx.saved_tensors
        packed = _pack(plan, increments, offset, tuple(rest))
        kind, wanted = plan.steps.dtype, ctx.needs_input_grad
        by_start, by_offset = torch.empty_like(out[0]), torch.zeros(int(plan.sizes[-1]), dtype=out.dtype)
        by_weight, by_bias = np.zeros_like(packed.net[0]), np.zeros_like(packed.net[1])
        by_drive = np.zeros(packed.drive.size if any(wanted[-plan.layers :]) else 0, kind)
        by_increment = np.empty(packed.increments.shape if wanted[2] else (0, 0, 0), kind)
        fused_loop.backward(
            packed.net, packed.drive, plan.gains, packed.offset, plan.rail, plan.steps, plan.nodes, plan.shares,
            packed.increments, min(BLOCK, out.shape[1]), out.numpy(), pulls.contiguous().numpy(),
            by_start.numpy(), by_weight, by_bias, by_drive, by_offset.numpy(), by_increment,
        )  # fmt: skip
        layers = plan.layers
        gradients = [
            *_unpack(by_weight, ctx.shapes[:layers], plan.sizes[:-1] * plan.sizes[1:]),
            *_unpack(by_bias, ctx.shapes[layers : 2 * layers], plan.sizes[1:]),
        ]
        drive_sizes = [0 if shape is None else shape.numel() for shape in ctx.shapes[2 * layers :]]
        gradients += _unpack(by_drive, ctx.shapes[2 * layers :], drive_sizes) if by_drive.size else [None] * layers
        first = torch.from_numpy(by_increment) if wanted[2] else None
        return None, by_start, first, by_offset if wanted[3] else None, *gradients


def _unpack(flat: np.ndarray[Any, Any], shapes: list[Any], sizes: Any) -> list[Tensor | None]:
    """A packed gradient as one tensor for each shape; None where there was none."""
    parts = torch.from_numpy(flat).split([int(size) for size in sizes])
    return [None if shape is None else part.view(shape) for part, shape in zip(parts, shapes, strict=True)]
