"""System `wires`: accuracy against wire resistance and array size, and what each remedy wins back."""

from __future__ import annotations

import torch
from torch import Tensor

import ohmloom as ol
from ohmloom.codesign import ThroughWires
from ohmloom.crossbars import Wires
from ohmloom.data import Labelled, load
from ohmloom.experiments import Context, Figure, System, Tier
from ohmloom.systems.neurram import evaluation
from ohmloom.systems.neurram.network import build
from ohmloom.systems.neurram.training import train_to, training_set
from ohmloom.systems.wires import network
from ohmloom.systems.wires.chips import current_mode, neurram
from ohmloom.systems.wires.comparison import VECTORS, Bench, Kept, won_back
from ohmloom.systems.wires.maps import maps
from ohmloom.systems.wires.noise import noise_errors
from ohmloom.systems.wires.settings import (
    CELLS,
    CONTROLS,
    COST,
    NOISE_ERROR,
    PAPER,
    TUNED,
    WON,
    WRONG,
    WiresSettings,
)

State = dict[str, Tensor]


class WiresSystem(System[WiresSettings]):
    """IR drop on a current-mode chip and on NeuRRAM, and three remedies."""

    name = "wires"
    title = "Wires: what IR drop costs, and programming through it"
    summary = "Exact wire resistance in every array; calibration, programming through the wires, and fine-tuning."
    paper = PAPER
    claims = ()
    controls = CONTROLS
    tiers = {  # noqa: RUF012
        "smoke": Tier(summary="Embedded digits, small arrays.", budget=60, settings=WiresSettings(
            subset="embedded", training_images=8_000, validation_images=500, epochs=2, sizes=(32, 64), ohms=(4.0, 16.0),
            size=64, steps=6, tuning=4, dies=2, test_images=200, few_images=200, calibration_images=100,
            noise_sizes=(16,), network_ohms=())),
        "standard": Tier(summary="All digits, 5 dies, one training seed.", budget=1200, settings=WiresSettings()),
        "full": Tier(summary="Longer corrections, 10 dies.", budget=10_000, settings=WiresSettings(
            steps=200, tuning=1_500, dies=10, few_images=10_000, network_epochs=8, network_dies=5,
            network_images=10_000)),
    }  # fmt: skip

    def run(self, context: Context[WiresSettings]) -> None:
        """Train, show what wires do, choose a resistance on validation images, compare the remedies there."""
        torch.set_num_threads(1)
        settings, findings = context.settings, context.findings
        images = load("mnist", subset=settings.subset)
        findings.data("mnist", images.origin, f"{settings.training_images:,} of its training images")
        training, held = training_set(settings.subset, settings.training_images, settings.validation_images)
        state = _trained(context, training)
        calibration = training.images[: settings.calibration_images]
        _maps(context)
        _noise(context)
        few = evaluation.first(images.tensors("test"), settings.few_images)
        _grid(context, state, Bench(calibration, few, context.seed, 1))
        ohms = _choose(context, state, Bench(calibration, evaluation.first(held, settings.few_images), context.seed, 1))
        many = evaluation.first(images.tensors("test"), settings.test_images)
        _compare(context, state, ohms, Bench(calibration, many, context.seed, settings.dies), training)
        if settings.network_ohms:
            _network(context, calibration, evaluation.first(images.tensors("test"), settings.network_images))
        _statements(context)


def _trained(context: Context[WiresSettings], training: Labelled) -> State:
    """The dense network, from the run's folder if it is there."""
    from safetensors.torch import load_file, save_file

    def make(path: object) -> None:
        with context.progress.task("training", total=1.0) as advance:
            share = [0.0]

            def tell(now: float) -> None:
                advance(now - share[0])
                share[0] = now

            save_file(network.trained(training, context.settings.epochs, context.seed, tell), str(path))

    return load_file(context.findings.keep_file("dense.safetensors", make))


def _maps(context: Context[WiresSettings]) -> None:
    """Voltages and losses inside one array."""
    size, ohms = context.settings.size, 2.0
    panels = [{"title": title, "values": values[:: max(size // 64, 1), :: max(size // 64, 1)]}
              for title, values in maps(size, ohms, context.seed).items()]  # fmt: skip
    context.findings.plot("array_maps", panels=panels,
                          caption=f"One array of {size} x {size} uniform cells of 1 to 50 µS with {ohms:g} Ω wires, "
                          "driven from the left, sensed at the bottom, all rows at 0.2 V.")  # fmt: skip


def _noise(context: Context[WiresSettings]) -> None:
    """The fast form of read noise against the exact one."""
    settings = context.settings

    def compute() -> list[tuple[str | int | float, ...]]:
        with context.progress.task("read noise through wires", total=None):
            return [tuple(row) for row in noise_errors(settings.noise_sizes, (1.0, 4.0), context.seed)]

    rows = context.findings.arm("read-noise", compute)
    columns = ("array", "ohm", "columns", "inputs", "ignoring wires, %", "fast form, %", "neighbours' correlation")
    shown = [(f"{row[0]} x {row[0]}", row[1], row[2], row[3], *(round(value, 4) for value in row[4:])) for row in rows]
    context.findings.table("Read noise through wires", columns, shown,
                           "Deviation of a read against the exact one (adjoint circuits), cells of 1 to 50 µS with "
                           "0.4 µS of noise; the fast form leaves the correlation of columns out.")  # fmt: skip
    context.findings.figure(Figure.of(NOISE_ERROR, max(abs(row[5]) for row in rows if row[3] == "both signs"), "%"))


def _grid(context: Context[WiresSettings], state: State, bench: Bench) -> None:
    """Accuracy after plain calibration against wire resistance, one line per array size; ideal cells."""
    settings, findings = context.settings, context.findings
    ohms, lines = (0.0, *settings.ohms), []
    total = len(settings.sizes) * len(ohms)
    with context.progress.task("wire resistance and array size", total=total) as advance:
        for size in settings.sizes:
            values = []
            for one in ohms:
                values.append(findings.arm(f"grid/{size}/{one:g}",
                                           lambda s=size, r=one: bench.accuracy(state, s, r, CELLS[0]))[0])  # fmt: skip
                advance()
            lines.append({"label": f"arrays of {size} x {size}", "values": values})
    findings.plot("noise_curves", name="accuracy-against-wires", noise=ohms, lines=lines,
                  noise_axis="wire resistance of a segment, Ω",
                  caption="Ideal cells, plainly mapped, each column calibrated: what calibration cannot undo. "
                  f"The first {len(bench.test.images):,} test images.")  # fmt: skip


def _choose(context: Context[WiresSettings], state: State, bench: Bench) -> float:
    """The smallest resistance that costs at least 8 points on validation images, or the largest: the goal is set for a
    loss of 5 to 20 points, and test images must not fall out of it by chance."""
    size, ohms = context.settings.size, context.settings.ohms

    def lost() -> list[float]:
        ideal = bench.accuracy(state, size, 0.0, CELLS[0])[0]
        return [ideal - bench.accuracy(state, size, one, CELLS[0])[0] for one in ohms]

    with context.progress.task("choosing a resistance on validation images", total=None):
        losses = context.findings.arm("choice", lost)
    chosen = next((one for one, loss in zip(ohms, losses, strict=True) if loss >= 8), ohms[-1])
    context.findings.figure(Figure.of("wire resistance of the comparison", chosen, "ohm"))
    return chosen


def _compare(context: Context[WiresSettings], state: State, ohms: float, bench: Bench, training: Labelled) -> None:
    """The remedies, on three kinds of cells."""
    settings, findings = context.settings, context.findings
    through = Kept(ThroughWires(steps=settings.steps))
    quarter = Wires(row=ohms / 4, column=ohms / 4)
    wrong = Kept(ThroughWires(steps=settings.steps, wires=quarter))
    tuned = _fine_tuned(context, state, ohms, training)
    arms = {"no wires": (state, 0.0, None), "plain": (state, ohms, None), "through the wires": (state, ohms, through),
            "a quarter of the resistance": (state, ohms, wrong), "fine-tuned": (tuned, ohms, None)}  # fmt: skip
    findings.cost(bench.cost(state, settings.size, ohms))
    values: dict[tuple[str, str], list[float]] = {}
    todo = [(cells, name) for cells in CELLS for name in arms]
    for cells, name in context.progress.track(todo, "remedies", total=len(todo)):
        weights, wire, correction = arms[name]
        values[cells, name] = findings.arm(
            f"compare/{cells.replace(' ', '-')}/{name.replace(' ', '-')}",
            lambda w=weights, r=wire, c=cells, k=correction: bench.accuracy(w, settings.size, r, c, k, w is tuned),
        )
        findings.figure(Figure.over(f"{cells}: {name}", values[cells, name], "%", "dies"))
    for cells in CELLS:
        plain, ideal = values[cells, "plain"], values[cells, "no wires"]
        share = won_back(values[cells, "through the wires"], plain, ideal)
        findings.figure(Figure.over(WON[cells], share, "%", "dies"))
    plain, ideal = values[CELLS[0], "plain"], values[CELLS[0], "no wires"]
    findings.figure(Figure.over(COST, [i - p for i, p in zip(ideal, plain, strict=True)], "points", "dies"))
    for figure, name in ((WRONG, "a quarter of the resistance"), (TUNED, "fine-tuned")):
        findings.figure(Figure.over(figure, won_back(values[CELLS[0], name], plain, ideal), "%", "dies"))
    names = list(arms)
    lines = [{"label": cells, "values": [_mean(values[cells, name]) for name in names],
              "low": [min(values[cells, name]) for name in names],
              "high": [max(values[cells, name]) for name in names]} for cells in CELLS]  # fmt: skip
    findings.plot("accuracy_over_ages", name="remedies", ages=names, lines=lines,
                  caption=f"Arrays of {settings.size} x {settings.size} with {ohms:g} Ω wires: every arm calibrated; "
                  f"mean, least and most of {bench.dies} dies on {len(bench.test.images):,} test images.")  # fmt: skip


def _fine_tuned(context: Context[WiresSettings], state: State, ohms: float, training: Labelled) -> State:
    from safetensors.torch import load_file, save_file

    def make(path: object) -> None:
        chip, _ = current_mode(context.settings.size, ohms)
        with context.progress.task("fine-tuning through the wires", total=1.0) as advance:
            share = [0.0]

            def tell(now: float) -> None:
                advance(now - share[0])
                share[0] = now

            tuned = network.fine_tuned(state, chip, training, context.settings.tuning, context.seed, tell)
            save_file(tuned, str(path))

    return load_file(context.findings.keep_file("fine-tuned.safetensors", make, ohms=ohms))


def _network(context: Context[WiresSettings], calibration: Tensor, test: Labelled) -> None:
    """NeuRRAM's network on NeuRRAM with wires, one day after programming."""
    from safetensors.torch import load_file

    settings, findings = context.settings, context.findings

    def make(path: object) -> None:
        with context.progress.task("training NeuRRAM's network", total=None):
            train_to(str(path), settings.subset, settings.training_images, settings.validation_images, 0.15,
                     settings.network_epochs, context.seed)  # fmt: skip

    state = load_file(findings.keep_file("neurram.safetensors", make))
    dies = range(settings.network_dies)

    def accuracy(ohms: float, correction: Kept | None) -> list[float]:
        hardware = build(state, neurram(ohms))
        ol.program(hardware, seed=context.seed, dies=len(dies), correction=correction)
        ol.age(hardware, "1 day")
        ol.calibrate(hardware, calibration, samples=len(calibration), vectors=VECTORS)
        return evaluation.on_dies(hardware, test, dies)

    ohms = (0.0, *settings.network_ohms)
    ways = {"plain": None, "through the wires": Kept(ThroughWires(steps=settings.steps))}
    todo = [(name, one) for name in ways for one in ohms if one or ways[name] is None]
    found: dict[tuple[str, float], list[float]] = {}
    for name, one in context.progress.track(todo, "NeuRRAM's network", total=len(todo)):
        found[name, one] = findings.arm(f"network/{name.replace(' ', '-')}/{one:g}",
                                        lambda r=one, n=name: accuracy(r, ways[n]))  # fmt: skip
        findings.figure(Figure.over(f"NeuRRAM, {one:g} ohm: {name}", found[name, one], "%", "dies"))
    lines = [{"label": name, "values": [_mean(found.get((name, one), found["plain", one])) for one in ohms]}
             for name in ways]  # fmt: skip
    findings.plot("noise_curves", name="neurram-against-wires", noise=ohms, lines=lines,
                  noise_axis="wire resistance of a segment, Ω",
                  caption=f"NeuRRAM's network with open, voltage-sensed columns, one day after programming: mean of "
                  f"{len(dies)} dies, the first {len(test.images):,} test images.")  # fmt: skip


def _statements(context: Context[WiresSettings]) -> None:
    for text, source in (
        ("A part of a matrix lies in the corner of its core next to drivers and sense circuits: only its own rows and "
         "columns count as wire.", "ours"),
        ("Rows and columns have the same resistance per segment; drivers and sense circuits have none.", "assumed"),
        ("Read noise through wires is the fast form, whose error stands in the table.", "ours"),
        ("The resistance of the comparison was chosen on validation images.", "ours"),
    ):  # fmt: skip
        context.findings.assumption(text, source)


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
