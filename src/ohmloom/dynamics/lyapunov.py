"""How fast neighbouring courses of a system part: its largest Lyapunov exponent."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ohmloom.errors import ConfigurationError, message


def largest_exponent(
    advance: Callable[[Tensor], Tensor],
    start: Tensor,
    interval: float,
    rounds: int,
    generator: torch.Generator,
    *,
    discarded: int = 20,
    distance: float = 1e-6,
) -> Tensor:
    """The exponent along each trajectory, 1 / unit of ``interval``: (trajectories); NaN where one runs away.

        λ = mean over rounds of ln(|y(t + T) - x(t + T)| / d) / T,   |y(t) - x(t)| = d

    Benettin's method (Meccanica 15, 9 (1980), doi:10.1007/BF02128236): after each ``interval`` T the neighbour y is put
    back to the ``distance`` d from x, in the direction into which it went. The first ``discarded`` rounds only turn it
    into the direction that grows fastest. ``advance`` takes states (trajectories, states) one interval on; ``start``
    (trajectories, states) should lie on the attractor, in double precision, or d is lost to rounding.
    """
    if rounds < 1:
        raise ConfigurationError(message("rounds", "must be at least 1", rounds, "Give more rounds."))
    away = torch.randn(start.shape, generator=generator, dtype=start.dtype)
    state, total = start, torch.zeros(len(start), dtype=start.dtype)
    for number in range(discarded + rounds):
        away = away * (distance / away.norm(dim=-1, keepdim=True))
        state, neighbour = advance(torch.cat([state, state + away])).chunk(2)
        away = neighbour - state
        if number >= discarded:
            total = total + (away.norm(dim=-1) / distance).log()
    return total / (rounds * interval)
