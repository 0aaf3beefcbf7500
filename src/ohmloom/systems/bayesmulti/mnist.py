"""System `bayesmulti-mnist`: one network, many ways to train it for drift, on handwritten digits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import torch
from scipy.stats import ttest_rel  # pyright: ignore[reportMissingTypeStubs, reportUnknownVariableType]

from ohmloom.codesign.noise_injection import Multinomial, accuracy_under, certified_changes, certified_radius
from ohmloom.data import Images, Labelled, load
from ohmloom.experiments import Context, Figure, System, Tier, t_interval
from ohmloom.experiments.search import bayesian_available
from ohmloom.nn import LogNormalDrift
from ohmloom.random import Streams
from ohmloom.systems.bayesmulti import mnist_claims as named
from ohmloom.systems.bayesmulti import searches
from ohmloom.systems.bayesmulti.mnist_whole import compare_whole
from ohmloom.systems.bayesmulti.network import Arm, first, noisy_at_test, parameters, priced, train
from ohmloom.systems.bayesmulti.publication import PAPER, RELEASED
from ohmloom.systems.bayesmulti.settings import STAR, Learning, MnistSettings, arm_name

Curve = list[float]  # mean accuracy at each sigma, per cent
BAYESMULTI, DROPOUT = "BayesMulti", "dropout, searched"
WHOLE = ("ERM", "dropout 0.5", DROPOUT, "multinomial 0.5", BAYESMULTI, "released objective",
         "log-normal weights, searched", "Gaussian weights, searched", "ERM with BatchNorm", "ERM, wide start",
         "BayesMulti, wide start")  # fmt: skip


class BayesMultiMnist(System[MnistSettings]):
    """Noise injection for drifting memristors, every arm on the same network, optimiser, rate and epochs."""

    name = "bayesmulti-mnist"
    title = "BayesMulti: noise injection for drifting weights"
    summary = "Masks and weight noise with rates by Bayesian optimisation, under log-normal drift of every parameter."
    paper = PAPER
    claims = named.CLAIMS
    controls = named.CONTROLS
    tiers = {  # noqa: RUF012
        "smoke": Tier(summary="Embedded digits, short searches, two seeds.", budget=60, seeds=2, settings=MnistSettings(
            learning=Learning(subset="embedded", training_images=2_000, validation_images=500, objective_images=500,
                              epochs=4),
            whole=Learning(subset="embedded", training_images=2_000, validation_images=500, epochs=1),
            evaluations=5, few_evaluations=2, chance=5, draws=5, test_images=500)),
        "standard": Tier(summary="3,500 real digits to learn from, 5,000 to test on, three seeds.", budget=1200,
                         seeds=3, settings=MnistSettings()),
        "full": Tier(summary="Five seeds, longer searches, a fine grid; the main arms also with 55,000 digits.",
                     budget=14_400, seeds=5, settings=MnistSettings(
                         whole=Learning(training_images=55_000, epochs=10), evaluations=20, few_evaluations=10,
                         chance=40, sigmas=tuple(i / 10 for i in range(16)), test_images=10_000)),
    }  # fmt: skip

    def run(self, context: Context[MnistSettings]) -> None:
        """Search for rates on validation images, train each arm with every seed, drift, compare, price."""
        torch.set_num_threads(1)
        learning, findings = context.settings.learning, context.findings
        images = load("mnist", subset=learning.subset)
        findings.data("mnist", images.origin, f"{learning.training_images:,} of its training images")
        bench = _bench(context, images)
        found = _searches(context, bench)
        best = {name: trace["rates"][_argmax(trace["values"])] for name, trace in found.items()}
        _judge_search(context, bench, found, best)
        test = first(images.tensors("test"), context.settings.test_images)
        arms = _arms(best)
        curves = _curves(context, bench, test, arms)
        _compare(context, curves)
        _checks(context, bench, test, curves)
        _certificate(context)
        main = {name: arms[name] for name in ("ERM", DROPOUT, BAYESMULTI, "log-normal weights, searched")}
        compare_whole(context, images, test, main, [(BAYESMULTI, "ERM"), (BAYESMULTI, DROPOUT)])
        chosen = searches.multinomial(best[BAYESMULTI])
        findings.cost(priced(train(bench.training, chosen, bench.epochs, bench.seed), bench.training, test))
        _statements(context)


def _bench(context: Context[MnistSettings], images: Images) -> searches.Bench:
    settings = context.settings
    training, held = images.split(settings.learning.validation_images)
    few = first(training, settings.learning.training_images)
    judged = first(held, settings.learning.objective_images)
    return searches.Bench(few, judged, settings.learning.epochs, settings.objective_draws, context.seed)


def _searches(context: Context[MnistSettings], bench: searches.Bench) -> dict[str, dict[str, Any]]:
    """The traces, each an arm of its own."""
    some, few = context.settings.evaluations, context.settings.few_evaluations
    plans = {
        BAYESMULTI: (searches.multinomial, 2, "drift", "bayesian", some),
        DROPOUT: (searches.dropout, 2, "drift", "bayesian", some),
        "released objective": (searches.multinomial, 2, "clean_train", "bayesian", some),
        "log-normal weights, searched": (searches.log_normal, 1, "drift", "bayesian", few),
        "Gaussian weights, searched": (searches.gaussian, 1, "drift", "bayesian", few),
        "random rates": (searches.multinomial, 2, "drift", "random", context.settings.chance),
    }
    with context.progress.task("searching for rates", total=sum(plan[-1] for plan in plans.values())) as advance:
        return {
            name: context.findings.arm(arm_name("search", name), lambda p=plan: searches.search(*p, bench, advance))  # pyright: ignore[reportArgumentType]
            for name, plan in plans.items()
        }


def _judge_search(
    context: Context[MnistSettings], bench: searches.Bench, found: Mapping[str, Any], best: Mapping[str, Any]
) -> None:
    """What the searches found against random rates, on validation images."""
    findings, values = context.findings, {name: trace["values"] for name, trace in found.items()}
    chance, budget = values["random rates"], len(values[BAYESMULTI])
    top = max(values[BAYESMULTI])
    findings.figure(Figure.of(named.LOGGED, top, "%"))
    findings.figure(Figure.of(named.OVER_CHANCE, top - searches.median_best(chance, budget), "points"))
    clean = findings.arm(
        "released-rates", lambda: bench.value(searches.multinomial(best["released objective"]), "drift")
    )
    findings.figure(Figure.of(named.RELEASED_RATES, clean - sum(chance) / len(chance), "points"))
    rows = [(name, ", ".join(f"{rate:.2f}" for rate in best[name]), len(values[name]), round(max(values[name]), 2))
            for name in found]  # fmt: skip
    findings.table("Rates found", ("search", "rates", "evaluations", "best value, %"), rows,
                   "The value is the mean validation accuracy at sigma = 0.9, but for the released objective: there it "
                   "is the training accuracy without drift.")  # fmt: skip
    running = {name: [max(values[name][: i + 1]) for i in range(budget)] for name in (BAYESMULTI, DROPOUT)}
    running["random rates, median"] = [searches.median_best(chance, i + 1) for i in range(budget)]
    findings.plot("noise_curves", name="search", noise=range(1, budget + 1),
                  lines=[{"label": name, "values": line} for name, line in running.items()],
                  noise_axis="evaluations", axis="best validation accuracy at sigma = 0.9, %",
                  caption="The best value so far. Random rates: the median of the best of as many.")  # fmt: skip


def _arms(best: Mapping[str, Sequence[float]]) -> dict[str, Arm]:
    """All arms: plain, with rates of one half, with the rates that were found."""
    half = [0.5, 0.5]
    return {
        "ERM": Arm(), "dropout 0.5": searches.dropout(half), DROPOUT: searches.dropout(best[DROPOUT]),
        "multinomial 0.5": searches.multinomial(half), BAYESMULTI: searches.multinomial(best[BAYESMULTI]),
        "released objective": searches.multinomial(best["released objective"]),
        "log-normal weights, searched": searches.log_normal(best["log-normal weights, searched"]),
        "Gaussian weights, searched": searches.gaussian(best["Gaussian weights, searched"]),
        "ERM with BatchNorm": Arm(norm=True), "ERM, wide start": Arm(he=True),
        "BayesMulti, wide start": searches.multinomial(best[BAYESMULTI])._replace(he=True),
    }  # fmt: skip


def _curves(
    context: Context[MnistSettings], bench: searches.Bench, test: Labelled, arms: Mapping[str, Arm]
) -> dict[str, list[Curve]]:
    """Mean test accuracy at each sigma: by arm, one curve for each seed."""
    todo = [(name, seed) for name in arms for seed in context.seeds]
    curves: dict[str, list[Curve]] = {name: [] for name in arms}
    for name, seed in context.progress.track(todo, "arms and seeds", total=len(todo)):
        found = context.findings.arm(arm_name(f"seed-{seed}", name),
                                     lambda a=arms[name], s=seed: _curve(context, bench, a, test, s))  # fmt: skip
        curves[name].append(found)
    return curves


def _curve(context: Context[MnistSettings], bench: searches.Bench, arm: Arm, test: Labelled, seed: int) -> Curve:
    model = train(bench.training, arm, bench.epochs, seed)
    curve: Curve = []
    for sigma in context.settings.sigmas:
        draws = context.settings.draws if sigma else 1
        chance = Streams(seed).child("bayesmulti").generator("drift")  # paired: the same for all arms
        found = accuracy_under(model, *test, LogNormalDrift(deviation=sigma), draws=draws, generator=chance)
        curve.append(sum(found) / draws)
    return curve


def _compare(context: Context[MnistSettings], curves: Mapping[str, list[Curve]]) -> None:
    """The arms against each other, seed by seed."""
    findings, sigmas = context.findings, context.settings.sigmas
    at = {name: [curve[sigmas.index(STAR)] for curve in of] for name, of in curves.items()}
    clean = {name: [curve[0] for curve in of] for name, of in curves.items()}
    for name in WHOLE:
        findings.figure(Figure.over(f"{name}: accuracy without drift", clean[name], "%", "seeds"))
        findings.figure(Figure.over(f"{name}: accuracy at sigma = {STAR}", at[name], "%", "seeds"))
    findings.figure(Figure.over(named.GAIN, _less(at[BAYESMULTI], at["ERM"]), "points", "seeds"))
    wide = _less(at["BayesMulti, wide start"], at["ERM, wide start"])
    findings.figure(Figure.over(named.WIDE, wide, "points", "seeds"))
    findings.figure(Figure.over(named.CLEAN, _less(clean["ERM"], clean[BAYESMULTI]), "points", "seeds"))
    apart = t_interval(at[BAYESMULTI]).low - t_interval(at["ERM"]).high
    findings.figure(Figure.of(named.APART, apart, "points"))
    step = [b - a for a, b in pairwise(sigmas)]
    area = {name: [sum(s * (u + v) / 2 for s, (u, v) in zip(step, pairwise(curve), strict=True)) for curve in of]
            for name, of in curves.items()}  # fmt: skip
    least = min(_less(area[BAYESMULTI], area["ERM"])) / sigmas[-1]
    findings.figure(Figure.of(named.AREA, least, "points"))
    findings.figure(Figure.over(named.NORM, _less(at["ERM with BatchNorm"], at["ERM"]), "points", "seeds"))
    findings.figure(Figure.over(named.FIXED, _less(at["multinomial 0.5"], at["dropout 0.5"]), "points", "seeds"))
    findings.figure(Figure.over(named.PAIRED, _less(at[BAYESMULTI], at[DROPOUT]), "points", "seeds"))
    findings.figure(Figure.of(named.PAIRED_P, float(ttest_rel(at[BAYESMULTI], at[DROPOUT]).pvalue)))  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType, reportAttributeAccessIssue]
    _ratio(context, curves)
    lines = [{"label": name, "values": [_mean(point) for point in zip(*of, strict=True)],
              "low": [min(point) for point in zip(*of, strict=True)],
              "high": [max(point) for point in zip(*of, strict=True)]}
             for name, of in curves.items() if name in ("ERM", DROPOUT, BAYESMULTI, "log-normal weights, searched",
                                                        "ERM with BatchNorm")]  # fmt: skip
    findings.plot("noise_curves", name="drift", noise=sigmas, lines=lines, noise_axis="sigma of the log-normal drift",
                  axis="test accuracy, %", caption=f"Mean, least and most of {len(context.seeds)} training seeds, each "
                  f"the mean of {context.settings.draws} drifts of every parameter.")  # fmt: skip
    findings.plot("ablation_bars", name="arms", labels=list(at), values=[_mean(v) for v in at.values()],
                  low=[min(v) for v in at.values()], high=[max(v) for v in at.values()],
                  caption=f"Test accuracy at sigma = {STAR}: mean, least and most of {len(context.seeds)} seeds; "
                  "the same network, optimiser, rate and epochs for all.")  # fmt: skip


def _ratio(context: Context[MnistSettings], curves: Mapping[str, list[Curve]]) -> None:
    """Ratios beside both accuracies that they are made of."""
    means = {name: [_mean(p) for p in zip(*curves[name], strict=True)] for name in (BAYESMULTI, "ERM", DROPOUT)}
    rows = [(sigma, *(round(means[name][i], 2) for name in means), round(means[BAYESMULTI][i] / means["ERM"][i], 3))
            for i, sigma in enumerate(context.settings.sigmas)]  # fmt: skip
    columns = ("sigma", *(f"{name}, %" for name in means), "BayesMulti / ERM")
    context.findings.table("Accuracies and their ratio", columns, rows, "Means over seeds, test images.")
    context.findings.figure(Figure.of(named.RATIO, max(row[-1] for row in rows), "times"))
    for claim, objection in named.OBJECTIONS.items():
        context.findings.not_comparable(claim, objection)


def _checks(
    context: Context[MnistSettings], bench: searches.Bench, test: Labelled, curves: Mapping[str, list[Curve]]
) -> None:
    """The controls that need trainings of their own."""
    findings, masks = context.findings, searches.multinomial([0.5, 0.5])
    empty = Multinomial(p_zero=0, p_half=0)

    def controls() -> dict[str, float]:
        plain = train(bench.training, Arm(), bench.epochs, bench.seed)
        same = train(bench.training, Arm((empty, empty, None)), bench.epochs, bench.seed)
        chance = Streams(bench.seed).child("bayesmulti").generator("drift")
        law = LogNormalDrift(deviation=STAR)
        noisy = noisy_at_test(plain, masks, test, law, context.settings.draws, chance)
        wrong = [train(bench.training, arm._replace(shuffled=True), bench.epochs, bench.seed)
                 for arm in (Arm(), masks, searches.dropout([0.5, 0.5]))]  # fmt: skip
        law = LogNormalDrift(deviation=0.0)
        worst = max(accuracy_under(model, *test, law, draws=1, generator=chance)[0] for model in wrong)
        difference = float((parameters(plain) - parameters(same)).abs().max())
        return {"noisy": sum(noisy) / len(noisy), "shuffled": worst, "empty": difference}

    with context.progress.task("controls", total=None):
        found = findings.arm("controls", controls)
    erm = curves["ERM"][0][context.settings.sigmas.index(STAR)]
    findings.figure(Figure.of(named.AT_TEST, found["noisy"] - erm, "points"))
    findings.figure(Figure.of(named.EMPTY, found["empty"]))
    findings.figure(Figure.of(named.SHUFFLED, found["shuffled"], "%"))


def _certificate(context: Context[MnistSettings]) -> None:
    """How little the theorem says about this network."""
    count, rows = 784 * 128 + 128 + 128 * 64 + 64 + 64 * 10 + 10, []
    for zero, half in ((0.5, 0.3), (0.5, 0.25), (0.9, 0.05)):
        mask = Multinomial(p_zero=zero, p_half=half)
        general = certified_radius(0.99, mask, count)
        rows.append((zero, half, "nothing" if general is None else general, certified_changes(0.99, mask, count)))
    columns = ("P(0)", "P(1/2)", "others kept or halved", "others kept exactly")
    context.findings.table(f"Parameters of {count:,} that the theorem certifies, f = 0.99", columns, rows,
                           "A bound on how many weights may change. Drift changes all of them: the theorem does not "
                           "explain what is measured here.")  # fmt: skip


def _statements(context: Context[MnistSettings]) -> None:
    how = "The search takes the noisy expected improvement; the released one an upper confidence bound."
    if not bayesian_available():
        how = "BoTorch is not installed (pip install 'ohmloom[bo]'): all rates were drawn by chance instead."
    for text, source in (
        ("All rates were searched with the first seed on validation images; test images judge.", "ours"),
        (how, "ours"),
        ("Noise stands after each layer but the last; masks have the released one-parameter form.", RELEASED),
        ("Every parameter drifts, biases and norms too; draws are the same for all arms of a seed.", RELEASED),
        ("Weights start as PyTorch draws them, or wide (He et al.): the pilot behind the acceptance figure of 20 "
         "points does not say how. Wide, ERM bears less drift, and masks gain more over it.", "inferred"),
        ("Energy is of the plain network on the generic 40 nm chip: none of the 10 x 10 array is known.", "assumed"),
    ):  # fmt: skip
        context.findings.assumption(text, source)
    context.findings.reference("Drift objective, sigma grid", "github.com/JingbiaoMei/BayesFTNA")


def _less(more: Sequence[float], less: Sequence[float]) -> list[float]:
    return [a - b for a, b in zip(more, less, strict=True)]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _argmax(values: Sequence[float]) -> int:
    return max(range(len(values)), key=values.__getitem__)
