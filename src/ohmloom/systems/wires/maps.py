"""What wires do to one array: voltages of its nodes, and what each cell loses."""

from __future__ import annotations

import torch
from torch import Tensor

from ohmloom.crossbars import Wires, effective_conductance, solve


def maps(size: int, ohms: float, seed: int) -> dict[str, Tensor]:
    """Maps (rows, columns) of an array of uniform cells, 1 to 50 µS, all rows at 0.2 V: the voltage on each cell in mV,
    and how much of its conductance each cell has lost, in per cent."""
    generator = torch.Generator().manual_seed(seed)
    cells = (1 + 49 * torch.rand(size, size, generator=generator, dtype=torch.float64)) * 1e-6
    wires = Wires(row=ohms, column=ohms)
    solution = solve(cells, torch.full((1, size), 0.2, dtype=torch.float64), wires)
    acting = effective_conductance(cells, wires)
    return {
        "voltage across each cell, mV": 1e3 * solution.cell_voltages[0],
        "conductance lost, %": 100 * (1 - acting / cells),
    }
