"""Timing two things in turn, and what to say about it."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

SLICE = 0.03  # s: calls are repeated until one measurement takes about as long


@dataclass(frozen=True)
class Result:
    """One line of the table: seconds per call, the ratio of each pair of measurements, and what the noise test says."""

    name: str
    ours: float  # s, median
    plain: float  # s, median
    ratio: float  # median of the ratios of neighbouring measurements
    low: float  # quartiles of these ratios
    high: float
    fastest: float  # fastest of ours over fastest of plain
    bar: str  # what is wanted
    against: str  # what plain is
    noise: str = ""  # the test of the distribution
    sound: bool = True  # whether it passed

    def table(self) -> dict[str, Any]:
        """As a table for JSON."""
        return asdict(self)


def compare(ours: Callable[[], object], plain: Callable[[], object], pairs: int) -> tuple[list[float], list[float]]:
    """Seconds per call of both, measured in turn ``pairs`` times (and once unmeasured, to warm up)."""
    calls = [_calls(f) for f in (ours, plain)]
    seconds: tuple[list[float], list[float]] = ([], [])
    for _ in range(pairs):
        for f, count, held in zip((ours, plain), calls, seconds, strict=True):
            held.append(_measure(f, count))
    return seconds


def result(
    name: str, seconds: tuple[list[float], list[float]], bar: str, against: str, noise: tuple[str, bool] = ("", True)
) -> Result:
    """Median, quartiles and fastest of the pairs."""
    ours, plain = seconds
    ratios = [a / b for a, b in zip(ours, plain, strict=True)]
    low, high = (ratios[0], ratios[0]) if len(ratios) < 2 else statistics.quantiles(ratios, n=4)[::2]
    return Result(
        name, statistics.median(ours), statistics.median(plain), statistics.median(ratios), low, high,
        min(ours) / min(plain), bar, against, *noise,
    )  # fmt: skip


def _calls(f: Callable[[], object]) -> int:
    f()
    return max(round(SLICE / max(_measure(f, 1), 1e-9)), 1)


def _measure(f: Callable[[], object], count: int) -> float:
    start = time.perf_counter()
    for _ in range(count):
        f()
    return (time.perf_counter() - start) / count
