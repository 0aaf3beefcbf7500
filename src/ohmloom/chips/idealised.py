"""What a matrix would be without some of what its hardware does to it, in the same cells."""

from __future__ import annotations

import copy
from collections.abc import Collection
from dataclasses import replace
from typing import TYPE_CHECKING, Literal, get_args

import torch

from ohmloom.chips.mapping import Mapping
from ohmloom.crossbars import AnalogueReadout, NoConverter, Wires
from ohmloom.devices import Device
from ohmloom.errors import unknown

if TYPE_CHECKING:
    from ohmloom.chips.stored import StoredMatrix

Effect = Literal["programming", "age", "read noise", "saturation", "converter", "conduction", "wires"]
EFFECTS: tuple[Effect, ...] = get_args(Effect)


def idealised(matrix: StoredMatrix, effects: Collection[Effect]) -> StoredMatrix:
    """A copy of ``matrix`` without ``effects``; the matrix itself stays as it is.

    ``programming``: cells hold their targets, and none is faulty (formed cells have no targets: they stay).
    ``age``: no time has passed. ``read noise``: reads are exact. ``saturation``: neither front ends nor integrators
    saturate, and they add no noise. ``converter``: sums are taken as they are, without static errors; a converter that
    is an activation function stays. ``conduction``: cells are ohmic. ``wires``: lines have no resistance.
    Input codes, the encoding and the calibration stay; what the calibration corrected may now be corrected too much.

    Raises UnknownNameError.
    """
    for effect in effects:
        if effect not in EFFECTS:
            raise unknown("effect", effect, EFFECTS)
    cells = matrix.cells
    if "programming" in effects and matrix.targets is not None:
        held = matrix.targets.unsqueeze(0).expand_as(cells.written)
        cells = cells._replace(written=held.to(cells.written), faults=torch.zeros_like(cells.faults))
    return replace(
        matrix, mapping=_mapping(matrix.mapping, effects), device=_device(matrix.device, effects), cells=cells,
        elapsed=0.0 if "age" in effects else matrix.elapsed, wires=Wires() if "wires" in effects else matrix.wires,
        calibration=copy.deepcopy(matrix.calibration), clips=type(matrix.clips)(), _cache={}, _reads={}, _other=None,
    )  # fmt: skip


def _device(device: Device, effects: Collection[Effect]) -> Device:
    if "read noise" in effects:
        device = device.replace(read_noise={"kind": "none"})
    return device.replace(conduction={"kind": "ohmic"}) if "conduction" in effects else device


def _mapping(mapping: Mapping, effects: Collection[Effect]) -> Mapping:
    readout = mapping.readout
    if not isinstance(readout, AnalogueReadout):
        return mapping
    if "saturation" in effects:
        front_end = readout.front_end.replace(saturation=None, noise=0.0)
        readout = readout.replace(front_end=front_end, swing=None)
    if "converter" in effects and readout.converter.linear:
        readout = readout.replace(converter=NoConverter())
    return mapping if readout is mapping.readout else mapping.replace(readout=readout)
