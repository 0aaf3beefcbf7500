"""From a plot as data to an SVG file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from ohmloom.experiments.plots import CostBars, Plot, Segmentations
from ohmloom.experiments.result import Cost
from ohmloom.reports import chips, courses, curves, photographs, planes, style, waveforms

DRAW: dict[str, Callable[..., Figure]] = {
    "accuracy_over_ages": curves.accuracy_over_ages,
    "effect_waterfall": curves.effect_waterfall,
    "ablation_bars": curves.ablation_bars,
    "noise_grid": curves.noise_grid,
    "noise_curves": curves.noise_curves,
    "published_and_ours": curves.published_and_ours,
    "level_histograms": chips.level_histograms,
    "pulse_histogram": chips.pulse_histogram,
    "cost_bars": chips.cost_bars,
    "floor_plan": chips.floor_plan,
    "array_maps": chips.array_maps,
    "courses": courses.courses,
    "segmentations": photographs.segmentations,
    "image_grid": photographs.image_grid,
    "point_clouds": planes.point_clouds,
    "vector_fields": planes.vector_fields,
    "waveforms": waveforms.waveforms,
}
# these take the full width of the page
WIDE = {
    "array_maps", "courses", "floor_plan", "image_grid", "level_histograms", "point_clouds", "segmentations",
    "vector_fields", "waveforms",
}  # fmt: skip


def draw(plot: Plot, folder: Path | None = None) -> str:
    """The SVG of a plot; pictures that it only names are read from the run's ``folder``."""
    fields = {n: getattr(plot, n) for n in type(plot).model_fields if n not in ("kind", "name", "title", "caption")}
    if isinstance(plot, Segmentations):
        fields["folder"] = folder
    return style.svg(DRAW[kind(plot)](**fields), plot.name, plot.caption)


def kind(plot: Plot) -> str:
    """The name of a plot's kind."""
    return str(type(plot).model_fields["kind"].default)


def cost_plots(cost: Cost) -> list[Plot]:
    """Where the energy of a priced run goes: by component, largest first, and by layer, in the network's order."""
    plots: list[Plot] = []
    for split, shares in (("component", cost.components), ("layer", cost.layers)):
        known: dict[str, Any] = {n: s.energy_joule for n, s in shares.items() if s.energy_joule is not None}
        if split == "component":
            known = dict(sorted(known.items(), key=lambda item: -item[1]))
        if known:
            caption = f"Energy {cost.per}, by {split}."
            labels, values = tuple(known), tuple(known.values())
            plots.append(CostBars(name=f"cost-by-{split}", caption=caption, labels=labels, values=values))
    return plots
