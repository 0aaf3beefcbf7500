"""Reports: a run's findings as one page worth looking at, and the house style of all pictures."""

from ohmloom.reports.chips import cost_bars, floor_plan, level_histograms, pulse_histogram
from ohmloom.reports.curves import (
    Series,
    ablation_bars,
    accuracy_over_ages,
    effect_waterfall,
    noise_curves,
    noise_grid,
    published_and_ours,
)
from ohmloom.reports.page import write_report
from ohmloom.reports.planes import point_clouds, vector_fields

__all__ = ["Series", "ablation_bars", "accuracy_over_ages", "cost_bars", "effect_waterfall", "floor_plan"]
__all__ += ["level_histograms", "noise_curves", "noise_grid", "published_and_ours", "pulse_histogram"]
__all__ += ["point_clouds", "vector_fields", "write_report"]
