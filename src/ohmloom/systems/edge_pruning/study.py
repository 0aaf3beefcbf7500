"""The study that the edge-pruning systems share: train, then noise, programming errors, cells, other dies, cost."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import torch
from torch import nn

from ohmloom.codesign.edge_pruning import flips_per_edge
from ohmloom.experiments import Context, Figure, trainings
from ohmloom.systems.edge_pruning import claims as named
from ohmloom.systems.edge_pruning import evaluation
from ohmloom.systems.edge_pruning.costs import price
from ohmloom.systems.edge_pruning.pictures import plot_errors, plot_masks, plot_pulses, plot_reads
from ohmloom.systems.edge_pruning.programming import pulses_of_edges, pulses_of_weights
from ohmloom.systems.edge_pruning.programming_errors import gain, programmed_weights
from ohmloom.systems.edge_pruning.publication import SCRIPTS
from ohmloom.systems.edge_pruning.settings import EdgeSettings, Kind, Wanted, wanted
from ohmloom.systems.edge_pruning.tasks import TASKS, Parts, Task, first
from ohmloom.systems.edge_pruning.training import accuracy, restored, settle_norms, train_to, untrained

PARTS = ("flips per edge in training", "validation accuracy, %", "test accuracy, %")


class Study:
    """One run: its networks, read from the run's folder when they are asked for, and its samples."""

    def __init__(self, context: Context[EdgeSettings], task: Task) -> None:
        self.context, self.task, self.settings = context, task, context.settings
        self.findings, self.folder = context.findings, context.findings.folder / "networks"
        self.parts: Parts = task.parts(context.settings)
        self.test = first(self.parts.test, self.settings.test_samples)
        self.few = first(self.parts.test, self.settings.few_samples)
        self.judge = partial(accuracy, data=self.few)
        self.settle = partial(settle_norms, data=self.parts.training, batch=250, batches=20)

    def network(
        self, kind: Kind = "edges", seed: int | None = None, error: float = 0.0, factor: float = 1.0
    ) -> nn.Module:
        """A trained network; by default that of the first seed."""
        one = Wanted(self.context.seed if seed is None else seed, kind, error, factor=factor)
        return restored(one, self.task, self.settings.recipe, self.folder)

    def arm(self, name: str, compute: Callable[[], list[float]]) -> list[float]:
        """Values that are computed once per run folder."""
        words = "/".join("-".join(re.findall(r"[a-z0-9.]+", part.lower())) for part in name.split("/"))
        return self.findings.arm(words, compute)

    def figure(self, name: str, values: Sequence[float], unit: str = "%", over: str = "seeds") -> float:
        """Record the mean of ``values``; and return it."""
        self.findings.figure(Figure.over(name, values, unit, over))  # type: ignore[arg-type]
        return sum(values) / len(values)


def study(context: Context[EdgeSettings], task_name: str) -> Study:
    """Run all of it on one task."""
    torch.set_num_threads(1)  # networks are trained side by side instead
    study = Study(context, TASKS[task_name])
    settings = context.settings
    samples = f"{len(study.parts.training.labels):,} training samples, {len(study.test.labels):,} test samples"
    study.findings.data(study.task.data, study.parts.origin, samples)
    _train(context, study.folder, task_name)
    found = _accuracies(study)
    factor = _limiter(study, found[named.EDGES])
    held = _cells(study)
    _programming_errors(study, held)
    _reads(study)
    _controls(study)
    _pulses(study, factor)
    price(study.findings, study.network(), study.few.images[:50])
    plot_masks(study.findings, study.network(), settings.recipe.kept)
    _statements(context)
    return study


def _train(context: Context[EdgeSettings], folder: Path, task_name: str) -> None:
    """All networks, two at a time; finished ones are taken from the run's folder."""
    again = [Wanted(seed, "retrained") for seed in context.seeds]  # start from the learned edges
    for stage in (wanted(context.settings, context.seeds), again):
        jobs = {one: (train_to, (one, task_name, context.settings)) for one in stage}
        with trainings(folder, jobs, context.progress) as under_way:
            under_way.wait()


def _accuracies(study: Study) -> dict[str, list[float]]:
    """Test accuracies of the main arms in software, one per seed; signs from the cells with the first seed alone."""
    seeds = study.context.seeds
    kinds: dict[str, tuple[Kind, Sequence[int]]] = {
        named.EDGES: ("edges", seeds), named.WEIGHTS: ("weights", seeds), named.FORMED: ("formed", seeds[:1]),
        named.RETRAINED: ("retrained", seeds),
    }  # fmt: skip
    found: dict[str, list[float]] = {}
    for name, (kind, of) in study.context.progress.track(kinds.items(), "accuracy", total=len(kinds)):
        found[name] = study.arm(
            f"accuracy/{kind}", lambda k=kind, s=of: [accuracy(study.network(k, seed), study.test) for seed in s]
        )
        study.figure(name, found[name])
    held = study.arm(
        "accuracy/validation", lambda: [accuracy(study.network(seed=s), study.parts.validation) for s in seeds]
    )
    study.figure(named.VALIDATED, held)
    study.figure(named.GAP, _less(found[named.WEIGHTS], found[named.EDGES]), "points")
    return found


def _limiter(study: Study, plain: list[float]) -> float:
    """The table of the limiter of reprogramming, first seed; the factor of limits that validation samples choose."""
    high, low = study.settings.recipe.limits
    found = {"none": study.arm("limits/none", lambda: _held(study, "edges", 1.0))}
    for factor in study.settings.limit_factors:
        name = f"{factor * high:g}, lowered towards {factor * low:g}"
        found[name] = study.arm(f"limits/{factor:g}-times", lambda f=factor: _held(study, "held", f))
    study.findings.table(
        "The limiter of reprogramming", ("limit", *PARTS),
        [(name, *(round(value, 3) for value in row)) for name, row in found.items()],
        "The limit is lowered at each new best accuracy on validation samples.",
    )  # fmt: skip
    limited = [name for name in found if name != "none"]
    half = [name for name in limited if found[name][0] <= found["none"][0] / 2]
    best = max(half, key=lambda name: found[name][1]) if half else min(limited, key=lambda name: found[name][0])
    flips, _, tested = found[best]
    study.figure(named.HELD_SHARE, [flips / found["none"][0]], "")
    study.figure(named.HELD, [tested])
    study.figure(named.HELD_COST, [plain[0] - tested], "points")
    return study.settings.limit_factors[limited.index(best)]


def _held(study: Study, kind: Kind, factor: float) -> list[float]:
    """Flips per edge and both accuracies of the first seed."""
    network = study.network(kind, factor=factor)
    return [flips_per_edge(network), accuracy(network, study.parts.validation), accuracy(network, study.test)]


def _cells(study: Study) -> list[float]:
    """The learned edges switched on their cells, one accuracy per seed; the first seed's on those of other dies."""
    settings, seeds = study.settings, study.context.seeds
    judge = partial(accuracy, data=study.test)
    with study.context.progress.task("on cells", total=len(seeds) + len(named.MOVED)) as advance:
        held: list[float] = []
        for seed in seeds:
            held += study.arm(
                f"cells/own/seed-{seed}", lambda s=seed: [evaluation.on_cells(study.network(seed=s), judge)]
            )
            advance()
        study.figure(named.CELLS, held)
        (software,) = study.arm("cells/software", lambda: [study.judge(study.network())])
        dies = range(1, settings.dies + 1)
        for name, (signs, settle) in named.MOVED.items():
            values = study.arm(
                f"cells/{name}",
                lambda a=signs, b=settle: evaluation.moved(
                    study.network(), study.judge, dies, a, study.settle if b else None
                ),
            )
            study.figure(name, values, over="dies")
            if name in named.LOSSES:
                study.figure(named.LOSSES[name], [software - value for value in values], "points", "dies")
            advance()
    return held


def _programming_errors(study: Study, held: Sequence[float]) -> None:
    """Weights written with an error, plainly trained and trained with it, beside edges, which have none to write."""
    context, seeds = study.context, study.context.seeds
    found = programmed_weights(
        context, lambda seed, trained: study.network("weights", seed, trained), partial(accuracy, data=study.test),
        study.settle, {"plain": seeds, "noisy": seeds},
    )  # fmt: skip
    for (arm, error), by_seed in found.items():
        if error:
            study.findings.figure(gain(named.gain(error, arm), held, by_seed))
    plot_errors(study.findings, study.settings, held, found, f"{len(study.test.labels):,} test samples")


def _reads(study: Study) -> None:
    """Accuracy against relative read noise, edges and weights alike."""
    settings = study.settings
    noisy = max(settings.trained_errors, default=0.0)
    arms: dict[str, tuple[Kind, float]] = {"edge pruning": ("edges", 0.0), "trained weights": ("weights", 0.0)}
    if noisy:
        arms[f"weights trained with {100 * noisy:g} % error"] = ("weights", noisy)
    found: dict[str, list[list[float]]] = {label: [] for label in arms}
    todo = [(label, noise) for label in arms for noise in settings.read_noises]
    for label, noise in study.context.progress.track(todo, "read noise", total=len(todo)):
        kind, error = arms[label]
        found[label].append(
            study.arm(
                f"reads/{label}/{noise:g}",
                lambda k=kind, e=error, n=noise: evaluation.under_reads(
                    study.network(k, error=e), study.judge, n, settings.draws, study.context.seed
                ),
            )
        )
    plot_reads(study.findings, settings, found, f"the first {len(study.few.labels):,} test samples")


def _controls(study: Study) -> None:
    """Choices of edges that were not learned, and labels that teach nothing."""
    study.figure(
        named.SHUFFLED, study.arm("controls/shuffled", lambda: [accuracy(study.network("shuffled"), study.few)])
    )
    choices = evaluation.WRONG.items()
    for name, choice in study.context.progress.track(choices, "wrong choices of edges", total=len(choices)):
        values = study.arm(
            f"controls/{name}",
            lambda c=choice: [
                evaluation.chosen_wrongly(study.network(), c, study.settle, study.judge, study.context.seed)
            ],
        )
        study.figure(name, values)


def _pulses(study: Study, factor: float) -> None:
    """Programming operations per weight; the limiter's with the limits that were chosen."""
    before = untrained(Wanted(study.context.seed, "edges"), study.task, study.settings.recipe)

    def compute() -> dict[str, float]:
        by_edges = pulses_of_edges(study.network(), before, study.network("held", factor=factor))
        return by_edges | pulses_of_weights(study.network("weights"), study.context.seed)

    with study.context.progress.task("programming operations", total=None):
        values = study.findings.arm("pulses", compute)
    steps = study.settings.epochs * (len(study.parts.training.labels) // study.settings.recipe.batch)
    plot_pulses(study.findings, values, steps)


def _statements(context: Context[EdgeSettings]) -> None:
    """What is assumed, and from where the rest is."""
    findings, recipe = context.findings, context.settings.recipe
    for text, source in (
        ("What the published accuracy gains compare with is not in the abstracts: weights programmed by the device are "
         "inferred, and both plainly trained ones and ones trained with the error are shown.", "inferred"),
        ("Programming errors are additive, normal, relative to each layer's largest weight, drawn once.", "ours"),
        ("Edges suffer none of it: they are learned on the cells as they formed, and switching back repeats each cell "
         "to its cycle noise of 0.15 %.", SCRIPTS),
        ("The off state that pruned edges leave behind is assumed to be 0.5 ± 0.2 µS, 4 % of the on state.", "assumed"),
        ("One percent of the edges never forms at the highest measured voltage; their weight is nearly nothing.",
         "fitted"),
        ("Each layer's inputs are unsigned codes of one range for the whole batch, as published.", SCRIPTS),
        ("Weights are trained at a rate of their own, chosen on validation samples; all else is the same.", "ours"),
        (f"Gradients are clipped at a norm of {recipe.clip:g}, if it is not 0; the published scripts do not.", "ours"),
        ("The accuracy reported is that of the last epoch: no epoch is chosen on test samples, as the scripts do.",
         "ours"),
        ("Batch norms are digital. Where it is not said that they are settled, they stay as trained after programming "
         "and on another die.", "ours"),
        ("Where they are settled, their means and variances are taken anew over at most "
         "5,000 training samples, with the weights that are held there; nothing is written.", "ours"),
    ):  # fmt: skip
        findings.assumption(text, source)
    findings.reference("Edge-popup: V. Ramanujan et al., CVPR 2020", "arXiv:1911.13299")
    findings.reference("Settings, scale, limiter, cycle noise", SCRIPTS)


def _less(a: Sequence[float], b: Sequence[float]) -> list[float]:
    return [x - y for x, y in zip(a, b, strict=True)]
