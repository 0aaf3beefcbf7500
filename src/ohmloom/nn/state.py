"""What a converted layer knows besides the user's parameters: its chip, its matrices, its mode."""

from __future__ import annotations

import hashlib
import itertools
from collections import Counter
from collections.abc import Iterable
from collections.abc import Mapping as Table
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor, nn

from ohmloom.chips import Chip, Installation, Mapping, StoredMatrix
from ohmloom.nn.modes import Digital, Mode
from ohmloom.nn.visiting import Visitor
from ohmloom.quantities import TIME, show

_owners = itertools.count()


def new_owner() -> str:
    """A token under which hardware counts its inferences; a fresh one for each programming, as its matrices get."""
    return f"hardware-{next(_owners)}"


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
    visitor: Visitor | None = None  # who looks at what passes through
    folded: list[nn.Module] = field(default_factory=list)  # [batch norm]; a list, so that it is no submodule


@dataclass(eq=False)
class HardwareState:
    """Kept on the converted model as ``hardware.on_chip_state``."""

    chip: Chip
    rules: dict[str, dict[str, object]]
    digital: dict[str, str]  # layer → why it stays digital
    signature: str  # of the model's structure
    mode: Mode = field(default_factory=Digital)
    dies: int = 0
    ranges: str = ""  # on what the input ranges were calibrated
    installation: Installation | None = None
    hooks: list[Removable] = field(default_factory=list)
    owner: str = field(default_factory=new_owner)

    @property
    def matrices(self) -> Table[str, StoredMatrix]:
        """All stored matrices by name; none before programming."""
        return {} if self.installation is None else self.installation.matrices

    @property
    def age(self) -> str:
        """The time since programming as text, or several where layers differ."""
        return ", ".join(show(elapsed, TIME) for elapsed in sorted({m.elapsed for m in self.matrices.values()}))

    @property
    def calibration(self) -> str:
        """What was calibrated, on what and when, as text."""
        stamps = Counter(matrix.calibration.stamp for matrix in self.matrices.values())
        stamps.pop("", None)
        all_of = len(self.matrices)
        read_outs = [f"{stamp} ({count} of {all_of} matrices)" for stamp, count in stamps.items()]
        return "; ".join([f"input ranges on {self.ranges}"] * bool(self.ranges) + read_outs) or "none"


class Fingerprint:
    """Notices that tensors changed: quickly by version counters and samples, and if those moved, by all values.

    The samples see what is written past the counters, through ``.data`` or numpy; a few single elements may escape.
    """

    def __init__(self, tensors: Iterable[Tensor]) -> None:
        held = list(tensors)
        self._quick = _quick(held)
        self._digest = digest(held)

    def matches(self, tensors: Iterable[Tensor]) -> bool:
        """True if the values are those of the time the fingerprint was taken."""
        held = list(tensors)
        quick = _quick(held)
        if quick == self._quick:
            return True
        if digest(held) != self._digest:
            return False
        self._quick = quick
        return True


def _quick(tensors: list[Tensor]) -> list[tuple[int, int, float]]:
    return [(t._version, t.data_ptr(), _sample(t.detach()).sum().item()) for t in tensors]


def _sample(values: Tensor, most: int = 1024) -> Tensor:
    """At most about ``most`` of the values, evenly spaced; the stride is odd, so that all columns get their turn."""
    return values.reshape(-1)[:: values.numel() // most | 1]


def digest(tensors: Iterable[Tensor]) -> str:
    """A hash of the values of ``tensors`` to single precision, so that it is the same on every device and precision."""
    total = hashlib.sha256()
    for tensor in tensors:
        total.update(str(tuple(tensor.shape)).encode())
        total.update(tensor.detach().to("cpu", torch.float32).contiguous().numpy().tobytes())
    return total.hexdigest()
