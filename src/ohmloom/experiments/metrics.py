"""Metrics: how good a network's outputs are, as one number. A user's own is any function of outputs and targets."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ohmloom.errors import ConfigurationError, NotFiniteError, message, unknown

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Metric:
    """A number that a network is judged by. ``compute(outputs, targets)`` gives it, over all samples at once."""

    name: str
    compute: Callable[[Any, Any], Any]
    unit: str = ""
    larger_is_better: bool = True

    def __call__(self, outputs: Tensor, targets: Tensor) -> float:
        """Raises ConfigurationError if it is no number, NotFiniteError if it is not finite."""
        value = self.compute(outputs, targets)
        try:
            number = float(value)
        except (TypeError, ValueError, RuntimeError):
            rule, given = "must give one number for all samples", f"{type(value).__name__} {value!r:.60}"
            raise ConfigurationError(message(f"metric {self.name}", rule, given, "Average over the samples.")) from None
        if not math.isfinite(number):
            remedy = "Look for NaN in the outputs and targets, or for a division by zero in the metric."
            raise NotFiniteError(message(f"metric {self.name}", "must be finite", number, remedy))
        return number

    def loss(self, before: float, after: float) -> float:
        """How much worse ``after`` is than ``before``."""
        return before - after if self.larger_is_better else after - before


def accuracy(outputs: Tensor, targets: Tensor) -> float:
    """Per cent of samples whose largest output, over the last axis, is that of their class."""
    return 100 * float((outputs.argmax(-1) == targets).double().mean())


def mean_squared_error(outputs: Tensor, targets: Tensor) -> float:
    """Over all numbers of all samples."""
    return float((outputs - targets.view_as(outputs)).double().square().mean())


def mean_absolute_error(outputs: Tensor, targets: Tensor) -> float:
    """Over all numbers of all samples."""
    return float((outputs - targets.view_as(outputs)).double().abs().mean())


METRICS = {
    "accuracy": Metric("accuracy", accuracy, "%"),
    "mse": Metric("mean squared error", mean_squared_error, "", larger_is_better=False),
    "mae": Metric("mean absolute error", mean_absolute_error, "", larger_is_better=False),
}


def metric(wanted: Metric | str | Callable[[Any, Any], Any]) -> Metric:
    """A metric by name, or of a user's own function; of these, larger is better unless the function has an attribute
    ``larger_is_better`` that is False, and ``unit`` may be one as well. Raises UnknownNameError."""
    if isinstance(wanted, Metric):
        return wanted
    if isinstance(wanted, str):
        if wanted not in METRICS:
            raise unknown("metric", wanted, METRICS)
        return METRICS[wanted]
    name = getattr(wanted, "__name__", type(wanted).__name__).replace("_", " ")
    return Metric(name, wanted, getattr(wanted, "unit", ""), getattr(wanted, "larger_is_better", True))
