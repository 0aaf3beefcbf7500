"""Graph classification: a task is graphs with features, classes and folds; embeddings in, accuracies out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import one_hot

from ohmloom.data import Fold, Graphs
from ohmloom.reservoirs import EchoStateGraphEncoder, GraphBatch, RidgeReadout

Split = tuple[Tensor, Tensor]  # training and test graphs


@dataclass(frozen=True, eq=False)
class Task:
    """Graphs to classify; ``scale_rec`` is the weight of 1 µS in the recurrent array."""

    name: str
    graphs: GraphBatch
    features: Tensor  # (nodes, features), float64
    labels: Tensor  # (graphs,)
    classes: int
    folds: tuple[Split, ...]
    scale_rec: float

    def accuracy(self, embeddings: Tensor, folds: Sequence[Split] | None = None) -> list[float]:
        """Mean accuracy over the folds of a ridge read-out on (dies, graphs, features), of each die, %."""
        return [_accuracy(one, self.labels, self.folds if folds is None else folds, self.classes) for one in embeddings]

    def of(self, encoder: EchoStateGraphEncoder) -> list[float]:
        """Accuracy of each die of an encoder, %."""
        return self.accuracy(encoder.encode(self.graphs, self.features))

    def hits(self, embeddings: Tensor) -> tuple[int, int]:
        """Right answers and answers in all of one embedding (graphs, features)."""
        found = [_right(embeddings, self.labels, fold, self.classes) for fold in self.folds]
        return sum(int(right.sum()) for right in found), sum(len(right) for right in found)

    @property
    def majority(self) -> float:
        """Share of the largest class, %."""
        return 100 * float(torch.bincount(self.labels).max()) / len(self.labels)

    def trivial(self) -> dict[str, Tensor]:
        """Embeddings without any reservoir, each (1, graphs, features): what every figure must be held against."""
        nodes, edges = self.graphs.sizes.double(), self.graphs.edge_counts.double() / 2
        sums = torch.zeros(self.graphs.count, self.features.shape[1], dtype=torch.float64)
        sums.index_add_(0, self.graphs.graph_of, self.features)
        density = edges / (nodes * (nodes - 1) / 2).clamp_min(1)
        found = {
            "nodes": [nodes],
            "nodes and edges": [nodes, edges],
            "nodes, edges and density": [nodes, edges, density],
        }
        held = {name: torch.stack(parts, 1) for name, parts in found.items()}
        if self.features.shape[1] > 1:
            held["atom labels"] = sums
            held["atom labels and edges"] = torch.cat([sums, edges.unsqueeze(1)], 1)
        return {name: embedding.unsqueeze(0) for name, embedding in held.items()}

    def shuffled(self, generator: torch.Generator) -> Task:
        """The same graphs with labels that say nothing about them."""
        return replace(self, labels=self.labels[torch.randperm(len(self.labels), generator=generator)])

    def without_edges(self) -> Task:
        """The same nodes, alone."""
        return replace(self, graphs=GraphBatch(self.graphs.edges[:, :0], self.graphs.graph_of))

    def rewired(self, seed: int) -> Task:
        """The same degrees, other neighbours."""
        return replace(self, graphs=rewired(self.graphs, seed))


def task_of(graphs: Graphs, folds: Sequence[Fold], scale_rec: float, name: str) -> Task:
    """A task of a data set's graphs: one-hot node labels, or the constant 1 where there are none."""
    batch = GraphBatch(torch.tensor(graphs.edges), torch.tensor(graphs.graph_of))
    if graphs.node_labels is None:
        features = torch.ones(batch.nodes, 1, dtype=torch.float64)
    else:
        kinds = len(graphs.node_label_names) or -1  # a part of the graphs may lack some kinds
        features = one_hot(torch.tensor(graphs.node_labels), kinds).double()
    return Task(name, batch, features, torch.tensor(graphs.labels), len(graphs.class_names), splits(folds), scale_rec)


def splits(folds: Sequence[Fold]) -> tuple[Split, ...]:
    """Folds as tensors."""
    return tuple((torch.tensor(fold.training), torch.tensor(fold.test)) for fold in folds)


def rewired(graphs: GraphBatch, seed: int, rounds: int = 20) -> GraphBatch:
    """Every graph with its degrees kept and its edges swapped in pairs: (a, b), (c, d) become (a, d), (c, b).

    A swap that would make a self loop or an edge that exists is left out; self loops stay.
    """
    random, nodes = np.random.default_rng(seed), graphs.nodes
    source, target = graphs.edges.numpy()
    loops = source[source == target]
    u, v = source[source < target].copy(), target[source < target].copy()
    of = graphs.graph_of.numpy()
    for _ in range(rounds):
        order = np.lexsort((random.random(len(u)), of[u]))
        first, second = order[:-1:2], order[1::2]
        flip = random.random(len(first)) < 0.5
        a, b, c, d = u[first], v[first], np.where(flip, v[second], u[second]), np.where(flip, u[second], v[second])
        new = np.stack([_key(a, d, nodes), _key(c, b, nodes)])
        fresh = ~np.isin(new, _key(u, v, nodes)) & (np.stack([a, c]) != np.stack([d, b]))
        _, back, times = np.unique(new, return_inverse=True, return_counts=True)
        alone = (times[back].reshape(new.shape) == 1).all(0)
        swap = fresh.all(0) & alone & (of[a] == of[c])
        for edge, key in ((first[swap], new[0, swap]), (second[swap], new[1, swap])):
            u[edge], v[edge] = np.divmod(key, nodes)
    edges = np.stack([np.concatenate([u, v, loops]), np.concatenate([v, u, loops])])
    return GraphBatch(torch.from_numpy(edges), graphs.graph_of)


def _key(a: np.ndarray, b: np.ndarray, nodes: int) -> np.ndarray:
    return np.minimum(a, b) * nodes + np.maximum(a, b)


def _accuracy(embedding: Tensor, labels: Tensor, folds: Sequence[Split], classes: int) -> float:
    shares = [float(_right(embedding, labels, fold, classes).double().mean()) for fold in folds]
    return 100 * sum(shares) / len(shares)


def _right(embedding: Tensor, labels: Tensor, fold: Split, classes: int) -> Tensor:
    training, test = fold
    readout = RidgeReadout.fit(embedding[training], labels[training], classes=classes)
    return readout.predict(embedding[test]) == labels[test]
