"""Hardware as it would be without some of its effects, layer by layer, for as long as a block lasts."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from collections.abc import Mapping as Table
from contextlib import contextmanager

from torch import nn

from ohmloom.chips.idealised import Effect, idealised
from ohmloom.errors import NotProgrammedError, message, unknown
from ohmloom.nn.convert import converted, state_of
from ohmloom.nn.modes import Digital, Mode, Programmed

Without = Table[str, Collection[Effect] | Mode]


@contextmanager
def what_if(hardware: nn.Module, layers: Without) -> Iterator[None]:
    """Let programmed ``hardware`` compute as if the named layers lacked some effects, or were in another mode.

    ``layers``: by name the effects to remove (:func:`ohmloom.chips.idealised.idealised`), or a mode such as `Digital()`
    for a layer in software. Layers that are not named stay as they are. What is calibrated inside belongs to the block
    and is gone after it. Raises UnknownNameError and NotProgrammedError.
    """
    own, state = converted(hardware), state_of(hardware)
    for name in layers.keys() - own.keys():
        raise unknown("layers", name, own)
    if not isinstance(state.mode, Programmed):
        rule, given = "must be programmed, and in that mode", type(state.mode).__name__
        raise NotProgrammedError(message("hardware", rule, given, "Call ohmloom.program(hardware)."))
    before = {name: (layer.on_chip.mode, layer.on_chip.matrices) for name, layer in own.items()}
    stamps = {name: matrix.calibration.stamp for name, matrix in state.matrices.items()}
    try:
        for name, layer in own.items():
            wanted, on_chip = layers.get(name, ()), layer.on_chip
            if isinstance(wanted, Mode):
                on_chip.mode = wanted
            else:
                copies = {part: idealised(matrix, wanted) for part, matrix in on_chip.matrices.items()}
                on_chip.matrices = copies
        yield
    finally:
        for name, layer in own.items():
            layer.on_chip.mode, layer.on_chip.matrices = before[name]
        for name, matrix in state.matrices.items():
            matrix.calibration.stamp = stamps[name]


def in_software(hardware: nn.Module) -> Without:
    """All layers in software."""
    return dict.fromkeys(converted(hardware), Digital())
