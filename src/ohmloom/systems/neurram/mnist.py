"""System `neurram-mnist`: the 7-layer CNN on the 48-core chip, programmed cell by cell, aged, calibrated and run."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

import ohmloom as ol
from ohmloom.data import Labelled, load
from ohmloom.experiments import Context, Cost, Figure, System, Tier, trainings
from ohmloom.nn import ProgramReport
from ohmloom.systems.neurram import checks, evaluation
from ohmloom.systems.neurram.mnist_claims import (
    CLAIMS,
    CONTROLS,
    RELEASED,
    SOFTWARE,
    VALIDATED,
)
from ohmloom.systems.neurram.mnist_noise import noise_training, training_controls
from ohmloom.systems.neurram.mnist_settings import MnistSettings, arm_name, mean
from ohmloom.systems.neurram.network import build
from ohmloom.systems.neurram.publication import PAPER
from ohmloom.systems.neurram.training import States, Trained, train_to, training_set

AGES = ("1 s", "1 day", "2 days")


class NeurramMnist(System[MnistSettings]):
    """NeuRRAM's convolutional network on real handwritten digits."""

    name = "neurram-mnist"
    title = "A convolutional network on the 48-core NeuRRAM chip"
    summary = "Trained with noise on real handwritten digits, programmed by write-verify, aged, calibrated and run."
    paper = PAPER
    claims = CLAIMS
    controls = CONTROLS
    tiers = {  # noqa: RUF012
        "smoke": Tier(summary="Embedded digits, a short training.", budget=60, settings=MnistSettings(
            subset="embedded", training_images=4_096, validation_images=500, epochs=3, dies=2, test_images=200,
            few_images=50, few_dies=2, noise_images=250, draws=1, calibration_images=50, calibration_vectors=1_024,
            cells=20_000, activation_noise=False)),
        "standard": Tier(summary="All 60,000 digits, one training seed, 5 dies.", budget=1200,
                         settings=MnistSettings()),
        "full": Tier(summary="Five training seeds, and the whole grid of noises with the first.", budget=14_400,
                     seeds=5, settings=MnistSettings(grid=(0.05, 0.1, 0.2, 0.3), draws=10, few_images=2_000,
                                                     few_dies=5)),
    }  # fmt: skip

    def run(self, context: Context[MnistSettings]) -> None:
        """Train, then check cells and mapper, then evaluate in software and on the chip."""
        torch.set_num_threads(1)  # dies and trainings run side by side instead
        settings, findings = context.settings, context.findings
        images = load("mnist", subset=settings.subset)
        findings.data("mnist", images.origin, f"{settings.training_images:,} of its training images")
        _check_cells(context)
        size = (settings.subset, settings.training_images, settings.validation_images)
        wanted = _networks(context)
        jobs = {one: (train_to, (*size, one.noise, settings.epochs, one.seed, one.on)) for one in wanted}
        with trainings(findings.folder / "networks", jobs, context.progress) as under_way:
            trained = States(wanted, under_way)
            _chip(context, trained, images.tensors("test"))  # while the controls' network is still being trained
            noise_training(context, trained, images.tensors("test"))
            training_controls(context, trained, images.tensors("test"))
        _statements(context)


def _networks(context: Context[MnistSettings]) -> list[Trained]:
    """All networks of a run in the order in which they are needed."""
    noises, first = context.settings.noises, context.seed
    chosen = [Trained(first, noise) for noise in (noises[-1], 0.0)]
    compared = [Trained(seed, noise) for seed in context.seeds for noise in noises]
    controls = [Trained(seed, noises[-1], "activations") for seed in context.seeds]
    grid = [Trained(first, noise) for noise in context.settings.grid]
    return list(dict.fromkeys([*chosen, *compared, *(controls if context.settings.activation_noise else []), *grid]))


def _check_cells(context: Context[MnistSettings]) -> None:
    """N1 to N3: the machine itself."""
    findings, cells = context.findings, context.settings.cells
    chip = ol.Chip.load("neurram")
    with context.progress.task("cells and mapper", total=4) as advance:
        weights = torch.randn(32, 288, generator=torch.Generator().manual_seed(context.seed))
        forward, backward = findings.arm("mapper", lambda: checks.recombined_error(chip, weights))
        findings.figure(Figure.of("error of split products", forward))
        findings.figure(Figure.of("error of transposed products", backward))
        advance()
        worst = findings.arm("relaxation", lambda: checks.relaxation_errors(chip.device, 2 * cells, context.seed))
        findings.figure(Figure.of("relaxation: worst deviation of the mean", 100 * worst["mean"], "%"))
        findings.figure(Figure.of("relaxation: worst deviation of the spread", 100 * worst["spread"], "%"))
        advance()
        spread = findings.arm("epochs", lambda: list(checks.epochs_spread(chip.device, cells, context.seed).values()))
        for epochs, value in zip((1, 3), spread, strict=True):
            findings.figure(Figure.of(f"spread at 12 µS after {epochs} epoch{'s' * (epochs > 1)}", value, "µS"))
        findings.figure(Figure.of("worst error of a code", checks.converter_error(6), "steps"))
        advance()
        ages, edges, counts = checks.level_histograms(chip.device, cells, context.seed)
        findings.plot("level_histograms", ages=ages, levels=checks.LEVELS.tolist(), edges=edges, counts=counts,
                      caption="Conductance of write-verified cells at 8 levels: right after writing, and relaxed. "
                      "Cells that cannot reach a high level are given up where they stand.")  # fmt: skip
        advance()


def _chip(context: Context[MnistSettings], trained: States, test: Labelled) -> None:
    """N6 and N9: the network on dies, over ages, effects and ablations, with its cost."""
    settings, findings = context.settings, context.findings
    chip = ol.Chip.load("neurram")
    state = trained[Trained(context.seed, settings.noises[-1])]
    plain = trained[Trained(context.seed, 0.0)]
    seen, held = training_set(settings.subset, settings.calibration_images, settings.validation_images)
    calibration = seen.images
    many, few = evaluation.first(test, settings.test_images), evaluation.first(test, settings.few_images)
    dies, few_dies = list(range(settings.dies)), list(range(settings.few_dies))
    exact = findings.arm("software", lambda: evaluation.software(state, chip, many))
    findings.figure(Figure.of(SOFTWARE, exact, "%"))
    hardware = build(state, chip)
    _programming(context, hardware, ol.program(hardware, seed=context.seed, dies=settings.dies))
    ages = {age: _age(context, hardware, calibration, many if age == "1 day" else few, age, dies) for age in AGES}
    validated = findings.arm("validation", lambda: _validate(hardware, calibration, held, context))
    findings.figure(Figure.of(VALIDATED, validated, "%"))
    losses = [exact - value for value in ages["1 day"]]
    findings.figure(Figure.over("loss from software to chip", losses, "points", "dies"))
    _plot_ages(context, ages, exact)
    _price(context, hardware, many)
    _effects(context, state, chip, calibration, few, few_dies)
    _ablations(context, state, plain, chip, calibration, few, few_dies)


def _programming(context: Context[MnistSettings], hardware: nn.Module, report: ProgramReport) -> None:
    """What was written: pulses, shares, placement."""
    findings = context.findings
    pulses = torch.cat([_present(m, m.cells.pulses) for m in ol.matrices(hardware).values()])
    cells = sum(r.cells for r in report.matrices.values())

    def share(field: str) -> float:
        return 100 * sum(getattr(r, field) * r.cells for r in report.matrices.values()) / cells

    findings.figure(Figure.of("pulses per cell", float(pulses.float().mean()), "pulses"))
    findings.figure(Figure.of("cells within ±1 µS by read-back", share("read_back_share"), "%"))
    findings.figure(Figure.of("cells within ±1 µS in truth", share("true_share"), "%"))
    findings.figure(Figure.of("cells given up", share("failed_share"), "%"))
    findings.plot("pulse_histogram", counts=torch.bincount(pulses.long())[:60],
                  references={"mean": float(pulses.float().mean())},
                  caption="Pulses that cells of all dies took; half of a pair's only have to be off.")  # fmt: skip
    summary = ol.summary(hardware)
    placement = summary.placement
    findings.figure(Figure.of("cores in use", placement.cores_used, "cores"))
    findings.figure(Figure.of("cells in use", placement.cells, "cells"))
    findings.plot("floor_plan", cores=placement.cores, core_rows=placement.rows, core_columns=placement.columns,
                  rectangles=placement.blocks,
                  caption="Which layer sits where: each part of a layer has a core of its own.")  # fmt: skip
    rows = [(r.name, f"{r.shape[0]} x {r.shape[1]}", r.segments, r.cores, r.cells, r.bias) for r in summary.rows]
    findings.table("placement", ("layer", "matrix", "parts", "cores", "cells", "bias"), rows,
                   f"{len(rows)} matrices on {placement.cores_used} of {placement.cores} cores.")  # fmt: skip


def _age(
    context: Context[MnistSettings], hardware: nn.Module, calibration: Tensor, data: Labelled, age: str, dies: list[int]
) -> list[float]:
    """Accuracy of each die at an age, calibrated then."""

    def compute() -> list[float]:
        ol.age(hardware, age)
        ol.calibrate(hardware, calibration, **_enough(context))
        return evaluation.on_dies(hardware, data, dies)

    with context.progress.task(f"the chip after {age}", total=None):
        values = context.findings.arm(arm_name("chip", age), compute)
    context.findings.figure(Figure.over(f"accuracy on the chip after {age}", values, "%", "dies"))
    return values


def _validate(hardware: nn.Module, calibration: Tensor, held: Labelled, context: Context[MnistSettings]) -> float:
    """Accuracy of the first die on the validation images, one day after programming."""
    ol.age(hardware, "1 day")
    ol.calibrate(hardware, calibration, **_enough(context))
    return evaluation.on_dies(hardware, held, [0])[0]


def _plot_ages(context: Context[MnistSettings], ages: dict[str, list[float]], exact: float) -> None:
    figures = [context.findings.result.figures[f"accuracy on the chip after {age}"] for age in AGES]
    low = [f.interval.low if f.interval else f.value for f in figures]
    high = [f.interval.high if f.interval else f.value for f in figures]
    line = {"label": "on the chip, calibrated at that age", "values": [mean(ages[a]) for a in AGES]}
    context.findings.plot(
        "accuracy_over_ages", ages=AGES, lines=[line | {"low": low, "high": high}],
        references={"software, same activations": exact, "published (chip)": 99.0},
        caption="Mean over dies with its 95 % interval. After 1 day: "
        f"{context.settings.test_images:,} test images, other ages the first {context.settings.few_images:,}.",
    )  # fmt: skip


def _price(context: Context[MnistSettings], hardware: nn.Module, data: Labelled) -> None:
    """N9: cost of the same network, bits and chip, from what really happened in a run of some images."""
    ol.age(hardware, "1 day")
    with ol.Ledger() as ledger, torch.no_grad():
        hardware(data.images[:50])
    spent = ol.cost(ledger, hardware)
    context.findings.cost(Cost.priced(spent))
    for reference in ("rtx-4090-fp32-peak", "rtx-4090-int8-peak"):
        factor, sentence = spent.against(reference)
        context.findings.figure(Figure.of(f"energy of {reference} over ours", factor))
        context.findings.assumption(sentence, "named basis, printed because the factor depends on it")


def _effects(
    context: Context[MnistSettings], state: dict[str, Tensor], chip: ol.Chip, calibration: Tensor, data: Labelled,
    dies: list[int],
) -> None:  # fmt: skip
    """Accuracy with effects switched on in turn."""
    findings = context.findings
    steps = {"software": findings.arm("effects/software", lambda: evaluation.software(state, chip, data))}
    for name, (changed, age) in evaluation.effects(chip).items():

        def compute(changed: ol.Chip = changed, age: str = age) -> list[float]:
            hardware = evaluation.programmed(state, changed, seed=context.seed, dies=len(dies), age=age)
            ol.calibrate(hardware, calibration, **_enough(context))
            return evaluation.on_dies(hardware, data, dies)

        with context.progress.task(f"effects: {name}", total=None):
            steps[name] = mean(findings.arm(arm_name("effects", name), compute))
    findings.plot("effect_waterfall", steps=list(steps), values=list(steps.values()),
                  caption=f"Effects switched on one after the other, each calibrated; mean of {len(dies)} dies, "
                  f"the first {len(data.images):,} test images.")  # fmt: skip


def _ablations(
    context: Context[MnistSettings], state: dict[str, Tensor], plain: dict[str, Tensor], chip: ol.Chip,
    calibration: Tensor, data: Labelled, dies: list[int],
) -> None:  # fmt: skip
    """One thing changed at a time, one day after programming."""
    findings = context.findings
    arms: dict[str, tuple[dict[str, Tensor], ol.Chip, dict[str, Any] | None]] = {
        "none": (state, chip, {}),
        "no calibration": (state, chip, None),
        "ranges only": (state, chip, {"corrections": False}),
        "ranges only, no normalisation": (state, evaluation.mapped(chip, normalise=False), {"corrections": False}),
        "random vectors": (state, chip, {"pairs": ol.random_like}),
        "shuffled targets": (state, chip, {"pairs": ol.permuted}),
        "permuted cells": (state, chip, {}),
        "scaled by max |W|": (state, evaluation.mapped(chip, percentile=100), {}),
        "no noise training": (plain, chip, {}),
        "8-bit converter": (state, _eight_bits(chip), {}),
    }
    values: dict[str, list[float]] = {}
    for name, (weights, changed, how) in context.progress.track(arms.items(), "ablations", total=len(arms)):

        def compute(
            name: str = name, weights: dict[str, Tensor] = weights, changed: ol.Chip = changed,
            how: dict[str, Any] | None = how,
        ) -> list[float]:  # fmt: skip
            hardware = evaluation.programmed(weights, changed, seed=context.seed, dies=len(dies), age="1 day")
            if how is not None:
                ol.calibrate(hardware, calibration, **_enough(context), **how)
            if name == "permuted cells":
                for matrix in ol.matrices(hardware).values():
                    checks.permuted_cells(matrix, context.seed)
            return evaluation.on_dies(hardware, data, dies)

        values[name] = findings.arm(arm_name("ablation", name), compute)
        findings.figure(Figure.over(f"ablation: {name}", values[name], "%", "dies"))
    findings.plot("ablation_bars", labels=list(values), values=[mean(v) for v in values.values()],
                  references={"published (chip)": 99.0},
                  caption=f"One thing changed at a time, one day after programming; mean of {len(dies)} dies, the "
                  f"first {len(data.images):,} test images. Noise-trained, calibrated unless said.")  # fmt: skip


def _eight_bits(chip: ol.Chip) -> ol.Chip:
    converter = chip.mapping.readout.converter.replace(bits=8)  # type: ignore[attr-defined]
    return evaluation.mapped(chip, readout=chip.mapping.readout.replace(converter=converter))


def _present(matrix: ol.StoredMatrix, leaf: Tensor) -> Tensor:
    """A leaf of the cells that exist."""
    return leaf[matrix.segments.present.expand(leaf.shape)]


def _enough(context: Context[MnistSettings]) -> dict[str, int]:
    """How much a calibration looks at."""
    return {"samples": context.settings.calibration_images, "vectors": context.settings.calibration_vectors}


def _statements(context: Context[MnistSettings]) -> None:
    """What is assumed, and from where the rest is."""
    findings = context.findings
    for text, source in (
        ("Read noise: 0.4 µS, additive, white. Read-noise statistics of the chip are not published.", "assumed"),
        ("Constants of the pulse model are fitted to published failure rates and a mean of 5 to 15 pulses.", "fitted"),
        ("Relaxation polynomials are a third party's fit to the paper's figures.", "IBM/aihwkit @ 4545f11b (MIT)"),
        ("3-bit activations are sent as sign and 3 magnitude bits; the converter has 6 bits (input + 2).", "inferred"),
        (
            "Training noise is relative to a layer's largest unfolded weight; cells hold the folded weight.",
            RELEASED,
        ),
        ("Pulse amplitude and decrement charge enter only as their ratio, which the converter's range is.", "ours"),
        ("No IR drop: wires are resistance-free in this version.", "ours"),
        ("100 inputs per array, of the released 100 to 128: chosen because it gives the published 16 cores.", "fitted"),
    ):
        findings.assumption(text, source)
    findings.reference("Code and released accuracy workbooks", "github.com/weierwan/Neurram_48core @ 2ed5f8d8")
    findings.reference("Energy points and circuit constants", "github.com/mit-emze/cimloop @ d6e13900, wan_nature_2022")
