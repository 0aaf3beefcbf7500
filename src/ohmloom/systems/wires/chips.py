"""The current-mode chip with wires, and the three kinds of cells that the comparison uses."""

from __future__ import annotations

import ohmloom as ol
from ohmloom.crossbars import Wires
from ohmloom.devices import Quiet, Stable
from ohmloom.systems.wires.settings import CELLS


def current_mode(size: int, ohms: float, cells: str = CELLS[0]) -> tuple[ol.Chip, str]:
    """The generic 40 nm chip with arrays of ``size`` and wires of ``ohms`` per segment (0: ideal), and an age.

    One cell per weight around an offset column, so that cells conduct half of the range on average, as single-ended
    arrays do: with pairs most cells of a trained layer are nearly off, and wires hardly matter.
    ``ideal cells`` hold exactly what is asked, without noise; ``cells with spread`` have all of the preset's errors
    right after programming; ``one day later`` they have drifted too.
    """
    chip = ol.Chip.load("generic-40nm")
    device = chip.device
    if cells == CELLS[0]:
        device = device.replace(
            programming={"kind": "ideal"}, retention=Stable(), read_noise=Quiet(), faults={"kind": "none"}
        )
    wires = Wires(row=ohms, column=ohms) if ohms else Wires()
    count = max(round(chip.cores.count * chip.cores.rows * chip.cores.columns / size**2), 1)  # as many cells
    cores = chip.cores.replace(count=count, rows=size, columns=size)
    mapping = chip.mapping.replace(encoding={"kind": "analogue", "layout": "offset-column", "pair_sum": "analogue"})
    return chip.replace(cores=cores, device=device, mapping=mapping, wires=wires), "1 day" if cells == CELLS[
        2
    ] else "0 s"


def neurram(ohms: float) -> ol.Chip:
    """NeuRRAM with wires."""
    return ol.Chip.load("neurram").replace(wires=Wires(row=ohms, column=ohms) if ohms else Wires())
