"""Pictures of `bayesmulti-fabrication`: the courses of searches, and slices of the surfaces."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ohmloom.experiments import Findings
from ohmloom.systems.bayesmulti.fabrication_search import REACHED
from ohmloom.systems.bayesmulti.recipes import MATERIALS, variables
from ohmloom.systems.bayesmulti.surfaces import Surface

POINTS = 61  # of a slice
AXES = {"diameter_nm": "pore diameter, nm", "length_um": "pore length, µm",
        "compliance_ampere": "lg of the current limit / A", "deposition_minutes": "lead, minutes"}  # fmt: skip


def draw_courses(
    findings: Findings, name: str, courses: Mapping[str, Sequence[Sequence[float]]], best: float, caption: str,
    published: Sequence[float] = (),
) -> None:  # fmt: skip
    """Best so far over evaluations: the median and quartiles of several searches, and the ``published`` course."""
    budget = max(len(course) for of in courses.values() for course in of)
    lines: list[dict[str, Any]] = []
    for label, of in courses.items():
        low, middle, high = np.quantile(np.array(of), [0.25, 0.5, 0.75], axis=0)
        lines.append({"label": label, "values": middle, "low": low, "high": high})
    if published:
        padded = [*published, *[None] * (budget - len(published))]
        lines.append({"label": "published search of another model", "values": padded})
    findings.plot("noise_curves", name=name, noise=range(1, budget + 1), lines=lines, caption=caption,
                  references={f"{100 * REACHED:g} % of the optimum": REACHED * best},
                  noise_axis="devices made", axis="usability of the best so far")  # fmt: skip


def draw_slices(findings: Findings, name: str, surface: Surface, what: str) -> None:
    """Usability along each number, the others as in the best recipe, one line for each material."""
    best, panels = surface.optimum, []
    for i, one in enumerate(variables()[:-1]):
        shares = np.linspace(0, 1, POINTS)
        places = np.tile(np.array(best.shares), (POINTS, 1))
        places[:, i] = shares
        numbers = [float(one.value(share)) for share in shares]
        x = [math.log10(number) for number in numbers] if one.log else numbers
        lines = [{"label": material, "x": x, "y": surface.usability(places, np.full(POINTS, float(kind)))}
                 for kind, material in enumerate(MATERIALS)]  # fmt: skip
        panels.append({"title": "", "x_axis": AXES[one.path], "y_axis": "usability", "lines": lines})
    chosen = ", ".join(f"{AXES[one.path]} {_said(one.value(share), one.log)}"
                       for one, share in zip(variables(), best.shares, strict=False))  # fmt: skip
    findings.plot("courses", name=name, panels=panels,
                  caption=f"{what}: {MATERIALS[best.kind]}, {chosen}, usability {best.usability:.3f}.")  # fmt: skip


def _said(number: float, log: bool) -> str:
    return f"{math.log10(number) if log else number:.3g}"
