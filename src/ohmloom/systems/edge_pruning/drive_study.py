"""The study of vessel segmentation: train, then whole photographs, noise, programming errors, cells, cost, pictures."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import torch
from torch import nn

from ohmloom.data import Labelled, Origin
from ohmloom.experiments import Context, Figure, trainings
from ohmloom.experiments.trainings import Job
from ohmloom.systems.edge_pruning import drive_claims as named
from ohmloom.systems.edge_pruning import evaluation
from ohmloom.systems.edge_pruning.costs import price
from ohmloom.systems.edge_pruning.grades import Grades, Mask, Numbers, areas, at_threshold, best_threshold, graded
from ohmloom.systems.edge_pruning.networks import UNet
from ohmloom.systems.edge_pruning.pictures import plot_errors, plot_pulses, plot_reads
from ohmloom.systems.edge_pruning.programming import pulses_of_edges, pulses_of_weights
from ohmloom.systems.edge_pruning.programming_errors import gain, programmed_weights
from ohmloom.systems.edge_pruning.publication import SCRIPTS
from ohmloom.systems.edge_pruning.settings import DriveSettings, Kind, Wanted
from ohmloom.systems.edge_pruning.tasks import Parts
from ohmloom.systems.edge_pruning.training import restored, settle_norms, train_parts_to, untrained
from ohmloom.systems.edge_pruning.vessels import (
    Photographs,
    looked_through,
    patches,
    read,
    read_prepared,
    write_prepared,
)

BITS = 6  # of the inputs of each layer, published
AXIS = f"{named.PR}, %"
MARKS = ("none", "found", "found where there is none", "missed")  # by their number in a picture's file


@dataclass(frozen=True)
class Vessels:
    """The network of this task."""

    width: int
    bits: int = BITS

    def network(self) -> nn.Module:
        """Untrained."""
        return UNet(self.width)


def parts(file: Path, settings: DriveSettings) -> Parts:
    """Patches to learn from and to validate on, of different photographs; none of the test photographs."""
    photographs = read_prepared(file, "training")
    learnt, held = photographs.part(slice(settings.held_out, None)), photographs.part(slice(settings.held_out))
    validation = patches(held, max(settings.patches // 10, 1), settings.patch, 1)
    origin: Origin = "real" if settings.real else "synthetic stand-in"
    return Parts(patches(learnt, settings.patches, settings.patch, 0), validation, validation, origin)


def train_vessels_to(path: str, one: Wanted, file: Path, settings: DriveSettings) -> None:
    """Train one network and write its state to ``path``."""
    train_parts_to(path, one, Vessels(settings.width), partial(parts, file, settings), settings)


def seen(network: nn.Module, photographs: Photographs, settings: DriveSettings) -> tuple[Numbers, Mask]:
    """What a network says of all pixels in the fields of view, and what is true of them."""
    found = [looked_through(network, levels, settings.tile, settings.stride) for levels in photographs.levels]
    inside = photographs.fields
    return torch.stack(found)[inside].numpy(), photographs.vessels[inside].numpy()


def grades(
    network: nn.Module, photographs: Photographs, settings: DriveSettings, threshold: float = 0.5
) -> list[float]:
    """`Grades` over all pixels in the fields of view."""
    return list(graded(*seen(network, photographs, settings), threshold))


class DriveStudy:
    """One run: its networks, read from the run's folder when they are asked for, and its photographs."""

    def __init__(self, context: Context[DriveSettings]) -> None:
        self.context, self.settings = context, context.settings
        self.findings, self.folder = context.findings, context.findings.folder / "networks"
        self.task, self._validated = Vessels(self.settings.width), dict[str, tuple[float, float]]()
        images = read(self.settings.real)
        with context.progress.task("preparing photographs", total=None):
            self.file = self.findings.keep_file("photographs.safetensors", partial(write_prepared, images))
        self.origin: Origin = images.origin
        self.held = self._part("training").part(slice(self.settings.held_out))
        self.test = self._part("test")
        self.few = self.test.part(slice(self.settings.few_images))
        self.squares = self.test.part(slice(self.settings.cell_images)).middle(self.settings.cell_side)

    def _part(self, name: str) -> Photographs:
        return read_prepared(self.file, name)

    @cached_property
    def training(self) -> Labelled:
        """The training patches."""
        return parts(self.file, self.settings).training

    def settle(self, network: nn.Module) -> None:
        """Let the batch norms see training patches, some thousand."""
        settle_norms(network, self.training, batch=self.settings.recipe.batch, batches=16)

    def judge(self, photographs: Photographs, threshold: float = 0.5) -> Callable[[nn.Module], list[float]]:
        """How well a network segments these."""
        return partial(grades, photographs=photographs, settings=self.settings, threshold=threshold)

    def validated(self, kind: Kind, seed: int) -> tuple[float, float]:
        """PR AUC on the validation photographs, and above which probability pixels count as vessels: the best F1 there.

        Computed once per run folder.
        """

        def compute() -> tuple[float, float]:
            scores, truth = seen(self.network(kind, seed), self.held, self.settings)
            return 100 * areas(scores, truth)[0], best_threshold(scores, truth)

        name = f"validation/{kind}/seed-{seed}"
        if name not in self._validated:
            self._validated[name] = self.findings.arm(name, compute)
        return self._validated[name]

    def network(self, kind: Kind = "edges", seed: int | None = None, error: float = 0.0) -> nn.Module:
        """A trained network; by default that of the first seed."""
        one = Wanted(self.context.seed if seed is None else seed, kind, error)
        return restored(one, self.task, self.settings.recipe, self.folder)

    def arm(self, name: str, compute: Callable[[], list[list[float]]]) -> list[Grades]:
        """Grades that are computed once per run folder."""
        words = "/".join("-".join(re.findall(r"[a-z0-9.]+", part.lower())) for part in name.split("/"))
        return [Grades(*values) for values in self.findings.arm(words, compute)]

    def figure(self, name: str, values: Sequence[float], unit: str = "%", over: str = "seeds") -> None:
        """Record the mean of ``values``."""
        self.findings.figure(Figure.over(name, values, unit, over))  # type: ignore[arg-type]


def study(context: Context[DriveSettings]) -> None:
    """Run all of it."""
    torch.set_num_threads(1)  # networks are trained side by side instead
    study = DriveStudy(context)
    settings = context.settings
    samples = (f"{settings.patches:,} training patches of {settings.patch} x {settings.patch} pixels, "
               f"{len(study.test.levels)} test photographs")  # fmt: skip
    study.findings.data("drive", study.origin, samples)
    _train(study)
    _photographs(study)
    _trivial(study)
    _cells(study)
    _programming_errors(study)
    _reads(study)
    _controls(study)
    _pulses(study)
    tile = study.squares.levels[:1, : settings.tile, : settings.tile]
    with context.progress.task("cost", total=None):
        price(study.findings, study.network(), tile.unsqueeze(1))
    _pictures(study)
    _statements(study, tile.shape[1])


def _train(study: DriveStudy) -> None:
    """All networks, two at a time; finished ones are taken from the run's folder. Edges and plainly trained weights are
    those of all seeds, everything else is of the first."""
    settings, seeds, first = study.settings, study.context.seeds, study.context.seed
    kinds: tuple[Kind, ...] = ("edges", "weights")
    main = [Wanted(seed, kind) for seed in seeds for kind in kinds]
    noisy = [Wanted(first, "weights", error) for error in settings.trained_errors]
    stages = [[*main, *noisy, Wanted(first, "shuffled")], [Wanted(first, "retrained")]]  # the last starts from edges
    for stage in stages:
        jobs: dict[Wanted, Job] = {one: (train_vessels_to, (one, study.file, settings)) for one in stage}
        with trainings(study.folder, jobs, study.context.progress) as under_way:
            under_way.wait()


def _photographs(study: DriveStudy) -> None:
    """Grades of edges and weights on all test photographs, in software."""
    found: dict[str, list[Grades]] = {}
    kinds: dict[str, Kind] = {named.EDGES: "edges", named.WEIGHTS: "weights"}
    rows = []
    todo = [(label, seed) for label in kinds for seed in study.context.seeds]
    for label, seed in study.context.progress.track(todo, "photographs", total=len(todo)):
        threshold = study.validated(kinds[label], seed)[1]
        found.setdefault(label, []).extend(
            study.arm(
                f"photographs/{kinds[label]}/seed-{seed}",
                lambda k=kinds[label], s=seed, t=threshold: [study.judge(study.test, t)(study.network(k, s))],
            )
        )
    for label, by_seed in found.items():
        validated = [study.validated(kinds[label], seed) for seed in study.context.seeds]
        study.figure(f"{label}, validation PR AUC", [area for area, _ in validated])
        study.figure(f"{label}, threshold", [100 * threshold for _, threshold in validated])
        for field, name in enumerate((named.PR, named.ROC, "accuracy", "F1")):
            study.figure(f"{label}, {name}", [values[field] for values in by_seed])
        rows.append((label, *(round(float(np.mean(values)), 2) for values in zip(*by_seed, strict=True))))
    second = _second_observer(study)
    study.findings.table(
        "Vessels in the field of view", ("by", "PR AUC, %", "ROC AUC, %", "accuracy, %", "F1, %"), [*rows, *second],
        f"{len(study.test.levels)} test photographs; accuracy and F1 at the threshold that is best on validation ones"
        f"{f'; means of {len(study.context.seeds)} trainings' * (len(study.context.seeds) > 1)}.",
    )  # fmt: skip
    both = zip(found[named.WEIGHTS], found[named.EDGES], strict=True)
    study.figure(named.GAP, [a.precision_recall - b.precision_recall for a, b in both], "points")
    again = study.arm("photographs/retrained", lambda: [study.judge(study.test)(study.network("retrained"))])
    study.figure(named.RETRAINED, [again[0].precision_recall])
    study.figure(named.LEFT, [found[named.EDGES][0].precision_recall - again[0].precision_recall], "points")


def _second_observer(study: DriveStudy) -> list[tuple[str, None, None, float, float]]:
    """A person against the person whose masks are taken for true."""
    if study.test.second is None:
        return []
    inside = study.test.fields
    accuracy, f1 = at_threshold(study.test.second[inside].numpy(), study.test.vessels[inside].numpy())
    study.figure("second observer, accuracy", [100 * accuracy])
    study.figure("second observer, F1", [100 * f1])
    return [("second observer", None, None, round(100 * accuracy, 2), round(100 * f1, 2))]


def _trivial(study: DriveStudy) -> None:
    """What dark pixels alone say, and how many of all pixels are vessels: the PR AUC of chance."""
    inside = study.test.fields
    truth = study.test.vessels[inside].numpy()
    grey = study.arm("trivial/grey", lambda: [list(graded(1 - study.test.levels[inside].numpy(), truth))])
    study.figure(named.GREY, [grey[0].precision_recall])
    study.figure("the grey level alone, ROC AUC", [grey[0].receiver])
    study.figure(named.SHARE, [100 * float(np.mean(truth))])


def _cells(study: DriveStudy) -> None:
    """The learned edges switched on their cells, and on those of other dies."""
    dies = range(1, study.settings.dies + 1)
    judge = study.judge(study.squares)
    with study.context.progress.task("on cells", total=1 + len(named.MOVED)) as advance:
        plain = study.arm("cells/software", lambda: [judge(study.network())])[0].precision_recall
        held = study.arm("cells/own", lambda: [evaluation.on_cells(study.network(), judge)])
        study.figure(named.SQUARES, [plain])
        study.figure(named.CELLS, [held[0].precision_recall])
        advance()
        for name, (signs, settle) in named.MOVED.items():
            found = study.arm(
                f"cells/{name}",
                lambda a=signs, b=settle: evaluation.moved(
                    study.network(), judge, dies, a, study.settle if b else None
                ),
            )
            values = [grade.precision_recall for grade in found]
            study.figure(name, values, over="dies")
            if name in named.LOSSES:
                study.figure(named.LOSSES[name], [plain - value for value in values], "points", "dies")
            advance()


def _programming_errors(study: DriveStudy) -> None:
    """Weights written with an error, plainly trained and trained with it, beside edges, which have none to write."""
    seeds, judge = study.context.seeds, study.judge(study.few)
    own: list[Grades] = []
    for seed in seeds:
        own += study.arm(f"errors/edges/seed-{seed}", lambda s=seed: [judge(study.network("edges", s))])
    found = programmed_weights(
        study.context, lambda seed, trained: study.network("weights", seed, trained), judge, study.settle,
        {"plain": seeds, "noisy": seeds[:1]},
    )  # fmt: skip
    of = {key: [[Grades(*one) for one in draws] for draws in by_seed] for key, by_seed in found.items()}
    for (arm, error), by_seed in of.items():
        for field, area in enumerate((named.PR, named.ROC)) if error else ():
            drawn = [[one[field] for one in draws] for draws in by_seed]
            study.findings.figure(gain(named.gain(error, arm, area), [one[field] for one in own], drawn))
    pr = {key: [[one.precision_recall for one in draws] for draws in by_seed] for key, by_seed in of.items()}
    plot_errors(study.findings, study.settings, [one.precision_recall for one in own], pr, _first(study), AXIS)


def _reads(study: DriveStudy) -> None:
    """PR AUC against relative read noise, edges and weights alike."""
    settings, judge = study.settings, study.judge(study.few)
    kinds: dict[str, Kind] = {named.EDGES: "edges", named.WEIGHTS: "weights"}
    found: dict[str, list[list[float]]] = {label: [] for label in kinds}
    todo = [(label, noise) for label in kinds for noise in settings.read_noises]
    for label, noise in study.context.progress.track(todo, "read noise", total=len(todo)):
        drawn = study.arm(
            f"reads/{label}/{noise:g}",
            lambda k=kinds[label], n=noise: evaluation.under_reads(
                study.network(k), judge, n, settings.draws, study.context.seed
            ),
        )
        found[label].append([grade.precision_recall for grade in drawn])
    plot_reads(study.findings, settings, found, _first(study), AXIS)


def _controls(study: DriveStudy) -> None:
    """Choices of edges that were not learned, and masks that teach nothing."""
    judge, seed = study.judge(study.few), study.context.seed
    shuffled = study.arm("controls/shuffled", lambda: [judge(study.network("shuffled"))])
    study.figure(named.SHUFFLED, [shuffled[0].precision_recall])
    choices = evaluation.WRONG.items()
    for name, choice in study.context.progress.track(choices, "wrong choices of edges", total=len(choices)):
        found = study.arm(
            f"controls/{name}",
            lambda c=choice: [evaluation.chosen_wrongly(study.network(), c, study.settle, judge, seed)],
        )
        study.figure(f"{name}, PR AUC", [found[0].precision_recall])


def _pulses(study: DriveStudy) -> None:
    """Programming operations per weight."""
    before = untrained(Wanted(study.context.seed, "edges"), study.task, study.settings.recipe)

    def compute() -> dict[str, float]:
        return pulses_of_edges(study.network(), before) | pulses_of_weights(
            study.network("weights"), study.context.seed
        )

    with study.context.progress.task("programming operations", total=None):
        values = study.findings.arm("pulses", compute)
    steps = study.settings.epochs * (study.settings.patches // study.settings.recipe.batch)
    plot_pulses(study.findings, values, steps)


def _pictures(study: DriveStudy) -> None:
    """Photographs with vessels found and missed, in files of the run's folder: result.json holds no photograph."""
    shown, network = study.test.part(slice(study.settings.shown)), study.network()
    threshold = study.validated("edges", study.context.seed)[1]
    panels = []
    for number in range(len(shown.levels)):

        def write(path: Path, n: int = number) -> None:
            found = looked_through(network, shown.levels[n], study.settings.tile, study.settings.stride) > threshold
            truth = shown.vessels[n]
            marks = torch.where(found & truth, 1, torch.where(found, 2, torch.where(truth, 3, 0))) * shown.fields[n]
            with path.open("wb") as file:
                levels = (255 * shown.levels[n]).byte().numpy()
                np.savez_compressed(file, levels=levels, marks=marks.byte().numpy())

        path = study.findings.keep_file(f"pictures/photograph-{number + 1}.npz", write)
        file = path.relative_to(study.findings.folder).as_posix()
        panels.append({"title": f"test photograph {number + 1}", "file": file})
    caption = (
        f"Vessels by edge pruning, above a probability of {threshold:.2f} (best on validation photographs), over the "
        "prepared grey levels of test photographs, which are kept in the run's own folder alone."
    )
    study.findings.plot("segmentations", name="vessels", panels=panels, marks=MARKS[1:], caption=caption)


def _first(study: DriveStudy) -> str:
    return f"the first {len(study.few.levels)} test photographs"


def _statements(study: DriveStudy, side: int) -> None:
    """What is assumed, and from where the rest is."""
    settings, recipe = study.settings, study.settings.recipe
    count, size = study.squares.levels.shape[:2]
    share = study.squares.fields.sum() / study.test.fields.sum()
    rule = "SGD" if recipe.weights_optimiser == "sgd" else "Adam"
    width = f"{settings.width} channels on the first level; the published network has 32."
    for text, source in (
        (f"The network has {width}", "ours" if settings.width != 32 else SCRIPTS),
        (f"Photographs are looked through in tiles of {settings.tile} x {settings.tile} pixels, one every "
         f"{settings.stride}, the mean where they overlap; published: 96 x 96, one every 16.", "ours"),
        ("The loaders of patches are not public: centres are drawn evenly in the field of view.", "inferred"),
        (f"Validation photographs are {settings.held_out} of the training ones, apart from the patches' own; rates "
         "were chosen on them.", "ours"),
        (f"Weights are trained by {rule} at {recipe.weights_rate:g}, edges by SGD at {recipe.rate:g}: the better of "
         "the published rules on validation photographs.", "ours"),
        (f"On cells: the middle {size} x {size} pixels of {count} test photographs, {100 * float(share):.2g} % of "
         "all in the field of view.", "ours"),
        (f"The cost is per tile of {side} x {side} pixels.", "ours"),
        ("What the published gains compare with is not in the abstracts: weights programmed by the device are "
         "inferred; plainly trained ones and ones trained with the error are shown.", "inferred"),
        ("Programming errors are additive, normal, relative to each layer's largest weight, drawn once.", "ours"),
        ("The off state that pruned edges leave behind is assumed to be 0.5 ± 0.2 µS, 4 % of the on state.", "assumed"),
        (f"Gradients are clipped at a norm of {recipe.clip:g}, if it is not 0; the published scripts do not.", "ours"),
        ("The grades are those of the last epoch: no epoch is chosen on test photographs, as the scripts do.", "ours"),
        (f"Accuracy and F1 are taken above the probability with the best F1 on the {settings.held_out} validation "
         "photographs, chosen for each network.", "ours"),
        ("Batch norms are digital. Where it is not said that they are settled, they stay as trained after programming "
         "and on another die.", "ours"),
        ("Where they are settled, their means and variances are taken anew over at most "
         "1,024 training patches, with the weights that are held there; nothing is written.", "ours"),
        ("The area under precision against recall is a sum of steps, without straight lines between points.", "ours"),
    ):  # fmt: skip
        study.findings.assumption(text, source)
    study.findings.reference("Edge-popup: V. Ramanujan et al., CVPR 2020", "arXiv:1911.13299")
    study.findings.reference("DRIVE: J. Staal et al., IEEE Trans. Med. Imaging 23, 501 (2004)",
                             "doi:10.1109/TMI.2004.825627")  # fmt: skip
    study.findings.reference("Settings, scale, cycle noise", SCRIPTS)
