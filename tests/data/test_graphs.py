"""Graphs: what fits together stays together through subsets, odd graphs are legal, and every broken rule is named."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ohmloom.data import Fold, FoldSets, Graphs
from ohmloom.data.graphs import describe_folds
from ohmloom.errors import ConfigurationError, DataError, UnknownNameError

# Three graphs: a triangle with a tail and a self loop; one node alone; two nodes without an edge.
PAIRS = [(0, 1), (1, 2), (0, 2), (2, 3)]
EDGES = np.array([*PAIRS, *((b, a) for a, b in PAIRS), (3, 3)]).T
GRAPH_OF = np.array([0, 0, 0, 0, 1, 2, 2])


def graphs(**changes: object) -> Graphs:
    fields = {
        "name": "g",
        "edges": EDGES,
        "graph_of": GRAPH_OF,
        "labels": np.array([0, 1, 0]),
        "class_names": ("a", "b"),
        "origin": "synthetic stand-in",
        "source": "by hand",
        "licence": "none",
        "node_labels": np.arange(7),
    }
    return Graphs(**(fields | changes))  # type: ignore[arg-type]


def adjacency(some: Graphs) -> np.ndarray:
    dense = np.zeros((len(some.graph_of),) * 2, int)
    np.add.at(dense, tuple(some.edges), 1)
    return dense


def test_odd_graphs_are_counted() -> None:
    some = graphs()
    assert len(some) == 3
    assert some.node_counts.tolist() == [4, 1, 2]
    assert some.edge_counts.tolist() == [9, 0, 0]  # four edges twice, the self loop once
    keys = some.edges[0] * 7 + some.edges[1]
    assert (np.diff(keys) > 0).all()
    assert (adjacency(some) == adjacency(some).T).all()


def test_no_edges_at_all() -> None:
    some = graphs(edges=np.zeros((2, 0), np.int64))
    assert some.edge_counts.tolist() == [0, 0, 0]
    assert some.subset([2, 0]).edges.shape == (2, 0)


@given(wanted=st.lists(st.integers(0, 2), min_size=1, max_size=6))
def test_subset_has_the_blocks_of_the_chosen_graphs(wanted: list[int]) -> None:
    whole, part = graphs(), graphs().subset(wanted)
    assert part.labels.tolist() == [int(whole.labels[g]) for g in wanted]
    whole_blocks = [np.flatnonzero(whole.graph_of == g) for g in wanted]
    assert part.node_labels is not None
    assert part.node_labels.tolist() == np.concatenate(whole_blocks).tolist()  # the labels are the node numbers
    dense, expected = adjacency(part), np.zeros((len(part.graph_of),) * 2, int)
    for place, nodes in enumerate(whole_blocks):
        own = np.flatnonzero(part.graph_of == place)
        expected[np.ix_(own, own)] = adjacency(whole)[np.ix_(nodes, nodes)]
    np.testing.assert_array_equal(dense, expected)


@pytest.mark.parametrize("wanted", [[], [3], [-1], [[0]]])
def test_subset_of_graphs_that_are_not_there(wanted: list[int]) -> None:
    with pytest.raises(ConfigurationError, match="numbers from 0 to 2, at least one"):
        graphs().subset(wanted)


def test_folds_do_not_come_along_with_a_subset() -> None:
    folds = FoldSets(x=(Fold(np.array([0, 1]), np.array([2])),))
    assert "x" in graphs(folds=folds).folds
    assert not graphs(folds=folds).subset([0, 1]).folds
    with pytest.raises(UnknownNameError, match=r"folds: no such name, got 'y'\. Known: x"):
        graphs(folds=folds).folds["y"]


def one(*edges: tuple[int, int]) -> np.ndarray:
    return np.array(edges).T


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"edges": one((0, 4), (4, 0))}, r"g\.edges: must join nodes of one graph, got nodes 0 and 4"),
        ({"edges": one((0, 1))}, "g.edges: must name an edge in both directions, got nodes 0 and 1 joined"),
        ({"edges": one((0, 1), (1, 0), (2, 1))}, "both directions, got nodes 1 and 2 joined"),
        ({"edges": one((0, 1), (1, 0), (0, 1))}, "each direction of an edge once, got 0 to 1 twice"),
        ({"edges": one((0, 7), (7, 0))}, "must join nodes from 0 to 6, got 7"),
        ({"edges": one((0, -1), (-1, 0))}, "must join nodes from 0 to 6, got -1"),
        ({"edges": np.zeros((3, 2), np.int64)}, r"whole numbers of shape \(2, n\)"),
        ({"edges": np.zeros((2, 2))}, r"whole numbers of shape \(2, n\), got float64"),
        ({"graph_of": GRAPH_OF[::-1].copy()}, "graph_of: must not decrease"),
        ({"graph_of": np.array([0, 0, 0, 0, 2, 2, 2])}, "each labelled graph a node, .* got nodes of 2 graphs"),
        ({"labels": np.array([0, 1])}, "nodes of 3 graphs for 2 labels"),
        ({"labels": np.array([0, 1, 2])}, "labels: must be classes from 0 to 1"),
        ({"node_labels": np.arange(6)}, "node_labels: must be one per node, got 6 for 7 nodes"),
        ({"folds": FoldSets(x=(Fold(np.array([0, 1]), np.array([1, 2])),))}, r"folds\.x\[0\]: must not test a graph"),
        (
            {"folds": FoldSets(x=(Fold(np.array([0, 1]), np.array([3])),))},
            r"folds\.x\[0\]: must hold numbers from 0 to",
        ),
        ({"folds": FoldSets(x=(Fold(np.array([0, 1]), np.array([], int)),))}, "in both parts, got 0, 1"),
    ],
)
def test_broken_rules_are_named(changes: dict[str, object], rule: str) -> None:
    with pytest.raises(DataError, match=rule):
        graphs(**changes)


def test_arrays_are_read_only() -> None:
    with pytest.raises(ValueError, match="read-only"):
        graphs().edges[0, 0] = 1
    with pytest.raises(ValueError, match="read-only"):
        graphs().labels[0] = 1


def many(labels: np.ndarray) -> Graphs:
    nodes = np.arange(len(labels))
    none = np.zeros((2, 0), np.int64)
    return graphs(edges=none, graph_of=nodes, labels=labels, node_labels=None)


def test_stratified_folds_partition_and_keep_the_shares() -> None:
    some = many(np.repeat([0, 1], [40, 20]))
    folds = some.stratified_folds(10, seed=3)
    assert describe_folds(folds, len(some)) == "the 10 test sets hold 60 distinct items of 60: a partition"
    for fold in folds:
        assert sorted([*fold.training, *fold.test]) == list(range(60))
        assert np.bincount(some.labels[fold.test]).tolist() == [4, 2]
    again, other = some.stratified_folds(10, seed=3), some.stratified_folds(10, seed=4)
    assert all((a.test == b.test).all() for a, b in zip(folds, again, strict=True))
    assert any((a.test != b.test).any() for a, b in zip(folds, other, strict=True))


@pytest.mark.parametrize("count", [1, 21])
def test_more_folds_than_a_class_has_graphs(count: int) -> None:
    with pytest.raises(ConfigurationError, match="from 2 to 20, the size of the smallest class"):
        many(np.repeat([0, 1], [40, 20])).stratified_folds(count)
