"""What one generated sample costs on the loop and on a graphics processor, each with its bases.

The loop's time and power are those that the group's own figures of another version imply; what is ours is the arrays'
share of the power, from the conductances and signals of the run.
"""

from __future__ import annotations

from typing import NamedTuple

from ohmloom.chips import REFERENCES
from ohmloom.codesign.diffusion import ScoreNetwork
from ohmloom.experiments import Cost, CostShare
from ohmloom.systems.diffusion.publication import IEDM

POWER = 7.2e-6 / 20e-6  # W, of a whole loop: the published energy over the published time of one sample
KERNEL = 5e-6  # s, assumed: least time from one kernel of a graphics processor to the next
KERNELS = 10  # assumed, of one step: three products, three additions and two rectifiers, and two for the equation
REFERENCE = "rtx-4090-fp32-peak"


class Processor(NamedTuple):
    """One sample on a graphics processor: alone (seconds), and as a share of a batch at the peak (joule)."""

    seconds: float
    joule: float
    operations: float


def processor(network: ScoreNetwork, steps: int) -> Processor:
    """A step is one evaluation of the network; two operations for each multiply-accumulate."""
    operations = 2.0 * steps * sum(weight.numel() for weight, _ in network.matrices)
    return Processor(steps * KERNELS * KERNEL, operations * REFERENCES[REFERENCE].joule_per_operation, operations)


def loop_cost(duration: float, array_power: float) -> Cost:
    """Of one sample. The area is that of discrete parts on a board and is not counted."""
    parts = {"arrays": array_power, "amplifiers, multipliers, converters": max(POWER - array_power, 0.0)}
    return Cost(
        per="per sample", energy_joule=duration * sum(parts.values()), latency_second=duration, area_square_metre=None,
        components={name: CostShare(energy_joule=duration * power) for name, power in parts.items()},
        basis=f"{POWER:.2g} W for the whole loop, from {IEDM}; the arrays' share is of this run",
        schedule="all stages at once, one sample at a time", reason="a board of discrete parts has no chip area",
    )  # fmt: skip
