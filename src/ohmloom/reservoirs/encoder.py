"""Echo-state graph encoder: fixed random matrices turn graphs into vectors (S. Wang et al., 2023).

    Z      = scale_in W_I [U; 1]
    S(0)   = 0
    S(t+1) = (1 - a) S(t) + a tanh(Z + scale_rec (W_R S(t)) A)

Only products with W_I and W_R happen on the chip; sums over neighbours, tanh and leak are digital.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, Protocol

import torch
from torch import Tensor

from ohmloom.errors import ConfigurationError, ShapeError, message
from ohmloom.reservoirs.graphs import GraphBatch
from ohmloom.reservoirs.pooling import Pooling, pooled


class Matrix(Protocol):
    """What the encoder computes with: a stored matrix, or a plain one."""

    @property
    def shape(self) -> tuple[int, int]: ...

    def product(self, x: Tensor, *, generator: torch.Generator | None = None) -> Tensor: ...


@dataclass(frozen=True, eq=False)
class EchoStateGraphEncoder:
    """A leaky reservoir on every node, driven by its neighbours.

    ``input_matrix`` (hidden, features + 1): its last column multiplies the constant 1; (hidden, features) without
    ``constant``. ``recurrent`` (hidden, hidden). Scales turn the matrices' own units into weights. ``leak_on`` says
    what the leak keeps: the node's ``state``, or its ``projected`` one, W_R S, as the authors' network for CORA does.
    All dies of the matrices are computed together.

    Raises ShapeError and ConfigurationError.
    """

    input_matrix: Matrix
    recurrent: Matrix
    iterations: int = 4
    leak: float = 0.2
    scale_in: float = 1.0
    scale_rec: float = 1.0
    pooling: Pooling = "sum"
    leak_on: Literal["state", "projected"] = "state"
    adjacency: Literal["raw", "sym"] = "raw"
    constant: bool = True

    def __post_init__(self) -> None:
        hidden = self.input_matrix.shape[0]
        if self.recurrent.shape != (hidden, hidden):
            remedy = "Give a square matrix of the input matrix's outputs."
            raise ShapeError(message("recurrent", f"must be {(hidden, hidden)}", self.recurrent.shape, remedy))
        if not 0 < self.leak <= 1:
            raise ConfigurationError(message("leak", "must lie in (0, 1]", self.leak, "Use 1 for no memory."))
        if self.iterations < 0:
            raise ConfigurationError(message("iterations", "must not be negative", self.iterations, "Use 0 for none."))

    def project(self, features: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
        """Z of nodes with ``features`` (N, features): (dies, N, hidden)."""
        expected = self.input_matrix.shape[1] - self.constant
        if features.dim() != 2 or features.shape[1] != expected:
            rule = f"must be (nodes, {expected})" + "; the constant 1 is added here" * self.constant
            raise ShapeError(message("features", rule, tuple(features.shape), "Match the input matrix."))
        sent = torch.cat([features, features.new_ones(len(features), 1)], dim=1) if self.constant else features
        return self.input_matrix.product(sent, generator=generator) * self.scale_in

    def states(
        self, graphs: GraphBatch, features: Tensor, *, generator: torch.Generator | None = None
    ) -> Iterator[Tensor]:
        """S(0), S(1), … S(iterations), each (dies, N, hidden)."""
        if len(features) != graphs.nodes:
            rule = f"must have one row for each of the {graphs.nodes} nodes"
            raise ShapeError(message("features", rule, len(features), "Give every node its features."))
        driven = self.project(features, generator=generator)
        state = torch.zeros_like(driven)
        yield state
        for _ in range(self.iterations):
            state = self._step(graphs, driven, state, generator)
            yield state

    def embed(self, graphs: GraphBatch, features: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
        """The last state of each node: (dies, N, hidden)."""
        state = torch.empty(0)
        for state in self.states(graphs, features, generator=generator):  # noqa: B007
            pass
        return state

    def encode(self, graphs: GraphBatch, features: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
        """One vector per graph, relu of the pooled last states: (dies, graphs, hidden)."""
        return pooled(self.embed(graphs, features, generator=generator), graphs, self.pooling).relu_()

    def _step(self, graphs: GraphBatch, driven: Tensor, state: Tensor, generator: torch.Generator | None) -> Tensor:
        """S(t + 1) from S(t)."""
        projected = self.recurrent.product(state, generator=generator)
        if self.scale_rec != 1.0:
            projected = projected * self.scale_rec
        update = graphs.aggregate(projected, self.adjacency)
        update = update.add_(driven).tanh_().mul_(self.leak)
        return update.add_(state if self.leak_on == "state" else projected, alpha=1 - self.leak)
