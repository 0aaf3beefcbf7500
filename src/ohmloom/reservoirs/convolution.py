"""Graph-convolution read-out: one trained layer on fixed node embeddings (Kipf and Welling, 2017).

    logits = Â E W + b,  Â = D^-1/2 (A + I) D^-1/2

The embeddings are fixed, so Â E is computed once and training costs no sparse product.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from ohmloom.errors import ShapeError, message
from ohmloom.reservoirs.graphs import GraphBatch


@dataclass(frozen=True, eq=False)
class GraphConvolution:
    """A trained layer: ``weight`` (hidden, classes), ``bias`` (classes,), and the epoch that validation chose."""

    weight: Tensor
    bias: Tensor
    epoch: int
    validation_loss: float

    @classmethod
    def fit(
        cls,
        smoothed: Tensor,
        labels: Tensor,
        training: Tensor,
        validation: Tensor,
        *,
        classes: int,
        generator: torch.Generator,
        epochs: int = 200,
        rate: float = 0.01,
        decay: float = 5e-4,
        tell: Callable[[int], object] = lambda epoch: None,
    ) -> GraphConvolution:
        """Train on the nodes of ``training`` (indices), keep the epoch with the least loss on those of ``validation``.

        ``smoothed`` are :func:`convolved` embeddings (N, hidden). Adam with L2 decay of weight and bias; Glorot start.
        ``tell`` is called after each epoch. Raises ShapeError.
        """
        if smoothed.dim() != 2 or len(smoothed) != len(labels):
            given = f"{tuple(smoothed.shape)} and {len(labels)} labels"
            raise ShapeError(message("smoothed", "must be (nodes, hidden), one label each", given, "Match them."))
        x, held = smoothed[training], smoothed[validation]
        bound = (6 / (smoothed.shape[1] + classes)) ** 0.5
        start = torch.rand(smoothed.shape[1], classes, generator=generator, dtype=smoothed.dtype)
        weight = (bound * (2 * start - 1)).requires_grad_()
        bias = torch.zeros(classes, dtype=smoothed.dtype, requires_grad=True)
        adam = torch.optim.Adam([weight, bias], lr=rate, weight_decay=decay)
        best = cls(weight.detach().clone(), bias.detach().clone(), 0, float("inf"))
        for epoch in range(1, epochs + 1):
            adam.zero_grad()
            F.cross_entropy(x @ weight + bias, labels[training]).backward()
            adam.step()
            with torch.no_grad():
                loss = float(F.cross_entropy(held @ weight + bias, labels[validation]))
            if loss < best.validation_loss:
                best = cls(weight.detach().clone(), bias.detach().clone(), epoch, loss)
            tell(epoch)
        return best

    def predict(self, smoothed: Tensor) -> Tensor:
        """The class of each node, (N,)."""
        return (smoothed @ self.weight + self.bias).argmax(-1)


def convolved(embeddings: Tensor, graphs: GraphBatch) -> Tensor:
    """Â E of embeddings (dies, N, hidden): what the layer multiplies with its weight."""
    return graphs.aggregate(embeddings, "sym-loops")
