"""Curves of accuracy with the published points and what needs no reservoir beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from ohmloom.experiments import Findings


def plot_curve(
    findings: Findings, name: str, positions: Sequence[float], ours: Mapping[str, list[list[float]]],
    published: Mapping[str, Sequence[float | None]], answers: Mapping[str, float], axis: str, caption: str,
) -> None:  # fmt: skip
    """``ours`` are draws at each position, shown as their mean, least and most; ``answers`` flat lines."""
    lines: list[dict[str, Any]] = [
        {"label": label, "values": [fmean(v) for v in values], "low": [min(v) for v in values],
         "high": [max(v) for v in values]} for label, values in ours.items()
    ]  # fmt: skip
    lines += [{"label": label, "values": values} for label, values in published.items()]
    lines += [{"label": label, "values": [value] * len(positions)} for label, value in answers.items()]
    findings.plot("noise_curves", name=name, noise=list(positions), lines=lines, noise_axis=axis, caption=caption)
