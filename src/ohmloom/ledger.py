"""The ledger: counts what really happened, and nothing else.

    with Ledger() as ledger:
        y = hardware(x)

Hardware that computes calls :func:`record`; every open ledger adds the counts up under (owner, layer, event), per die.
What a count costs is not known here: pricing is `ohmloom.chips.cost`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextvars import ContextVar, Token
from enum import StrEnum
from threading import Lock

from ohmloom.errors import LedgerError, message


class Event(StrEnum):
    """What can happen on a chip. Counts are numbers of events unless the name ends in a unit."""

    INFERENCE = "inferences"  # inputs of a whole network
    SAMPLE = "samples"  # vectors sent through a matrix
    ARRAY_OPERATION = "array operations"  # vectors sent through one array
    ROW_DRIVE = "row drives"  # a row driven away from its rest level for one phase
    ROW_STEP = "row steps"  # a row held for one phase, at whatever level
    ARRAY_STEP = "array steps"  # one read of one array (its integration steps counted one by one)
    PHASE = "phases"  # an array given a new input phase
    CELL_READ = "cell reads"  # a cell contributing to one read
    CELL_JOULE = "cell joules"  # dissipated in cells, from their conductance and the voltage across them
    CONVERSION = "conversions"  # analogue-to-digital conversions
    CONVERSION_BIT = "conversion bits"  # their output bits, summed
    CONVERSION_ROUND = "conversion rounds"  # arrays converting all their columns once, side by side
    DECREMENT = "decrement steps"  # charge-decrement steps, with early stop
    COMPARISON = "comparisons"
    LOGIC = "logic operations"  # one-bit AND or XOR in or at the array
    POPCOUNT = "popcount bits"  # bits summed by counters
    ADDITION = "additions"  # digital additions of partial sums and shift-adds
    MULTIPLICATION = "multiplications"  # digital: normalisation and column corrections
    PULSE = "pulses"  # programming pulses
    SPIKE = "spikes"
    BYTE = "bytes"  # moved between buffers and cores
    INTEGRATOR_SECOND = "integrator seconds"


class Ledger:
    """A context that counts events of the hardware that computes inside it; ledgers nest, and each sees all.

    ``counts[owner, layer, event]`` is a mapping from die number to count.
    """

    def __init__(self) -> None:
        self.counts: dict[tuple[str, str, Event], dict[int, float]] = {}
        self._token: Token[tuple[Ledger, ...]] | None = None

    def __enter__(self) -> Ledger:
        if self._token is not None:
            raise LedgerError(message("ledger", "must not be open already", "an open ledger", "Open another one."))
        self._token = _open.set((*_open.get(), self))
        return self

    def __exit__(self, *exception: object) -> None:
        assert self._token is not None
        _open.reset(self._token)
        self._token = None

    def __len__(self) -> int:
        return len(self.counts)

    @property
    def owners(self) -> set[str]:
        """The hardware that was counted, by token."""
        return {owner for owner, _, _ in self.counts}

    def add(self, owner: str, layer: str, event: Event, dies: Sequence[int], amounts: Sequence[float]) -> None:
        """Add ``amounts[i]`` events on die ``dies[i]``."""
        with _adding:  # threads may share a ledger through a copied context
            bucket = self.counts.setdefault((owner, layer, event), defaultdict(float))
            for die, amount in zip(dies, amounts, strict=True):
                bucket[die] += float(amount)

    def total(self, event: Event, layer: str | None = None, die: int | None = None) -> float:
        """The sum of an event over layers and dies, or of one layer or die."""
        return sum(
            sum(per_die.values()) if die is None else per_die.get(die, 0.0)
            for (_, name, kind), per_die in self.counts.items()
            if kind == event and layer in (None, name)
        )

    def rows(self) -> Iterator[tuple[str, Event, int, float]]:
        """All counts as (layer, event, die, count)."""
        for (_, layer, event), per_die in self.counts.items():
            for die, count in per_die.items():
                yield layer, event, die, count


_adding = Lock()
_open: ContextVar[tuple[Ledger, ...]] = ContextVar("ohmloom_ledgers", default=())


def open_ledgers() -> tuple[Ledger, ...]:
    """The ledgers that are counting now; empty (and one variable read) when none is."""
    return _open.get()


def record(owner: str, layer: str, dies: Sequence[int], events: Mapping[Event, Sequence[float]]) -> None:
    """Add events to every open ledger: for each event one count per die."""
    for ledger in _open.get():
        for event, amounts in events.items():
            ledger.add(owner, layer, event, dies, amounts)
