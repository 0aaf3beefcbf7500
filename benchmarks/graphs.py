"""Echo states on graphs: a node update against raw torch and PyTorch Geometric, and MUTAG against loops over cells."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from importlib.util import find_spec

import torch
from torch import Tensor

from benchmarks.distribution import check
from benchmarks.timing import Result, compare, result
from ohmloom import StoredMatrix, Streams
from ohmloom.data import load
from ohmloom.errors import DataError
from ohmloom.reservoirs import EchoStateGraphEncoder, GraphBatch, PlainMatrix
from ohmloom.systems.esgnn.reservoir import classifier, relative
from ohmloom.systems.esgnn.stand_in import ego_networks
from ohmloom.systems.esgnn.tasks import Task, task_of

HIDDEN, GRAPHS, LEAK, ITERATIONS, BITS = 50, 32, 0.2, 4, 4
NOISE = 0.02
LOOPED = 2  # graphs that the loop over cells does; it is counted up to all nodes


def graphs(pairs: int) -> list[Result]:
    """Node updates on 32 COLLAB graphs (or generated ones), and the evaluation of MUTAG with read noise."""
    return [*_updates(pairs), _mutag()]


def _updates(pairs: int) -> list[Result]:
    batch, what = _collab()
    generator = torch.Generator().manual_seed(0)
    w_in = torch.randn(HIDDEN, 2, generator=generator)
    w_rec = torch.randn(HIDDEN, HIDDEN, generator=generator) / HIDDEN
    encoder = EchoStateGraphEncoder(PlainMatrix(w_in), PlainMatrix(w_rec))
    features = torch.ones(batch.nodes, 1)

    def ours() -> Tensor:
        return encoder.embed(batch, features)[0]

    def by(aggregate: Callable[[Tensor], Tensor]) -> Callable[[], Tensor]:
        def plain() -> Tensor:
            driven = torch.ones(batch.nodes, 2) @ w_in.T
            state = torch.zeros_like(driven)
            for _ in range(ITERATIONS):
                state = (1 - LEAK) * state + LEAK * torch.tanh(driven + aggregate(state @ w_rec.T))
            return state

        return plain

    raw = _raw(batch)
    name = f"{ITERATIONS} node updates, {what}, H = {HIDDEN}"
    rivals = {"raw torch: CSR (64-bit indices), tanh, leak": ("1.05", by(lambda x: torch.mm(raw, x)))}
    if find_spec("torch_geometric") is None:
        print("PyTorch Geometric is not installed: its message passing is left out (pip install torch_geometric)")
    else:
        from torch_geometric.nn import SimpleConv

        layer = SimpleConv(aggr="sum")
        rivals["PyTorch Geometric's message passing, else the same"] = (
            "0.286", by(lambda x: layer(x, batch.edges)),
        )  # fmt: skip
    results = []
    with torch.no_grad():
        for against, (bar, plain) in rivals.items():
            worst = float((ours() - plain()).abs().max())
            agreed = (f"largest difference of a state {worst:.1e}", worst < 1e-4)
            results.append(result(name, compare(ours, plain, pairs), bar, against, agreed))
    return results


def _collab() -> tuple[GraphBatch, str]:
    """32 graphs that are there without a network."""
    try:
        held, what = load("collab"), "COLLAB graphs"
    except DataError:
        held, what = ego_networks(10 * GRAPHS, 0), "generated ego networks"
    chosen = held.subset(range(0, len(held), len(held) // GRAPHS)[:GRAPHS])
    batch = GraphBatch(torch.tensor(chosen.edges), torch.tensor(chosen.graph_of))
    return batch, f"{GRAPHS} {what} ({batch.nodes:,} nodes, {batch.edges.shape[1]:,} edges)"


def _raw(batch: GraphBatch) -> Tensor:
    values = torch.ones(batch.edges.shape[1])
    size = (batch.nodes, batch.nodes)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sparse")  # torch's notes on a young layout
        return torch.sparse_coo_tensor(batch.edges.flip(0), values, size).coalesce().to_sparse_csr()


def _mutag() -> Result:
    """Embeddings of all molecules on the measured arrays with fresh noise of each cell, bit and column."""
    held = load("esgnn", subset="embedded").graphs
    task = task_of(held, held.folds["authors"], 0.01, "mutag")
    few = held.subset(range(LOOPED))
    part = task_of(few, (), 0.01, "mutag")
    encoder = classifier(Streams(0), features=7, scale_rec=0.01, cells="taox-40nm-measured", converter=False,
                         noise_in=relative(NOISE), noise_rec=relative(NOISE))  # fmt: skip
    generator = torch.Generator().manual_seed(0)

    def whole() -> Tensor:
        return encoder.encode(task.graphs, task.features)

    ours, looped = compare(whole, lambda: _looped(encoder, part, generator), 3)
    share = part.graphs.nodes / task.graphs.nodes
    name = f"MUTAG, {task.graphs.nodes:,} nodes, 4 bits, {NOISE:.0%} read noise of each cell"
    against = f"a loop over node, bit and graph with every cell's noise, timed on {LOOPED} graphs, counted up by nodes"
    return result(name, (ours, [one / share for one in looped]), "0.01", against, _noise(encoder, task))


def _looped(encoder: EchoStateGraphEncoder, task: Task, generator: torch.Generator) -> Tensor:
    """The same, one node, one bit and one graph at a time."""
    w_in, w_rec = (_cells(matrix) for matrix in (encoder.input_matrix, encoder.recurrent))
    w_in, w_rec = w_in * encoder.scale_in, w_rec * encoder.scale_rec
    found = []
    for graph in range(task.graphs.count):
        nodes = (task.graphs.graph_of == graph).nonzero().flatten()
        inside = task.graphs.graph_of[task.graphs.edges[0]] == graph
        edges = task.graphs.edges[:, inside] - nodes[0]
        adjacency = torch.zeros(len(nodes), len(nodes), dtype=torch.float64).index_put(
            (edges[1], edges[0]), torch.ones(edges.shape[1], dtype=torch.float64))  # fmt: skip
        one = torch.ones(1, dtype=torch.float64)
        driven = torch.stack([_read(w_in, torch.cat([task.features[n], one]), generator) for n in nodes])
        state = torch.zeros_like(driven)
        for _ in range(encoder.iterations):
            sent = torch.stack([_read(w_rec, vector, generator) for vector in state])
            state = (1 - encoder.leak) * state + encoder.leak * torch.tanh(driven + adjacency @ sent)
        found.append(state.sum(0).relu())
    return torch.stack(found)


def _read(cells: Tensor, vector: Tensor, generator: torch.Generator) -> Tensor:
    low, high = float(vector.min()), float(vector.max())
    step = (high - low) / (2**BITS - 1)
    code = ((vector - low) / (step or 1.0)).round().long()
    total = torch.zeros(len(cells), dtype=torch.float64)
    for bit in range(BITS):
        noise = torch.randn(cells.shape, generator=generator, dtype=torch.float64)
        total += 2**bit * ((cells * (1 + NOISE * noise)) @ ((code >> bit) & 1).double())
    return total * step + low * cells.sum(1)


def _cells(matrix: object) -> Tensor:
    assert isinstance(matrix, StoredMatrix)
    return matrix.effective()[0]


def _noise(encoder: EchoStateGraphEncoder, task: Task, draws: int = 40) -> tuple[str, bool]:
    """Products of the recurrent array with fixed states, against their exact mean and variance."""
    matrix = encoder.recurrent
    assert isinstance(matrix, StoredMatrix)
    x = torch.rand(200, HIDDEN, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    driven, cells = matrix.mapping.drive.encode(x), _cells(matrix)
    power = torch.einsum("k,kbi->bi", driven.significance.square(), driven.levels) * torch.as_tensor(driven.scale) ** 2
    reads = torch.stack([matrix.product(x)[0] for _ in range(draws)])
    live = cells.abs().sum(1) > 0
    return check(reads[..., live], (driven.value() @ cells.T)[:, live], (power @ (NOISE * cells).square().T)[:, live])
