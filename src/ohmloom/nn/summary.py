"""The summary: what sits where, what stays digital and why, mode, age and calibration — before anything runs."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from ohmloom import markup
from ohmloom.chips import Placement
from ohmloom.crossbars import AnalogueReadout
from ohmloom.nn.convert import converted, matrix_name, plan, state_of


@dataclass(frozen=True)
class Row:
    """One matrix in the summary."""

    name: str
    kind: str
    shape: tuple[int, int]
    segments: int
    cores: int
    cells: int
    bias: str
    path: str


@dataclass(frozen=True)
class Summary:
    """Prints as a table."""

    chip: str
    device: str
    rows: tuple[Row, ...]
    digital: dict[str, str]
    placement: Placement
    mode: str
    dies: int
    age: str
    calibration: str

    def __str__(self) -> str:
        width = max(len("matrix"), *(len(row.name) for row in self.rows)) + 2
        lines = [self._use, ""]
        lines.append(
            f"{'matrix':<{width}}{'layer':<20}{'out x in':>12}{'parts':>7}{'cores':>7}{'cells':>9}  bias     read as"
        )
        for row in self.rows:
            shape = f"{row.shape[0]} x {row.shape[1]}"
            lines.append(f"{row.name:<{width}}{row.kind:<20}{shape:>12}{row.segments:>7}{row.cores:>7}{row.cells:>9}"
                         f"  {row.bias:<8} {row.path}")  # fmt: skip
        lines += [""] + [f"digital: {name or 'model'} ({why})" for name, why in self.digital.items()]
        return "\n".join([*lines, self._state])

    def _repr_html_(self) -> str:
        columns = ("matrix", "layer", "out x in", "parts", "cores", "cells", "bias", "read as")
        rows = [(r.name, r.kind, f"{r.shape[0]} x {r.shape[1]}", r.segments, r.cores, r.cells, r.bias, r.path)
                for r in self.rows]  # fmt: skip
        digital = [f"digital: {name or 'model'} ({why})" for name, why in self.digital.items()]
        return markup.lines(self._use) + markup.table(columns, rows) + markup.lines(*digital, self._state)

    @property
    def _use(self) -> str:
        place = self.placement
        return (f"{self.chip} ({self.device}): {place.cores_used} of {place.cores} cores, {place.cells} cells in use, "
                f"{place.utilisation:.2%} of the chip")  # fmt: skip

    @property
    def _state(self) -> str:
        drawn = f"{self.dies} dies, {self.age} after programming" if self.dies else "not programmed"
        return f"mode: {self.mode}; {drawn}; calibration: {self.calibration}"


def summary(hardware: nn.Module) -> Summary:
    """Placement, utilisation, digital layers and their reasons, mode, age, calibration, and how each matrix is read."""
    state, layers = state_of(hardware), converted(hardware)
    placement = plan(hardware) if state.installation is None else state.installation.placement
    parts = {name: list(layer.parts()) for name, layer in layers.items()}
    owners = {matrix_name(n, part, len(parts[n])): (layer, part) for n, layer in layers.items() for part in parts[n]}
    rows = []
    for block in dict.fromkeys(block.layer for block in placement.blocks):
        layer, part = owners[block]
        blocks, (weight, bias) = placement.of(block), layer.parts()[part]
        matrix = layer.on_chip.matrices.get(part)
        place = "none" if bias is None else "rows" if part in layer.on_chip.bias_in_rows else "digital"
        if matrix is None:
            place, path = ("none" if bias is None else layer.on_chip.mapping.bias), "not programmed"
        else:
            path = matrix.sensing().path if isinstance(matrix.mapping.readout, AnalogueReadout) else "exact integers"
        kind = type(layer).__name__.removeprefix("Chip")
        shape = (weight.shape[0], weight.shape[1])
        cores, cells = len({b.core for b in blocks}), sum(b.cells for b in blocks)
        rows.append(Row(block, kind, shape, 1 + max(b.segment for b in blocks), cores, cells, place, path))
    return Summary(
        state.chip.name, state.chip.device.name, tuple(rows), dict(state.digital), placement,
        type(state.mode).__name__, state.dies, state.age, state.calibration,
    )  # fmt: skip
