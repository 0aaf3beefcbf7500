"""What a loop does near one state: the eigenvalues of its linearised drift."""

from __future__ import annotations

import torch
from torch import Tensor

from ohmloom.dynamics.stack import Drives, Stack, drift


def eigenvalues(stack: Stack, state: Tensor, sample: Drives | None = None) -> Tensor:
    """Eigenvalues of ∂f/∂v of the first trajectory of each die, 1/s, complex: (dies · states).

    ``state``: (trajectories, states) or (dies, trajectories, states). The rails are left out: they only slow a loop.
    """
    free = stack._replace(rail=float("inf"))
    sample = sample or stack.autonomous.at(0, 0)
    one = state.detach()[..., :1, :]

    def summed(v: Tensor) -> Tensor:
        rates = drift(free, v, sample)
        return rates[..., 0, :].reshape(-1, stack.states)  # (dies, states)

    slopes = torch.autograd.functional.jacobian(summed, one)
    assert isinstance(slopes, Tensor)
    slopes = slopes.flatten(0, 1).reshape(-1, stack.states, max(one.numel() // stack.states, 1), stack.states)
    return torch.linalg.eigvals(slopes.sum(2).double()).flatten()
