"""The certificate of a smoothed classifier: how many parameters may change before its answer can.

The smoothed classifier votes over masks η of {0, 1/2, 1} on all Θ parameters: f(θ) = P_η[F(θ η) = the class]. Where a
disturbance δ multiplies a parameter, the laws of η and δη share at least

    P(0)                              for any δ,
    P(0) + min(P(1/2), P(1))          for δ = 1/2,
    1                                 for δ = 1,

and the score moves by at most one minus the product of these. With r parameters of any δ and all others at 1 or 1/2 the
class stands if P(0)^r (P(0) + min(P(1/2), P(1)))^(Θ - r) >= 3/2 - f. This is a reconstruction of the theorem of
arXiv 2412.02779, section 3.2, which has 1 - P(1/2) for the second line: that is the same where P(1) <= P(1/2), and
certifies too much where it is not.

It certifies *nothing* of a real network: with Θ = 10⁴ it needs P(1/2) and P(1) below ln 2 / Θ. It is about a few
parameters, noise on weights; drift moves all of them. It does not explain what noise injection wins.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from ohmloom.codesign.noise_injection.noises import Multinomial
from ohmloom.errors import ConfigurationError, message

Classifier = Callable[[Tensor], Tensor]  # parameters (n, Θ) -> classes (n,)
LARGEST = 12  # parameters of what can be enumerated: 3^12 masks


def half_overlap(mask: Multinomial) -> float:
    """What the laws of η and η/2 share: P(0) + min(P(1/2), P(1))."""
    return mask.p_zero + min(mask.p_half, mask.p_one)


def certified_radius(score: float, mask: Multinomial, parameters: int) -> int | None:
    """The largest r for which r parameters may change in any way while each other one is kept or halved.

    ``score`` is f, 0 to 1. None: not even r = 0 is certified. Raises ConfigurationError for another score.
    """
    _check_score(score)
    needed, half = math.log(1.5 - score), half_overlap(mask)
    if half == 0:
        return None
    whole = parameters * math.log(half)
    if whole < needed:
        return None
    if mask.p_zero == 0:
        return 0
    loss = math.log(half) - math.log(mask.p_zero)  # of each parameter that changes in any way
    return parameters if loss == 0 else min(parameters, math.floor((whole - needed) / loss))


def certified_changes(score: float, mask: Multinomial, parameters: int) -> int | None:
    """The largest r for which r parameters may change in any way while all others are exactly kept.

    P(0)^r >= 3/2 - f. None: f is below 1/2, there is nothing to keep.
    """
    _check_score(score)
    if score < 0.5:
        return None
    if mask.p_zero == 0:
        return 0
    return min(parameters, math.floor(math.log(1.5 - score) / math.log(mask.p_zero)))


def smoothed_score(classify: Classifier, parameters: Tensor, mask: Multinomial, wanted: int) -> float:
    """f: the exact probability, over all 3^Θ masks, that the class of θη is ``wanted``.

    Raises ConfigurationError for more than `LARGEST` parameters.
    """
    count = len(parameters)
    if count > LARGEST:
        rule = f"must be at most {LARGEST} to be enumerated"
        raise ConfigurationError(message("parameters", rule, count, "Sample instead, and say so."))
    masks, chances = _masks(count, mask)
    return float(chances[classify(parameters * masks) == wanted].sum())


def smoothed_class(classify: Classifier, parameters: Tensor, mask: Multinomial, classes: int) -> tuple[int, float]:
    """The class with the largest score, and that score."""
    scores = [smoothed_score(classify, parameters, mask, one) for one in range(classes)]
    best = max(range(classes), key=scores.__getitem__)
    return best, scores[best]


def disturbances(count: int, radius: int, others: Sequence[float], *, halves: bool) -> Iterator[Tensor]:
    """Every δ with at most ``radius`` elements among ``others``, and the rest at 1 (with ``halves`` at 1 or 1/2)."""
    kept = (1.0, 0.5) if halves else (1.0,)
    for changed in range(radius + 1):
        for places in itertools.combinations(range(count), changed):
            choices = [others if place in places else kept for place in range(count)]
            for delta in itertools.product(*choices):
                yield torch.tensor(delta, dtype=torch.float64)


def _masks(count: int, mask: Multinomial) -> tuple[Tensor, Tensor]:
    """All masks (3^Θ, Θ) and their probabilities (3^Θ,)."""
    levels = torch.cartesian_prod(*[torch.tensor([0, 1, 2])] * count).view(-1, count)
    chance = torch.tensor([mask.p_zero, mask.p_half, mask.p_one], dtype=torch.float64)
    return levels.double() / 2, chance[levels].prod(-1)


def _check_score(score: float) -> None:
    if not 0 <= score <= 1:
        raise ConfigurationError(message("score", "must be a probability", score, "Give a share of votes."))
