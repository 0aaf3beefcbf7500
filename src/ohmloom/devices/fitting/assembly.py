"""From fitted numbers to a device: the table of its parts, and the source of each number."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from ohmloom.devices.device import Device
from ohmloom.devices.fitting.aspects import Aspect, Given, Ref
from ohmloom.errors import ConfigurationError

DIGITS = 6  # significant ones that are kept: more than any interval is worth
READ_TIME = Given(1e-6, "assumed: tables do not tell how long a read takes")


def template(aspects: Sequence[Aspect]) -> dict[str, Any]:
    """The table of the device with `Ref` and `Given` for numbers; later aspects do not replace what earlier ones say.

    Several noises become a sum; the device's own reads last as long as those that were fitted.
    """
    parts: dict[str, Any] = {}
    for aspect in aspects:
        parts = dict(aspect.parts) | parts
    noises = [dict(noise) for aspect in aspects for noise in aspect.noises]
    if noises:
        parts["read_noise"] = noises[0] if len(noises) == 1 else {"kind": "sum", "parts": noises}
    parts["read_time"] = next((noise["read_time"] for noise in noises if "read_time" in noise), READ_TIME)
    parts.setdefault("g_unformed", Given(0.0, "assumed: cells that were never formed do not conduct"))
    return parts


def fill(parts: Any, values: Mapping[str, float], sources: Mapping[str, str]) -> tuple[Any, dict[str, str]]:
    """The table with its numbers, and the source of each by dotted path."""
    found: dict[str, str] = {}

    def walk(value: Any, path: str) -> Any:
        if isinstance(value, Ref):
            found[path] = f"fitted: {sources[value.name]}"
            return rounded(values[value.name])
        if isinstance(value, Given):
            found[path] = value.source
            return rounded(value.value)
        if isinstance(value, Mapping):
            return {name: walk(item, f"{path}.{name}" if path else name) for name, item in value.items()}
        if isinstance(value, list | tuple):
            return [walk(item, f"{path}.{i}" if path else str(i)) for i, item in enumerate(value)]
        return value

    return walk(parts, ""), found


def rounded(value: float) -> float:
    """To `DIGITS` significant digits.

    >>> rounded(1.23456789e-6)
    1.23457e-06
    """
    return float(f"{value:.{DIGITS}g}")


def build(
    parts: Mapping[str, Any], values: Mapping[str, float], sources: Mapping[str, str], name: str, summary: str
) -> Device:
    """The device with these numbers. Raises ConfigurationError if they break a rule of a device."""
    table, found = fill(parts, values, sources)
    return Device(name=name, summary=summary, sources=found, **table)


def drawn(
    parts: Mapping[str, Any], values: Mapping[str, float], fallback: Mapping[str, float], name: str, summary: str
) -> Device | None:
    """A device from a resample; a number that the resample lacks is that of the whole fit. None if it breaks a rule."""
    whole = {key: value if math.isfinite(value) else fallback[key] for key, value in values.items()}
    sources = dict.fromkeys(whole, "one bootstrap resample of the fit")
    try:
        return build(parts, whole, sources, name, summary)
    except ConfigurationError:
        return None
