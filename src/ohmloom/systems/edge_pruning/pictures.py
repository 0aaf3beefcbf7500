"""Pictures of the edge-pruning systems: learned masks, noise curves with their crossings, programming operations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from ohmloom.codesign.edge_pruning import edges
from ohmloom.experiments import Figure, Findings
from ohmloom.systems.edge_pruning.evaluation import crossing
from ohmloom.systems.edge_pruning.programming_errors import ARMS, Drawn
from ohmloom.systems.edge_pruning.settings import DriveSettings, EdgeSettings

CORNER = 40  # edges to a side that are shown of a large matrix


def plot_masks(findings: Findings, network: nn.Module, kept: float) -> None:
    """Which edges were kept, with their signs: kernels of the first convolution, and corners of the others."""
    parts = list(edges(network).values())
    panels = [{"title": f"{parts[0].name}: kernels", "values": _kernels(parts[0])}]
    for part in parts[1:]:
        signed = (part.on.sign() * part.mask).T[:CORNER, :CORNER]  # rows are inputs, columns outputs
        if min(signed.shape) >= 10:
            panels.append({"title": f"{part.name}, {signed.shape[0]} x {signed.shape[1]}", "values": signed})
    findings.plot("array_maps", name="learned-edges", panels=panels[:3],
                  caption=f"Learned edges with their signs, {100 * kept:g} % kept: +1 and -1 where the cell is on, 0 "
                  "where it was reset. First the first layer's kernels, then corners of larger arrays.")  # fmt: skip


def _kernels(part: nn.Module) -> Tensor:
    """The first layer's kernels as tiles of a square, with gaps between them."""
    signed: Tensor = part.on.sign() * part.mask  # type: ignore[operator, union-attr]
    rows = 3  # both published first layers have kernels of three rows
    side = int(len(signed) ** 0.5)
    tiles = signed[: side * side].reshape(side, side, rows, -1)
    framed = torch.nn.functional.pad(tiles, (0, 1, 0, 1), value=float("nan"))
    return framed.permute(0, 2, 1, 3).reshape(side * (rows + 1), -1)[:-1, :-1]


def plot_errors(
    findings: Findings, settings: EdgeSettings | DriveSettings, own: Sequence[float], found: Drawn[float],
    samples: str, axis: str = "accuracy, %",
) -> None:  # fmt: skip
    """Accuracy (or what ``axis`` says) against programming error, edges and `ARMS`, and where weights fall below."""
    errors = settings.errors
    lines = [{"label": "edge pruning", "values": [sum(own) / len(own)] * len(errors)}]
    marks: dict[str, float] = {}
    for arm in ARMS:
        clean = found[arm._replace(training="plain"), 0.0]  # without an error both trainings are one
        drawn = [found.get((arm, error), clean if error == 0 else []) for error in errors]
        lines.append(_line(arm.short if arm.settled else f"{arm.short} weights", [_flat(by_seed) for by_seed in drawn]))
        known = [(error, by_seed) for error, by_seed in zip(errors, drawn, strict=True) if by_seed]
        figure = _crossings(f"{arm.title}: error at which they fall below edge pruning", own, known)
        findings.figure(figure)
        if figure.value is not None and not arm.settled:  # four marks would hide one another
            marks[f"crossing, {arm.short}"] = figure.value
    seeds = f" of each of {len(own)} trainings" * (len(own) > 1)
    findings.plot("noise_curves", name="programming-error", noise=[100 * e for e in errors], lines=lines, marks=marks,
                  axis=axis, noise_axis="programming error, % of each layer's largest weight",
                  caption=f"Mean, least and most of {settings.draws} programmings{seeds}, {samples}. Noise-trained: "
                  "with this error. Settled: batch norms saw training data after programming. Edges are not written "
                  "but chosen, so the error has no hold on them.")  # fmt: skip


def _crossings(name: str, own: Sequence[float], known: Sequence[tuple[float, Sequence[Sequence[float]]]]) -> Figure:
    """Where weights of each seed (the mean of their programmings) fall below that seed's edges: an error in %."""
    errors = [error for error, _ in known]
    seeds = min(len(by_seed) for _, by_seed in known)
    places = [
        crossing(errors, [sum(by_seed[seed]) / len(by_seed[seed]) for _, by_seed in known], own[seed])
        for seed in range(seeds)
    ]
    missing = places.count(None)
    if missing:
        of_seeds = f" in {missing} of {seeds} trainings" * (seeds > 1)
        return Figure.absent(name, "%", f"none up to {100 * errors[-1]:g} %: the weights stay above{of_seeds}")
    return Figure.over(name, [100 * place for place in places if place is not None], "%", "seeds")


def plot_reads(
    findings: Findings, settings: EdgeSettings | DriveSettings, found: Mapping[str, Sequence[Sequence[float]]],
    samples: str, axis: str = "accuracy, %",
) -> None:  # fmt: skip
    """Accuracy (or what ``axis`` says) against relative read noise."""
    lines = [_line(label, by_noise) for label, by_noise in found.items()]
    findings.plot("noise_curves", name="read-noise", noise=[100 * n for n in settings.read_noises], lines=lines,
                  axis=axis, noise_axis="read noise, % of each weight",
                  caption=f"Fresh noise in each batch, {settings.draws} draws on {samples}: "
                  "unlike an error of programming, it disturbs edges and weights alike.")  # fmt: skip


def plot_pulses(findings: Findings, values: Mapping[str, float], steps: int) -> None:
    """Programming operations per weight, as `programming` counts them."""
    for name, value in values.items():
        findings.figure(Figure.of(f"pulses per weight: {name}", value, "pulses"))
    findings.plot("ablation_bars", name="programming-operations", labels=tuple(values),
                  values=tuple(values.values()),
                  axis="pulses per weight",
                  caption="Counted by the ledger and, in training, by the flips of edges. Writing weights takes the "
                  "write-verify that is fitted to NeuRRAM's cells, two cells a weight. Weights learned on the chip "
                  f"would be written anew in each of {steps:,} steps.")  # fmt: skip


def _line(label: str, drawn: Sequence[Sequence[float]]) -> dict[str, object]:
    middle = [sum(values) / len(values) if values else None for values in drawn]
    return {"label": label, "values": middle, "low": [min(v, default=None) for v in drawn],
            "high": [max(v, default=None) for v in drawn]}  # fmt: skip


def _flat(by_seed: Sequence[Sequence[float]]) -> list[float]:
    return [value for draws in by_seed for value in draws]
