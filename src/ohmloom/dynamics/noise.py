"""Read noise of a loop in time: densities, never a fresh number of fixed deviation for each solver step.

White at the integrator: a two-sided density S (W² s) of each element of the last matrix gives

    dv_k = f dt + gain · sqrt(Σ_j S_kj u_j²) dW_k       (Stratonovich: physical noise has a finite correlation time).

A hidden layer's noise passes its amplifier first, then the rectifier: an Ornstein-Uhlenbeck state with the stage's time
constant τ and stationary variance Σ_j S_kj h_j² / (2τ). Slow noise (1/f, telegraph) is a sum of slow processes of each
element, of exact transition over any step.
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from ohmloom.chips import StoredMatrix
from ohmloom.errors import ConfigurationError, message


class SlowProcess(NamedTuple):
    """A stationary process of every element: autocovariance variance · exp(-t / time)."""

    layer: int
    variance: Tensor  # (dies, out, in), W²
    time: float  # s
    kind: Literal["normal", "telegraph"] = "normal"  # an Ornstein-Uhlenbeck or a symmetric two-state process


class LoopNoise(NamedTuple):
    """All noise of a loop. Densities are two-sided, W² s; an absent one is zero."""

    white: Tensor | None = None  # (dies, states, in) of the last layer
    hidden: tuple[Tensor | None, ...] = ()  # (dies, out, in) of each hidden layer
    poles: tuple[Tensor, ...] = ()  # s, (dies, 1, out) of each hidden layer
    slow: tuple[SlowProcess, ...] = ()


def loop_noise(
    matrices: tuple[StoredMatrix, ...], poles: tuple[Tensor, ...], frequency: float, states: int
) -> LoopNoise:
    """The white noise of all layers, from each matrix's one-sided density at ``frequency``.

    Inputs beyond ``states`` of the first layer are driven from outside; their cells' noise is left out there.
    Raises ConfigurationError where hidden layers are noisy but have no poles.
    """
    densities = [matrix.noise_density(frequency) / 2 for matrix in matrices]
    densities[0] = densities[0][..., :states]
    noisy = [bool(density.any()) for density in densities]
    if any(noisy[:-1]) and not poles:
        rule = "must be given where hidden layers are noisy: it is their noise's bandwidth"
        raise ConfigurationError(message("circuit.gain_bandwidth", rule, "none", "Give one, or a quiet device."))
    hidden = tuple(d if n else None for d, n in zip(densities[:-1], noisy[:-1], strict=True))
    return LoopNoise(densities[-1] if noisy[-1] else None, hidden, poles)


def slow_processes(
    matrix: StoredMatrix, layer: int, slowest: float, fastest: float, *, white: float = 1e6, per_decade: int = 2
) -> tuple[SlowProcess, ...]:
    """What of a matrix's noise lies between ``slowest`` and ``fastest`` (Hz), as Ornstein-Uhlenbeck processes.

    The band is cut into equal parts of its logarithm. A process takes the variance ∫ (S(f) - S(white)) df of its part
    (one-sided density, which is that at ``white`` where noise is white) and has its corner in the middle of it.
    """
    if not 0 < slowest < fastest <= white:
        given = f"{slowest:g} Hz, {fastest:g} Hz, {white:g} Hz"
        rule = "must be positive and increase: slowest, fastest, white"
        raise ConfigurationError(message("slow_processes", rule, given, "Order the frequencies."))
    count = max(math.ceil(per_decade * math.log10(fastest / slowest)), 1)
    ratio = (fastest / slowest) ** (1 / count)
    floor = matrix.noise_density(white)
    processes = []
    for number in range(count):
        middle = slowest * ratio ** (number + 0.5)
        above = (matrix.noise_density(middle) - floor).clamp_min(0)
        variance = above * middle * math.log(ratio)  # exact for 1/f: ∫ A/f df = A log(ratio)
        if bool(variance.any()):
            processes.append(SlowProcess(layer, variance, 1 / (2 * math.pi * middle)))
    return tuple(processes)


def begin(process: SlowProcess, trajectories: int, generator: torch.Generator) -> Tensor:
    """A stationary draw: (dies, trajectories, out, in), W."""
    dies, *shape = process.variance.shape
    return _unit_draw(process, (dies, trajectories, *shape), generator) * process.variance.sqrt().unsqueeze(1)


def advance(process: SlowProcess, value: Tensor, step: float, generator: torch.Generator) -> Tensor:
    """The process ``step`` seconds later, exactly whatever the step: mean value · exp(-step / time)."""
    kept = math.exp(-step / process.time)
    if process.kind == "telegraph":
        chance = torch.rand(value.shape, generator=generator, dtype=value.dtype)
        return torch.where(chance < (1 - kept) / 2, -value, value)
    fresh = torch.randn(value.shape, generator=generator, dtype=value.dtype) * process.variance.sqrt().unsqueeze(1)
    return kept * value + math.sqrt(1 - kept**2) * fresh


def _unit_draw(process: SlowProcess, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    kind = process.variance.dtype
    if process.kind == "telegraph":
        return torch.rand(shape, generator=generator, dtype=kind).sub(0.5).sign()
    return torch.randn(shape, generator=generator, dtype=kind)
