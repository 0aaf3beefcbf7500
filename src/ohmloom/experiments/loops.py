"""What a loop's nodes carry during a run: a picture in volts and seconds, and how near each comes to its limits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from torch import Tensor

from ohmloom.dynamics import Loop, Signal, probe
from ohmloom.experiments.findings import Findings
from ohmloom.quantities import TIME, VOLTAGE, show

SHOWN = 16  # nodes of a track that are drawn; all are counted
POINTS = 600  # times that are drawn at most
SCALES = {"s": 1.0, "ms": 1e-3, "µs": 1e-6, "ns": 1e-9}
AT = 1 - 1e-9  # of a limit: what counts as at it


class Nodes(NamedTuple):
    """Nodes of one kind: what they carry and what limits them."""

    title: str
    values: Tensor  # (times, dies, trajectories, nodes)
    limit: float | None = None
    rectified: bool = False  # never negative
    held: bool = False  # until the next time
    names: Sequence[str] = ()
    axis: str = "V"


def show_loop(
    findings: Findings, loop: Loop, volts: Tensor, times: Tensor, *, caption: str, signal: Signal | None = None,
    gains: Signal | None = None, channels: Sequence[str] = (), name: str = "loop-signals",
) -> None:  # fmt: skip
    """Record what the loop's nodes carry along ``volts`` (times, dies, trajectories, states), s and V.

    The picture is of the first die and trajectory, without what never changes; the table is of all: what the
    amplifiers must be able to do.
    ``channels``: names of the lines that drive the first array.
    """
    nodes = _nodes(loop, volts, times, signal, gains, channels)
    unit = next((unit for unit, scale in SCALES.items() if float(times[-1]) >= scale), "ns")
    every = -(-len(times) // POINTS)
    findings.plot("waveforms", name=name, times=times[::every] / SCALES[unit], time_axis=f"time, {unit}",
                  tracks=[_track(kind, every) for kind in nodes if bool(kind.values.diff(dim=0).any())],
                  caption=caption)  # fmt: skip
    rows = [(kind.title, kind.values.shape[-1], *_strength(kind)) for kind in nodes if kind.axis == "V"]
    columns = ("nodes", "number", "root mean square, V", "largest, V", "limit", "at the limit, %")
    findings.table("Signals of the loop", columns, rows, "What the amplifiers must be able to do: all dies and "
                   f"trajectories of a run of {show(float(times[-1]), TIME)}.")  # fmt: skip


def _nodes(
    loop: Loop, volts: Tensor, times: Tensor, signal: Signal | None, gains: Signal | None, channels: Sequence[str]
) -> list[Nodes]:
    probed, circuit = probe(loop, volts, times, signal=signal, gains=gains), loop.circuit
    found = []
    if loop.driven:
        found.append(Nodes("driven lines", probed.lines[0][..., loop.states :], circuit.rail, names=channels))
    ranges = [chosen for chosen in loop.each_added if chosen is not None]
    if signal is not None and ranges:
        first, last = min(start for start, _ in ranges), max(stop for _, stop in ranges)
        added = signal.at(times)[..., first:last].unsqueeze(1)
        found.append(Nodes("converters, added before the rectifiers", added, circuit.rail, held=True))
    if gains is not None:
        names = ("of the arrays' output", "of the state")
        found.append(Nodes("multipliers", gains.at(times).unsqueeze(1), held=True, names=names, axis="factor"))
    for number, (kind, stage) in enumerate(zip(loop.activations, probed.stages, strict=False), 1):
        found.append(Nodes(f"behind stage {number}", stage, circuit.clamp, rectified=kind == "relu"))
    names = [f"state {n + 1}" for n in range(loop.states)]
    found.append(Nodes("last array, over the resistance of a weight of one", probed.output, names=names))
    return [*found, Nodes("integrators", volts, circuit.rail, names=names)]


def _track(nodes: Nodes, every: int) -> dict[str, Any]:
    shown, count = nodes.values[::every, 0, 0, :SHOWN], nodes.values.shape[-1]
    names = nodes.names or [f"{n + 1}" for n in range(count)]
    limits = () if nodes.limit is None else (nodes.limit,) if nodes.rectified else (-nodes.limit, nodes.limit)
    return {
        "title": nodes.title if count <= SHOWN else f"{nodes.title}, {SHOWN} of {count}", "axis": nodes.axis,
        "traces": [{"label": name, "values": values} for name, values in zip(names, shown.T, strict=False)],
        "bounds": limits, "held": nodes.held,
    }  # fmt: skip


def _strength(nodes: Nodes) -> tuple[float, float, str, float | None]:
    """Root mean square, largest, limit, share at the limit."""
    sizes = nodes.values.abs()
    strength = _round(float(sizes.square().mean().sqrt())), _round(float(sizes.max()))
    if nodes.limit is None:
        return *strength, "none", None
    share = float((sizes >= AT * nodes.limit).double().mean())
    return *strength, show(nodes.limit, VOLTAGE), _round(100 * share)


def _round(value: float) -> float:
    return float(f"{value:.3g}")
