"""The gradient by the adjoint equation, for comparison: optimise-then-discretise.

    da/dt = -(∂f/∂v)ᵀ a,   dL/dθ = -∫ aᵀ ∂f/∂θ dt   (backwards; v is solved backwards with them).

It keeps no states, is slower, and is the gradient of the equation, not of its discretisation: both agree as the step
goes to zero. Chen et al., Neural ordinary differential equations, arXiv:1806.07366.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ohmloom.dynamics.methods import Method, RungeKutta4
from ohmloom.dynamics.solving import solve
from ohmloom.dynamics.stack import Drives, Stack, drift


def adjoint_gradient(
    stack: Stack,
    start: Tensor,
    times: Tensor,
    pull: Tensor,
    *,
    method: Method = RungeKutta4(),  # noqa: B008 (frozen)
    drives: Drives | None = None,
) -> tuple[Tensor, list[Tensor]]:
    """dL/dstart and dL/dθ for L that depends on the states at ``times`` through ``pull`` = ∂L/∂states, same shape.

    θ are the tensors of ``stack`` that require a gradient, in the order of its layers (weight, bias). The stages of
    ``method`` must lie symmetrically in the step, as those of Heun and RK4 do.
    """
    drives = stack.autonomous if drives is None else drives
    with torch.no_grad():
        state = solve(stack, start, times, method=method, drives=drives)[-1]
    learned = [part for layer in stack.layers for part in layer[:2] if part is not None and part.requires_grad]
    costate, sums = pull[-1].clone(), [torch.zeros_like(part) for part in learned]
    steps = times.diff().tolist()
    for number in reversed(range(len(steps))):
        state, costate, sums = _back(stack, learned, state, costate, sums, steps[number], method, drives, number)
        costate = costate + pull[number]
    return costate, sums


def _back(
    stack: Stack, learned: list[Tensor], state: Tensor, costate: Tensor, sums: list[Tensor], step: float,
    method: Method, drives: Drives, number: int,
) -> tuple[Tensor, Tensor, list[Tensor]]:  # fmt: skip
    """One step backwards of state, costate and the integrals of the parameters."""
    after, co_after, totals = state, costate, sums
    rate, slope = torch.zeros_like(state), torch.zeros_like(costate)  # of the stage before
    last = len(method.nodes) - 1
    for index, (node, share) in enumerate(zip(method.nodes, method.shares, strict=True)):
        co = costate + step * node * slope
        with torch.enable_grad():
            free = (state - step * node * rate).detach().requires_grad_()
            rate = drift(stack, free, drives.at(number, last - index))
            slope, *by_learned = torch.autograd.grad(rate, [free, *learned], co, allow_unused=True)
        rate = rate.detach()
        after, co_after = after - step * share * rate, co_after + step * share * slope
        totals = [t if g is None else t + step * share * g for t, g in zip(totals, by_learned, strict=True)]
    return after, co_after, totals
