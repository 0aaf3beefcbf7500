"""Plots as data: what a picture shows, kept in ``result.json``; how it looks is the business of `ohmloom.reports`.

A system calls ``findings.plot("noise_grid", caption="…", train=…, test=…, accuracy=…)``; the fields of each kind are
those of the class here with that ``kind``. Arrays and tensors are taken as they are; NaN means "not run".
"""

from ohmloom.experiments.plots.base import Line, Plot, plain
from ohmloom.experiments.plots.chips import (
    ArrayMaps,
    CostBars,
    FloorPlan,
    LevelHistograms,
    Panel,
    PulseHistogram,
    Rectangle,
)
from ohmloom.experiments.plots.courses import Course, CoursePanel, Courses
from ohmloom.experiments.plots.curves import (
    AblationBars,
    AccuracyOverAges,
    EffectWaterfall,
    NoiseCurves,
    NoiseGrid,
    Pair,
    PublishedAndOurs,
)
from ohmloom.experiments.plots.photographs import ImageGrid, ImageRow, Picture, Segmentations, hexed
from ohmloom.experiments.plots.planes import Cloud, PointClouds, VectorFields
from ohmloom.experiments.plots.waveforms import Trace, Track, Waveforms

__all__ = [
    "AblationBars",
    "AccuracyOverAges",
    "ArrayMaps",
    "Cloud",
    "CostBars",
    "Course",
    "CoursePanel",
    "Courses",
    "EffectWaterfall",
    "FloorPlan",
    "ImageGrid",
    "ImageRow",
    "LevelHistograms",
    "Line",
    "NoiseCurves",
    "NoiseGrid",
    "Pair",
    "Panel",
    "Picture",
    "Plot",
    "PointClouds",
    "PublishedAndOurs",
    "PulseHistogram",
    "Rectangle",
    "Segmentations",
    "Trace",
    "Track",
    "VectorFields",
    "Waveforms",
    "hexed",
    "plain",
]
