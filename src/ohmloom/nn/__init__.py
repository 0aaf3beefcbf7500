"""Floor 4, networks on stored matrices: conversion, modes, programming, calibration, checkpoints."""

from ohmloom.nn.calibration import calibrate, learn_clips, permuted, random_like
from ohmloom.nn.checkpoint import digital_state, load, save
from ohmloom.nn.convert import convert, converted
from ohmloom.nn.exchange import export_cells, import_cells
from ohmloom.nn.hardware import (
    ProgramReport,
    age,
    cost,
    matrices,
    mode,
    over_dies,
    program,
    select,
)
from ohmloom.nn.imported import from_onnx
from ohmloom.nn.modes import Digital, Mode, Noisy, Programmed, Quantised
from ohmloom.nn.perturbations import (
    BoundedRelativeWeights,
    GaussianWeights,
    LogNormalDrift,
    Perturbation,
    RelativeWeights,
    perturbed_call,
    perturbed_parameters,
)
from ohmloom.nn.summary import Summary, summary
from ohmloom.nn.visiting import Visitor, vectors_of, visiting
from ohmloom.nn.whatif import what_if

__all__ = [
    "BoundedRelativeWeights",
    "Digital",
    "GaussianWeights",
    "LogNormalDrift",
    "Mode",
    "Noisy",
    "Perturbation",
    "ProgramReport",
    "Programmed",
    "Quantised",
    "RelativeWeights",
    "Summary",
    "Visitor",
    "age",
    "calibrate",
    "convert",
    "converted",
    "cost",
    "digital_state",
    "export_cells",
    "from_onnx",
    "import_cells",
    "learn_clips",
    "load",
    "matrices",
    "mode",
    "over_dies",
    "permuted",
    "perturbed_call",
    "perturbed_parameters",
    "program",
    "random_like",
    "save",
    "select",
    "summary",
    "vectors_of",
    "visiting",
    "what_if",
]
