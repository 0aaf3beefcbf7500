"""System `bayesmulti-fabrication`: Bayesian search over how a memristor is made, on two surfaces that stand for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median

import numpy as np
import torch
from scipy.stats import qmc  # pyright: ignore[reportMissingTypeStubs]

from ohmloom.data import MeasuredMemristors, load
from ohmloom.experiments import Context, Figure, Interval, System, Tier, median_interval, t_interval
from ohmloom.experiments.search import bayesian_available
from ohmloom.random import Streams
from ohmloom.systems.bayesmulti import fabrication_claims as named
from ohmloom.systems.bayesmulti.fabrication_pictures import draw_courses, draw_slices
from ohmloom.systems.bayesmulti.fabrication_search import REACHED, Loop, grid, loop_of, reached_after, search
from ohmloom.systems.bayesmulti.fabrication_table import judge_table
from ohmloom.systems.bayesmulti.publication import PAPER
from ohmloom.systems.bayesmulti.recipes import MATERIALS, rated_recipes
from ohmloom.systems.bayesmulti.settings import FabricationSettings
from ohmloom.systems.bayesmulti.surfaces import Peaks, Surface, Surrogate

BAYES, CHANCE, MOVED = "Bayesian search", "random search", "Bayesian search, materials moved"
Loops = dict[str, list[Loop]]


class BayesMultiFabrication(System[FabricationSettings]):
    """Which recipe next: Bayesian search against chance and a grid, where the best recipe is known."""

    name = "bayesmulti-fabrication"
    title = "BayesMulti: which device to make next"
    summary = "Five variables of a perovskite memristor by Bayesian search, on a surrogate of 37 devices and on a law."
    paper = PAPER
    claims = named.CLAIMS
    controls = named.CONTROLS
    tiers = {  # noqa: RUF012
        "smoke": Tier(summary="Three searches of 11 devices each.", budget=60, settings=FabricationSettings(
            searches=3, fewer=3, evaluations=11, shuffles=1)),
        "standard": Tier(summary="20 searches of 40 devices each.", budget=1200, settings=FabricationSettings()),
        "full": Tier(summary="50 searches of 40 devices each.", budget=7200, settings=FabricationSettings(
            searches=50, fewer=50, shuffles=20)),
    }  # fmt: skip

    def run(self, context: Context[FabricationSettings]) -> None:
        """Judge the table as a model, search on both surfaces, compare."""
        torch.set_num_threads(1)
        findings, devices = context.findings, load("perovskite")
        findings.data("perovskite", devices.origin, "37 devices with a usability, log of the published search")
        made = rated_recipes(devices)
        judge_table(context, made)
        law, model = Peaks(context.settings.noise), Surrogate(made)
        _judge_law(context, law)
        _judge_synthetic(context, law, _loops(context, "law", law, (BAYES, CHANCE, MOVED), context.settings.searches))
        _judge_surrogate(
            context, model, devices, _loops(context, "surrogate", model, (BAYES, CHANCE), context.settings.fewer)
        )
        draw_slices(findings, "slices-law", law, "The synthetic surface through its optimum")
        draw_slices(findings, "slices-surrogate", model, "The surrogate through its best recipe")
        _statements(context)


def _loops(
    context: Context[FabricationSettings], name: str, surface: Surface, kinds: Sequence[str], searches: int
) -> Loops:
    """All searches on one surface, each an arm of its own."""
    settings = context.settings
    counts = {kind: settings.fewer if kind == MOVED else searches for kind in kinds}
    todo = [(kind, i) for kind in kinds for i in range(counts[kind])]
    found: Loops = {kind: [] for kind in kinds}
    for kind, i in context.progress.track(todo, f"searches, {name}", total=len(todo)):
        seed = Streams(context.seed).child("fabrication").key("search", i)
        kept = context.findings.arm(f"{name}/{kinds.index(kind)}-{i}", lambda k=kind, s=seed: search(
            surface, "random" if k == CHANCE else "bayesian", s, evaluations=settings.evaluations,
            initial=settings.initial, materials=_moved(s) if k == MOVED else MATERIALS))  # fmt: skip
        found[kind].append(loop_of(kept))
    return found


def _moved(seed: int) -> tuple[str, ...]:
    """The materials in an order in which not one is where it was."""
    chance = np.random.default_rng(seed)
    while True:
        order = chance.permutation(len(MATERIALS))
        if not (order == np.arange(len(MATERIALS))).any():
            return tuple(MATERIALS[i] for i in order)


def _judge_law(context: Context[FabricationSettings], law: Peaks) -> None:
    """Is the optimum that is said to be known the largest value?"""
    places = qmc.Sobol(4, scramble=False).random(2**14)
    highest = max(float(law.usability(places, np.full(len(places), float(i))).max()) for i in range(len(MATERIALS)))
    context.findings.figure(Figure.of(named.ABOVE, highest - law.optimum.usability))


def _judge_synthetic(context: Context[FabricationSettings], law: Peaks, loops: Loops) -> None:
    findings, best = context.findings, law.optimum.usability
    shares = _shares(loops, best)
    findings.figure(_after(named.BAYES_AFTER, loops[BAYES], best))
    findings.figure(_after(named.CHANCE_AFTER, loops[CHANCE], best))
    findings.figure(_median(named.BAYES_SHARE, shares[BAYES], "%"))
    findings.figure(_median(named.CHANCE_SHARE, shares[CHANCE], "%"))
    findings.figure(Figure.of(named.GRID_SHARE, _grid_share(context, law), "%"))
    change = [a - b for a, b in zip(shares[MOVED], shares[BAYES], strict=False)]
    findings.figure(Figure.of(named.ORDER, abs(float(np.mean(change))), "points", interval=_folded(change)))
    _table(context, "Synthetic surface", loops, best)
    draw_courses(findings, "search-law", {name: [loop.course for loop in of] for name, of in loops.items()}, best,
                 "Noise-free usability of the recipe with the best measurement so far, synthetic surface: median and "
                 "quartiles of the searches.")  # fmt: skip


def _judge_surrogate(
    context: Context[FabricationSettings], model: Surrogate, devices: MeasuredMemristors, loops: Loops
) -> None:
    findings, best = context.findings, model.optimum.usability
    findings.figure(_after(named.MODEL_BAYES_AFTER, loops[BAYES], best))
    findings.figure(_after(named.MODEL_CHANCE_AFTER, loops[CHANCE], best))
    findings.figure(_median(named.FOUND, [loop.course[-1] for loop in loops[BAYES]]))
    findings.figure(Figure.of(named.MODEL_GRID_SHARE, _grid_share(context, model), "%"))
    _table(context, "Surrogate of the table", loops, best)
    targets = [trial.target for trial in devices.trials]
    findings.figure(Figure.of(named.LOGGED_BEST, max(targets)))
    findings.figure(Figure.of(named.LOGGED_AT, 1 + targets.index(max(targets)), "evaluations"))
    findings.figure(Figure.of(named.LOGGED_VALUES, len(set(targets))))
    findings.not_comparable(named.CLAIMS[0].name, named.MODEL_NOT_DEVICES)
    running = [max(targets[: i + 1]) for i in range(len(targets))][: context.settings.evaluations]
    draw_courses(findings, "search-surrogate", {name: [loop.course for loop in of] for name, of in loops.items()},
                 best, "Usability of the best recipe so far, as the surrogate has it: median and quartiles of the "
                 f"searches. Published: {named.MODEL_NOT_DEVICES}.", published=running)  # fmt: skip


def _shares(loops: Mapping[str, Sequence[Loop]], best: float) -> dict[str, list[float]]:
    """What each search ends with, per cent of the optimum."""
    return {name: [100 * loop.course[-1] / best for loop in of] for name, of in loops.items()}


def _after(name: str, loops: Sequence[Loop], best: float) -> Figure:
    """The median number of evaluations; none where the median search did not reach the optimum."""
    after, budget = [float(reached_after(loop.course, best)) for loop in loops], len(loops[0].course)
    if median(after) > budget:
        return Figure.absent(name, "evaluations", f"the median search did not reach it within {budget}")
    return _median(name, after, "evaluations")


def _median(name: str, values: Sequence[float], unit: str = "") -> Figure:
    """The median over searches."""
    return Figure(name=name, value=median(values), unit=unit, values=tuple(values), spread_over="seeds",
                  interval=median_interval(values))  # fmt: skip


def _grid_share(context: Context[FabricationSettings], surface: Surface) -> float:
    loop = grid(surface, context.seed, context.settings.evaluations)
    return 100 * loop.course[-1] / surface.optimum.usability


def _folded(changes: Sequence[float]) -> Interval:
    """The interval of a mean's size: that of the mean, folded at zero."""
    interval = t_interval(changes)
    ends = sorted((abs(interval.low), abs(interval.high)))
    return interval.replace(low=0.0 if interval.low <= 0 <= interval.high else ends[0], high=ends[1])


def _table(context: Context[FabricationSettings], name: str, loops: Loops, best: float) -> None:
    rows = []
    for kind, of in loops.items():
        after = [reached_after(loop.course, best) for loop in of]
        inside = sum(count <= len(loop.course) for count, loop in zip(after, of, strict=True))
        shares = _shares({kind: of}, best)[kind]
        rows.append((kind, f"{inside} of {len(of)}", median(after), round(median(shares), 2), round(min(shares), 2)))
    budget = context.settings.evaluations
    columns = ("search", f"reached {100 * REACHED:g} %", "evaluations, median", "end, %", "worst end, %")
    context.findings.table(name, columns, rows, f"{budget} devices in each search; {budget + 1}: not reached. Ends in "
                           f"per cent of the optimum, {best:.4f}; medians of the searches.")  # fmt: skip


def _statements(context: Context[FabricationSettings]) -> None:
    how = "Search: noisy expected improvement of a Gaussian process, as in every search of ohmloom."
    if not bayesian_available():
        how = "BoTorch is not installed (pip install 'ohmloom[bo]'): all recipes were drawn by chance instead."
    for text, source in (
        ("No device was made: both surfaces stand for the laboratory.", "ours"),
        ("The synthetic surface, one bell for each material, is a law of ours with a known optimum.", "assumed"),
        (f"Its measurements deviate by {context.settings.noise:g} of usability.", "assumed"),
        ("The surrogate is a forest fitted to the 37 devices with a usability, none of CsPbI3; it is asked "
         "without noise, as the published search asked its model.", "ours"),
        (how, "ours"),
        ("A search sees the material as a number, by its place among four.", "ours"),
    ):  # fmt: skip
        context.findings.assumption(text, source)
    context.findings.reference("Table of 43 devices, log of the published search", named.LOG)
