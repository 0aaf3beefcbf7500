"""Ridge read-out: the linear map from embeddings to targets, in closed form."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ohmloom.errors import NotFiniteError, ShapeError, message


@dataclass(frozen=True, eq=False)
class RidgeReadout:
    """y = W [g; 1] with W = Y Eᵀ (E Eᵀ + penalty I)⁻¹ in float64, where E holds the embeddings with their constant 1.

    Two classes have targets ±1 and the sign decides; more are one-hot and the largest decides.

    >>> readout = RidgeReadout.fit(torch.tensor([[-1.0], [1.0], [2.0]]), torch.tensor([0, 1, 1]), classes=2)
    >>> readout.predict(torch.tensor([[-3.0], [3.0]])).tolist()
    [0, 1]
    """

    weights: Tensor  # (outputs, hidden + 1)

    @classmethod
    def fit(cls, embeddings: Tensor, labels: Tensor, *, classes: int, penalty: float = 1e-3) -> RidgeReadout:
        """Fit ``embeddings`` (samples, hidden) to ``labels`` (samples,) from 0 to classes - 1.

        Raises ShapeError and NotFiniteError.
        """
        if embeddings.dim() != 2 or len(embeddings) != len(labels) or len(labels) == 0:
            given = f"{tuple(embeddings.shape)} and {tuple(labels.shape)}"
            raise ShapeError(message("embeddings", "must be (samples, hidden), one label each", given, "Match them."))
        if not bool(torch.isfinite(embeddings).all()):
            raise NotFiniteError(
                message("embeddings", "must be finite", "NaN or inf", "Look at the reservoir's scale.")
            )
        extended = _extended(embeddings)
        gram = extended.T @ extended
        gram.diagonal().add_(penalty)
        return cls(torch.linalg.solve(gram, extended.T @ _targets(labels, classes)).T)

    def scores(self, embeddings: Tensor) -> Tensor:
        """y of embeddings (..., hidden): (..., outputs)."""
        return _extended(embeddings) @ self.weights.T

    def predict(self, embeddings: Tensor) -> Tensor:
        """The class of each embedding, (...,)."""
        scores = self.scores(embeddings)
        return (scores[..., 0] > 0).long() if len(self.weights) == 1 else scores.argmax(-1)


def _extended(embeddings: Tensor) -> Tensor:
    wide = embeddings.double()
    return torch.cat([wide, wide.new_ones(*wide.shape[:-1], 1)], dim=-1)


def _targets(labels: Tensor, classes: int) -> Tensor:
    """(samples, outputs)"""
    if classes == 2:
        return (2.0 * labels.double() - 1).unsqueeze(1)
    return torch.nn.functional.one_hot(labels, classes).double()
