"""The device beside its published statistics: on states, and the share of cells that a voltage breaks down."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from ohmloom.data import ResistorArrays
from ohmloom.devices import Breakdown, Device, Fault, form
from ohmloom.experiments import Context, Figure
from ohmloom.systems.esgnn import names
from ohmloom.systems.esgnn.reservoir import RANDOM

EDGES = np.arange(7.0, 20.0)  # µS
VOLTS = np.arange(3.15, 3.71, 0.05)


def device_figures(context: Context[Any], arrays: ResistorArrays) -> None:
    """Plots and largest differences of the preset against the measured cells."""
    device, findings = Device.load(RANDOM), context.findings
    forming = device.forming
    assert isinstance(forming, Breakdown)
    cells = form(device, (400, 400), context.streams.child("esgnn").generator("device"))
    drawn = cells.written[cells.faults != Fault.UNFORMED].double() * 1e6
    measured = torch.from_numpy(np.concatenate([arrays.input_cells.ravel(), arrays.hidden_cells.ravel()])) * 1e6
    shares = [100 * np.histogram(held.numpy(), EDGES)[0] / len(held) for held in (measured[measured > 0], drawn)]
    findings.figure(Figure.of(names.FORMED_STATE, _distance(measured[measured > 0], drawn), "%"))
    findings.plot("published_and_ours", name="on-states", positions=(EDGES[:-1] + 0.5).tolist(),
                  pairs=[{"label": "cells that broke down", "published": list(shares[0]), "ours": list(shares[1])}],
                  position_axis="conductance, µS", axis="share of the cells, %",
                  caption=f"Published arrays (50 x 8 and 50 x 50; {int((measured > 0).sum()):,} cells that broke down, "
                  f"{int((measured == 0).sum()):,} that did not) and the Gaussian of the preset.")  # fmt: skip
    volts = np.sort(arrays.breakdown_volts)
    published = [100 * float((volts <= v + 1e-9).mean()) for v in VOLTS]
    ours = [100 * forming.probability(float(v)) for v in VOLTS]
    steps = np.unique(volts)  # of the sweep: a cell that broke down at one of them would have formed there, not before
    model = np.array([forming.probability(float(v)) for v in steps])
    worst = np.abs(np.searchsorted(volts, steps + 1e-9) / len(volts) - model).max()
    findings.figure(Figure.of(names.FORMED_SHARE, 100 * float(worst), "%"))
    findings.plot("published_and_ours", name="forming", positions=[round(float(v), 2) for v in VOLTS],
                  pairs=[{"label": "cells formed", "published": published, "ours": ours}],
                  position_axis="voltage, V", axis="share of the cells, %",
                  caption=f"Published breakdown voltages of {len(volts)} cells, 3.14 to 3.70 V, and the preset's "
                  "Gaussian. Beyond that range forming is refused unless asked for.")  # fmt: skip


def _distance(one: torch.Tensor, other: torch.Tensor) -> float:
    """The largest difference of two distribution functions, %."""
    both = torch.cat([one, other]).sort().values
    below = [torch.searchsorted(held.sort().values, both, right=True) / len(held) for held in (one, other)]
    return 100 * float((below[0] - below[1]).abs().max())
