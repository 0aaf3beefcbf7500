"""System `esgnn-collab`: scientific collaborations, classified by random resistors and a linear read-out."""

from __future__ import annotations

import numpy as np
import torch

from ohmloom.data import Fold, Graphs, load
from ohmloom.experiments import Context, Figure, System, Tier
from ohmloom.systems.esgnn import arms, names
from ohmloom.systems.esgnn.claims import COLLAB_CLAIMS, COLLAB_CONTROLS
from ohmloom.systems.esgnn.publication import HIDDEN, PAPER
from ohmloom.systems.esgnn.reservoir import relative
from ohmloom.systems.esgnn.settings import CollabSettings
from ohmloom.systems.esgnn.stand_in import ego_networks
from ohmloom.systems.esgnn.statements import statements
from ohmloom.systems.esgnn.tasks import Task, task_of

SCALE_REC, ITERATIONS, CLASSES = 0.006, 4, 3
SHOWN = ("nodes and edges", "nodes, edges and density")  # trivial answers in every plot


class EsgnnCollab(System[CollabSettings]):
    """The authors' 200 graphs, and many distinct ones."""

    name = "esgnn-collab"
    title = "Echo-state graph network on random resistors: COLLAB"
    summary = "Collaboration networks without node labels in a reservoir of broken-down cells."
    paper = PAPER
    claims = COLLAB_CLAIMS
    controls = COLLAB_CONTROLS
    tiers = {  # noqa: RUF012
        "smoke": Tier(summary="Generated ego networks.", budget=60, settings=CollabSettings(
            real=False, graphs=150, distinct=200, draws=2, distinct_draws=2, curve_draws=2, iterations=(0, 1, 2, 4),
            hidden=(8, 50), levels=(0.1, 1e-3))),
        "standard": Tier(summary="200 and 1,500 graphs.", budget=1200, settings=CollabSettings()),
        "full": Tier(summary="200 graphs with 50 draws of the arrays, 3,000 distinct ones with 5; 5,000 distinct by "
                     "`distinct` in run.toml, where memory allows.", budget=1200, settings=CollabSettings(
            distinct=3_000, draws=50, distinct_draws=5, curve_draws=8)),
    }  # fmt: skip

    def run(self, context: Context[CollabSettings]) -> None:
        """The published draw, then distinct graphs; controls, curves, energy."""
        torch.set_num_threads(1)
        settings, seed = context.settings, context.seed
        graphs = load("collab") if settings.real else ego_networks(2 * settings.distinct, seed)
        drawn = np.random.RandomState(1).randint(0, len(graphs), settings.graphs)  # as the authors draw: seed 1
        note = (
            f"{settings.graphs} drawn with replacement ({len(np.unique(drawn))} distinct); {settings.distinct} distinct"
        )
        context.findings.data("collab", graphs.origin, note)
        run = arms.Runner(context, task_of(graphs.subset(drawn), contiguous(settings.graphs), SCALE_REC, "collab"))
        answers = arms.trivial_answers(run)
        _published(run, settings.draws)
        _distinct(context, distinct(graphs, settings.distinct, seed), settings.distinct_draws)
        del graphs  # half a gigabyte of edges
        arms.controls(run, settings.curve_draws)
        shown = {name: answers[name] for name in SHOWN}
        arms.iteration_curve(run, settings.iterations, settings.curve_draws, shown)
        arms.hidden_curve(run, settings.hidden, settings.curve_draws, shown, HIDDEN["collab"])
        arms.noise_panels(run, settings.levels, settings.curve_draws, shown)
        arms.energy(run, iterations=ITERATIONS, outputs=CLASSES)
        statements(context)


def contiguous(count: int, folds: int = 10) -> list[Fold]:
    """The authors' folds: test sets one after the other."""
    return [Fold(np.setdiff1d(np.arange(count), test), test) for test in np.array_split(np.arange(count), folds)]


def distinct(graphs: Graphs, count: int, seed: int) -> Task:
    """``count`` different graphs with ten stratified, shuffled folds."""
    chosen = np.random.default_rng(seed).permutation(len(graphs))[:count]
    held = graphs.subset(chosen)
    return task_of(held, held.stratified_folds(10, seed=seed), SCALE_REC, "collab")


def _published(run: arms.Runner, draws: int) -> None:
    """The recurrent array as measured with float inputs, and random arrays on the chip."""
    noise = relative(0.02)
    run.figure(names.MEASURED_FLOAT, lambda: run.task.of(arms.floats(run)))
    run.figure(names.RANDOM, lambda: run.drawn("random", draws, noise_in=noise, noise_rec=noise))


def _distinct(context: Context[CollabSettings], task: Task, draws: int) -> None:
    """Many graphs, one draw of the arrays after the other; the gain over counting."""
    run, noise, findings = arms.Runner(context, task), relative(0.02), context.findings

    def embedded(draw: int, task: Task = task) -> torch.Tensor:
        made = run.encoder(f"distinct {draw}", dies=1, noise_in=noise, noise_rec=noise)
        return made.encode(task.graphs, task.features)

    def accuracies() -> list[list[float]]:
        found = []
        for draw in context.progress.track(range(draws), "distinct graphs", total=draws):
            embedding = embedded(draw)
            generator = context.streams.child("esgnn", "distinct").generator("labels", draw)
            shuffled = task.shuffled(generator).accuracy(embedding)[0]
            found.append([task.accuracy(embedding)[0], shuffled, *task.hits(embedding[0])])
        return found

    ours, shuffled, hits, trials = zip(*run.values("distinct", accuracies), strict=True)
    findings.figure(Figure.over(names.DISTINCT, ours, "%", "dies"))
    findings.figure(Figure.over(names.DISTINCT_SHUFFLED, shuffled, "%", "dies"))
    findings.figure(Figure.share(names.DISTINCT_SHARE, int(hits[0]), int(trials[0])))
    counted = {name: task.accuracy(embedding)[0] for name, embedding in task.trivial().items()}
    for name, value in counted.items():
        findings.figure(Figure.of(f"distinct graphs: {name}", value, "%"))
    best = max(counted.values())
    findings.figure(Figure.over(names.DISTINCT_GAIN, [value - best for value in ours], "points", "dies"))
    findings.figure(Figure.of("distinct graphs: largest class", task.majority, "%"))
