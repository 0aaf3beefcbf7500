"""Does every number of a preset say where it comes from?"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from ohmloom.descriptions import Description, Preset

KINDS = ("published: ", "fitted: ", "assumed: ")


def numbers(preset: Preset) -> dict[str, float]:
    """All numbers of a preset by dotted path, such as ``"retention.times.0"``; those of defaults included."""
    return dict(_walk(preset, ""))


def unsourced(preset: Preset) -> list[str]:
    """The numbers for which ``sources`` has no text that begins with one of `KINDS`.

    A source of a list, such as ``"retention.times"``, covers its entries.
    """
    stated = {path for path, text in preset.sources.items() if text.startswith(KINDS)}
    return [path for path in numbers(preset) if not {path, re.sub(r"(\.\d+)+$", "", path)} & stated]


def _walk(value: object, path: str) -> Iterator[tuple[str, float]]:
    if isinstance(value, Description):
        steps = [(name, getattr(value, name)) for name in type(value).model_fields if name != "sources"]
    elif isinstance(value, list | tuple):
        steps = [(str(i), item) for i, item in enumerate(value)]
    elif isinstance(value, Mapping):
        steps = [(str(name), item) for name, item in value.items()]
    else:
        steps = []
        if isinstance(value, int | float) and not isinstance(value, bool):
            yield path, float(value)
    for name, item in steps:
        yield from _walk(item, f"{path}.{name}" if path else name)
