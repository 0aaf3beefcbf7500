"""Proposals: where to look next, from what was found so far. One function, whatever is searched."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor

from ohmloom.random import Streams

if TYPE_CHECKING:
    from botorch.acquisition import AcquisitionFunction
    from botorch.models import SingleTaskGP

Method = Literal["random", "bayesian"]
RESTARTS, RAW, STEPS = 4, 64, 100  # of the acquisition's optimiser


def bayesian_available() -> bool:
    """True if BoTorch is installed (the extra ``bo``)."""
    return find_spec("botorch") is not None


def propose(
    points: Tensor, found: Tensor, *, index: int, seed: int, method: Method = "bayesian", initial: int | None = None,
    slack: Tensor | None = None, pending: Tensor | None = None, allowed: Tensor | None = None,
    reference: Sequence[float] | None = None, count: int | None = None,
) -> Tensor:  # fmt: skip
    """The next point of the unit cube, (variables,), float64; the same for the same arguments.

    ``points`` (n, variables) were tried and ``found`` (n, objectives) is what they gave, larger is better; ``slack``
    (n, bounds) is below 0 where a bound was broken. Rows with NaN failed: they count as the worst that was found, so
    that the search keeps away. ``pending`` (m, variables) are under way. Of a finite space ``allowed`` (k, variables)
    holds all points; none is proposed twice before all were. The first ``initial`` proposals (twice the variables and
    two more unless given), and all with ``method`` random or without BoTorch, are drawn by chance from the stream of
    ``index``. Then Gaussian processes: the noisy expected improvement, in its logarithm, for one objective, and that of
    the hypervolume above ``reference`` for several (where it is None or NaN, a tenth of the range below the worst that
    was found). Bounds weigh it with the probability that they are kept.
    Sources: Ament et al., arXiv 2310.20708; Daulton et al., arXiv 2105.08195.
    """
    variables = points.shape[1] if points.dim() == 2 else int(count or 0)
    first = 2 * variables + 2 if initial is None else initial
    whole = ~found.isnan().any(-1)
    if method == "random" or index < first or int(whole.sum()) < 2 or not bayesian_available():
        return _by_chance(Streams(seed).child("search"), index, variables, allowed)
    known = torch.cat([found, found.new_zeros(len(found), 0) if slack is None else slack], dim=1).double()
    known[~whole] = known[whole].amin(0)
    with _one_thread(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(Streams(seed).child("search").key("acquisition", index))
        return _bayesian(points.double(), known, found.shape[1], pending, allowed, reference)


def _by_chance(streams: Streams, index: int, variables: int, allowed: Tensor | None) -> Tensor:
    if allowed is None:
        return torch.rand(variables, generator=streams.generator("proposal", index), dtype=torch.float64)
    order = torch.randperm(len(allowed), generator=streams.generator("order"))
    return allowed[order[index % len(allowed)]]


def _bayesian(
    points: Tensor, known: Tensor, objectives: int, pending: Tensor | None, allowed: Tensor | None,
    reference: Sequence[float] | None,
) -> Tensor:  # fmt: skip
    import warnings

    from botorch.optim import optimize_acqf, optimize_acqf_discrete

    waiting = pending if pending is not None and len(pending) else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of numerical trouble that the fit mends by itself
        wanted = _acquisition(_fitted(points, known), points, known, objectives, waiting, reference)
        if allowed is not None:
            best, _ = optimize_acqf_discrete(wanted, q=1, choices=_untried(allowed, points, waiting))
        else:
            bounds = torch.stack([torch.zeros_like(points[0]), torch.ones_like(points[0])])
            several = objectives > 1  # what widens a front may lie in a narrow place beside one of its points
            options = {"maxiter": STEPS, "sample_around_best": several}
            raw = 2 * RAW if several else RAW
            best, _ = optimize_acqf(wanted, bounds, q=1, num_restarts=RESTARTS, raw_samples=raw, options=options)
    return best.squeeze(0).detach()


def _fitted(points: Tensor, known: Tensor) -> SingleTaskGP:
    """A Gaussian process for each column of ``known``, with its own hyper-parameters, fitted side by side."""
    from botorch.fit import fit_gpytorch_mll
    from botorch.models import SingleTaskGP
    from botorch.models.transforms import Standardize
    from gpytorch.mlls import ExactMarginalLogLikelihood

    model = SingleTaskGP(points, known, outcome_transform=Standardize(known.shape[1]))
    fit_gpytorch_mll(ExactMarginalLogLikelihood(model.likelihood, model))
    return model


def _acquisition(
    model: SingleTaskGP, points: Tensor, known: Tensor, objectives: int, waiting: Tensor | None,
    reference: Sequence[float] | None,
) -> AcquisitionFunction:  # fmt: skip
    from botorch.acquisition import GenericMCObjective
    from botorch.acquisition.logei import qLogNoisyExpectedImprovement
    from botorch.acquisition.multi_objective import IdentityMCMultiOutputObjective, logei

    # Else BoTorch builds a kernel in C++ on first use: a minute where there is a compiler, other roundings than where
    # there is none, and a lock that is never released, for which every later search waits, if it is killed meanwhile.
    logei._load_attempted = True
    bounds = known.shape[1] - objectives
    common: dict[str, Any] = {"X_pending": waiting, "prune_baseline": True}
    if bounds:
        common["constraints"] = [_broken(objectives + i) for i in range(bounds)]
    if objectives == 1 and not bounds:
        return qLogNoisyExpectedImprovement(model, points, **common)
    if objectives == 1:
        first = GenericMCObjective(lambda samples, X=None: samples[..., 0])  # noqa: N803
        return qLogNoisyExpectedImprovement(model, points, objective=first, **common)
    corner = _corner(known[:, :objectives], reference)
    several = IdentityMCMultiOutputObjective(outcomes=list(range(objectives)))
    return logei.qLogNoisyExpectedHypervolumeImprovement(model, corner, points, objective=several, **common)


def _broken(column: int) -> Callable[[Tensor], Tensor]:
    """BoTorch's form of a bound: below 0 where it is kept."""
    return lambda samples: -samples[..., column]


def _corner(values: Tensor, reference: Sequence[float] | None) -> Tensor:
    """The corner above which volume counts: as told, else a tenth of the range below the worst of all. Not of the front
    alone, as is often done: a front that was found in the middle first could then not grow beyond its own ends."""
    worst, best = values.amin(0), values.amax(0)
    below = worst - 0.1 * (best - worst).clamp(min=1e-9)
    told = below if reference is None else torch.tensor(reference, dtype=torch.float64)
    return torch.where(told.isnan(), below, told)


def _untried(allowed: Tensor, points: Tensor, waiting: Tensor | None) -> Tensor:
    """The allowed points that were not tried yet; all of them if there is none."""
    tried = points if waiting is None else torch.cat([points, waiting])
    fresh = (torch.cdist(allowed, tried, p=float("inf")) > 1e-9).all(1)
    return allowed[fresh] if bool(fresh.any()) else allowed


def dominating(found: Tensor) -> Tensor:
    """Which rows of (n, objectives), larger is better, no other row dominates: (n,) bool. Rows with NaN are none."""
    whole = ~found.isnan().any(-1)
    better = (found.unsqueeze(0) >= found.unsqueeze(1)).all(-1) & (found.unsqueeze(0) > found.unsqueeze(1)).any(-1)
    return whole & ~(better & whole.unsqueeze(0)).any(1)


@contextmanager
def _one_thread() -> Generator[None]:
    """So that sums are rounded the same on every machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
