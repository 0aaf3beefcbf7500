"""Floor 4, continuous time: loops of stored matrices that integrate differential equations, and their solvers."""

from ohmloom.dynamics.adjoint import adjoint_gradient
from ohmloom.dynamics.circuit import Circuit, Multipliers, Units
from ohmloom.dynamics.grids import refine, stage_times
from ohmloom.dynamics.linearisation import eigenvalues
from ohmloom.dynamics.loop import Course, Loop, line_conductance, weight_conductance
from ohmloom.dynamics.lyapunov import largest_exponent
from ohmloom.dynamics.methods import Euler, Heun, Method, RungeKutta4
from ohmloom.dynamics.netlist import loop_netlist, solve_in_ngspice
from ohmloom.dynamics.noise import LoopNoise, SlowProcess, slow_processes
from ohmloom.dynamics.poles import solve_with_poles
from ohmloom.dynamics.probe import Probed, array_power, probe
from ohmloom.dynamics.shooting import Windows, window_drives, windows
from ohmloom.dynamics.signals import Samples, Signal, Staircase
from ohmloom.dynamics.solving import solve
from ohmloom.dynamics.stack import Drives, Layer, Stack, drift
from ohmloom.dynamics.stochastic import solve_noisy

__all__ = [
    "Circuit",
    "Course",
    "Drives",
    "Euler",
    "Heun",
    "Layer",
    "Loop",
    "LoopNoise",
    "Method",
    "Multipliers",
    "Probed",
    "RungeKutta4",
    "Samples",
    "Signal",
    "SlowProcess",
    "Stack",
    "Staircase",
    "Units",
    "Windows",
    "adjoint_gradient",
    "array_power",
    "drift",
    "eigenvalues",
    "largest_exponent",
    "line_conductance",
    "loop_netlist",
    "probe",
    "refine",
    "slow_processes",
    "solve",
    "solve_in_ngspice",
    "solve_noisy",
    "solve_with_poles",
    "stage_times",
    "weight_conductance",
    "window_drives",
    "windows",
]
