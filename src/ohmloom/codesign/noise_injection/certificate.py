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
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from ohmloom.codesign.noise_injection.noises import Multinomial
from ohmloom.errors import ConfigurationError, message

Classifier = Callable[[Tensor], Tensor]  # parameters (n, Θ) -> classes (n,)
LARGEST = 12  # parameters of what can be enumerated
MOST = 4**12  # combinations of their values
CHUNK = 2**16  # of them asked for at a time


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
    """f: the exact probability, over all 3^Θ masks, that the class of θη is ``wanted``. See `disturbed_scores`."""
    return float(disturbed_scores(classify, parameters, mask, [(1.0,)] * len(parameters), wanted))


def smoothed_class(classify: Classifier, parameters: Tensor, mask: Multinomial, classes: int) -> tuple[int, float]:
    """The class with the largest score, and that score."""
    scores = [smoothed_score(classify, parameters, mask, one) for one in range(classes)]
    best = max(range(classes), key=scores.__getitem__)
    return best, scores[best]


def disturbed_scores(
    classify: Classifier, parameters: Tensor, mask: Multinomial, choices: Sequence[Sequence[float]], wanted: int
) -> Tensor:
    """The exact score of ``wanted`` under every disturbance δ whose δ_j is one of ``choices[j]``: one axis for each j.

        f(δ) = Σ_v [F(θ v) = wanted] Π_j P(δ_j η_j = v_j)

    F is asked once for each combination of the values v_j that some δ_j η_j takes; then the sum over one coordinate
    after the other is a product with a small matrix. That is all |choices|^Θ scores for the work of one.

    Raises ConfigurationError for more than `LARGEST` parameters or `MOST` combinations.
    """
    count = len(parameters)
    if count > LARGEST:
        rule = f"must be at most {LARGEST} to be enumerated"
        raise ConfigurationError(message("parameters", rule, count, "Sample instead, and say so."))
    laws = [_law(mask, some) for some in choices]
    combinations = math.prod(len(values) for values, _ in laws)
    if combinations > MOST:
        rule = f"must have at most {MOST:,} combinations of values"
        raise ConfigurationError(message("choices", rule, f"{combinations:,}", "Give fewer, or fewer parameters."))
    table = _wanted(classify, [one * values for one, (values, _) in zip(parameters, laws, strict=True)], wanted)
    for values, chances in laws:  # the first axis is summed over, and that of its choices comes last
        table = (chances @ table.reshape(len(values), -1)).T
    return table.reshape([len(some) for some in choices])


def _law(mask: Multinomial, choices: Sequence[float]) -> tuple[Tensor, Tensor]:
    """The values that δη takes for any δ of ``choices``, (values,), and their chances for each, (choices, values)."""
    law = ((0.0, mask.p_zero), (0.5, mask.p_half), (1.0, mask.p_one))
    values = sorted({level * delta for delta in choices for level, _ in law})
    chances = torch.zeros(len(choices), len(values), dtype=torch.float64)
    for row, delta in zip(chances, choices, strict=True):
        for level, chance in law:
            row[values.index(level * delta)] += chance
    return torch.tensor(values, dtype=torch.float64), chances


def _wanted(classify: Classifier, values: Sequence[Tensor], wanted: int) -> Tensor:
    """1 where F gives ``wanted``, else 0, for every combination of parameters: (|v_1|, |v_2|, …), float64."""
    split = next(i for i in range(len(values)) if math.prod(map(len, values[i:])) <= CHUNK)
    last = torch.cartesian_prod(*values[split:]).reshape(-1, len(values) - split)
    found: list[Tensor] = []
    for start in itertools.product(*(each.tolist() for each in values[:split])):
        first = torch.tensor(start, dtype=torch.float64)
        found.append(classify(torch.cat([first.expand(len(last), -1), last], dim=1)) == wanted)
    return torch.cat(found).double().reshape([len(each) for each in values])


def _check_score(score: float) -> None:
    if not 0 <= score <= 1:
        raise ConfigurationError(message("score", "must be a probability", score, "Give a share of votes."))
