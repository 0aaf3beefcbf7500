"""Labelled graphs as a data set holds them: one block-diagonal graph whose blocks are the graphs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ohmloom.data.formats import Origin
from ohmloom.errors import ConfigurationError, DataError, message, unknown

Numbers = NDArray[np.int64]
_REPAIR = "Mend the file that this comes from."


class Fold(NamedTuple):
    """One division of a data set: numbers of its items, counted from zero."""

    training: Numbers
    test: Numbers


class FoldSets(dict[str, tuple[Fold, ...]]):
    """Published divisions by name; an unknown name is an UnknownNameError that offers the known ones."""

    def __missing__(self, name: str) -> tuple[Fold, ...]:
        raise unknown("folds", name, self)


@dataclass(frozen=True, eq=False)
class Graphs:
    """Several labelled, undirected graphs, and where they came from.

    Nodes are numbered through all graphs, graph after graph, so that ``edges`` is the block-diagonal adjacency of the
    whole set. G graphs, N nodes, E directed edges:

    - ``edges`` (2, E): each edge in both directions, a self loop once; sorted by source, then target;
    - ``graph_of`` (N,): the graph of each node, non-decreasing; every graph has a node;
    - ``labels`` (G,): classes 0, 1, … of ``class_names``;
    - ``node_labels`` (N,): 0, 1, …, or None if the data set has none; ``node_label_names`` may say what they mean;
    - ``folds``: published divisions by name, which belong to this order of the graphs.

    Graphs without edges, isolated nodes and graphs of one node are legal. Raises DataError, naming the field, if the
    arrays do not fit one another, an edge is listed twice, in one direction only, or joins two graphs, or a fold
    names a graph that does not exist or holds one in both parts.
    """

    name: str
    edges: Numbers
    graph_of: Numbers
    labels: Numbers
    class_names: tuple[str, ...]
    origin: Origin
    source: str
    licence: str
    node_labels: Numbers | None = None
    node_label_names: tuple[str, ...] = ()
    folds: FoldSets = field(default_factory=FoldSets)

    def __post_init__(self) -> None:
        for name in ("graph_of", "labels") + (() if self.node_labels is None else ("node_labels",)):
            object.__setattr__(self, name, _numbers(f"{self.name}.{name}", getattr(self, name), 1))
        label = f"{self.name}.edges"
        object.__setattr__(self, "edges", _sorted(label, _numbers(label, self.edges, 2), len(self.graph_of)))
        self._check_nodes()
        self._check_edges()
        for name, folds in self.folds.items():
            _check_folds(f"{self.name}.folds.{name}", folds, len(self))

    def __len__(self) -> int:
        return len(self.labels)

    @cached_property
    def node_counts(self) -> Numbers:
        """How many nodes each graph has, shape (G,)."""
        return np.bincount(self.graph_of, minlength=len(self))

    @cached_property
    def edge_counts(self) -> Numbers:
        """How many columns of ``edges`` each graph has, shape (G,): two for an edge, one for a self loop."""
        return np.bincount(self.graph_of[self.edges[0]], minlength=len(self))

    def subset(self, graphs: Sequence[int] | NDArray[np.integer]) -> Graphs:
        """The graphs of these numbers, in this order; a number may occur again. The folds do not come along.

        Raises ConfigurationError for no graph at all, and for a number that no graph has.
        """
        wanted = np.asarray(graphs, np.int64)
        if wanted.ndim != 1 or not len(wanted) or wanted.min() < 0 or wanted.max() >= len(self):
            rule = f"must be numbers from 0 to {len(self) - 1}, at least one"
            raise ConfigurationError(message("graphs", rule, _short(wanted), "Choose among the graphs there are."))
        nodes = _stretches(_starts(self.node_counts)[wanted], self.node_counts[wanted])
        columns = _stretches(_starts(self.edge_counts)[wanted], self.edge_counts[wanted])
        moved = _starts(self.node_counts[wanted]) - _starts(self.node_counts)[wanted]  # of the nodes of each graph
        return Graphs(
            self.name,
            self.edges[:, columns] + np.repeat(moved, self.edge_counts[wanted]),
            np.repeat(np.arange(len(wanted)), self.node_counts[wanted]),
            self.labels[wanted],
            self.class_names,
            self.origin,
            self.source,
            self.licence,
            None if self.node_labels is None else self.node_labels[nodes],
            self.node_label_names,
        )

    def stratified_folds(self, count: int = 10, *, seed: int = 0) -> tuple[Fold, ...]:
        """``count`` shuffled folds with equal shares of the classes; their test sets partition the graphs.

        Raises ConfigurationError unless every class has at least ``count`` graphs.
        """
        from sklearn.model_selection import StratifiedKFold  # pyright: ignore[reportMissingTypeStubs] (here: it is slow)

        smallest = int(np.bincount(self.labels, minlength=len(self.class_names)).min())
        if not 2 <= count <= smallest:
            rule = f"must be from 2 to {smallest}, the size of the smallest class"
            raise ConfigurationError(message("count", rule, count, "Choose another number of folds."))
        folds: Any = StratifiedKFold(count, shuffle=True, random_state=seed)
        split = folds.split(self.labels, self.labels)
        return tuple(Fold(np.asarray(training), np.asarray(test)) for training, test in split)

    def describe_folds(self, name: str) -> str:
        """What is to be known about published folds, in a sentence: a test set may overlap another or miss graphs."""
        return describe_folds(self.folds[name], len(self))

    def _check_nodes(self) -> None:
        if self.node_labels is not None and len(self.node_labels) != len(self.graph_of):
            given = f"{len(self.node_labels)} for {len(self.graph_of)} nodes"
            raise DataError(message(f"{self.name}.node_labels", "must be one per node", given, _REPAIR))
        if np.any(np.diff(self.graph_of) < 0):
            raise DataError(message(f"{self.name}.graph_of", "must not decrease", "a smaller number", _REPAIR))
        present = np.unique(self.graph_of)
        if not np.array_equal(present, np.arange(len(self.labels))):
            rule = "must give each labelled graph a node, and each node a labelled graph"
            given = f"nodes of {len(present)} graphs for {len(self.labels)} labels"
            raise DataError(message(f"{self.name}.graph_of", rule, given, _REPAIR))
        if np.any(self.labels < 0) or np.any(self.labels >= len(self.class_names)):
            rule = f"must be classes from 0 to {len(self.class_names) - 1}"
            raise DataError(message(f"{self.name}.labels", rule, _short(np.unique(self.labels)), _REPAIR))

    def _check_edges(self) -> None:
        graphs = self.graph_of[self.edges]
        apart = np.flatnonzero(graphs[0] != graphs[1])
        if len(apart):
            given = f"nodes {self.edges[0, apart[0]]} and {self.edges[1, apart[0]]}"
            raise DataError(message(f"{self.name}.edges", "must join nodes of one graph", given, _REPAIR))
        nodes = len(self.graph_of)
        keys = self.edges[0] * nodes + self.edges[1]
        if np.any(np.diff(keys) == 0):
            twice = self.edges[:, np.flatnonzero(np.diff(keys) == 0)[0]]
            given = f"{twice[0]} to {twice[1]} twice"
            raise DataError(message(f"{self.name}.edges", "must name each direction of an edge once", given, _REPAIR))
        back = self.edges[1] * nodes + self.edges[0]
        back.sort()
        if not np.array_equal(keys, back):
            first = int(np.flatnonzero(keys != back)[0])
            lone = min(int(keys[first]), int(back[first]))  # in one of the two lists and not in the other
            given = f"nodes {lone // nodes} and {lone % nodes} joined in one direction"
            raise DataError(message(f"{self.name}.edges", "must name an edge in both directions", given, _REPAIR))


def describe_folds(folds: Sequence[Fold], total: int) -> str:
    """What is to be known about a set of folds of ``total`` items, in a sentence.

    >>> one, two = Fold(np.array([2, 3]), np.array([0, 1])), Fold(np.array([0, 3]), np.array([1, 2]))
    >>> describe_folds([one, two], 4)
    'the 2 test sets hold 3 distinct items of 4: 1 in more than one, 1 in none'
    """
    times = np.bincount(np.concatenate([fold.test for fold in folds]), minlength=total)
    distinct, again = int(np.count_nonzero(times)), int(np.count_nonzero(times > 1))
    held = f"the {len(folds)} test sets hold {distinct} distinct items of {total}"
    return (
        f"{held}: a partition"
        if distinct == total and not again
        else (f"{held}: {again} in more than one, {total - distinct} in none")
    )


def _check_folds(label: str, folds: Sequence[Fold], total: int) -> None:
    for number, fold in enumerate(folds):
        both = np.concatenate(fold)
        if not len(fold.training) or not len(fold.test) or both.min() < 0 or both.max() >= total:
            rule = f"must hold numbers from 0 to {total - 1} in both parts"
            raise DataError(message(f"{label}[{number}]", rule, _short(both), _REPAIR))
        shared = np.intersect1d(fold.training, fold.test)
        if len(shared):
            rule = "must not test a graph that it trains with"
            raise DataError(message(f"{label}[{number}]", rule, _short(shared), _REPAIR))


def _numbers(label: str, array: Numbers, axes: int) -> Numbers:
    if array.ndim != axes or not np.issubdtype(array.dtype, np.integer) or (axes == 2 and len(array) != 2):
        rule = "must be whole numbers of shape " + ("(n,)" if axes == 1 else "(2, n)")
        raise DataError(message(label, rule, f"{array.dtype} of shape {array.shape}", _REPAIR))
    view = array.astype(np.int64, copy=False).view()
    view.flags.writeable = False
    return view


def _sorted(label: str, edges: Numbers, nodes: int) -> Numbers:
    """The edges by source, then target."""
    if edges.size and (edges.min() < 0 or edges.max() >= nodes):
        wrong = edges.max() if edges.max() >= nodes else edges.min()
        raise DataError(message(label, f"must join nodes from 0 to {nodes - 1}", wrong, _REPAIR))
    keys = edges[0] * nodes + edges[1]
    if np.any(np.diff(keys) < 0):
        keys.sort()
        edges = np.stack(np.divmod(keys, nodes))
        edges.flags.writeable = False
    return edges


def _starts(counts: Numbers) -> Numbers:
    """Where the stretch of each item begins if stretches of these lengths follow one another."""
    return np.cumsum(counts) - counts


def _stretches(starts: Numbers, counts: Numbers) -> Numbers:
    """The numbers ``start … start + count - 1`` of each stretch, one stretch after the other."""
    return np.repeat(starts - _starts(counts), counts) + np.arange(int(counts.sum()))


def _short(numbers: NDArray[np.integer]) -> str:
    shown = ", ".join(str(n) for n in numbers.ravel()[:5])
    return (shown or "nothing") + (", …" if numbers.size > 5 else "")
