"""The main arms of `bayesmulti-mnist` once more, with all digits to learn from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from scipy.stats import ttest_rel  # pyright: ignore[reportMissingTypeStubs, reportUnknownVariableType]

from ohmloom.codesign.noise_injection import accuracy_under
from ohmloom.data import Images, Labelled
from ohmloom.experiments import Context, Figure
from ohmloom.nn import LogNormalDrift
from ohmloom.random import Streams
from ohmloom.systems.bayesmulti import mnist_claims as named
from ohmloom.systems.bayesmulti.network import Arm, first, train
from ohmloom.systems.bayesmulti.settings import STAR, MnistSettings, arm_name


def compare_whole(
    context: Context[MnistSettings], images: Images, test: Labelled, arms: Mapping[str, Arm],
    pairs: Sequence[tuple[str, str]],
) -> None:  # fmt: skip
    """Train ``arms`` on the images of ``context.settings.whole``, if any, with the rates that were found on fewer.

    ``pairs`` says which arm is held against which.
    """
    learning = context.settings.whole
    if learning is None:
        return
    training = first(images.split(learning.validation_images)[0], learning.training_images)

    def accuracies(arm: Arm, seed: int) -> list[float]:
        model, found = train(training, arm, learning.epochs, seed), list[float]()
        for sigma, draws in ((0.0, 1), (STAR, context.settings.draws)):
            chance = Streams(seed).child("bayesmulti").generator("drift")  # paired: the same for all arms
            each = accuracy_under(model, *test, LogNormalDrift(deviation=sigma), draws=draws, generator=chance)
            found.append(sum(each) / draws)
        return found

    todo = [(name, seed) for name in arms for seed in context.seeds]
    clean: dict[str, list[float]] = {name: [] for name in arms}
    drifted: dict[str, list[float]] = {name: [] for name in arms}
    for name, seed in context.progress.track(todo, "arms with all digits", total=len(todo)):
        kept = arm_name(f"whole-seed-{seed}", name)
        found = context.findings.arm(kept, lambda a=arms[name], s=seed: accuracies(a, s))
        clean[name].append(found[0])
        drifted[name].append(found[1])
    _record(context, learning.training_images, clean, drifted, pairs)


def _record(
    context: Context[MnistSettings], images: int, clean: Mapping[str, list[float]], drifted: Mapping[str, list[float]],
    pairs: Sequence[tuple[str, str]],
) -> None:  # fmt: skip
    findings, rows = context.findings, []
    for name in clean:
        figures = (Figure.over(named.whole_clean(name), clean[name], "%", "seeds"),
                   Figure.over(named.whole_drifted(name), drifted[name], "%", "seeds"))  # fmt: skip
        for figure in figures:
            findings.figure(figure)
        rows.append((name, *(round(figure.value or 0.0, 2) for figure in figures)))
    for more, less in pairs:
        gains = [a - b for a, b in zip(drifted[more], drifted[less], strict=True)]
        findings.figure(Figure.over(named.whole_gain(more, less), gains, "points", "seeds"))
        p = float(ttest_rel(drifted[more], drifted[less]).pvalue)  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType, reportAttributeAccessIssue]
        findings.figure(Figure.of(f"{named.whole_gain(more, less)}, p value", p))
    columns = ("trained with", "without drift, %", f"at sigma = {STAR}, %")
    findings.table(f"With {images:,} digits to learn from", columns, rows,
                   f"Means of {len(context.seeds)} seeds on the same test images; the rates were found on fewer "
                   "digits.")  # fmt: skip
