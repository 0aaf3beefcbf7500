"""Fixed-step methods whose every stage needs only the one before: Euler, Heun, and the classical Runge-Kutta."""

from __future__ import annotations

from abc import ABC
from typing import ClassVar, Literal

from ohmloom.descriptions import Part


class Method(Part, ABC):
    """y_i = v + h c_i f(y_{i-1}), v' = v + h Σ b_i f(y_i).

    ``nodes`` are c, ``shares`` are b, ``order`` is the exponent of the global error. ``stability``: the largest
    h |λ| for which a decaying mode λ < 0 decays.
    """

    nodes: ClassVar[tuple[float, ...]]
    shares: ClassVar[tuple[float, ...]]
    order: ClassVar[int]
    stability: ClassVar[float]


class Euler(Method):
    """v' = v + h f(v); with noise increments the Euler-Maruyama method (Ito)."""

    kind: Literal["euler"] = "euler"
    nodes: ClassVar = (0.0,)
    shares: ClassVar = (1.0,)
    order: ClassVar = 1
    stability: ClassVar = 2.0


class Heun(Method):
    """The trapezoidal predictor-corrector; with noise of both stages the Stratonovich reading."""

    kind: Literal["heun"] = "heun"
    nodes: ClassVar = (0.0, 1.0)
    shares: ClassVar = (0.5, 0.5)
    order: ClassVar = 2
    stability: ClassVar = 2.0


class RungeKutta4(Method):
    """The classical method of order four."""

    kind: Literal["rk4"] = "rk4"
    nodes: ClassVar = (0.0, 0.5, 0.5, 1.0)
    shares: ClassVar = (1 / 6, 1 / 3, 1 / 3, 1 / 6)
    order: ClassVar = 4
    stability: ClassVar = 2.785
