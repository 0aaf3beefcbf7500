"""Probing: one physical array of a stored matrix as circuit tools see it, with the voltages that inputs put on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from torch import Tensor

from ohmloom.chips.wiring import Arrays, termination
from ohmloom.crossbars import Wires
from ohmloom.crossbars.circuits.wires import Termination
from ohmloom.devices.conduction import Conduction
from ohmloom.errors import ConfigurationError, message

if TYPE_CHECKING:
    from ohmloom.chips.stored import StoredMatrix


class Probed(NamedTuple):
    """The arguments of `ohmloom.crossbars.solve` and `ohmloom.crossbars.write_netlist`, in their order."""

    conductance: Tensor  # (physical rows, physical columns), S
    voltage: Tensor  # (phases · vectors, physical rows), V; all vectors of phase 0 come first
    wires: Wires
    conduction: Conduction
    termination: Termination


def probe_array(matrix: StoredMatrix, x: Tensor, *, die: int = 0, segment: int = 0, part: int = 0) -> Probed:
    """One array of a programmed ``matrix`` at its present age, driven by ``x`` (vectors, in).

    ``segment`` counts the cuts along the inputs, ``part`` the arrays side by side. Noise of reads is not in it.
    Raises ConfigurationError for an array that does not exist, and on the transposed side of a matrix.

    >>> import torch, ohmloom as ol
    >>> from ohmloom.crossbars import solve
    >>> layer = ol.convert(torch.nn.Linear(6, 4), ol.Chip.load("generic-40nm"))
    >>> _ = ol.program(layer)
    >>> solve(*probe_array(ol.matrices(layer)["model"], torch.rand(2, 6))).currents.shape
    torch.Size([2, 8])
    """
    arrays = Arrays.of(matrix.mapping, matrix.segments.outputs)
    if matrix.mirror is not None:
        raise ConfigurationError(message(matrix.name, "must be probed from its own side", "T", "Probe the original."))
    for name, given, count in (
        ("die", die, matrix.dies), ("segment", segment, matrix.segments.count), ("part", part, arrays.parts)
    ):  # fmt: skip
        if not 0 <= given < count:
            raise ConfigurationError(message(name, f"must be from 0 to {count - 1}", given, "Choose another."))
    cells = arrays.split(arrays.lay_out(matrix.conductance()))[part][die, segment]
    levels = matrix.drive(x.unsqueeze(0))[1][:, 0, segment]  # (phases, vectors, rows)
    signs = arrays.signs(levels, backward=False)
    volts = (levels.unsqueeze(-1) * signs).flatten(-2).flatten(0, 1) * matrix.mapping.voltage
    return Probed(cells, volts, matrix.wires, matrix.device.conduction, termination(matrix.mapping))
