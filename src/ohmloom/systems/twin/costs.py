"""What one run of the loop costs: a model whose every number is printed, and says whether it is assumed."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ohmloom.codesign.neural_ode import DrivenODE
from ohmloom.dynamics import Loop, RungeKutta4, Samples, line_conductance
from ohmloom.dynamics.grids import stage_times
from ohmloom.dynamics.stack import hidden
from ohmloom.experiments import Cost, CostShare
from ohmloom.systems.twin import truth
from ohmloom.systems.twin.networks import STEP

AMPLIFIER = 1e-3  # W of one operational amplifier, assumed: one of some 10 MHz
CONVERTER = 1e-3  # W of the converter that drives the loop, assumed
LAUNCH = 5e-6  # s of one kernel on a graphics processor, assumed: such networks are bound by launches
KERNELS = 8  # of one evaluation, counted: 3 products, 2 rectifiers, joining the inputs, scaling, adding
EVALUATIONS = 4  # of a step of the classical method
PROCESSOR = 100.0  # W of a graphics processor that waits for launches, assumed


class Spent(NamedTuple):
    """One run of the loop and of the assumed digital basis."""

    seconds: float
    time_constant: float
    transimpedance: int  # stages, the integrators apart
    inverters: int  # one for each driven line: a pair of cells needs its input in both signs
    amplifier_watts: float
    array_watts: float
    digital_seconds: float

    @property
    def watts(self) -> float:
        return self.amplifier_watts + self.array_watts + CONVERTER

    @property
    def digital_joules(self) -> float:
        return self.digital_seconds * PROCESSOR

    def cost(self) -> Cost:
        """As it stands in a result."""
        parts = {"amplifiers": self.amplifier_watts, "arrays": self.array_watts, "converter": CONVERTER}
        return Cost(
            per=f"per run of {truth.SAMPLES} samples",
            energy_joule=sum(watts * self.seconds for watts in parts.values()),
            latency_second=self.seconds,
            area_square_metre=None,
            reason="no area of the amplifiers is known",
            components={name: CostShare(energy_joule=watts * self.seconds) for name, watts in parts.items()},
            basis="static power over the run; amplifiers and converter are assumed, arrays are Σ G v² of the run",
            schedule="everything works at the same time; the time constant C / g0 sets how long a run takes",
        )

    def rows(self) -> list[tuple[str, float, str, str]]:
        """What the factors rest on: name, value, unit, where it comes from."""
        return [
            ("time constant C / g0", self.time_constant, "s", "10 nF, assumed; g0 of the last array"),
            ("one run", self.seconds, "s", f"{truth.SAMPLES} samples of {STEP:g} time constants"),
            ("transimpedance amplifiers", float(self.transimpedance), "", "one for each hidden unit"),
            ("inverters", float(self.inverters), "", "one for each driven line"),
            ("power of one amplifier", AMPLIFIER, "W", "assumed"),
            ("power of the converter", CONVERTER, "W", "assumed"),
            ("power of the arrays", self.array_watts, "W", "computed: Σ G times the mean v² of each array's lines"),
            ("power of the loop", self.watts, "W", "sum; static"),
            ("launch of a kernel", LAUNCH, "s", "assumed graphics processor, bound by launches"),
            ("kernels of a step", float(KERNELS * EVALUATIONS), "", "counted, classical Runge-Kutta"),
            ("power of the processor", PROCESSOR, "W", "assumed"),
            ("one run on it", self.digital_seconds, "s", "launches only"),
        ]


def spent(network: DrivenODE, loop: Loop, volts: Tensor, course: Tensor) -> Spent:
    """Price a run of ``loop`` (one die) that follows ``course`` (samples, dies, trajectories, states) of the network.

    The lines' voltages are those of the learned network along the course.
    """
    units, times = loop.units, STEP * torch.arange(len(volts), dtype=torch.float64)
    method, double = RungeKutta4(), [weight.detach().double() for weight in network.weights]
    stages = Samples(times, volts.double()).stages(stage_times(times, method.nodes))
    drives, stack = network.drives(stages, double), network.stack(double)
    held = [hidden(stack, course[number, 0], drives.at(number, 0)) for number in range(len(stages))]
    array = 0.0
    for layer, matrix in enumerate(loop.matrices):
        square = torch.stack([one[layer].square().mean() for one in held]).mean()
        if layer == 0:  # the lines are the states, the signals and the constant
            lines = network.weights[0].shape[1]
            seen = volts.double().square().mean((0, 1)).sum() + 1.0
            square = (square * network.states + seen) / lines
        array += float(line_conductance(matrix)[0].sum() * square) * units.voltage**2
    seconds = float(times[-1]) * network.gain * units.time
    hidden_units = sum(weight.shape[0] for weight in double[:-1])
    inverters = sum(weight.shape[1] for weight in double)
    amplifiers = (hidden_units + network.states + inverters) * AMPLIFIER
    digital = (len(volts) - 1) * EVALUATIONS * KERNELS * LAUNCH
    return Spent(seconds, units.time, hidden_units, inverters, amplifiers, array, digital)
