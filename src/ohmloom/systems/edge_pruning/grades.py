"""How well scores of pixels tell vessels from ground: areas under the curves, and shares at one threshold."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ohmloom.errors import ConfigurationError, message

Numbers = NDArray[np.floating[Any]]
Mask = NDArray[np.bool_]


class Grades(NamedTuple):
    """All in per cent."""

    precision_recall: float  # area under precision against recall
    receiver: float  # area under true against false positives
    accuracy: float  # at one threshold
    f1: float  # at the same


def areas(scores: Numbers, truth: Mask) -> tuple[float, float]:
    """The areas under precision against recall and under true against false positives, as shares.

    Equal scores share one threshold. The first is a sum of steps, Σ (R_k - R_{k-1}) P_k ("average precision"), without
    the straight lines between points that flatter; the second a sum of trapezia, which is exact.
    Raises ConfigurationError unless there are pixels of both classes.
    """
    positives = int(truth.sum())
    if not 0 < positives < truth.size:
        rule, given = "must hold vessels and ground", f"{positives} vessels among {truth.size} pixels"
        raise ConfigurationError(message("truth", rule, given, "Take another part of the photograph."))
    order = np.argsort(-scores, kind="stable")
    ordered = scores[order]
    ends = np.append(np.flatnonzero(np.diff(ordered)), truth.size - 1)  # the last pixel at each threshold
    hits = np.cumsum(truth[order], dtype=np.int64)[ends]
    recall, false = hits / positives, (ends + 1 - hits) / (truth.size - positives)
    precision = hits / (ends + 1)
    steps = np.diff(recall, prepend=0.0)
    means = (recall + np.concatenate([[0.0], recall[:-1]])) / 2
    return float(steps @ precision), float(np.diff(false, prepend=0.0) @ means)


def best_threshold(scores: Numbers, truth: Mask) -> float:
    """The threshold with the largest F1; scores above it are vessels. Choose it where nothing is judged.

    Raises ConfigurationError unless there is a vessel.
    """
    positives = int(truth.sum())
    if positives == 0:
        raise ConfigurationError(message("truth", "must hold vessels", "none", "Take another part of the photograph."))
    order = np.argsort(-scores, kind="stable")
    ordered = scores[order]
    ends = np.append(np.flatnonzero(np.diff(ordered)), truth.size - 1)
    hits = np.cumsum(truth[order], dtype=np.int64)[ends]
    best = int(np.argmax(2 * hits / (ends + 1 + positives)))
    below = ordered[ends[best] + 1] if ends[best] + 1 < truth.size else ordered[-1] - 1
    return float((ordered[ends[best]] + below) / 2)


def at_threshold(found: Mask, truth: Mask) -> tuple[float, float]:
    """Accuracy and F1 = 2 TP / (2 TP + FP + FN), as shares; an F1 without any vessel, true or found, is 0."""
    marked = int(found.sum()) + int(truth.sum())
    return float((found == truth).mean()), 2 * int((found & truth).sum()) / marked if marked else 0.0


def graded(scores: Numbers, truth: Mask, threshold: float = 0.5) -> Grades:
    """All grades of scores in the field of view, both of shape (pixels,)."""
    return Grades(*(100 * share for share in (*areas(scores, truth), *at_threshold(scores > threshold, truth))))
