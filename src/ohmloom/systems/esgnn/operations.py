"""Operations: the publication's own entries with their ratios, and exact counts of ours, sparse and dense.

The published energy of a digital operation is 0.4808 pJ: 300 W at 624 TOPS.
"""

from __future__ import annotations

from dataclasses import dataclass

from ohmloom.reservoirs import GraphBatch

GPU_JOULE = 300 / 624e12  # of one operation; every digital entry of the publication is operations times this


@dataclass(frozen=True)
class Entries:
    """The publication's entries for one task: joules of a forward pass, operations of training."""

    graphics: float  # J, on the graphics processor
    analogue: float | None  # J, hybrid system: the reservoir
    pooling: float | None
    transfer: float | None
    readout: int | None  # operations
    total: float | None  # J, hybrid system, where its parts are not published
    backward: float  # operations
    closed_form: float  # operations of the pseudo-inverse, or of training the read-out

    @property
    def hybrid(self) -> float:
        """Joules of the hybrid system."""
        if self.total is not None:
            return self.total
        assert None not in (self.analogue, self.pooling, self.transfer, self.readout)
        return self.analogue + self.pooling + self.transfer + self.readout * GPU_JOULE  # type: ignore[operator]

    @property
    def energy_ratio(self) -> float:
        return self.graphics / self.hybrid

    @property
    def training_reduction(self) -> float:
        """In per cent."""
        return 100 * (1 - self.closed_form / self.backward)


ENTRIES = {
    "mutag": Entries(74.32e-6, 33.92e-6, 0.077e-6, 0.437e-6, 18_800, None, 160_511_562, 1_046_571),
    "collab": Entries(8.31e-3, 233.79e-6, 0.312e-6, 0.466e-6, 60_000, None, 16_962_347_797, 1_161_423),
    "cora": Entries(24.20e-3, None, None, None, None, 599.47e-6, 63.18e9, 5.43e9),
}
RESERVOIR = {"mutag": 153_521_450.0, "collab": 17.29e9}  # published operations, which no count of ours meets


@dataclass(frozen=True)
class Operations:
    """Operations of one pass over a batch, 2 per multiply-accumulate; ``dense`` and ``sparse`` sum over neighbours."""

    projection: int
    recurrent: int
    sparse: int
    dense: int
    pooling: int
    readout: int

    @property
    def with_sparse(self) -> int:
        return self.projection + self.recurrent + self.sparse + self.pooling + self.readout

    @property
    def with_dense(self) -> int:
        return self.projection + self.recurrent + self.dense + self.pooling + self.readout

    @property
    def on_arrays(self) -> int:
        """Those that the chip's arrays do."""
        return self.projection + self.recurrent


def count(graphs: GraphBatch, *, inputs: int, hidden: int, iterations: int, outputs: int, per_node: bool) -> Operations:
    """Exact counts for a batch; ``inputs`` with the constant one. The read-out sees graphs, or nodes (``per_node``)."""
    nodes, edges, squares = graphs.nodes, graphs.edges.shape[1], int(graphs.sizes.square().sum())
    return Operations(
        projection=2 * nodes * hidden * inputs,
        recurrent=2 * nodes * hidden**2 * iterations,
        sparse=2 * edges * hidden * iterations,
        dense=2 * squares * hidden * iterations,
        pooling=0 if per_node else nodes * hidden,
        readout=2 * hidden * outputs * (nodes if per_node else graphs.count),
    )
