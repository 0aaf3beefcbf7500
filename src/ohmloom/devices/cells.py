"""What is known of the cells of an array: tensors, one entry per cell."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

from torch import Tensor


class Fault(IntEnum):
    """Why a cell does not hold what was written."""

    NONE = 0
    STUCK_ON = 1  # reads g_max
    STUCK_OFF = 2  # does not conduct
    UNFORMED = 3  # never broken down: reads g_unformed


class Cells(NamedTuple):
    """The cells of one or more arrays; every leaf has the shape (..., rows, columns).

    A place without a cell (not wanted when programming) has ``written``, ``latent`` and ``pulses`` zero, so that it
    stays at zero for ever.
    """

    written: Tensor  # S, right after programming
    faults: Tensor  # int8, Fault
    latent: Tensor  # N(0, 1) when drawn: the cell's own way through time; selection over programming epochs narrows it
    pulses: Tensor  # int32, programming pulses seen
    on: Tensor  # S, the cell's own on state, to which `switch` sets it back


class Fresh(NamedTuple):
    """Cells that are about to be written; every leaf has the shape (..., rows, columns)."""

    targets: Tensor  # S
    faults: Tensor  # int8, Fault
    latent: Tensor  # N(0, 1)
    wanted: Tensor  # bool, False where there is no cell


class Written(NamedTuple):
    """What a programming run leaves behind."""

    cells: Cells
    read_back: Tensor  # S, the last read of each cell by the programmer
    failed: Tensor  # bool, the controller gave up (judged by read-back)
