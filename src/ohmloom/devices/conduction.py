"""Conduction: the current through a cell as a function of the voltage across it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from ohmloom.descriptions import Part
from ohmloom.quantities import Volts


class Conduction(Part, ABC):
    """I = g f(V): a conductance times an odd function of the voltage with f'(0) = 1.

    Because f does not depend on the cell, an array of grounded columns without wire resistance stays an exact matrix
    product of f(V).
    """

    @property
    @abstractmethod
    def ohmic(self) -> bool:
        """True if f(V) = V."""

    @abstractmethod
    def effective_voltage(self, voltage: Tensor) -> Tensor:
        """f(V) in volts, of any shape."""

    @abstractmethod
    def with_slope(self, voltage: Tensor) -> tuple[Tensor, Tensor]:
        """f(V) in volts and f'(V), the differential conductance of a cell over its g: what Newton's method needs."""

    def current(self, g: Tensor, voltage: Tensor) -> Tensor:
        """g f(V) in amperes; shapes broadcast."""
        return g * self.effective_voltage(voltage)


class Ohmic(Conduction):
    """I = g V."""

    kind: Literal["ohmic"] = "ohmic"

    @property
    def ohmic(self) -> bool:
        return True

    def effective_voltage(self, voltage: Tensor) -> Tensor:
        return voltage

    def with_slope(self, voltage: Tensor) -> tuple[Tensor, Tensor]:
        return voltage, torch.ones_like(voltage)


class HyperbolicSine(Conduction):
    """I = g v0 sinh(V / v0): hopping and tunnelling through a gap.

    >>> round(float(HyperbolicSine(scale=0.25).current(torch.tensor(1e-5), torch.tensor(0.25))) * 1e6, 4)
    2.938
    """

    kind: Literal["sinh"] = "sinh"
    scale: Volts = Field(gt=0)  # v0

    @property
    def ohmic(self) -> bool:
        return False

    def effective_voltage(self, voltage: Tensor) -> Tensor:
        return self.scale * torch.sinh(voltage / self.scale)

    def with_slope(self, voltage: Tensor) -> tuple[Tensor, Tensor]:
        angle = voltage / self.scale
        if angle.dtype != torch.float64 or angle.requires_grad or not angle.is_cpu:
            return self.scale * angle.sinh(), angle.cosh()
        from ohmloom.devices.hyperbolic import sine_and_cosine  # numba takes half a second to start

        sine, cosine, angle = torch.empty_like(angle), torch.empty_like(angle), angle.contiguous()
        sine_and_cosine(*(t.view(-1).numpy() for t in (angle, sine, cosine)))
        return sine.mul_(self.scale), cosine
