"""The loop against the digital equation with the same weights: what staircases, integrators and clamps do to a path."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ohmloom.codesign.diffusion import Score, ScoreNetwork, trajectory
from ohmloom.systems.diffusion.loops import AnalogueSampler

LARGEST = 1e3  # units; what a network without sense drives further is held there
SUBSTEPS = 2  # of the digital solver in each tick of the loop


class PathError(NamedTuple):
    """The largest difference of any path at any tick, % of the loop's swing, and the share (%) at a rail."""

    error: float
    at_rail: float


def conditional(network: ScoreNetwork, label: int | None) -> Score:
    """The score of one class; of all points where there are no classes."""
    labels = None if label is None else torch.tensor([label])
    return lambda x, t: network(x, t, labels)


def held(score: Score) -> Score:
    """A score of points that are not let run away."""
    return lambda x, t: score(x.clamp(-LARGEST, LARGEST), t)


def path_error(analogue: AnalogueSampler, start: Tensor) -> PathError:
    """Of a deterministic process from ``start`` (samples, states); the equation is solved by Heun's method."""
    ran, score = analogue.run(start), conditional(analogue.network, analogue.label)
    reverse, steps = analogue.reverse.replace(end=0.0), SUBSTEPS * analogue.settings.ticks
    digital = trajectory(score, analogue.schedule, reverse, start, steps=steps, method="heun")
    worst = float((ran.points[:, 0] - digital[::SUBSTEPS]).abs().max())
    swing = float(ran.points.max() - ran.points.min())
    return PathError(100 * worst / swing, 100 * ran.at_rail)
