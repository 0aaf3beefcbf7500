"""Amplifiers of finite bandwidth, exactly: each hidden stage is a state of its own.

τ_l da_l/dt = W_l u_{l-1} + b_l - a_l,  u_l = stage(a_l),  dv/dt = f(u_L),  with τ = (1 + R_f ΣG) / (2π GBW).
"""

from __future__ import annotations

import torch
from torch import Tensor

from ohmloom.dynamics.grids import refine
from ohmloom.dynamics.methods import Method, RungeKutta4
from ohmloom.dynamics.stack import Drives, Stack, check_start, combine, held_by_rails, project, stage, sums


def solve_with_poles(
    stack: Stack,
    poles: tuple[Tensor, ...],
    start: Tensor,
    times: Tensor,
    *,
    method: Method = RungeKutta4(),  # noqa: B008 (frozen)
    drives: Drives | None = None,
    substeps: int = 1,
) -> Tensor:
    """As `solve`, with ``poles`` (dies, 1, out), s, of the hidden layers; stages begin settled: (times, dies, ...)."""
    check_start(stack, start)
    steps = refine(times, substeps).diff().tolist()
    drives = stack.autonomous if drives is None else drives
    dies = max(layer.weight.shape[0] if layer.weight.dim() == 3 else 1 for layer in stack.layers)
    state = [start.expand(dies, *start.shape[-2:]), *_settled(stack, start, drives.at(0, 0))]
    found = [state[0]]
    for number, step in enumerate(steps):
        slopes: list[Tensor] | None = None
        total: list[Tensor] | None = None
        for index, (node, share) in enumerate(zip(method.nodes, method.shares, strict=True)):
            at = state if slopes is None else [v + step * node * k for v, k in zip(state, slopes, strict=True)]
            slopes = _rates(stack, poles, [held_by_rails(stack, at[0]), *at[1:]], drives.at(number, index))
            total = [share * k if total is None else total[i] + share * k for i, k in enumerate(slopes)]
        assert total is not None
        state = [v + step * k for v, k in zip(state, total, strict=True)]
        state[0] = held_by_rails(stack, state[0])
        found.append(state[0])
    return torch.stack(found)[::substeps]


def _settled(stack: Stack, start: Tensor, sample: Drives) -> list[Tensor]:
    """What the hidden stages come to while the state is held at ``start``, before their rectifiers."""
    held, before = start, []
    for layer, drive in zip(stack.layers[:-1], sample.layers[:-1], strict=True):
        before.append(sums(layer, held, drive))
        held = stage(layer, before[-1])
    return before


def _rates(stack: Stack, poles: tuple[Tensor, ...], state: list[Tensor], sample: Drives) -> list[Tensor]:
    held = [state[0], *(stage(layer, a) for layer, a in zip(stack.layers[:-1], state[1:], strict=True))]
    goals = [sums(layer, h, d) for layer, h, d in zip(stack.layers, held, sample.layers, strict=True)]
    inner = [(goal - a) / pole for goal, a, pole in zip(goals[:-1], state[1:], poles, strict=True)]
    output = stage(stack.layers[-1], goals[-1])
    return [project(stack, state[0], combine(stack, state[0], output, sample)), *inner]
