"""System `esgnn-mutag`: mutagenic molecules, classified by random resistors and a linear read-out."""

from __future__ import annotations

from statistics import stdev

import torch

from ohmloom.data import Graphs, load
from ohmloom.experiments import Context, Figure, System, Tier
from ohmloom.systems.esgnn import arms, names
from ohmloom.systems.esgnn.claims import MUTAG_CLAIMS, MUTAG_CONTROLS
from ohmloom.systems.esgnn.forming import device_figures
from ohmloom.systems.esgnn.publication import HIDDEN, PAPER
from ohmloom.systems.esgnn.reservoir import MEASURED, relative
from ohmloom.systems.esgnn.settings import MutagSettings
from ohmloom.systems.esgnn.statements import statements
from ohmloom.systems.esgnn.tasks import splits, task_of

SCALE_REC, ITERATIONS = 0.01, 4  # published: weight of 1 µS in W_R; iterations
NO_PRODUCTS = "the measured products are not among the data files, only the cells are"
SHOWN = ("nodes and edges", "atom labels and edges")  # trivial answers in every plot


class EsgnnMutag(System[MutagSettings]):
    """188 molecules: random arrays, the measured arrays, and what needs no reservoir."""

    name = "esgnn-mutag"
    title = "Echo-state graph network on random resistors: MUTAG"
    summary = "Graphs of molecules in a reservoir of broken-down cells, 4-bit inputs, ridge read-out; trivial controls."
    paper = PAPER
    claims = MUTAG_CLAIMS
    controls = MUTAG_CONTROLS
    tiers = {  # noqa: RUF012
        "smoke": Tier(summary="All molecules (embedded), few draws.", budget=60, settings=MutagSettings(
            subset="embedded", draws=4, curve_draws=4, iterations=(0, 1, 2, 4, 5, 10), hidden=(8, 50), splits=3,
            levels=(0.01, 1e-3, 1e-4, 1e-5))),
        "standard": Tier(summary="50 draws of the arrays.", budget=1200, settings=MutagSettings()),
        "full": Tier(summary="100 draws, as published.", budget=900, settings=MutagSettings(
            draws=100, curve_draws=30, splits=30)),
    }  # fmt: skip

    def run(self, context: Context[MutagSettings]) -> None:
        """Measured arrays on the authors' folds, random arrays, fresh folds, controls, curves, energy."""
        torch.set_num_threads(1)
        settings = context.settings
        arrays = load("esgnn", subset=settings.subset)
        graphs = arrays.graphs
        context.findings.data("esgnn", arrays.origin, graphs.describe_folds("authors"))
        run = arms.Runner(context, task_of(graphs, graphs.folds["authors"], SCALE_REC, "mutag"))
        device_figures(context, arrays)
        answers = arms.trivial_answers(run)
        _measured(run, settings.draws)
        noise = relative(0.02)
        drawn = run.figure(names.RANDOM, lambda: run.drawn("random", settings.draws, noise_in=noise, noise_rec=noise))
        context.findings.figure(Figure.of(names.SPREAD, stdev(drawn), "points"))
        context.findings.figure(Figure.absent(names.PRODUCTS, "", NO_PRODUCTS))
        context.findings.not_comparable("products of the published example graph", NO_PRODUCTS)
        _fresh(run, graphs, settings.splits)
        arms.controls(run, settings.curve_draws)
        shown = {name: answers[name] for name in SHOWN}
        arms.iteration_curve(run, settings.iterations, settings.curve_draws, shown)
        arms.hidden_curve(run, settings.hidden, settings.curve_draws, shown, HIDDEN["mutag"])
        arms.noise_panels(run, settings.levels, settings.curve_draws, shown)
        arms.energy(run, iterations=ITERATIONS, outputs=1)
        statements(context)


def _measured(run: arms.Runner, draws: int) -> None:
    """The published arrays: ideal converters, float inputs, and the chip's converters with its read noise."""
    task, noise = run.task, relative(0.008)

    run.figure(names.MEASURED_QUIET, lambda: task.of(run.encoder("measured", cells=MEASURED, dies=1, converter=False)))
    run.figure(names.MEASURED_FLOAT, lambda: task.of(arms.floats(run)))
    run.figure(names.MEASURED_CHIP, lambda: run.drawn(
        "measured", draws, cells=MEASURED, noise_in=noise, noise_rec=noise))  # fmt: skip


def _fresh(run: arms.Runner, graphs: Graphs, count: int) -> None:
    """Fresh stratified folds, a draw of the arrays for each set; the gain over counting nodes and edges."""
    task, noise = run.task, relative(0.02)
    sets = [splits(graphs.stratified_folds(10, seed=run.context.seed + number)) for number in range(count)]

    def ours() -> list[float]:
        drawn = run.encoder("fresh", dies=count, noise_in=noise, noise_rec=noise).encode(task.graphs, task.features)
        return [task.accuracy(one.unsqueeze(0), folds)[0] for one, folds in zip(drawn, sets, strict=True)]

    found = run.figure(names.FRESH, ours, over="seeds")
    counted = task.trivial()["nodes and edges"]
    plain = run.figure(names.FRESH_TRIVIAL, lambda: [task.accuracy(counted, folds)[0] for folds in sets], over="seeds")
    gains = [a - b for a, b in zip(found, plain, strict=True)]
    run.context.findings.figure(Figure.over(names.FRESH_GAIN, gains, "points", "seeds"))
