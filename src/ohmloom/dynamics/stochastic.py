"""Stochastic loops: Euler-Maruyama and the Stratonovich Heun method, with hidden-layer and slow noise as states."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from ohmloom.dynamics.grids import check_times, refine
from ohmloom.dynamics.methods import Euler, Heun, Method
from ohmloom.dynamics.noise import LoopNoise, SlowProcess, advance, begin
from ohmloom.dynamics.stack import Drives, Stack, check_start, combine, held_by_rails, project, stage, sums
from ohmloom.errors import ConfigurationError, message

Reading = Literal["ito", "stratonovich"]


def solve_noisy(
    stack: Stack,
    noise: LoopNoise,
    start: Tensor,
    times: Tensor,
    generator: torch.Generator,
    *,
    method: Method = Heun(),  # noqa: B008 (frozen)
    reading: Reading = "stratonovich",
    drives: Drives | None = None,
    substeps: int = 1,
) -> Tensor:
    """dv = f dt + σ(v) dW: (times, dies, trajectories, states), from ``start`` ((dies,) trajectories, states).

    ``euler`` is Euler-Maruyama, whose Ito form gets the drift ½ σ_k ∂σ_k/∂v_k under the Stratonovich reading; ``heun``
    is the Stratonovich Heun method, and the Ito reading takes that drift away. Each needs steps that resolve hidden
    layers' poles. Raises ConfigurationError for other methods and for steps longer than a noisy stage's pole.
    """
    check_times(times)
    check_start(stack, start)
    grid = refine(times, substeps)
    _check(method, noise, float(grid.diff().max()))
    drives = stack.autonomous if drives is None else drives
    run = _Run(stack, noise, generator, method, reading)
    dies = max(layer.weight.shape[0] if layer.weight.dim() == 3 else 1 for layer in stack.layers)
    state = start.expand(dies, *start.shape[-2:])
    run.begin(state, drives.at(0, 0))
    states = [state]
    for number, step in enumerate(grid.diff().tolist()):
        state = run.step(state, step, drives, number)
        states.append(state)
    return torch.stack(states[::substeps])


class _Run:
    """One run: the noise states that go with it, and a step."""

    def __init__(
        self, stack: Stack, noise: LoopNoise, generator: torch.Generator, method: Method, reading: Reading
    ) -> None:
        self.stack, self.noise, self.generator = stack, noise, generator
        self.method, self.reading = method, reading
        self.slow: list[Tensor] = []
        self.hidden: list[Tensor | None] = []

    def begin(self, state: Tensor, sample: Drives) -> None:
        """Stationary draws of all noise states."""
        self.slow = [begin(process, state.shape[-2], self.generator) for process in self.noise.slow]
        self.hidden = [None] * len(self.noise.hidden)
        held = self._held(state, sample)
        self.hidden = [
            None if variance is None else variance.sqrt() * self._draw(variance) for variance in self._variances(held)
        ]

    def step(self, state: Tensor, step: float, drives: Drives, number: int) -> Tensor:
        stack = self.stack
        held = self._held(state, drives.at(number, 0))
        rate = self._rate(state, held, drives.at(number, 0))
        kicks = self._draw(state) * step**0.5 if self.noise.white is not None else None
        deviation = self._deviation(held, drives.at(number, 0))
        correction = self._correction(state, drives.at(number, 0)) if kicks is not None else 0.0
        following = self._following(held, step)
        moved = state + step * (rate + correction)
        if kicks is not None:
            moved = moved + deviation * kicks
        if isinstance(self.method, Heun):
            moved = held_by_rails(stack, moved)
            self.hidden = following
            end = drives.at(number, 1)
            held = self._held(moved, end)
            mean = (rate + self._rate(moved, held, end)) / 2
            after = state + step * (mean + correction)
            moved = after if kicks is None else after + (deviation + self._deviation(held, end)) / 2 * kicks
        self.hidden = following
        self.slow = [advance(p, v, step, self.generator) for p, v in zip(self.noise.slow, self.slow, strict=True)]
        return held_by_rails(stack, moved)

    def _held(self, state: Tensor, sample: Drives) -> list[Tensor]:
        """What enters each layer and leaves the last, with the noise states as they are."""
        held = [state]
        for number, (layer, drive) in enumerate(zip(self.stack.layers, sample.layers, strict=True)):
            before = sums(layer, held[-1], drive)
            for process, value in zip(self.noise.slow, self.slow, strict=True):
                if process.layer == number:
                    before = before + torch.einsum("dtoi,dti->dto", value, held[-1])
            fluctuation = self.hidden[number] if number < len(self.hidden) else None
            held.append(stage(layer, before if fluctuation is None else before + fluctuation))
        return held

    def _rate(self, state: Tensor, held: list[Tensor], sample: Drives) -> Tensor:
        return project(self.stack, state, combine(self.stack, state, held[-1], sample))

    def _deviation(self, held: list[Tensor], sample: Drives) -> Tensor:
        """σ of every state, V/√s."""
        if self.noise.white is None:
            return torch.zeros_like(held[-1])
        factor = self.stack.output_gain * (1.0 if sample.output is None else sample.output)
        if self.stack.factors is not None:
            factor = factor * self.stack.factors[0]
        return factor * (held[-2].square() @ self.noise.white.transpose(-1, -2)).sqrt()

    def _correction(self, state: Tensor, sample: Drives) -> Tensor | float:
        """±½ σ_k ∂σ_k/∂v_k = ±¼ ∂(σ_k²)/∂v_k, where the method's own reading is not the wanted one."""
        own: Reading = "ito" if isinstance(self.method, Euler) else "stratonovich"
        if own == self.reading:
            return 0.0
        with torch.enable_grad():
            at = state.detach().requires_grad_()
            power = self._deviation(self._held(at, sample), sample).square()
            columns = [
                torch.autograd.grad(power[..., k].sum(), at, retain_graph=True, allow_unused=True)[0]
                for k in range(state.shape[-1])
            ] if power.requires_grad else [None]  # fmt: skip
        if columns[0] is None:
            return 0.0
        slope = torch.stack([column[..., k] for k, column in enumerate(columns) if column is not None], -1)
        return slope / 4 if own == "ito" else -slope / 4

    def _variances(self, held: list[Tensor]) -> list[Tensor | None]:
        """Stationary variances of the hidden stages' noise, V²."""
        return [
            None if density is None else (held[n].square() @ density.transpose(-1, -2)) / (2 * self.noise.poles[n])
            for n, density in enumerate(self.noise.hidden)
        ]

    def _following(self, held: list[Tensor], step: float) -> list[Tensor | None]:
        """The hidden stages' noise ``step`` seconds later, for inputs that are held."""
        after: list[Tensor | None] = []
        for n, variance in enumerate(self._variances(held)):
            now = self.hidden[n]
            if variance is None or now is None:
                after.append(None)
                continue
            kept = torch.exp(-step / self.noise.poles[n])
            after.append(kept * now + (variance * (1 - kept.square())).sqrt() * self._draw(variance))
        return after

    def _draw(self, like: Tensor) -> Tensor:
        return torch.randn(like.shape, generator=self.generator, dtype=like.dtype)


def _check(method: Method, noise: LoopNoise, step: float) -> None:
    if not isinstance(method, Euler | Heun):
        rule = "must be euler or heun for a stochastic equation"
        raise ConfigurationError(message("method", rule, type(method).__name__, "Choose one of them."))
    noisy = [pole for pole, density in zip(noise.poles, noise.hidden, strict=False) if density is not None]
    shortest = min((float(pole.min()) for pole in noisy), default=float("inf"))
    if step > shortest:
        rule = f"must resolve the poles of noisy stages, {shortest:g} s"
        raise ConfigurationError(message("times", rule, f"steps of {step:g} s", "Use a finer grid, or more substeps."))


__all__ = ["LoopNoise", "Reading", "SlowProcess", "solve_noisy"]
