"""Graphs in one batch: a single block-diagonal sparse adjacency matrix, so that a step over all of them is one product.

Nodes are numbered through the batch, those of each graph in one piece. torch's CSR product with 32-bit indices is the
fastest way that we measured on a processor; it needs no further package.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch
from scipy.sparse import csr_matrix
from torch import Tensor

from ohmloom.errors import ConfigurationError, ShapeError, message, unknown

Normalisation = Literal["raw", "sym", "sym-loops"]
KINDS = ("raw", "sym", "sym-loops")


@dataclass(frozen=True, eq=False)
class GraphBatch:
    """Graphs as one: ``edges`` (2, E) from source to target (both directions of an undirected edge), ``graph_of`` (N,)
    the number of each node's graph, not decreasing from 0.

    A self loop is an edge to itself; an edge given twice counts twice. Isolated nodes and graphs without edges are
    allowed, graphs without nodes are not. Raises ShapeError and ConfigurationError.

    >>> path = GraphBatch(torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]]), torch.zeros(3, dtype=torch.long))
    >>> path.aggregate(torch.tensor([[[1.0], [10.0], [100.0]]]))[0, :, 0].tolist()
    [10.0, 101.0, 10.0]
    """

    edges: Tensor
    graph_of: Tensor
    _kept: dict[tuple[str, torch.dtype], Tensor] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        _check(self.edges, self.graph_of)

    @property
    def nodes(self) -> int:
        return len(self.graph_of)

    @property
    def count(self) -> int:
        """Graphs."""
        return int(self.graph_of[-1]) + 1

    @property
    def sizes(self) -> Tensor:
        """Nodes of each graph, (graphs,)."""
        return torch.bincount(self.graph_of, minlength=self.count)

    @property
    def edge_counts(self) -> Tensor:
        """Directed edges of each graph, (graphs,)."""
        return torch.bincount(self.graph_of[self.edges[0]], minlength=self.count)

    def adjacency(self, normalisation: Normalisation = "raw", dtype: torch.dtype = torch.float32) -> Tensor:
        """The sparse matrix (N, N), rows are targets; made once for each kind and dtype.

        ``raw``: A. ``sym``: D^-1/2 A D^-1/2 with the degrees D of A, nothing for isolated nodes. ``sym-loops``: the
        same of A + I (Kipf and Welling, 2017).
        """
        if normalisation not in KINDS:
            raise unknown("adjacency", normalisation, KINDS)
        key = (normalisation, dtype)
        if key not in self._kept:
            self._kept[key] = self._make(normalisation, dtype)
        return self._kept[key]

    def aggregate(self, x: Tensor, normalisation: Normalisation = "raw") -> Tensor:
        """The sum of each node's neighbours, A x: (dies, N, features) → the same."""
        matrix = self.adjacency(normalisation, x.dtype)
        if len(x) == 1:
            return torch.mm(matrix, x[0]).unsqueeze(0)
        together = x.transpose(0, 1).reshape(self.nodes, -1)  # one walk through the edges for all dies
        return torch.mm(matrix, together).view(self.nodes, len(x), -1).transpose(0, 1)

    def _make(self, normalisation: Normalisation, dtype: torch.dtype) -> Tensor:
        source, target = self.edges.numpy()
        if normalisation == "sym-loops":
            own = np.arange(self.nodes)
            source, target = np.concatenate([source, own]), np.concatenate([target, own])
        values = np.ones(len(source), dtype=torch.empty(0, dtype=dtype).numpy().dtype)
        matrix = csr_matrix((values, (target, source)), shape=(self.nodes, self.nodes))
        if normalisation != "raw":
            matrix = _symmetric(matrix)
        return sparse(*(torch.from_numpy(part) for part in (matrix.indptr, matrix.indices, matrix.data)), matrix.shape)


def sparse(ends: Tensor, indices: Tensor, values: Tensor, size: tuple[int, int]) -> Tensor:
    """A CSR matrix, without torch's note that this layout is young."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sparse CSR tensor support is in beta")
        return torch.sparse_csr_tensor(ends, indices, values, size=size, check_invariants=False)


def _symmetric(matrix: csr_matrix) -> csr_matrix:
    degree = np.asarray(matrix.sum(axis=1)).ravel()
    share = np.divide(1.0, np.sqrt(degree), out=np.zeros_like(degree), where=degree > 0)
    rows = np.repeat(np.arange(len(share)), np.diff(matrix.indptr))
    matrix.data = matrix.data * share[rows] * share[matrix.indices]
    return matrix


def _check(edges: Tensor, graph_of: Tensor) -> None:
    if edges.dim() != 2 or edges.shape[0] != 2 or edges.dtype != torch.int64:
        given = f"{edges.dtype} of {tuple(edges.shape)}"
        raise ShapeError(message("edges", "must be int64 of shape (2, edges)", given, "Give sources, then targets."))
    if graph_of.dim() != 1 or len(graph_of) == 0 or graph_of.dtype != torch.int64:
        given = f"{graph_of.dtype} of {tuple(graph_of.shape)}"
        raise ShapeError(message("graph_of", "must be int64 of shape (nodes,), at least one", given, "Add the nodes."))
    if int(graph_of[0]) != 0 or bool((graph_of.diff() < 0).any()) or bool((graph_of.diff() > 1).any()):
        rule = "must count graphs from 0 without gaps, nodes of a graph in one piece"
        raise ConfigurationError(message("graph_of", rule, "another order", "Sort the nodes by graph; number anew."))
    if edges.numel() == 0:
        return
    low, high = int(edges.min()), int(edges.max())
    if low < 0 or high >= len(graph_of):
        rule = f"must join nodes 0 to {len(graph_of) - 1}"
        raise ConfigurationError(message("edges", rule, f"{low} to {high}", "Number the nodes from 0."))
    apart = int((graph_of[edges[0]] != graph_of[edges[1]]).sum())
    if apart:
        raise ConfigurationError(message("edges", "must stay inside their graph", f"{apart} that leave it", "Mend it."))
