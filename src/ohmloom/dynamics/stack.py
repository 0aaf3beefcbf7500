"""The drift function of a loop: a stack of dense layers with their stages, multipliers, a leak and rails.

Pure functions of tensors, in any consistent units: volts and seconds for a circuit, plain numbers for a network that
is being trained. What is driven from outside enters as `Drives`, sampled beforehand at the times of the solver.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch import Tensor

from ohmloom.errors import ConfigurationError, NotFiniteError, ShapeError, message

Activation = Literal["relu", "tanh", "identity"]


class Layer(NamedTuple):
    """u = clamp(unit · activation((W h + b + drive) / unit), low, high): an array, its amplifiers and what follows."""

    weight: Tensor  # (out, in) or (dies, out, in)
    bias: Tensor | None = None  # (out) or (dies, 1, out)
    activation: Activation = "identity"
    low: float = -float("inf")
    high: float = float("inf")
    unit: float = 1.0  # what one unit of tanh is, V


class Stack(NamedTuple):
    """dv/dt = output_gain · net(v) + state_gain · v + offset, frozen where it pushes v beyond a rail."""

    layers: tuple[Layer, ...]
    output_gain: float = 1.0  # 1/s
    state_gain: float = 0.0  # 1/s; minus the leak
    offset: Tensor | None = None  # (states) or (dies, 1, states), V/s
    rail: float = float("inf")  # largest |v|
    delay: float = 0.0  # s, of finite amplifiers, to first order: dv/dt = f(v - delay f(v))
    factors: tuple[Tensor, Tensor] | None = None  # of both gains, each state's own: (states) or (dies, 1, states)

    @property
    def states(self) -> int:
        return self.layers[-1].weight.shape[-2]

    @property
    def dies(self) -> int | None:
        """Of how many dies there are weights, biases, offsets or factors; None where there are no dies."""
        held = [part for layer in self.layers for part in (layer.weight, layer.bias)]
        held += [self.offset, *(self.factors or ())]
        return max((len(part) for part in held if part is not None and part.dim() == 3), default=None)

    @property
    def autonomous(self) -> Drives:
        """No drive at all."""
        return Drives((None,) * len(self.layers))


class Drives(NamedTuple):
    """What enters from outside, sampled at (steps, stages): see `ohmloom.dynamics.grids.stage_times`."""

    layers: tuple[Tensor | None, ...]  # added before each stage: (steps, stages, [dies,] trajectories or 1, out)
    output: Tensor | None = None  # factor of the output gain, (steps, stages)
    state: Tensor | None = None  # added to the state gain, (steps, stages), 1/s

    def at(self, step: int, stage: int) -> Drives:
        """One sample."""

        def pick(sampled: Tensor | None) -> Tensor | None:
            return None if sampled is None else sampled[step, stage]

        return Drives(tuple(pick(layer) for layer in self.layers), pick(self.output), pick(self.state))


def stage(layer: Layer, before: Tensor) -> Tensor:
    """The rectifier or other stage of a layer: (..., out) to (..., out)."""
    if layer.activation == "relu":
        after = before.relu()
    elif layer.activation == "tanh":
        after = before.tanh() if layer.unit == 1.0 else layer.unit * (before / layer.unit).tanh()
    else:
        after = before
    unlimited = layer.low == -float("inf") and layer.high == float("inf")
    return after if unlimited else after.clamp(layer.low, layer.high)


def sums(layer: Layer, held: Tensor, drive: Tensor | None) -> Tensor:
    """W h + b + drive: (..., trajectories, in) to (..., trajectories, out)."""
    total = held @ layer.weight.transpose(-1, -2)
    total = total if layer.bias is None else total + layer.bias
    return total if drive is None else total + drive


def hidden(stack: Stack, state: Tensor, sample: Drives) -> list[Tensor]:
    """What enters each layer and what leaves the last: layers + 1 tensors (..., trajectories, width)."""
    held = [state]
    for layer, drive in zip(stack.layers, sample.layers, strict=True):
        held.append(stage(layer, sums(layer, held[-1], drive)))
    return held


def drift(stack: Stack, state: Tensor, sample: Drives) -> Tensor:
    """dv/dt at one instant: (..., trajectories, states), with the rails' projection.

    A state at its rail stays there while the drift points outwards (the integrator is saturated, not its memory).
    """
    rate = combine(stack, state, hidden(stack, state, sample)[-1], sample)
    if stack.delay:
        late = state - stack.delay * rate
        rate = combine(stack, state, hidden(stack, late, sample)[-1], sample)
    return project(stack, state, rate)


def combine(stack: Stack, state: Tensor, output: Tensor, sample: Drives) -> Tensor:
    """The multipliers and the integrator's input, before the rails."""
    rate = output * (stack.output_gain if sample.output is None else stack.output_gain * sample.output)
    if stack.factors is not None:
        rate = rate * stack.factors[0]
    if stack.state_gain or sample.state is not None:
        rate = rate + state * state_gain(stack, sample)
    return rate if stack.offset is None else rate + stack.offset


def state_gain(stack: Stack, sample: Drives) -> Tensor | float:
    """What the state is multiplied by, 1/s: a leak that is none of the multipliers' business, and what they make of
    the signal that drives them."""
    if sample.state is None:
        return stack.state_gain
    return stack.state_gain + (sample.state if stack.factors is None else sample.state * stack.factors[1])


def project(stack: Stack, state: Tensor, rate: Tensor) -> Tensor:
    """``rate`` without what pushes a state beyond its rail."""
    if stack.rail == float("inf"):
        return rate
    outwards = ((state >= stack.rail) & (rate > 0)) | ((state <= -stack.rail) & (rate < 0))
    return rate.masked_fill(outwards, 0.0)


def held_by_rails(stack: Stack, state: Tensor) -> Tensor:
    """``state`` within the rails."""
    return state if stack.rail == float("inf") else state.clamp(-stack.rail, stack.rail)


def check_start(stack: Stack, start: Tensor) -> None:
    """Raises ShapeError, NotFiniteError or ConfigurationError for a start that the loop cannot hold."""
    if start.dim() < 2 or start.shape[-1] != stack.states:
        rule = f"must be (trajectories, {stack.states}) or (dies, trajectories, {stack.states})"
        raise ShapeError(message("start", rule, tuple(start.shape), "Add the missing axes."))
    if not bool(torch.isfinite(start.detach()).all()):
        raise NotFiniteError(message("start", "must be finite", "NaN or inf", "Find where it arises."))
    if float(start.detach().abs().max()) > stack.rail:
        rule = f"must lie within the rails, {stack.rail:g}"
        raise ConfigurationError(
            message("start", rule, f"{float(start.abs().max()):g}", "Lower the unit, or raise the rails.")
        )
