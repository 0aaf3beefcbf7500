"""What a converted layer knows besides the user's parameters: its chip, its matrices, its mode."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor, nn

from ohmloom.chips import Chip, Installation, Mapping, StoredMatrix
from ohmloom.nn.modes import Digital, Mode


class Removable(Protocol):
    """A change to a model that can be taken back, such as a hook."""

    def remove(self) -> None: ...


@dataclass(eq=False)
class LayerState:
    """Kept on each converted layer as ``layer.on_chip``."""

    name: str
    mapping: Mapping
    mode: Mode = field(default_factory=Digital)
    limits: dict[str, Tensor] = field(default_factory=dict)  # calibrated input ranges, unless clips are learned
    output_ranges: dict[str, Tensor] = field(default_factory=dict)  # of `Quantised`, by part
    matrices: dict[str, StoredMatrix] = field(default_factory=dict)  # by part
    bias_in_rows: set[str] = field(default_factory=set)  # parts whose bias the cells hold
    die: int | None = 0  # None: all dies, folded into the batch
    calls: int = 0
    fingerprint: Fingerprint | None = None
    calibrating: object | None = None  # a `Calibrator` while one runs
    folded: list[nn.Module] = field(default_factory=list)  # [batch norm]; a list, so that it is no submodule


@dataclass(eq=False)
class HardwareState:
    """Kept on the converted model as ``hardware.on_chip_state``."""

    chip: Chip
    rules: dict[str, dict[str, object]]
    digital: dict[str, str]  # layer → why it stays digital
    signature: str  # of the model's structure
    mode: Mode = field(default_factory=Digital)
    seed: int | None = None
    dies: int = 0
    elapsed: float = 0.0
    calibration: str = "none"
    installation: Installation | None = None
    hooks: list[Removable] = field(default_factory=list)
    owner: str = ""


class Fingerprint:
    """Notices that tensors changed: quickly by version counters, and if those moved, by the bytes."""

    def __init__(self, tensors: Iterable[Tensor]) -> None:
        held = list(tensors)
        self._versions = self._quick(held)
        self._digest = digest(held)

    def matches(self, tensors: Iterable[Tensor]) -> bool:
        """True if the values are those of the time the fingerprint was taken."""
        held = list(tensors)
        versions = self._quick(held)
        if versions == self._versions:
            return True
        if digest(held) != self._digest:
            return False
        self._versions = versions
        return True

    @staticmethod
    def _quick(tensors: list[Tensor]) -> list[tuple[int, int]]:
        return [(t._version, t.data_ptr()) for t in tensors]


def digest(tensors: Iterable[Tensor]) -> str:
    """A hash of the values of ``tensors`` in float64, the same on every device."""
    total = hashlib.sha256()
    for tensor in tensors:
        total.update(str(tuple(tensor.shape)).encode())
        total.update(tensor.detach().to("cpu", torch.float64).contiguous().numpy().tobytes())
    return total.hexdigest()
