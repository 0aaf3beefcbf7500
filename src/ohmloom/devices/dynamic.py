"""Dynamic devices: cells whose state moves while they conduct, with a law for dx/dt."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Literal

from pydantic import Field, model_validator
from torch import Tensor

from ohmloom.descriptions import Part
from ohmloom.errors import message
from ohmloom.quantities import Ohms


class DynamicDevice(Part, ABC):
    """A memristive system: i = g(x) v, dx/dt = f(x, v), for a state x of any shape."""

    @abstractmethod
    def conductance(self, state: Tensor) -> Tensor:
        """g(x) in S; the shape of ``state``."""

    @abstractmethod
    def rate(self, state: Tensor, voltage: Tensor) -> Tensor:
        """dx/dt in 1/s at ``voltage`` (V); shapes broadcast."""

    def current(self, state: Tensor, voltage: Tensor) -> Tensor:
        """g(x) v in A: zero at zero volts, whatever the state, so that a loop of current and voltage is pinched."""
        return self.conductance(state) * voltage


class HPMemristor(DynamicDevice):
    """Linear drift of the boundary x in [0, 1] between a doped and an undoped part, with a window at both ends.

        v = (R_on x + R_off (1 - x)) i,    dx/dt = k i w(x),    w = 1 - (2x - 1)^(2p)

    Strukov et al., Nature 453, 80 (2008), doi:10.1038/nature06932; the window is Joglekar's, Eur. J. Phys. 30, 661
    (2009). ``mobility_factor`` k = μ R_on / D², 1/(A s): μ 1e-14 m²/(V s), R_on 100 ohm, D 10 nm give 1e4, with which
    1 V at 4 Hz hardly moves x; 9e4 lets it cover most of [0, 1].

    Both laws see x held in [0, 1]: where a coarse step carries it past an end, it is at that end, whose window is
    zero, and stays there, as the equation's own x does. (Beyond the ends the window's sign would push it on.)
    """

    kind: Literal["hp"] = "hp"
    on: Ohms = Field(default=100.0, gt=0)
    off: Ohms = Field(default=16e3, gt=0)
    mobility_factor: float = Field(default=9e4, gt=0)
    window: int = Field(default=2, ge=1)  # p

    @model_validator(mode="after")
    def _off_exceeds_on(self) -> HPMemristor:
        if self.off <= self.on:
            raise ValueError(message("off", "must exceed on", f"{self.off:g} ohm", "Give a larger resistance."))
        return self

    def conductance(self, state: Tensor) -> Tensor:
        return 1 / (self.off + (self.on - self.off) * state.clamp(0, 1))

    def rate(self, state: Tensor, voltage: Tensor) -> Tensor:
        window = 1 - (2 * state.clamp(0, 1) - 1) ** (2 * self.window)
        return self.mobility_factor * self.current(state, voltage) * window
