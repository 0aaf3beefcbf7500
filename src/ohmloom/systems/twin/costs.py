"""What one run of a loop costs: a model whose every number is printed, and says whether it is assumed."""

from __future__ import annotations

from typing import Any, NamedTuple

from torch import Tensor

from ohmloom.codesign.neural_ode import DrivenODE, loop_signal, run_loop
from ohmloom.dynamics import Loop, array_power, probe
from ohmloom.experiments import Context, Cost, CostShare, Figure
from ohmloom.random import Streams
from ohmloom.systems.twin.arrays import CIRCUIT, Trial, place
from ohmloom.systems.twin.networks import Model, preset
from ohmloom.systems.twin.publication import BASIS, ENERGY, SPEED

AMPLIFIER = 1e-3  # W of one operational amplifier, assumed: one of some 10 MHz
CONVERTER = 1e-3  # W of the converter that drives and starts the loop, assumed
LAUNCH = 5e-6  # s of one kernel on a graphics processor, assumed: such networks are bound by launches
KERNELS = 8  # of one evaluation, counted: 3 products, 2 rectifiers, joining the inputs, scaling, adding
EVALUATIONS = 4  # of a step of the classical method
PROCESSOR = 100.0  # W of a graphics processor that waits for launches, assumed


class Spent(NamedTuple):
    """One run of the loop and of the assumed digital basis."""

    samples: int
    step: float  # between samples, in time constants
    seconds: float
    time_constant: float
    transimpedance: int  # stages, the integrators apart
    integrators: int
    inverters: int  # one for each driven line: a pair of cells needs its input in both signs
    array_watts: float

    @property
    def amplifier_watts(self) -> float:
        return (self.transimpedance + self.integrators + self.inverters) * AMPLIFIER

    @property
    def watts(self) -> float:
        return self.amplifier_watts + self.array_watts + CONVERTER

    @property
    def digital_seconds(self) -> float:
        return self.samples * EVALUATIONS * KERNELS * LAUNCH

    @property
    def digital_joules(self) -> float:
        return self.digital_seconds * PROCESSOR

    def cost(self) -> Cost:
        """As it stands in a result."""
        parts = {"amplifiers": self.amplifier_watts, "arrays": self.array_watts, "converter": CONVERTER}
        return Cost(
            per=f"per run of {self.samples} samples",
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
            ("time constant C / g0", self.time_constant, "s", f"{CIRCUIT.capacitance:g} F, assumed; g0 of the last "
             "array"),
            ("one run", self.seconds, "s", f"{self.samples} samples of {self.step:g} time constants"),
            ("transimpedance amplifiers", float(self.transimpedance), "", "one for each hidden unit"),
            ("integrators", float(self.integrators), "", "one for each state"),
            ("inverters", float(self.inverters), "", "one for each driven line"),
            ("power of one amplifier", AMPLIFIER, "W", "assumed"),
            ("power of the converter", CONVERTER, "W", "assumed"),
            ("power of the arrays", self.array_watts, "W", "computed: Σ G times the mean v² of each array's lines"),
            ("power of the loop", self.watts, "W", "sum; static"),
            ("launch of a kernel", LAUNCH, "s", "assumed graphics processor, bound by launches"),
            ("kernels of a step", float(KERNELS * EVALUATIONS), "", "counted, classical Runge-Kutta"),
            ("power of the processor", PROCESSOR, "W", "assumed"),
            ("one run on it", self.digital_seconds, "s", "launches only"),
        ]  # fmt: skip


def price(context: Context[Any], model: Model, trial: Trial) -> None:
    """Record what a run of a twin costs, and the factors over the assumed basis."""
    findings = context.findings
    assert isinstance(model, DrivenODE)
    loop = place(model, preset(0.0), Streams(context.seed).child("price"), 1)
    one = spent(model, loop, trial.start[:1], trial.signal[:, :1], trial.task.step)
    findings.cost(one.cost())
    findings.table("What the factors rest on", ("quantity", "value", "unit", "from"), one.rows(),
                   "The model of speed and energy: change one assumption and the factors follow.")  # fmt: skip
    findings.figure(Figure.of(SPEED, one.digital_seconds / one.seconds, "x"))
    findings.figure(Figure.of(ENERGY, one.digital_joules / (one.watts * one.seconds), "x"))
    for claim in findings.result.claims:
        findings.not_comparable(claim.name, BASIS)


def spent(network: DrivenODE, loop: Loop, start: Tensor, signal: Tensor, step: float) -> Spent:
    """Price a run of ``loop`` (one die) from ``start`` under ``signal``, samples of ``step`` in the network's time."""
    times, volts = loop_signal(loop, signal, step, gain=network.gain)
    course = loop.units.volts(run_loop(loop, start, signal, step, gain=network.gain))
    inputs = [weight.shape[1] for weight in network.weights]
    return Spent(
        samples=len(signal) - 1, step=step, seconds=float(times[-1]), time_constant=loop.units.time,
        transimpedance=sum(inputs[1:]), integrators=network.states, inverters=sum(inputs),
        array_watts=float(array_power(loop, probe(loop, course, times, signal=volts))[0]),
    )  # fmt: skip
