"""Front ends: what a column's sense circuit makes of the lines, before any conversion.

Current sensing holds the columns at a virtual ground and measures I_j = Σ_i V_i g_ij. Voltage sensing leaves them
open, and they settle at the conductance-weighted mean V_j = Σ_i V_i g_ij / Σ_i g_ij. Both give the mean of a read and
the variance that the cells' read noise causes, exact for independent cells on resistance-free wires.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor

from ohmloom.crossbars.lines import Lines
from ohmloom.crossbars.transfer import Activity, Levels, Transfer, through
from ohmloom.descriptions import Part
from ohmloom.quantities import Amperes


class FrontEnd(Part, ABC):
    """Abstract: senses lines."""

    @abstractmethod
    def transfer(self, lines: Lines) -> Transfer:
        """What a read makes of levels: the mean, and the variance that the cells' read noise causes."""

    @abstractmethod
    def gain(self, lines: Lines) -> Tensor | None:
        """What turns a read back into Σ_i d_i g_ij: (dies, segments, channels, 1, columns), or None for 1."""

    @abstractmethod
    def bound(self, lines: Lines) -> Tensor:
        """The largest noiseless |read| of any levels in [-1, 1]: (dies, segments, channels, 1, columns)."""

    @abstractmethod
    def cell_energy(
        self, levels: Levels, activity: Activity, reads: Tensor, lines: Lines, transfer: Transfer
    ) -> Tensor:
        """Σ_k reads_k Σ_ij g_ij (V_i - V_j)² of all vectors, in (unit conductance) × (read voltage)²: (dies,).

        ``levels`` are (phases, dies, segments, batch, rows).
        """

    @property
    @abstractmethod
    def merges_phases(self) -> bool:
        """True if the noise of several phases on one capacitor is that of one read with the summed power."""

    saturation: Amperes | None = None  # |I| at which the amplifier of one column and phase clips; absent: never
    noise: float = Field(default=0.0, ge=0)  # rms of one read, in units of a value of 1 at full drive


class CurrentSense(FrontEnd):
    """Virtual-ground columns: I_j = Σ_i V_i g_ij; var I_j = Σ_i V_i² var g_ij."""

    kind: Literal["current"] = "current"

    def transfer(self, lines: Lines) -> Transfer:
        return Transfer(lines.signed, lines.variance, None, None)

    def gain(self, lines: Lines) -> Tensor | None:
        return None

    def bound(self, lines: Lines) -> Tensor:
        return lines.signed.abs().sum(-2, keepdim=True)

    def cell_energy(
        self, levels: Levels, activity: Activity, reads: Tensor, lines: Lines, transfer: Transfer
    ) -> Tensor:
        return _driven_power(activity.squares, reads, lines)

    @property
    def merges_phases(self) -> bool:
        return True


class VoltageSense(FrontEnd):
    """Open columns: V_j = Σ_i V_i g_ij / Σ_i g_ij; to first order var V_j = Σ_i (V_i - V_j)² var g_ij / (Σ_i g_ij)².

    A row pair driven by ±V contributes (V - V_j)² var g⁺ + (V + V_j)² var g⁻.
    """

    kind: Literal["voltage"] = "voltage"

    @model_validator(mode="after")
    def _consistent(self) -> VoltageSense:
        if self.saturation is not None:
            rule = "an open column settles between its rows and cannot saturate"
            raise ValueError(f"{rule}, got saturation {self.saturation} A. Leave it out.")
        return self

    def transfer(self, lines: Lines) -> Transfer:
        share = torch.where(lines.total > 0, 1 / lines.total, 0)  # a column without any conductance senses 0, not NaN
        noise = (lines.variance, lines.signed_variance, lines.column_variance)
        return Transfer(lines.signed * share, *(None if part is None else part * share**2 for part in noise))

    def gain(self, lines: Lines) -> Tensor | None:
        return lines.total

    def bound(self, lines: Lines) -> Tensor:
        return torch.ones_like(lines.total)

    def cell_energy(
        self, levels: Levels, activity: Activity, reads: Tensor, lines: Lines, transfer: Transfer
    ) -> Tensor:
        driven = _driven_power(activity.squares, reads, lines)
        settled = through(levels, transfer.mean).square_()
        return driven - torch.einsum("k,kdsqbc,dsqc->d", reads, settled, lines.total[..., 0, :])

    @property
    def merges_phases(self) -> bool:
        return False


def _driven_power(squares: Levels, reads: Tensor, lines: Lines) -> Tensor:
    """Σ_k reads_k Σ_i d_i² Σ_j g_ij of all vectors: (dies,)."""
    return torch.einsum("k,kdsqbc->d", reads, through(squares, lines.row_total[:, :, None, :, None]))
