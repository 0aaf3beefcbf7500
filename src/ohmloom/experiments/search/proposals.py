"""Proposals: where to look next, from what was found so far. One function, whatever is searched."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Literal

import torch
from torch import Tensor

from ohmloom.random import Streams

Method = Literal["random", "bayesian"]


def bayesian_available() -> bool:
    """True if BoTorch is installed (the extra ``bo``)."""
    return find_spec("botorch") is not None


def propose(
    points: Tensor, found: Tensor, *, index: int, seed: int, method: Method = "bayesian", initial: int | None = None,
    pending: Tensor | None = None, reference: Sequence[float] | None = None, count: int | None = None,
) -> Tensor:  # fmt: skip
    """The next point of the unit cube, (variables,), float64; the same for the same arguments.

    ``points`` (n, variables) were tried and ``found`` (n, objectives) is what they gave, larger is better; rows with
    NaN failed and are left out. ``pending`` (m, variables) are under way. The first ``initial`` proposals (twice the
    variables and two more unless given), and all with ``method`` random or without BoTorch, are drawn by chance from
    the stream of ``index``. Then Gaussian processes: the noisy expected improvement, in its logarithm, for one
    objective, and that of the hypervolume above ``reference`` (the worst found, unless given) for several.
    Sources: Ament et al., arXiv 2310.20708; Daulton et al., arXiv 2105.08195.
    """
    variables = points.shape[1] if points.dim() == 2 else int(count or 0)
    first = 2 * variables + 2 if initial is None else initial
    chance = Streams(seed).child("search").generator("proposal", index)
    whole = ~found.isnan().any(-1)
    known, values = points[whole].double(), found[whole].double()
    if method == "random" or index < first or len(known) < 2 or not bayesian_available():
        return torch.rand(variables, generator=chance, dtype=torch.float64)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(Streams(seed).child("search").key("acquisition", index))
        return _bayesian(known, values, pending, reference)


def _bayesian(points: Tensor, values: Tensor, pending: Tensor | None, reference: Sequence[float] | None) -> Tensor:
    import warnings

    from botorch.acquisition.logei import qLogNoisyExpectedImprovement
    from botorch.acquisition.multi_objective.logei import qLogNoisyExpectedHypervolumeImprovement
    from botorch.fit import fit_gpytorch_mll
    from botorch.models import ModelListGP, SingleTaskGP
    from botorch.models.transforms import Standardize
    from botorch.optim import optimize_acqf
    from gpytorch.mlls import SumMarginalLogLikelihood

    variables, objectives = points.shape[1], values.shape[1]
    waiting = pending if pending is not None and len(pending) else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of numerical trouble that the fit mends by itself
        models = [SingleTaskGP(points, values[:, [i]], outcome_transform=Standardize(1)) for i in range(objectives)]
        model = ModelListGP(*models)
        fit_gpytorch_mll(SumMarginalLogLikelihood(model.likelihood, model))
        if objectives == 1:
            wanted = qLogNoisyExpectedImprovement(models[0], points, X_pending=waiting, prune_baseline=True)
        else:
            below = values.amin(0) - 0.1 * (values.amax(0) - values.amin(0)).clamp(min=1e-9)
            corner = below if reference is None else torch.tensor(reference, dtype=torch.float64)
            wanted = qLogNoisyExpectedHypervolumeImprovement(
                model, corner, points, X_pending=waiting, prune_baseline=True
            )
        bounds = torch.stack([torch.zeros(variables), torch.ones(variables)]).double()
        best, _ = optimize_acqf(wanted, bounds, q=1, num_restarts=4, raw_samples=64, options={"maxiter": 100})
    return best.squeeze(0).detach()


def dominating(found: Tensor) -> Tensor:
    """Which rows of (n, objectives), larger is better, no other row dominates: (n,) bool. Rows with NaN are none."""
    whole = ~found.isnan().any(-1)
    better = (found.unsqueeze(0) >= found.unsqueeze(1)).all(-1) & (found.unsqueeze(0) > found.unsqueeze(1)).any(-1)
    return whole & ~(better & whole.unsqueeze(0)).any(1)
