"""Response surfaces: what a recipe is worth, by a law of ours with a known optimum, or by a model of the table."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import qmc  # pyright: ignore[reportMissingTypeStubs]

from ohmloom.systems.bayesmulti.recipes import MATERIALS, Made, Recipe

Numbers = NDArray[np.float64]
Model = Literal["mean", "process", "forest"]
PLACES = 2**12  # of each material where the optimum is looked for
TREES = 64


class Optimum(NamedTuple):
    """The best recipe of a surface: its numbers as shares, its material, what it is worth."""

    shares: tuple[float, ...]
    kind: int
    usability: float


class Surface(ABC):
    """Abstract: usability over recipes, its ``optimum``, and ``noise``, the deviation of one measurement."""

    noise: float
    optimum: Optimum

    @abstractmethod
    def usability(self, shares: Numbers, kinds: Numbers) -> Numbers:
        """Of recipes with numbers ``shares`` (n, 4), 0 to 1, and materials ``kinds`` (n,): (n,), without noise."""

    def of(self, recipe: Recipe) -> float:
        """Of one recipe."""
        return float(self.usability(np.array([recipe.shares]), np.array([float(recipe.kind)]))[0])


class Peaks(Surface):
    """One bell for each material: U = a_m exp(-1/2 Σ_i ((u_i - c_mi) / w_i)²), u_i the shares of the four ranges.

    A law of ours: nothing in it is measured. The first material has the highest bell, so that the optimum is known:
    ``heights[0]`` at ``centres[0]``. The others are lower and elsewhere, as local optima that hold a search up.
    """

    heights = np.array([0.45, 0.34, 0.25, 0.15])  # a: the best device of the table has 0.45
    centres = np.array([[0.65, 0.35, 0.30, 0.40], [0.25, 0.70, 0.60, 0.65],
                        [0.80, 0.20, 0.75, 0.25], [0.40, 0.50, 0.15, 0.80]])  # fmt: skip
    widths = np.array([0.45, 0.60, 0.40, 0.50])  # w

    def __init__(self, noise: float = 0.01) -> None:
        self.noise = noise
        self.optimum = Optimum(tuple(self.centres[0].tolist()), 0, float(self.heights[0]))

    def usability(self, shares: Numbers, kinds: Numbers) -> Numbers:
        chosen = kinds.astype(int)
        away = (shares - self.centres[chosen]) / self.widths
        return self.heights[chosen] * np.exp(-0.5 * np.square(away).sum(-1))


class Surrogate(Surface):
    """A model of devices that were made: *not* what new devices would give; see :func:`left_out` for its error.

    The model is the one of three that errs least on recipes left out (chosen by that error): ``forest``, the mean of
    `TREES` trees, steps where the published model has steps as well; ``process``, a Gaussian process over the four
    shares and the material (Matérn 5/2, a length for each coordinate, all by marginal likelihood); ``mean`` of all.
    """

    noise = 0.0

    def __init__(self, made: Sequence[Made], model: Model = "forest") -> None:
        self._predict = _fitted(model, _features(made), np.array([one.usability for one in made]))
        highest = [self._highest(kind) for kind in range(len(MATERIALS))]
        self.optimum = max(highest, key=lambda one: one.usability)

    def usability(self, shares: Numbers, kinds: Numbers) -> Numbers:
        return self._predict(_joined(shares, kinds))

    def _highest(self, kind: int) -> Optimum:
        """Of one material, in a Sobol set."""
        places = qmc.Sobol(4, scramble=False).random(PLACES)
        found = self.usability(places, np.full(PLACES, float(kind)))
        return Optimum(tuple(places[int(found.argmax())].tolist()), kind, float(found.max()))


def left_out(made: Sequence[Made], groups: Sequence[int], model: Model) -> Numbers:
    """Each device's usability by a model of all devices but those of its group, (devices,)."""
    found = np.empty(len(made))
    for group in sorted(set(groups)):
        known = [one for one, other in zip(made, groups, strict=True) if other != group]
        places = np.flatnonzero(np.array(groups) == group)
        asked = [one for one, other in zip(made, groups, strict=True) if other == group]
        found[places] = _fitted(model, _features(known), np.array([one.usability for one in known]))(_features(asked))
    return found


def recipes_of(made: Sequence[Made]) -> list[int]:
    """The number of each device's recipe: alike in all five variables, the same number."""
    order = {recipe: number for number, recipe in enumerate(dict.fromkeys(one.recipe for one in made))}
    return [order[one.recipe] for one in made]


def _features(made: Sequence[Made]) -> Numbers:
    shares = np.array([one.recipe.shares for one in made])
    return _joined(shares, np.array([float(one.recipe.kind) for one in made]))


def _joined(shares: Numbers, kinds: Numbers) -> Numbers:
    """(n, 4) and (n,) → (n, 8): a coordinate of its own for each material, so that their order means nothing."""
    return np.concatenate([shares, np.eye(len(MATERIALS))[kinds.astype(int)]], axis=1)


def _fitted(model: Model, features: Numbers, values: Numbers) -> Callable[[Numbers], Numbers]:
    """What a model of ``values`` says at other features."""
    if model == "mean":
        mean = float(values.mean())
        return lambda asked: np.full(len(asked), mean)
    fitted = _process(features.shape[1]) if model == "process" else _forest()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # lengths at their bounds: a coordinate that says nothing
        fitted.fit(features, values)
    return fitted.predict


def _process(coordinates: int) -> Any:
    from sklearn.gaussian_process import GaussianProcessRegressor  # pyright: ignore[reportMissingTypeStubs] (it is slow)
    from sklearn.gaussian_process.kernels import (  # pyright: ignore[reportMissingTypeStubs]
        ConstantKernel,
        Matern,
        WhiteKernel,
    )

    lengths = Matern(length_scale=np.full(coordinates, 0.5), length_scale_bounds=(0.05, 20.0), nu=2.5)  # pyright: ignore[reportArgumentType]
    kernel = ConstantKernel(1.0, (0.05, 20.0)) * lengths + WhiteKernel(0.3, (1e-3, 2.0))
    return GaussianProcessRegressor(kernel, normalize_y=True)


def _forest() -> Any:
    from sklearn.ensemble import RandomForestRegressor  # pyright: ignore[reportMissingTypeStubs] (it is slow)

    return RandomForestRegressor(TREES, min_samples_leaf=2, random_state=0)
