"""Netlists of a stored matrix: each of its arrays, with the voltages that vectors put on its rows, for ngspice."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from torch import Tensor

from ohmloom.chips.wiring import Arrays, termination
from ohmloom.crossbars import AnalogueReadout, write_netlist
from ohmloom.errors import ConfigurationError, message

if TYPE_CHECKING:
    from ohmloom.chips.stored import StoredMatrix


def write_netlists(matrix: StoredMatrix, x: Tensor, folder: str | Path, *, die: int = 0) -> list[Path]:
    """Write the arrays of ``matrix`` on one die, driven by ``x`` (vectors, in), one file each into ``folder``.

    Cells are those of the present age, without read noise; lines, drivers and conduction law are the matrix's own. The
    inputs of a netlist are the phases of the first vector, then those of the next, in volts as the rows' drivers give
    them; a pair on two rows is driven with both signs. Files are ``NAME-SEGMENT-PART.cir``, where parts are arrays side
    by side; existing files of these names are replaced. Returns their paths.

    Raises ShapeError and NotFiniteError for bad ``x``, ConfigurationError for a die that does not exist, for cells that
    are sensed one by one as bits, for the transposed side of a matrix and for a conduction law without a SPICE form,
    and OutputError where a file cannot be written.
    """
    if not 0 <= die < matrix.dies:
        rule = f"must be from 0 to {matrix.dies - 1}"
        raise ConfigurationError(message(f"{matrix.name}.die", rule, die, "Choose a die that was programmed."))
    if not isinstance(matrix.mapping.readout, AnalogueReadout):
        rule = "must sum currents on its columns to be a circuit of lines"
        raise ConfigurationError(message(f"{matrix.name}.readout", rule, "logic", "Write an analogue matrix."))
    if matrix.mirror is not None:
        rule = "must be written from the side from which its cells were stored"
        raise ConfigurationError(message(matrix.name, rule, "its transposed side", "Write the matrix itself."))
    matrix.check_vectors(x)
    arrays = Arrays.of(matrix.mapping, matrix.segments.outputs)
    _, levels = matrix.line_levels(x.detach().unsqueeze(0))
    signs = arrays.signs(levels, backward=False)
    volts = (levels.unsqueeze(-1) * signs).flatten(-2)[:, 0] * matrix.mapping.voltage  # (phases, segments, vectors, r)
    cells = arrays.lay_out(matrix.conductance()[die])  # (segments, rows, columns)
    files = []
    for segment, held in enumerate(cells):
        inputs = volts[:, segment].transpose(0, 1).flatten(0, 1)
        for part, array in enumerate(arrays.split(held)):
            file = Path(folder) / f"{matrix.name}-{segment}-{part}.cir"
            write_netlist(file, array, inputs, matrix.wires, matrix.device.conduction, termination(matrix.mapping))
            files.append(file)
    return files
