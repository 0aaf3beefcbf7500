"""Pictures of generated points and of scores."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from ohmloom.codesign.diffusion import Ring, ScoreNetwork, VariancePreserving
from ohmloom.experiments import Findings
from ohmloom.experiments.loops import show_loop
from ohmloom.quantities import VOLTAGE, show
from ohmloom.systems.diffusion.loops import AnalogueSampler, Path

SHOWN, SPAN, GRID = 1_000, 1.5, 13


def plot_points(
    findings: Findings,
    clouds: Mapping[str, Tensor],
    name: str = "point-clouds",
    what: str = "Data and what is generated",
) -> None:
    """Points (points, 2) by title, the data first."""
    shown = [{"title": title, "x": points[:SHOWN, 0], "y": points[:SHOWN, 1]} for title, points in clouds.items()]
    findings.plot("point_clouds", name=name, clouds=shown, span=SPAN, caption=f"{what}: {SHOWN:,} points each.")


def plot_scores(findings: Findings, network: ScoreNetwork, ring: Ring, times: tuple[float, ...]) -> None:
    """Learned and exact score, times the deviation, at some times."""
    schedule, line = VariancePreserving(), torch.linspace(-1.3, 1.3, GRID)
    grid, clouds = torch.cartesian_prod(line, line), []
    for t in (torch.tensor(time) for time in times):
        mean, deviation = float(schedule.mean(t)), float(schedule.deviation(t))
        for what, score in (("learned", network(grid, t)), ("exact", ring.score(grid, mean, deviation))):
            arrows = deviation * score
            short = arrows / arrows.norm(dim=-1, keepdim=True).clamp_min(3) * 3  # or the far ones hide the others
            clouds.append({"title": f"{what}, t = {float(t):g}", "x": grid[:, 0], "y": grid[:, 1],
                           "u": short[:, 0], "v": short[:, 1]})  # fmt: skip
    findings.plot("vector_fields", clouds=clouds, span=SPAN,
                  caption="The score times the deviation of the noise: where a denoiser would move a point; arrows "
                  "longer than 3 are cut there.")  # fmt: skip


def plot_signals(findings: Findings, analogue: AnalogueSampler, path: Path, what: str) -> None:
    """What the nodes of a loop carry along a path."""
    unit = show(analogue.settings.unit, VOLTAGE)
    show_loop(
        findings,
        analogue.loop,
        analogue.loop.units.volts(path.points),
        analogue.times(),
        signal=analogue.signal,
        gains=analogue.gains,
        caption=f"What the loop carries while it generates {what}, {unit} a unit: staircases of "
        f"{analogue.settings.ticks} ticks from the converters, outputs of the rectifiers, and the integrators.",
    )
