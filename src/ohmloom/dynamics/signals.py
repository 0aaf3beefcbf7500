"""Driven inputs: continuous signals, and the staircases that digital-to-analogue converters make of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

from ohmloom.dynamics.grids import check_times
from ohmloom.errors import ConfigurationError, NotFiniteError, ShapeError, message


class Signal(ABC):
    """Voltages of several channels over time, the same for all trajectories or one course for each."""

    @abstractmethod
    def at(self, times: Tensor, *, before: bool = False) -> Tensor:
        """The signal at ``times`` (any shape, s): (*times, 1 or trajectories, channels), V.

        Where it jumps: what comes after the jump, or, with ``before``, what was before it.
        Raises ConfigurationError for times outside of the signal's.
        """

    def stages(self, stage_times: Tensor) -> Tensor:
        """At the stages (steps, stages) of a method: (steps, stages, 1 or trajectories, channels).

        A step that ends where the signal jumps sees what was before the jump: the next step sees the jump.
        """
        if stage_times.shape[1] == 1:
            return self.at(stage_times)
        return torch.cat([self.at(stage_times[:, :-1]), self.at(stage_times[:, -1:], before=True)], 1)


@dataclass(frozen=True, eq=False)
class Samples(Signal):
    """Straight lines between samples: ``values`` (times, channels) or (times, trajectories, channels) at ``times``."""

    times: Tensor
    values: Tensor

    def __post_init__(self) -> None:
        check_times(self.times)
        _check_values(self.values, len(self.times))

    def at(self, times: Tensor, *, before: bool = False) -> Tensor:
        _check_span(times, float(self.times[0]), float(self.times[-1]))
        right = torch.searchsorted(self.times, times.contiguous()).clamp(1, len(self.times) - 1)
        left = right - 1
        share = (times - self.times[left]) / (self.times[right] - self.times[left])
        values = _with_trajectories(self.values)
        share = share.to(values)[..., None, None]
        return values[left] * (1 - share) + values[right] * share


@dataclass(frozen=True, eq=False)
class Staircase(Signal):
    """Levels held for a tick each: ``values`` (ticks, channels) or (ticks, trajectories, channels), from ``start`` on.

    With ``bits`` the levels are rounded to a converter of 2^bits codes over ±``full_scale``, V.
    """

    values: Tensor
    tick: float  # s
    start: float = 0.0  # s
    bits: int | None = None
    full_scale: float = 1.0  # V

    def __post_init__(self) -> None:
        _check_values(self.values, 1)
        if not self.tick > 0:
            raise ConfigurationError(message("tick", "must be positive", self.tick, "Give the hold time in seconds."))
        largest = float(self.values.abs().max())
        if self.bits is not None and largest > self.full_scale:
            rule = f"must lie within the converter's ±{self.full_scale:g} V"
            raise ConfigurationError(message("values", rule, f"{largest:g} V", "Raise full_scale or scale the signal."))

    @property
    def levels(self) -> Tensor:
        """What the converter puts out: (ticks, 1 or trajectories, channels), V."""
        values = _with_trajectories(self.values)
        if self.bits is None:
            return values
        step = 2 * self.full_scale / (2**self.bits - 1)
        codes = ((values + self.full_scale) / step).round()
        return codes * step - self.full_scale

    def at(self, times: Tensor, *, before: bool = False) -> Tensor:
        _check_span(times, self.start, self.start + self.tick * len(self.values))
        position = (times - self.start) / self.tick
        nearest = position.round()
        position = torch.where((position - nearest).abs() < 1e-6, nearest, position)  # jumps are not lost to rounding
        tick = position.ceil() - 1 if before else position.floor()
        return self.levels[tick.long().clamp(0, len(self.values) - 1)]


def _with_trajectories(values: Tensor) -> Tensor:
    return values if values.dim() == 3 else values.unsqueeze(1)


def _check_values(values: Tensor, times: int) -> None:
    if values.dim() not in (2, 3) or len(values) < times:
        rule = f"must be ({times}, channels) or ({times}, trajectories, channels)"
        raise ShapeError(message("signal", rule, tuple(values.shape), "Give one row for each time."))
    if not bool(torch.isfinite(values.detach()).all()):
        where = int((~torch.isfinite(values.detach())).nonzero()[0, 0])
        raise NotFiniteError(message("signal", "must be finite", f"NaN or inf at sample {where}", "Mend the input."))


def _check_span(times: Tensor, first: float, last: float) -> None:
    low, high, slack = float(times.min()), float(times.max()), 1e-6 * (last - first)
    if low < first - slack or high > last + slack:
        rule = f"must cover the whole run, {low:g} s to {high:g} s"
        raise ConfigurationError(message("signal", rule, f"{first:g} s to {last:g} s", "Give a longer signal."))
