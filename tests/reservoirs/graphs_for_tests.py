"""Random graphs, and what is computed with them written out node by node."""

import torch
from torch import Tensor

from ohmloom.reservoirs import GraphBatch


def random_batch(sizes: tuple[int, ...], share: float = 0.4, seed: int = 0) -> GraphBatch:
    """Undirected graphs of these sizes, each pair joined with probability ``share``; may have isolated nodes."""
    generator, start, edges = torch.Generator().manual_seed(seed), 0, []
    for size in sizes:
        upper = (torch.rand(size, size, generator=generator) < share).triu(1)
        edges.append((upper | upper.T).nonzero().T + start)
        start += size
    graph_of = torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes))
    return GraphBatch(torch.cat(edges, 1), graph_of)


def dense(graphs: GraphBatch) -> Tensor:
    """A with A[target, source], float64."""
    matrix = torch.zeros(graphs.nodes, graphs.nodes, dtype=torch.float64)
    for source, target in graphs.edges.T.tolist():
        matrix[target, source] += 1
    return matrix
