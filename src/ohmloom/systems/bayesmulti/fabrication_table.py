"""Is the table of devices predictive at all? Errors of models on what they were not fitted to, and on shuffled data."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ohmloom.experiments import Context, Figure
from ohmloom.random import Streams
from ohmloom.systems.bayesmulti import fabrication_claims as named
from ohmloom.systems.bayesmulti.recipes import Made
from ohmloom.systems.bayesmulti.settings import FabricationSettings
from ohmloom.systems.bayesmulti.surfaces import TREES, Model, Numbers, left_out, recipes_of

MODELS: dict[Model, str] = {"forest": f"forest of {TREES} trees: the surrogate", "process": "Gaussian process",
                            "mean": "mean of the others"}  # fmt: skip


def judge_table(context: Context[FabricationSettings], made: Sequence[Made]) -> None:
    """Errors on devices and on whole recipes left out; how far devices made alike differ; shuffled usabilities."""
    findings, truth, recipes = context.findings, _usabilities(made), recipes_of(made)
    ways = {"device": list(range(len(made))), "recipe": recipes}
    guesses: dict[tuple[Model, str], Numbers] = {}
    shuffled: list[float] = []
    with context.progress.task("models of the table", total=2 * len(MODELS) + context.settings.shuffles) as advance:
        for model in MODELS:
            for way, groups in ways.items():
                kept = findings.arm(f"left-out/{model}-{way}", lambda g=groups, m=model: left_out(made, g, m))
                guesses[model, way] = np.array(kept)
                advance()
        for i in range(context.settings.shuffles):
            others = _shuffled(made, Streams(context.seed).child("fabrication").key("shuffle", i))
            guess = findings.arm(f"shuffled/{i}", lambda o=others: left_out(o, recipes, "forest"))
            shuffled.append(explained(_usabilities(others), np.array(guess), left_out(others, recipes, "mean")))
            advance()
    _record(context, truth, recipes, guesses)
    findings.figure(Figure.over(named.SHUFFLED, shuffled, "%", "draws"))


def _record(
    context: Context[FabricationSettings], truth: Numbers, recipes: Sequence[int],
    guesses: dict[tuple[Model, str], Numbers],
) -> None:  # fmt: skip
    findings, rows = context.findings, []
    for model, title in MODELS.items():
        errors = [rms(truth, guesses[model, way]) for way in ("device", "recipe")]
        shares = [explained(truth, guesses[model, way], guesses["mean", way]) for way in ("device", "recipe")]
        rows.append((title, round(errors[0], 4), round(shares[0], 1), round(errors[1], 4), round(shares[1], 1)))
    findings.figure(Figure.of(named.ONE_OUT, rms(truth, guesses["forest", "device"])))
    findings.figure(Figure.of(named.RECIPE_OUT, rms(truth, guesses["forest", "recipe"])))
    share = explained(truth, guesses["forest", "recipe"], guesses["mean", "recipe"])
    findings.figure(Figure.of(named.EXPLAINED, share, "%"))
    alike = deviation_within(truth, recipes)
    findings.figure(Figure.of(named.ALIKE, alike))
    columns = ("model", "device left out: error", "explained, %", "recipe left out: error", "explained, % of variance")
    findings.table("What the table can predict", columns, rows,
                   f"{len(truth)} devices of {len(set(recipes))} recipes (alike in all five variables); deviation of "
                   f"all: {truth.std(ddof=1):.4f}, of devices made alike: {alike:.4f}. Errors of usability, rms. With "
                   "only the device left out, its twins are still there to learn from; a search asks for recipes that "
                   "nobody made. Explained: of the squared error of the mean of the others.")  # fmt: skip
    verdict = "predicts little" if share < 50 else "predicts recipes that were not made"
    findings.assumption(f"The table {verdict}: of recipes left out the surrogate explains {share:.0f} % of the variance"
                        ". What a search finds on it is the optimum of this model, not a device.", "ours")  # fmt: skip


def explained(truth: Numbers, guess: Numbers, mean: Numbers) -> float:
    """Which share of the squared error of ``mean`` the ``guess`` is without, per cent; negative where it is worse."""
    return 100 * (1 - rms(truth, guess) ** 2 / rms(truth, mean) ** 2)


def rms(truth: Numbers, guess: Numbers) -> float:
    """Root mean square of the differences."""
    return float(np.sqrt(np.square(truth - guess).mean()))


def deviation_within(values: Numbers, groups: Sequence[int]) -> float:
    """The pooled standard deviation within groups; those of one member say nothing about it."""
    numbers = np.array(groups)
    parts = [values[numbers == group] for group in sorted(set(groups))]
    freedom = sum(len(part) - 1 for part in parts)
    return float(np.sqrt(sum(float(np.square(part - part.mean()).sum()) for part in parts) / freedom))


def _usabilities(made: Sequence[Made]) -> Numbers:
    return np.array([one.usability for one in made])


def _shuffled(made: Sequence[Made], seed: int) -> list[Made]:
    values = np.random.default_rng(seed).permutation(_usabilities(made))
    return [one._replace(usability=float(value)) for one, value in zip(made, values, strict=True)]
