"""The circuit around the arrays of a loop: integrators, amplifiers, rectifiers, and what is not ideal about them."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

from pydantic import Field
from torch import Tensor

from ohmloom.descriptions import Description
from ohmloom.quantities import Farads, Hertz, Ohms, Volts


class Multipliers(Description):
    """The two multipliers before each integrator, of what the arrays put out and of the state that is fed back.

    Each puts out (1 + ε) a b + V_os in place of a b. ``gain`` is the deviation of ε, ``offset`` that of V_os; both are
    drawn once for each multiplier of each die.
    """

    gain: float = Field(default=0.0, ge=0)
    offset: Volts = Field(default=0.0, ge=0)


class Circuit(Description):
    """One loop: C dv/dt = -Σ (G⁺ - G⁻) u - v / R_leak, hidden u = clamp(relu(-R_f Σ (G⁺ - G⁻) v), 0, V_sat).

    Every part beyond ``unit`` and ``capacitance`` is absent unless given: the ideal loop. ``rail``: what the
    integrators reach (a projected integrator: dv is frozen at the rail while the drift points outwards). ``clamp``:
    V_sat of the hidden stages. ``gain_bandwidth``: of the amplifiers; ``lag`` says whether their poles are states of
    their own (exact, stiff) or a delay of the whole drift (first order). ``offset``: deviation of their input-referred
    offset, drawn once for each amplifier. ``multipliers``: their errors.
    """

    unit: Volts = Field(default=0.1, gt=0)  # volts of one unit of the network
    capacitance: Farads = Field(default=10e-9, gt=0)
    rail: Volts | None = Field(default=None, gt=0)
    clamp: Volts | None = Field(default=None, gt=0)
    leak: Ohms | None = Field(default=None, gt=0)
    gain_bandwidth: Hertz | None = Field(default=None, gt=0)
    lag: Literal["poles", "delay"] = "poles"
    offset: Volts = Field(default=0.0, ge=0)
    multipliers: Multipliers | None = Field(default=None)


class Units(NamedTuple):
    """The one map between a network's numbers and its circuit's: x = v / voltage, s = t / time, w = g / conductance."""

    voltage: float  # V of one unit of state
    time: float  # s of one unit of time: C / g0
    conductance: float  # S of a weight of one in the last layer: g0

    def volts(self, state: Tensor) -> Tensor:
        """A state of the network in volts."""
        return state * self.voltage

    def network(self, volts: Tensor) -> Tensor:
        """Volts as a state of the network."""
        return volts / self.voltage

    def seconds(self, times: Tensor) -> Tensor:
        """The network's time in seconds."""
        return times * self.time


def pole(gain_bandwidth: float, feedback: float, conductance: Tensor) -> Tensor:
    """The time constant of a transimpedance stage, (1 + R_f Σ G) / (2π GBW), s, for each line's Σ G, S."""
    return (1 + feedback * conductance) / (2 * math.pi * gain_bandwidth)
