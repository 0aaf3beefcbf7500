"""Floor 4, continuous time: loops of stored matrices that integrate differential equations, and their solvers."""

from ohmloom.dynamics.grids import refine, stage_times
from ohmloom.dynamics.methods import Euler, Heun, Method, RungeKutta4
from ohmloom.dynamics.signals import Samples, Signal, Staircase
from ohmloom.dynamics.solving import solve
from ohmloom.dynamics.stack import Drives, Layer, Stack, drift

__all__ = [
    "Drives",
    "Euler",
    "Heun",
    "Layer",
    "Method",
    "RungeKutta4",
    "Samples",
    "Signal",
    "Stack",
    "Staircase",
    "drift",
    "refine",
    "solve",
    "stage_times",
]
