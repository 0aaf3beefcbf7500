"""What a programming run reached, in a few figures."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from ohmloom.devices.cells import Written
from ohmloom.errors import ShapeError, message

EDGES = (0, 1, 3, 6, 11, 21, 51)  # the first number of pulses of each class of the histogram


@dataclass(frozen=True)
class ProgrammingReport:
    """The statistics of one programming run; shares are between 0 and 1.

    ``read_back_share`` is what the controller believes, ``true_share`` what the cells hold: the two differ because it
    looks through its own read noise.
    """

    cells: int
    mean_pulses: float
    histogram: dict[str, int]  # cells by number of pulses
    failed_share: float  # the controller gave up
    read_back_share: float  # within tolerance by the last read
    true_share: float  # within tolerance by the conductance written
    rms_error: float  # S, written against target, cells with a target to reach (not those that only have to be off)
    tolerance: float  # S

    def table(self) -> str:
        """The figures as lines of text."""
        rows = [
            ("cells", f"{self.cells:,}"),
            ("pulses per cell, mean", f"{self.mean_pulses:.2f}"),
            (f"within ±{self.tolerance * 1e6:g} µS by read-back", f"{100 * self.read_back_share:.2f} %"),
            (f"within ±{self.tolerance * 1e6:g} µS in truth", f"{100 * self.true_share:.2f} %"),
            ("given up", f"{100 * self.failed_share:.2f} %"),
            ("rms error of cells with a target", f"{self.rms_error * 1e6:.3g} µS"),
            *((f"cells with {name} pulses", f"{100 * n / self.cells:.2f} %") for name, n in self.histogram.items()),
        ]
        width = max(len(name) for name, _ in rows)
        return "\n".join(f"{name:<{width}}  {value:>12}" for name, value in rows)

    __str__ = table


def programming_report(
    targets: Tensor, written: Written, tolerance: float, *, off_below: float = 0.0, wanted: Tensor | None = None
) -> ProgrammingReport:
    """Compare what was written with ``targets`` (S, same shape as the cells).

    A cell is in tolerance within ``tolerance`` S of its target; where the target is below ``off_below`` (a device's
    g_min) it only has to be below that. ``wanted`` leaves out places without a cell.

    Raises ShapeError if the shapes differ or no cell is wanted.
    """
    if targets.shape != written.cells.written.shape:
        given = f"{tuple(targets.shape)} for {tuple(written.cells.written.shape)}"
        raise ShapeError(message("targets", "must have the shape of the cells", given, "Give the targets written."))
    chosen = torch.ones_like(targets, dtype=torch.bool) if wanted is None else wanted
    if not chosen.any():
        raise ShapeError(message("wanted", "must hold at least one cell", "none", "Report only what was written."))
    aims, pulses = targets[chosen].double(), written.cells.pulses[chosen]
    off = aims < off_below

    def share(g: Tensor) -> float:
        values = g[chosen].double()
        return float(torch.where(off, values < off_below, (values - aims).abs() <= tolerance).double().mean())

    errors = (written.cells.written[chosen].double() - aims)[~off]
    return ProgrammingReport(
        cells=aims.numel(),
        mean_pulses=float(pulses.double().mean()),
        histogram=_histogram(pulses),
        failed_share=float(written.failed[chosen].double().mean()),
        read_back_share=share(written.read_back),
        true_share=share(written.cells.written),
        rms_error=float(errors.square().mean().sqrt()) if errors.numel() else 0.0,
        tolerance=tolerance,
    )


def _histogram(pulses: Tensor) -> dict[str, int]:
    counts = {
        f"{a}" if b == a + 1 else f"{a}-{b - 1}": int(((pulses >= a) & (pulses < b)).sum()) for a, b in pairwise(EDGES)
    }
    return counts | {f"{EDGES[-1]} or more": int((pulses >= EDGES[-1]).sum())}
