"""What the circuit of the ring's loop does: its steps, its paths, its multipliers' errors, read noise in time."""

from __future__ import annotations

from ohmloom.codesign.diffusion import Reverse, radii
from ohmloom.devices import RelativeNoise
from ohmloom.dynamics import Multipliers
from ohmloom.quantities import VOLTAGE, show
from ohmloom.systems.diffusion import ring_claims as named
from ohmloom.systems.diffusion.closed_loop import path_error
from ohmloom.systems.diffusion.loops import AnalogueSampler, analogue_sampler, written
from ohmloom.systems.diffusion.ring_study import RingStudy
from ohmloom.systems.diffusion.settings import FLOW, KINDS, NOISY_FLOW, RELEASED, STOCHASTIC, Kind
from ohmloom.systems.diffusion.study import mean

STARTS = 4  # draws of the start that say how far KL moves from one to the next


def exact(study: RingStudy, reverse: Reverse) -> AnalogueSampler:
    """The first network's loop on cells that hold what they should."""
    return study.sampler(study.network(), written(0.0), reverse, study.streams.child("exact"))


def steps(study: RingStudy) -> None:
    """Halving the solver's step: KL of the flow stays within its spread; noise per time leaves the spread of radii
    alone, noise of one size per step does not.

    The spread of radii, because its sampling error is small and known: 1 / sqrt(2 samples) of it.
    """
    analogue, start = exact(study, STOCHASTIC), study.start(study.settings.samples)

    def spread(substeps: int, fixed: bool) -> float:
        generator = study.streams.child("steps").generator(f"{substeps}")
        return radii(analogue.run(start, generator, substeps=substeps, fixed_noise=fixed).points[-1, 0]).spread

    arms = ((1, False), (2, False), (2, True))
    whole, halved, wrong = study.arm("steps", lambda: [spread(*arm) for arm in arms])
    study.one(named.HALVED, 100 * abs(halved / whole - 1), "%")
    study.one(named.WRONG, 100 * abs(wrong / whole - 1), "%")

    def divergences(substeps: int) -> list[float]:
        flow = exact(study, RELEASED)
        starts = [study.start(study.settings.samples, f"start {number}") for number in range(STARTS)]
        return [study.measured(flow.run(s, substeps=substeps).points[-1, 0], study.context.seed)[0] for s in starts]

    one, two = study.arm("steps-flow", lambda: [divergences(1), divergences(2)])
    deviation = (sum((v - mean(one)) ** 2 for v in one) / (len(one) - 1)) ** 0.5
    study.one(named.HALVED_KL, abs(mean(two) - mean(one)) / deviation)


def paths(study: RingStudy) -> None:
    """Staircases of 12 bits, rails and clamps against the continuous equation in the network's own numbers."""
    start = study.start(min(study.settings.samples, 1_000))
    error, at_rail = study.arm("closed-loop", lambda: list(path_error(exact(study, RELEASED), start)))
    study.one(named.PATH, error, "%")
    study.one("states at their rails", at_rail, "%")


def multipliers(study: RingStudy) -> None:
    """Errors of gain and offset of the two multipliers before each integrator, on otherwise exact cells."""
    settings = study.settings
    wrong = [("none", Multipliers())]
    wrong += [(f"gain {100 * gain:g} %", Multipliers(gain=gain)) for gain in settings.gains]
    wrong += [(f"offset {show(volts, VOLTAGE)}", Multipliers(offset=volts)) for volts in settings.offsets]
    todo, rows = [(*one, sampler) for one in wrong for sampler in (FLOW, NOISY_FLOW)], []
    for what, errors, sampler in study.context.progress.track(todo, "multipliers", total=len(todo)):
        name = f"multipliers/{what}/{sampler}"
        found = study.arm(name, lambda s=sampler, n=name, e=errors: study.on_cells(
            "noisy", s, written(0.0), n, settings.dies, multipliers=e))  # fmt: skip
        study.figure(f"{study.measures[0]}, multipliers, {what}, {sampler}", [v[0] for v in found], "", "dies")
        rows.append((what, sampler, *(round(mean(list(column)), 3) for column in zip(*found, strict=True))))
    study.findings.table("Errors of multipliers", ("deviation", "sampler", *study.measures), rows,
                         f"Each multiplier of each die has its own; a unit is {show(settings.loop.unit, VOLTAGE)}; "
                         f"mean of {settings.dies} dies, trained with noise. The sizes are assumed.")  # fmt: skip


def read_noise(study: RingStudy) -> None:
    """Read noise as a process in time, white with the density of reads of 1 µs; the flow, with both networks."""
    settings, lines = study.settings, []
    noises = (0.0, *settings.read_noises)
    todo: list[tuple[Kind, float]] = [(kind, noise) for kind in KINDS for noise in noises]
    found: dict[tuple[Kind, float], list[float]] = {}
    for kind, noise in study.context.progress.track(todo, "read noise", total=len(todo)):
        values = study.arm(f"read/{kind}/{noise:g}", lambda k=kind, n=noise: _with_reads(study, k, n))
        study.figure(f"KL(data || generated), flow, {KINDS[kind]}, read noise {100 * noise:g} %", values[:1])
        found[kind, noise] = values
    for kind in KINDS:
        lines.append({"label": KINDS[kind], "values": [found[kind, noise][0] for noise in noises]})
    study.findings.plot("noise_curves", name="read-noise", noise=[100 * noise for noise in noises], lines=lines,
                        noise_axis="read noise of each cell in 1 µs, %", axis="KL(data || generated), nats",
                        caption=f"Flow on the loop with amplifiers' poles; {settings.read_samples:,} points, whose "
                        "floor is higher.")  # fmt: skip
    rows = [(KINDS[kind], f"{100 * noise:g} %", *(round(value, 3) for value in found[kind, noise]))
            for kind, noise in todo]  # fmt: skip
    study.findings.table("Read noise", ("network", "noise", *study.measures), rows,
                         "Of each cell in a read of 1 µs, as a white process; flow, with amplifiers' poles; "
                         f"{settings.read_samples:,} points.")  # fmt: skip


def _with_reads(study: RingStudy, kind: Kind, noise: float) -> list[float]:
    device = written(0.0).replace(read_noise=RelativeNoise(deviation=noise, read_time=1e-6))
    streams, start = study.streams.child("read"), study.start(study.settings.read_samples, "read start")
    analogue = analogue_sampler(study.network(kind), device, RELEASED, study.settings.loop, streams, bandwidth=True)
    points = analogue.run_with_poles(start, streams.generator("noise") if noise else None).points
    return study.measured(points[-1, 0], study.context.seed)
