"""Arms that the graph classifiers share: controls, curves beside the trivial answers, energy."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import log10
from statistics import fmean
from typing import Any

from ohmloom.chips import Chip, StoredMatrix
from ohmloom.experiments import Context, Figure
from ohmloom.reservoirs import EchoStateGraphEncoder, PlainMatrix, pooled
from ohmloom.systems.esgnn import names
from ohmloom.systems.esgnn.curves import plot_curve
from ohmloom.systems.esgnn.operations import ENTRIES, GPU_JOULE, RESERVOIR, Operations, count
from ohmloom.systems.esgnn.publication import ITERATIONS, LEVELS, NOISE_ON_INPUT, NOISE_ON_RECURRENT
from ohmloom.systems.esgnn.reservoir import (
    CHIP,
    MEASURED,
    SCALE_IN,
    additive,
    classifier,
    misprogrammed,
    priced,
    relative,
)
from ohmloom.systems.esgnn.steps import Steps
from ohmloom.systems.esgnn.tasks import Task

AT_ONCE = 200_000  # nodes times draws of the arrays that are computed together: about 300 MB for each tensor of bits
GPU = "the graphics processor's 0.4808 pJ per operation (624 TOPS at 300 W, INT8 peak; memory not included)"


@dataclass(frozen=True)
class Runner:
    """A task and the steps of its run."""

    context: Context[Any]
    task: Task

    @property
    def steps(self) -> Steps:
        return Steps(self.context, self.task.name)

    @property
    def figure(self) -> Callable[..., list[float]]:
        """See :meth:`Steps.figure`."""
        return self.steps.figure

    @property
    def values(self) -> Callable[[str, Callable[[], Any]], Any]:
        """See :meth:`Steps.values`."""
        return self.steps.values

    def encoder(self, purpose: str, *, dies: int, **options: Any) -> EchoStateGraphEncoder:
        """The task's reservoir on fresh arrays; the same purpose gives the same arrays."""
        streams = self.context.streams.child("esgnn", self.task.name, purpose)
        given = {"features": self.task.features.shape[1], "scale_rec": self.task.scale_rec}
        return classifier(streams, dies=dies, **(given | options))

    def drawn(self, purpose: str, draws: int, **options: Any) -> list[float]:
        """Accuracy of each of so many draws of the arrays, as many together as memory allows; %."""
        together, found = max(AT_ONCE // self.task.graphs.nodes, 1), list[float]()
        for first in range(0, draws, together):
            group = f"{purpose}, from {first}" if first else purpose
            found += self.task.of(self.encoder(group, dies=min(together, draws - first), **options))
        return found


def floats(run: Runner) -> EchoStateGraphEncoder:
    """The measured cells as numbers, with inputs that are not rounded."""
    held = run.encoder("measured", cells=MEASURED, dies=1, converter=False)
    assert isinstance(held.input_matrix, StoredMatrix)
    assert isinstance(held.recurrent, StoredMatrix)
    plain = (PlainMatrix(held.input_matrix.effective()), PlainMatrix(held.recurrent.effective()))
    return EchoStateGraphEncoder(plain[0], plain[1], scale_in=held.scale_in, scale_rec=held.scale_rec)


def trivial_answers(run: Runner) -> dict[str, float]:
    """Accuracy of each embedding without a reservoir, %."""
    found = {}
    for name, embedding in run.task.trivial().items():
        found[name] = run.task.accuracy(embedding)[0]
        run.context.findings.figure(Figure.of(names.trivial(name), found[name], "%"))
    run.context.findings.figure(Figure.of(names.MAJORITY, run.task.majority, "%"))
    return found


def controls(run: Runner, draws: int) -> dict[str, list[float]]:
    """Experiments that must fail, and two kinds of noise of which only one may matter."""
    task, seed = run.task, run.context.seed

    def on(other: Task) -> Callable[[], list[float]]:
        return lambda: other.of(run.encoder("controls", dies=draws))

    def shuffled() -> list[float]:
        embeddings = run.encoder("controls", dies=draws).encode(task.graphs, task.features)
        streams = run.context.streams.child("esgnn", task.name)
        return [task.shuffled(streams.generator("labels", die)).accuracy(one.unsqueeze(0))[0]
                for die, one in enumerate(embeddings)]  # fmt: skip

    def moved(spread: float) -> Callable[[], list[float]]:
        streams = run.context.streams.child("esgnn", task.name, "moved")
        return lambda: task.of(misprogrammed(run.encoder("controls", dies=draws), spread, streams))

    arms = {
        names.RANDOM_QUIET: on(task),
        names.SHUFFLED: shuffled,
        names.NO_EDGES: on(task.without_edges()),
        names.REWIRED: on(task.rewired(seed)),
        "random arrays, every cell moved once by 10 %": moved(0.1),
        names.STATIC_100: moved(1.0),
    }
    for percent in (1, 10, 100):
        noise = relative(percent / 100)
        arms[f"random arrays, {percent} % read noise"] = lambda noise=noise: task.of(
            run.encoder("controls", dies=draws, noise_in=noise, noise_rec=noise, sums="read")
        )
    return {name: run.figure(name, compute) for name, compute in arms.items()}


def iteration_curve(run: Runner, points: Sequence[int], draws: int, answers: Mapping[str, float]) -> None:
    """Accuracy after 0, 1, … iterations: one pass, read out on the way."""
    task = run.task

    def compute() -> list[list[float]]:
        encoder = run.encoder("curves", dies=draws, iterations=max(points))
        states = encoder.states(task.graphs, task.features)
        return [task.accuracy(pooled(state, task.graphs).relu()) for done, state in enumerate(states) if done in points]

    found = run.values("iterations", compute)
    for done, values in zip(points, found, strict=True):
        run.context.findings.figure(Figure.over(names.after(done), values, "%", "dies"))
    best = max(range(len(points)), key=lambda i: fmean(found[i]))
    run.context.findings.figure(Figure.of(names.PEAK, points[best], "iterations"))
    published = [ITERATIONS[task.name].get(done) for done in points]
    _curve(run, "iterations", points, {"random arrays": found}, {"published": published}, answers, "iterations")


def hidden_curve(
    run: Runner, sizes: Sequence[int], draws: int, answers: Mapping[str, float], published: Mapping[int, float]
) -> None:
    """Accuracy against the size of the reservoir."""

    def compute(size: int) -> list[float]:
        return run.task.of(run.encoder(f"of {size}", hidden=size, dies=draws))

    found = [run.figure(names.sized(size), partial(compute, size)) for size in sizes]
    known = {"published": [published.get(size) for size in sizes]} if published else {}
    _curve(run, "hidden", sizes, {"random arrays": found}, known, answers, "hidden nodes")


def noise_panels(run: Runner, levels: Sequence[float], draws: int, answers: Mapping[str, float]) -> None:
    """Additive noise of every read, in weights, on either array and on both; row sums are read as well."""
    task, found = run.task, {}
    for place in ("input", "recurrent", "both"):
        found[place] = []
        for level in levels:
            noise_in = additive(level, SCALE_IN) if place != "recurrent" else None
            noise_rec = additive(level, task.scale_rec) if place != "input" else None

            def compute(noise_in: Any = noise_in, noise_rec: Any = noise_rec) -> list[float]:
                return task.of(run.encoder("curves", dies=draws, noise_in=noise_in, noise_rec=noise_rec, sums="read"))

            found[place].append(run.figure(names.noisy(place, level), compute))
    rows = {"published, upper row": NOISE_ON_INPUT, "published, lower row": NOISE_ON_RECURRENT}
    known = {name: [dict(zip(LEVELS, row[task.name], strict=True)).get(level) for level in levels]
             for name, row in rows.items()}  # fmt: skip
    ours = {f"ours, noise on {place}": values for place, values in found.items()}
    _curve(run, "noise", [log10(level) for level in levels], ours, known, answers,
           "log10 of the noise of a read, in weights")  # fmt: skip


def energy(run: Runner, *, iterations: int, outputs: int) -> None:
    """The publication's ratios from its own entries, our operation counts, and what our chip takes."""
    findings, task = run.context.findings, run.task
    chip, encoder = Chip.load(CHIP), run.encoder("price", dies=1, iterations=iterations)
    publish_ratios(run.context, task.name)
    cost = priced(encoder, task.graphs, task.features, chip, task.graphs.count)
    findings.cost(cost)
    inputs, hidden = encoder.input_matrix.shape[1], encoder.input_matrix.shape[0]
    ours = count(task.graphs, inputs=inputs, hidden=hidden, iterations=iterations, outputs=outputs, per_node=False)
    assert cost.energy_joule is not None
    assert isinstance(encoder.input_matrix, StoredMatrix)
    bits, analogue = encoder.input_matrix.mapping.drive.input_bits, ENTRIES[task.name].analogue
    if bits is not None and analogue is not None:
        conversions = task.graphs.nodes * hidden * bits * (1 + iterations)
        findings.figure(Figure.of(names.CONVERSION, analogue / conversions, "J"))
    own_ratios(run.context, task.name, ours, cost.energy_joule * task.graphs.count,
               f"all {task.graphs.count:,} graphs of this run")  # fmt: skip


def publish_ratios(context: Context[Any], name: str) -> None:
    """The ratios that the journal's own entries give."""
    entries = ENTRIES[name]
    context.findings.figure(Figure.of(names.ENERGY, entries.energy_ratio, "x"))
    context.findings.figure(Figure.of(names.TRAINING, entries.training_reduction, "%"))


def own_ratios(context: Context[Any], name: str, ours: Operations, joule: float, what: str) -> None:
    """Our exact counts beside the published ones; energy at one and the same constant for what is digital."""
    rest = {kind: (total - ours.on_arrays) * GPU_JOULE for kind, total in
            (("dense", ours.with_dense), ("sparse", ours.with_sparse))}  # fmt: skip
    findings = context.findings
    findings.figure(Figure.of(names.OWN_ENERGY, ours.with_dense * GPU_JOULE / (joule + rest["sparse"]), "x"))
    findings.figure(Figure.of(names.OWN_ENERGY_SPARSE, ours.with_sparse * GPU_JOULE / (joule + rest["sparse"]), "x"))
    rows: list[tuple[str, float | None, float | None]] = [
        ("projection W_I U", ours.projection, None), ("recurrent W_R S", ours.recurrent, None),
        ("neighbours, sparse", ours.sparse, None), ("neighbours, dense", ours.dense, None),
        ("pooling", ours.pooling, None), ("read-out", ours.readout, ENTRIES[name].readout),
        ("whole pass, sparse", ours.with_sparse, None), ("whole pass, dense", ours.with_dense, RESERVOIR.get(name)),
    ]  # fmt: skip
    findings.table("Operations", ("what", "ours, exact", "published"), rows,
                   f"2 per multiply-accumulate, {what}. Published counts mix bases (reservoir and read-out seem to "
                   f"cover different numbers of graphs). Arrays of our chip: {joule:.4g} J; what stays digital, and "
                   f"the comparison, at {GPU}.")  # fmt: skip


def _curve(
    run: Runner, name: str, positions: Sequence[float], ours: Mapping[str, list[list[float]]],
    published: Mapping[str, Sequence[float | None]], answers: Mapping[str, float], axis: str,
) -> None:  # fmt: skip
    draws = len(next(iter(ours.values()))[0])
    caption = f"Mean, least and most of {draws} draws of the arrays; flat lines see no reservoir."
    plot_curve(run.context.findings, f"{run.task.name}-{name}", positions, ours, published, answers, axis, caption)
