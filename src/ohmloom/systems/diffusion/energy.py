"""What one generated sample costs on the loop and on a graphics processor, each on two bases.

A sample alone (how long until it is there) and a share of a large batch (what it costs) are different things on a
graphics processor; published factors seem to take the first for speed and the second for energy. A loop makes one
sample at a time, so that both are the same for it. Its time and power are those that the group's own figures of an
earlier version imply; what is ours is the arrays' share of the power, from the conductances and signals of the run.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ohmloom.chips import REFERENCES
from ohmloom.codesign.diffusion import ScoreNetwork
from ohmloom.experiments import Claim, Cost, CostShare
from ohmloom.systems.diffusion.publication import IEDM
from ohmloom.systems.diffusion.study import Study

POWER = 7.2e-6 / 20e-6  # W, of a whole loop: the published energy over the published time of one sample
KERNEL = 5e-6  # s, assumed: least time from one kernel of a graphics processor to the next
KERNELS = 10  # assumed, of one step: three products, three additions and two rectifiers, and two for the equation
REFERENCE = "rtx-4090-fp32-peak"
BOARD = 450.0  # W, of that processor at its peak, web specs

SPEED = "speed of the loop against one sample at a time on a graphics processor"
SPEED_BATCH = "speed of the loop against a share of a batch on a graphics processor at its peak"
SAVED = "energy saved by the loop against a share of a batch on a graphics processor at its peak"
SAVED_ALONE = "energy saved by the loop against one sample at a time on a graphics processor at full power"
NOT_SAID = ("the accounting is published nowhere that we read: latency of a sample, energy of a batch are two bases, "
            "ours are printed")  # fmt: skip
CIRCULAR = "the time and power of our loop are taken from these very figures; the bases of ours are printed"


class Processor(NamedTuple):
    """One sample on a graphics processor: alone, and as a share of a batch at the peak."""

    seconds: float
    joule: float
    share_seconds: float
    share_joule: float
    operations: float


def processor(network: ScoreNetwork, steps: int) -> Processor:
    """A step is one evaluation of the network; two operations for each multiply-accumulate.

    Alone it takes the kernels' time, at the board's full power (an upper bound: it is mostly idle); in a batch
    operations at the peak.
    """
    operations = 2.0 * steps * sum(weight.numel() for weight, _ in network.matrices)
    alone, joule = steps * KERNELS * KERNEL, operations * REFERENCES[REFERENCE].joule_per_operation
    return Processor(alone, alone * BOARD, joule / BOARD, joule, operations)


def loop_cost(duration: float, array_power: float) -> Cost:
    """Of one sample. The area is that of discrete parts on a board and is not counted."""
    parts = {"arrays": array_power, "amplifiers, multipliers, converters": max(POWER - array_power, 0.0)}
    return Cost(
        per="per sample", energy_joule=duration * sum(parts.values()), latency_second=duration, area_square_metre=None,
        components={name: CostShare(energy_joule=duration * power) for name, power in parts.items()},
        basis=f"{POWER:.2g} W for the whole loop, from {IEDM}; the arrays' share is of this run",
        schedule="all stages at once, one sample at a time", reason="a board of discrete parts has no chip area",
    )  # fmt: skip


def price(study: Study[Any], array_power: float, claims: Sequence[Claim], released: int) -> None:
    """One sample on the loop and on a graphics processor, with as many steps as our digital solver takes and as many
    as ``released``, beside what was published."""
    duration, steps = study.settings.loop.duration, study.settings.steps
    ours, theirs = loop_cost(duration, array_power), processor(study.network(), steps)
    joule = float(ours.energy_joule or 0)
    study.findings.cost(ours)
    study.one(SPEED, theirs.seconds / duration, "x")
    study.one(SPEED_BATCH, theirs.share_seconds / duration, "x")
    study.one(SAVED, 100 * (1 - joule / theirs.share_joule), "%")
    study.one(SAVED_ALONE, 100 * (1 - joule / theirs.joule), "%")
    many = processor(study.network(), released)
    rows = [
        ("the loop, alone or in a batch", duration, joule, ours.basis),
        ("a graphics processor, one sample alone", theirs.seconds, theirs.joule,
         f"{steps} steps of {KERNELS} kernels of 5 µs (assumed) at {BOARD:g} W, an upper bound of the power"),
        ("the same, released number of steps", many.seconds, many.joule, f"{released:,} steps"),
        ("a graphics processor, share of a batch", theirs.share_seconds, theirs.share_joule,
         f"{theirs.operations:,.0f} operations at the peak of an RTX 4090 ({BOARD:g} W)"),
        ("the same, released number of steps", many.share_seconds, many.share_joule, f"{released:,} steps"),
    ]  # fmt: skip
    study.findings.table(
        "Cost of one sample", ("on", "time, µs", "energy, µJ", "basis"),
        [(what, _round(1e6 * seconds), _round(1e6 * energy), basis) for what, seconds, energy, basis in rows],
        "Two bases: a sample alone is slow on a processor, a share of a batch is fast and cheap. Published factors "
        "seem to take the time of the first and the energy of the second.",
    )  # fmt: skip
    for claim in claims:
        study.findings.not_comparable(claim.name, CIRCULAR if claim.version == "IEDM" else NOT_SAID)


def _round(value: float) -> float:
    return float(f"{value:.4g}")
