"""Pooling: one vector per graph from those of its nodes."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from ohmloom.errors import unknown
from ohmloom.reservoirs.graphs import GraphBatch, sparse

Pooling = Literal["sum", "mean", "max"]


def pooled(x: Tensor, graphs: GraphBatch, how: Pooling = "sum") -> Tensor:
    """Sum, mean or largest over the nodes of each graph: (dies, N, features) → (dies, graphs, features)."""
    if how not in ("sum", "mean", "max"):
        raise unknown("pooling", how, ("sum", "mean", "max"))
    if how == "max":
        index = graphs.graph_of.view(1, -1, 1).expand_as(x)
        lowest = x.new_full((len(x), graphs.count, x.shape[-1]), -torch.inf)
        return lowest.scatter_reduce(1, index, x, "amax")
    ends = torch.nn.functional.pad(graphs.sizes.cumsum(0), (1, 0))
    member = sparse(ends, torch.arange(graphs.nodes), x.new_ones(graphs.nodes), (graphs.count, graphs.nodes))
    total = torch.stack([torch.mm(member, one) for one in x])
    return total if how == "sum" else total / graphs.sizes.unsqueeze(1)
