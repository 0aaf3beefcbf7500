"""Wires: the resistance of rows, columns and access transistors, and where an array is driven and sensed.

Rows are driven lines, columns sensed ones. A row starts with its driver and one segment before its first cell; each
further cell is one segment on. A column ends with one segment after its last cell and its sense circuit. The other end
of a line is open, unless ``rows_from`` is ``both``: then a second driver with a segment of its own holds the far end of
each row at the same voltage.
"""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import model_validator
from torch import Tensor

from ohmloom.descriptions import Description
from ohmloom.errors import ConfigurationError, message
from ohmloom.quantities import LENGTH, Ohms, parse, show

# Ohms of the short side (4 F) of a 1T1R cell of 4 F x 12 F by node: NeuroSim's geometry and resistivity tables with the
# liner's correction as it is meant (the released code multiplies nanometres by metres and so leaves it out).
Termination = Literal["ground", "open"]  # how the sensed ends of columns are: held at 0 V, or without current
NODES = {130e-9: 0.34, 65e-9: 0.60, 45e-9: 0.83, 32e-9: 1.28, 22e-9: 1.86}
SHORT_SIDE = 4  # F


class Wires(Description):
    """Resistances of an array's wires, in ohms; all zero (the default) means ideal wires.

    A resistance of one direction alone, or a driver on ideal wires, is refused: the network is solved segment by
    segment. Raises ConfigurationError.

    >>> Wires(row="1 ohm", column="2 ohm", access="5 kohm").ideal
    False
    """

    row: Ohms = 0.0  # of one segment between two cells of a row
    column: Ohms = 0.0  # of one segment between two cells of a column
    driver: Ohms = 0.0  # more, at each driven end of a row
    sense: Ohms = 0.0  # more, at the sensed end of a column; no current flows through it where columns are open
    access: Ohms = 0.0  # of the transistor in series with each cell
    rows_from: Literal["left", "both"] = "left"
    columns_to: Literal["bottom", "top"] = "bottom"

    @model_validator(mode="after")
    def _consistent(self) -> Wires:
        if (self.row > 0) != (self.column > 0):
            rule = "rows and columns must both have some resistance, or neither"
            raise ValueError(f"{rule}, got {self.row} and {self.column} ohm. Give the ideal one 1 mohm.")
        if self.row == 0 and (self.driver > 0 or self.sense > 0):
            rule = "a driver or sense resistance needs wires with resistance"
            raise ValueError(f"{rule}, got {self.driver} and {self.sense} ohm. Give row and column at least 1 mohm.")
        return self

    @property
    def ideal(self) -> bool:
        """True if lines have no resistance (access transistors may)."""
        return self.row == 0

    @property
    def absent(self) -> bool:
        """True if neither lines nor transistors have any resistance."""
        return self.ideal and self.access == 0

    @property
    def backward(self) -> Self:
        """The wires seen by someone who drives the columns at their sensed ends and senses the rows at their driven
        ends: columns then count from the row's far end. Raises ConfigurationError where rows have two driven ends."""
        if self.rows_from == "both":
            rule = "must be left where an array is driven from both sides"
            raise ConfigurationError(message("wires.rows_from", rule, self.rows_from, "Drive rows from the left."))
        return self.replace(row=self.column, column=self.row, driver=self.sense, sense=self.driver, columns_to="top")

    @classmethod
    def of_node(cls, node: str | float, *, width: float = 4.0, height: float = 12.0, **more: Any) -> Self:
        """Wires of a technology node whose cells are ``width`` x ``height`` F, along the row and along the column.

        Resistance per length is that of NeuroSim's local metal at 130, 65, 45, 32 and 22 nm, with the liner's
        correction; ``more`` are other fields of `Wires`. Raises ConfigurationError for other nodes.

        >>> Wires.of_node("65 nm").column
        1.8
        """
        length = parse(node, LENGTH) if isinstance(node, str) else node
        found = next((ohms for known, ohms in NODES.items() if abs(known - length) < 1e-10), None)
        if found is None:
            rule = "must be " + ", ".join(show(known, LENGTH) for known in NODES)
            raise ConfigurationError(message("node", rule, show(length, LENGTH), "Give row and column in ohms."))
        per_side = found / SHORT_SIDE
        return cls(row=round(per_side * width, 6), column=round(per_side * height, 6), **more)

    def with_access(self, conductance: Tensor) -> Tensor:
        """Ohmic cells (..., rows, columns), S, in series with their transistors: G / (1 + G access)."""
        return conductance / (1 + conductance * self.access) if self.access else conductance
