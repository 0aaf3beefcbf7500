"""Chip: cores, device, mapping, timing and component energies in one description (a preset or a TOML file)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, model_validator

from ohmloom.chips.mapping import Mapping
from ohmloom.crossbars import Wires
from ohmloom.descriptions import Description, Preset, beside
from ohmloom.devices import Device
from ohmloom.ledger import Event
from ohmloom.quantities import Joules, Seconds, SquareMetres, Watts


class Cores(Description):
    """Identical arrays of 1T1R cells with their periphery."""

    count: int = Field(ge=1)
    rows: int = Field(ge=2)
    columns: int = Field(ge=1)


class Timing(Description):
    """How long one array takes for one vector.

    t = phase · phases + integration · unit reads + conversion · growth^(bits - 3) · rounds + regroup · (rounds - 1),
    where a round converts all columns of an array side by side.
    """

    phase: Seconds = 0.0
    integration: Seconds = 0.0
    conversion: Seconds = 0.0
    growth: float = Field(default=1.0, gt=0)
    regroup: Seconds = 0.0

    def busy(self, phases: float, reads: float, rounds: float, bits: float, samples: float) -> float:
        """Seconds of array time for these counts of events."""
        convert = self.conversion * self.growth ** (bits - 3) * rounds if rounds else 0.0
        return self.phase * phases + self.integration * reads + convert + self.regroup * max(rounds - samples, 0.0)


class Component(Description):
    """A part of the chip that costs energy and area.

    It takes ``energy`` at each ``event``, and ``power`` while a core that has it is busy. ``area`` is of one; there is
    one per ``place``.
    """

    event: Event | None = None
    energy: Joules = 0.0
    power: Watts = 0.0
    area: SquareMetres = 0.0
    place: Literal["chip", "core", "row", "column", "cell"] = "core"

    @model_validator(mode="after")
    def _consistent(self) -> Component:
        if self.energy and self.event is None:
            raise ValueError("energy needs the event that it is taken at, got none. Name the event.")
        return self


def _load_device(value: object) -> object:
    return Device.load(value) if isinstance(value, str) else value


class Chip(Preset):
    """A compute-in-memory chip: a description, of which programming draws dies.

    >>> Chip.load("neurram").cores.count
    48
    """

    folder: ClassVar[str] = "ohmloom.chips.presets"
    noun: ClassVar[str] = "chip"

    cores: Cores
    device: Annotated[Device, BeforeValidator(_load_device)]
    mapping: Mapping
    wires: Wires = Wires()
    timing: Timing = Timing()
    components: dict[str, Component] = Field(default_factory=dict)
    basis: str = "no component energies"

    @classmethod
    def raw(cls, source: str | Path, _seen: tuple[str, ...] = ()) -> dict[str, Any]:
        """The table of a preset or file; a device's file is looked for beside it."""
        table = super().raw(source, _seen)
        device = table.get("device")
        return table | {"device": beside(source, device)} if isinstance(device, str) else table

    @model_validator(mode="after")
    def _fits(self) -> Chip:
        held = self.mapping
        if (held.rows or 0) > self.cores.rows or (held.columns or 0) > self.cores.columns:
            raise ValueError(f"an array must fit a core, got {held.rows} x {held.columns}. Leave rows and columns out.")
        return self

    @property
    def layer_mapping(self) -> Mapping:
        """The mapping with its arrays limited to the size of a core."""
        rows, columns = self.mapping.rows or self.cores.rows, self.mapping.columns or self.cores.columns
        return self.mapping.replace(rows=rows, columns=columns)
