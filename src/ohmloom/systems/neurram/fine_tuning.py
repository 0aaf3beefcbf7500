"""System `neurram-fine-tuning`: what a bad chip costs after calibration, and what training with the chip in the loop
wins back, layer by layer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file

from ohmloom.data import Labelled, load
from ohmloom.experiments import Context, Figure, System, Tier, trainings
from ohmloom.systems.neurram.evaluation import first
from ohmloom.systems.neurram.fine_tuning_arms import Tuned, tune_to
from ohmloom.systems.neurram.fine_tuning_claims import (
    AFTER,
    ARMS,
    CHANGED,
    CLAIMS,
    CONTROLS,
    GAIN,
    LEAKED,
    LEAST,
    LEAST_OVER_OTHER,
    LEAST_OVER_SOFTWARE,
    LOSS,
    OVER_OTHER,
    OVER_SOFTWARE,
    SHORT,
    SOFTWARE,
    WON,
    WON_FROM_SOFTWARE,
)
from ohmloom.systems.neurram.fine_tuning_settings import SPREAD, FineTuningSettings, Severity
from ohmloom.systems.neurram.fine_tuning_study import Study, bench, tunings
from ohmloom.systems.neurram.mnist_settings import mean
from ohmloom.systems.neurram.publication import PAPER
from ohmloom.systems.neurram.training import State, Trained, train_to, training_set

ENOUGH = 8.0  # points that the severity must cost on validation images: in the middle of 5 to 20, not at its edge
TRIAL = (1_000, 1_001)  # dies on which it is chosen: none of those that are fine-tuned


class NeurramFineTuning(System[FineTuningSettings]):
    """NeuRRAM's convolutional network on a chip whose wires drop voltage and whose neurons saturate."""

    name = "neurram-fine-tuning"
    title = "NeuRRAM: training with the chip in the loop"
    summary = (
        "Layer by layer into cells of a bad chip; what is not in cells yet learns from what the cells really give."
    )
    paper = PAPER
    claims = CLAIMS
    controls = CONTROLS
    tiers = {  # noqa: RUF012
        "smoke": Tier(summary="Embedded digits, 2 dies, two stages.", budget=60, settings=FineTuningSettings(
            subset="embedded", training_images=2_048, tuning_images=256, calibration_images=20, validation_images=500,
            epochs=2, severities=(Severity(ohms=20, swing=0.7),), chosen_on=50, together=4, dies=2, test_images=100,
            stage_images=20)),
        "standard": Tier(summary="Real digits, 10,000 of them for fine-tuning, 5 dies, one training seed.", budget=1200,
                         settings=FineTuningSettings()),
        "full": Tier(summary="Five training seeds, 20,000 images for fine-tuning, all test images.", budget=36_000,
                     seeds=5, settings=FineTuningSettings(training_images=55_000, tuning_images=20_000, epochs=8,
                                                          test_images=10_000, without_noise=True)),
    }  # fmt: skip

    def run(self, context: Context[FineTuningSettings]) -> None:
        """Train, choose how bad the chip is on validation images, fine-tune on each die, compare on test images."""
        torch.set_num_threads(1)  # dies run side by side instead
        settings, findings = context.settings, context.findings
        images = load("mnist", subset=settings.subset)
        note = f"{settings.training_images:,} training images for the network, the first {settings.tuning_images:,} of "
        findings.data("mnist", images.origin, note + "these for fine-tuning and calibration")
        files = _networks(context)
        severity = _choose(context, load_file(files[context.seed]))
        wanted = [Tuned(seed, way, die) for seed in context.seeds for way, die in tunings(settings)]
        jobs = {one: (tune_to, (settings, severity, str(files[one.seed]), one.way, one.die)) for one in wanted}
        test = first(images.tensors("test"), settings.test_images)
        with trainings(findings.folder / "tuned", jobs, context.progress) as under_way:
            studies = [Study(context, seed, load_file(files[seed]), severity, under_way.path) for seed in context.seeds]
            found = [study.compare(test) for study in studies]
            _compare(context, [study.software(test) for study in studies], found)
            _compare_epochs(context, [study.after(test) for study in studies], found)
            _follow(context, studies)
            findings.figure(Figure.of(CHANGED, sum(study.changed() for study in studies), "layers"))
            findings.cost(studies[0].cost(test))
        findings.figure(Figure.of(LEAKED, _leaked(settings, test), "images"))
        _statements(context, severity)


def _networks(context: Context[FineTuningSettings]) -> dict[int, Path]:
    """The file of each training seed's network."""
    settings, folder = context.settings, context.findings.folder / "networks"
    size = (settings.subset, settings.training_images, settings.validation_images)
    wanted = {seed: Trained(seed, SPREAD) for seed in context.seeds}
    jobs = {one: (train_to, (*size, one.noise, settings.epochs, one.seed)) for one in wanted.values()}
    with trainings(folder, jobs, context.progress) as under_way:
        return {seed: under_way.path(one) for seed, one in wanted.items()}


def _choose(context: Context[FineTuningSettings], state: State) -> Severity:
    """The mildest severity that costs `ENOUGH` on validation images after calibration, or the worst."""
    settings = context.settings
    held = first(training_set(settings.subset, 1, settings.validation_images)[1], settings.chosen_on)

    def losses() -> list[float]:
        found: list[float] = []
        for severity in context.progress.track(settings.severities, "choosing how bad the chip is"):
            one = bench(settings, severity)
            on_chip = mean(one.accuracies([state] * len(TRIAL), TRIAL, held))
            found.append(one.software(state, held) - on_chip)
            if found[-1] >= ENOUGH:
                break
        return found

    found = context.findings.arm("choice", losses)
    rows = [(severity.ohms, severity.swing, loss) for severity, loss in zip(settings.severities, found, strict=False)]
    context.findings.table("How bad the chip is", ("ohm per segment", "swing, read voltages", "lost, points"), rows,
                           f"Accuracy lost after calibration on {settings.chosen_on:,} validation images, mean of "
                           f"{len(TRIAL)} dies that are not used again. The rule: the mildest that costs "
                           f"{ENOUGH:g} points.")  # fmt: skip
    return settings.severities[len(found) - 1]


def _follow(context: Context[FineTuningSettings], studies: Sequence[Study]) -> None:
    """Accuracy after each stage."""
    found = [study.follow() for study in studies]
    names = {"calibrated": "calibrated only", "progressive": "the rest fine-tuned after each"}
    lines = [{"label": label, "values": [mean(values) for values in zip(*(one[way] for one in found), strict=True)]}
             for way, label in names.items()]  # fmt: skip
    stages = ["none", *(group[-1] for group in studies[0].groups)]
    settings = context.settings
    context.findings.plot("accuracy_over_ages", name="stages", title="Accuracy after each stage", ages=stages,
                          lines=lines, caption="Up to which layer the network is in cells, the rest in software: mean "
                          f"of {settings.dies} dies on {settings.stage_images:,} validation images.")  # fmt: skip


def _compare(context: Context[FineTuningSettings], software: list[float], found: list[dict[str, list[float]]]) -> None:
    """What the arms give, and what they win back of the loss: paired on each die, or for several networks on the mean
    of their dies."""
    findings, seeds = context.findings, len(found) > 1

    def over(name: str, values: Sequence[Sequence[float | None]], unit: str) -> Figure:
        """One list for each network."""
        merged = [_mean(one) for one in values] if seeds else values[0]
        return findings.figure(Figure.over(name, merged, unit, "seeds" if seeds else "dies"))

    def less(one: str, other: str) -> list[list[float]]:
        return [[a - b for a, b in zip(arms[one], arms[other], strict=False)] for arms in found]

    findings.figure(Figure.of(SOFTWARE, mean(software), "%"))
    shown = {way: over(ARMS[way], [arms[way] for arms in found], "%") for way in found[0]}
    lost = [[top - value for value in arms["calibrated"]] for top, arms in zip(software, found, strict=True)]
    over(LOSS, lost, "points")
    over(GAIN, less("progressive", "calibrated"), "points")
    for way in found[0]:
        share = [won_back(*pair) for pair in zip(less(way, "calibrated"), lost, strict=True)]
        if way == "progressive":
            _least(context, LEAST, over(WON, share, "%"))
        elif way != "calibrated":
            over(f"won back: {ARMS[way]}", share, "%")
    _least(context, LEAST_OVER_SOFTWARE, over(OVER_SOFTWARE, less("progressive", "software"), "points"))
    _least(context, LEAST_OVER_OTHER, over(OVER_OTHER, less("progressive", "other-die"), "points"))
    costs = {way: over(f"accuracy lost: {ARMS[way]}", [
        [top - value for value in arms[way]] for top, arms in zip(software, found, strict=True)
    ], "points") for way in shown if way != "calibrated"}  # fmt: skip
    costs.pop("shuffled-labels")  # so much that the others could not be told apart
    costs = {"calibrated": findings.result.figures[LOSS], **costs}
    count = f"{context.settings.test_images:,}"
    findings.plot("ablation_bars", name="arms", title="What each way loses", labels=[SHORT[way] for way in costs],
                  values=[figure.value for figure in costs.values()],
                  low=[_ends(figure)[0] for figure in costs.values()],
                  high=[_ends(figure)[1] for figure in costs.values()], axis="accuracy lost, points",
                  caption=f"Against {mean(software):.2f} % in software: mean and 95 % interval over "
                  f"{'networks' if seeds else 'dies'} on {count} test images, looked at once.")  # fmt: skip


def _compare_epochs(
    context: Context[FineTuningSettings], after: list[float], found: list[dict[str, list[float]]]
) -> None:
    """What fine-tuning wins back of the loss of a network that had the same epochs in software: more epochs alone help
    on both sides, and are no merit of the chip in the loop."""
    shares: list[Sequence[float | None]] = []
    for top, arms in zip(after, found, strict=True):
        gained = [a - b for a, b in zip(arms["progressive"], arms["software"], strict=True)]
        shares.append(won_back(gained, [top - value for value in arms["software"]]))
    context.findings.figure(Figure.of(AFTER, mean(after), "%"))
    merged, spread = ([_mean(one) for one in shares], "seeds") if len(found) > 1 else (shares[0], "dies")
    context.findings.figure(Figure.over(WON_FROM_SOFTWARE, merged, "%", spread))


def _ends(figure: Figure) -> tuple[float | None, float | None]:
    """Of the interval; the value itself where there is none."""
    return (figure.value, figure.value) if figure.interval is None else (figure.interval.low, figure.interval.high)


def won_back(gained: Sequence[float], lost: Sequence[float]) -> list[float | None]:
    """Which share of its loss each die gains back, per cent; None where a die lost nothing."""
    return [100 * gain / loss if loss > 0 else None for gain, loss in zip(gained, lost, strict=False)]


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return mean(known) if len(known) == len(values) else None


def _least(context: Context[FineTuningSettings], name: str, figure: Figure) -> None:
    """The lower end of a figure's interval."""
    if figure.interval is None:
        context.findings.figure(Figure.absent(name, figure.unit, "no interval"))
    else:
        context.findings.figure(Figure.of(name, figure.interval.low, figure.unit))


def _leaked(settings: FineTuningSettings, test: Labelled) -> int:
    """Test images that equal an image of training (which holds those of fine-tuning)."""
    training, _ = training_set(settings.subset, settings.training_images, settings.validation_images)
    seen = {image.numpy().tobytes() for image in training.images}
    return sum(image.numpy().tobytes() in seen for image in test.images)


def _statements(context: Context[FineTuningSettings], severity: Severity) -> None:
    recipe = context.settings.recipe
    for text, source in (
        (f"Wires of {severity.ohms:g} Ω per segment and integrators that saturate at {severity.swing:g} read voltages "
         "are no figures of the chip: they were chosen, on validation images, to cost what calibration cannot undo.",
         "ours"),
        (f"Fine-tuning: {recipe.epochs} epoch(s) of Adam at {recipe.rate:g} after each stage with noise of "
         f"{100 * SPREAD:g} % of the largest weight; the arm in software alone has as many epochs.",
         "ours; the kind of recipe (Adam, noise) is that of the released tool chain"),
        ("The chip runs the training set once after each stage; what it gave is used in all epochs.", "published"),
        (f"Every layer is {context.settings.age} old when its outputs are measured.", "ours"),
    ):  # fmt: skip
        context.findings.assumption(text, source)
