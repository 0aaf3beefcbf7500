"""Branches: each cell with its access transistor, as the lines see it between a row and a column."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from ohmloom.crossbars.circuits.roots import rising_root
from ohmloom.devices.conduction import Conduction


class Flow(NamedTuple):
    """What branches do at given voltages, each (inputs, rows, columns); ``slope`` may have a single input."""

    current: Tensor  # A
    slope: Tensor  # dI/dV in S
    across: Tensor  # V across the cell alone, without its transistor


class Branches(NamedTuple):
    """Cells of one array: ``conductance`` (rows, columns) in S, their law, and the transistor's ohms in series.

    With I = g f(u) and E = u + R I, dI/dE = g f'(u) / (1 + R g f'(u)).
    """

    conductance: Tensor
    conduction: Conduction
    access: float

    def flow(self, voltage: Tensor) -> Flow:
        """The currents at branch voltages (inputs, rows, columns)."""
        if self.conduction.ohmic:
            loss = 1 + self.conductance * self.access if self.access else None
            series = self.conductance if loss is None else self.conductance / loss
            return Flow(series * voltage, series.unsqueeze(0), voltage if loss is None else voltage / loss)
        across = self._across(voltage) if self.access else voltage
        current, slope = (self.conductance * part for part in self.conduction.with_slope(across))
        return Flow(current, slope / (1 + slope * self.access) if self.access else slope, across)

    def open_columns(self, voltage: Tensor) -> Tensor:
        """The voltages (inputs, columns) of columns that carry no current, for rows at ``voltage`` (inputs, rows)."""
        if self.conduction.ohmic:
            series = self.flow(voltage.new_zeros(1, 1, 1)).slope[0]
            return voltage @ (series / series.sum(0))
        rows = voltage.unsqueeze(-1)

        def total(column: Tensor) -> tuple[Tensor, Tensor]:
            flow = self.flow(rows - column.unsqueeze(1))
            return -flow.current.sum(1), flow.slope.sum(1)

        shape = (*voltage.shape[:-1], self.conductance.shape[-1])
        low, high = voltage.amin(-1, keepdim=True), voltage.amax(-1, keepdim=True)
        return rising_root(total, low.expand(shape), high.expand(shape))

    def _across(self, voltage: Tensor) -> Tensor:
        def excess(across: Tensor) -> tuple[Tensor, Tensor]:
            current, slope = (self.conductance * part for part in self.conduction.with_slope(across))
            return across + self.access * current - voltage, 1 + self.access * slope

        return rising_root(excess, voltage.clamp(max=0), voltage.clamp(min=0))
