"""Batches of graphs: the block-diagonal product against dense ones, pooling against loops, odd and bad graphs."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ohmloom.errors import ConfigurationError, ShapeError, UnknownNameError
from ohmloom.reservoirs import GraphBatch, pooled
from tests.reservoirs.graphs_for_tests import dense, random_batch

batches = st.builds(random_batch, st.lists(st.integers(1, 6), min_size=1, max_size=5).map(tuple),
                    st.floats(0, 1), st.integers(0, 99))  # fmt: skip


@settings(max_examples=30, deadline=None)
@given(graphs=batches, dies=st.integers(1, 3))
def test_aggregation_is_the_dense_product_on_every_die(graphs: GraphBatch, dies: int) -> None:
    x = torch.randn(dies, graphs.nodes, 4, dtype=torch.float64)
    assert torch.allclose(graphs.aggregate(x), dense(graphs) @ x)


@settings(max_examples=30, deadline=None)
@given(graphs=batches)
def test_normalisations_are_those_of_their_formulas(graphs: GraphBatch) -> None:
    plain, eye = dense(graphs), torch.eye(graphs.nodes, dtype=torch.float64)
    for kind, matrix in (("sym", plain), ("sym-loops", plain + eye)):
        degree = matrix.sum(1)
        root = torch.where(degree > 0, degree.clamp_min(1).rsqrt(), 0.0)
        made = graphs.adjacency(kind, torch.float64).to_dense()
        assert torch.allclose(made, root[:, None] * matrix * root)
        assert torch.linalg.eigvalsh(made).abs().max() <= 1 + 1e-9  # the known bound of this normalisation


@settings(max_examples=30, deadline=None)
@given(graphs=batches, dies=st.integers(1, 2))
def test_pooling_is_a_loop_over_graphs(graphs: GraphBatch, dies: int) -> None:
    x = torch.randn(dies, graphs.nodes, 3, dtype=torch.float64)
    for how, f in (("sum", lambda v: v.sum(1)), ("mean", lambda v: v.mean(1)), ("max", lambda v: v.amax(1))):
        looped = torch.stack([f(x[:, graphs.graph_of == g]) for g in range(graphs.count)], 1)
        assert torch.allclose(pooled(x, graphs, how), looped)


@given(graphs=batches)
def test_counts_add_up(graphs: GraphBatch) -> None:
    assert int(graphs.sizes.sum()) == graphs.nodes
    assert int(graphs.edge_counts.sum()) == graphs.edges.shape[1]


def test_odd_graphs_are_welcome() -> None:
    """No edges; one node with a self loop; an edge given twice."""
    none = GraphBatch(torch.zeros(2, 0, dtype=torch.long), torch.tensor([0, 1]))
    x = torch.ones(1, 2, 2)
    assert not none.aggregate(x).any()
    assert not none.aggregate(x, "sym").any()
    assert torch.equal(none.aggregate(x, "sym-loops"), x)
    loop = GraphBatch(torch.tensor([[0], [0]]), torch.tensor([0]))
    assert loop.aggregate(torch.full((1, 1, 1), 3.0)).item() == 3.0
    assert loop.adjacency("sym-loops").to_dense().item() == pytest.approx(1.0)
    twice = GraphBatch(torch.tensor([[0, 0], [1, 1]]), torch.tensor([0, 0]))
    assert twice.aggregate(torch.tensor([[[1.0], [0.0]]]))[0, 1, 0] == 2.0


@pytest.mark.parametrize(
    ("edges", "graph_of", "error", "words"),
    [
        (torch.zeros(3, 2, dtype=torch.long), torch.tensor([0]), ShapeError, r"edges: must be int64 of shape \(2"),
        (torch.zeros(2, 0), torch.tensor([0]), ShapeError, "float32"),
        (torch.zeros(2, 0, dtype=torch.long), torch.tensor([], dtype=torch.long), ShapeError, "at least one"),
        (torch.zeros(2, 0, dtype=torch.long), torch.tensor([0, 2]), ConfigurationError, "without gaps"),
        (torch.zeros(2, 0, dtype=torch.long), torch.tensor([0, 1, 0]), ConfigurationError, "in one piece"),
        (torch.tensor([[0], [3]]), torch.tensor([0, 0]), ConfigurationError, "must join nodes 0 to 1, got 0 to 3"),
        (torch.tensor([[0], [1]]), torch.tensor([0, 1]), ConfigurationError, "inside their graph, got 1 that leave"),
    ],
)
def test_bad_graphs_are_refused(edges: torch.Tensor, graph_of: torch.Tensor, error: type, words: str) -> None:
    with pytest.raises(error, match=words):
        GraphBatch(edges, graph_of)


def test_unknown_kinds_are_refused() -> None:
    graphs = random_batch((3,))
    with pytest.raises(UnknownNameError, match="Did you mean 'sym'"):
        graphs.adjacency("symm")  # type: ignore[arg-type]
    with pytest.raises(UnknownNameError, match="pooling"):
        pooled(torch.ones(1, 3, 1), graphs, "median")  # type: ignore[arg-type]
