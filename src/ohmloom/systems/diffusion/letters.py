"""System `diffusion-letters`: images of three classes from two numbers that an analogue loop generates."""

from __future__ import annotations

from copy import deepcopy
from functools import partial

import torch

from ohmloom.codesign.diffusion import AutoencoderRecipe, Null, Score, ScoreNetwork, ScoreRecipe
from ohmloom.experiments import Context, System, Tier, trainings
from ohmloom.systems.diffusion import letters_claims as named
from ohmloom.systems.diffusion.closed_loop import conditional, held, path_error
from ohmloom.systems.diffusion.energy import price
from ohmloom.systems.diffusion.letters_data import corpus, prepare, prepared
from ohmloom.systems.diffusion.letters_pictures import plot_images, plot_latents
from ohmloom.systems.diffusion.letters_study import LetterStudy
from ohmloom.systems.diffusion.letters_training import letter_training, restored_coder, restored_judge, train_coder
from ohmloom.systems.diffusion.loops import AnalogueSampler, written
from ohmloom.systems.diffusion.pictures import plot_signals
from ohmloom.systems.diffusion.publication import PAPER, SCRIPTS
from ohmloom.systems.diffusion.settings import KINDS, Group, Kind, LetterSettings, Wanted, WantedCoder
from ohmloom.systems.diffusion.study import mean
from ohmloom.systems.diffusion.training import restored_group, shuffled, train_group
from ohmloom.systems.diffusion.write_errors import on_array, show_errors, table_of_errors, write_grid

RELEASED_STEPS = 5_000  # of the digital solver


class DiffusionLetters(System[LetterSettings]):
    """The conditional task, in software and on cells with write errors."""

    name = "diffusion-letters"
    title = "Score-based diffusion on an analogue loop: images of letters"
    summary = "Three arrays generate the two latent numbers of an image of a chosen class; a decoder draws it."
    paper = PAPER
    claims = named.CLAIMS
    controls = named.CONTROLS
    tiers = {  # noqa: RUF012
        "smoke": Tier(summary="Embedded digits, short trainings.", budget=60, settings=LetterSettings(
            subset="embedded", autoencoder=AutoencoderRecipe(epochs=8), judge_epochs=4,
            recipe=ScoreRecipe(steps=1_500, batch=256, rate=5e-3, falling=True, decay=1e-4, saturation=3e-6),
            samples=200, steps=100, errors=(0.0, 0.1, 0.2), dies=2, strengths=(1.0,))),
        "standard": Tier(summary="All images of three classes, 5 dies, one training seed.", budget=1200,
                         settings=LetterSettings()),
        "full": Tier(summary="Five training seeds of the standard tier's number of steps, 5 dies of each.",
                     budget=2400, seeds=5, settings=LetterSettings()),
    }  # fmt: skip

    def run(self, context: Context[LetterSettings]) -> None:
        """Train autoencoder, judge and score; generate in software and on cells; guide, swap and shuffle; price."""
        torch.set_num_threads(1)  # networks are trained side by side instead
        study = _trained(context)
        _judge(study)
        _software(study)
        _controls(study)
        _guidance(study)
        found = write_grid(study)
        table_of_errors(study, found)
        show_errors(study, found, 0, "accuracy-write-errors", "class accuracy of decoded samples, %", "%")
        show_errors(study, found, 1, "write-errors", "KL(data || generated), nats")
        _cells(study)
        _paths(study)
        _pictures(study)
        _circuit(study)
        _statements(context)


def _trained(context: Context[LetterSettings]) -> LetterStudy:
    """Prepare the images, then train autoencoders and judge, then the score networks on the latents."""
    settings, findings, chosen = context.settings, context.findings, corpus(context.settings.subset)
    findings.data(chosen.name, "real" if settings.subset == "full" else "embedded", chosen.note)
    images = findings.keep_file("images.safetensors", lambda path: prepare(path, chosen, settings.subset))
    folder = findings.folder / "networks"
    judge = WantedCoder(context.seed, "judge")
    coders = {seed: WantedCoder(seed, "autoencoder") for seed in context.seeds}
    jobs = {one: (train_coder, (one, settings, str(images))) for one in (*coders.values(), judge)}
    with trainings(folder, jobs, context.progress) as under_way:
        under_way.wait()
    groups = [Group(kind, tuple(Wanted(seed, kind) for seed in context.seeds)) for kind in KINDS]
    training = partial(letter_training, settings, str(images),
                       {seed: str(folder / coder.file) for seed, coder in coders.items()})  # fmt: skip
    with trainings(folder, {group: (train_group, (group, training)) for group in groups},
                   context.progress) as under_way:  # fmt: skip
        under_way.wait()
    classes = len(chosen.labels)
    networks = {one: network for group in groups for one, network in restored_group(group, folder, classes).items()}
    return LetterStudy(
        context, networks, chosen, prepared(images),
        {seed: restored_coder(folder / coder.file) for seed, coder in coders.items()},
        restored_judge(folder / judge.file, classes),
    )  # fmt: skip


def _judge(study: LetterStudy) -> None:
    """What the judge makes of real images, and of those that went through the autoencoder."""
    right = study.judge(study.images.test_images).argmax(-1) == study.images.test_labels
    study.one(named.JUDGE, 100 * float(right.double().mean()), "%")
    recoded = []
    for seed in study.context.seeds:
        asked = [(study.answers(points, seed) == label) for label, points in enumerate(study.data(seed))]
        recoded.append(100 * float(torch.cat(asked).double().mean()))
    study.figure(named.RECODED, recoded, "%")


def _scores(network: ScoreNetwork, classes: int) -> list[Score]:
    return [conditional(network, label) for label in range(classes)]


def _software(study: LetterStudy) -> None:
    """All samplers with both networks, on exact weights."""
    seeds, rows = study.context.seeds, []
    floor = [study.measured(study.fresh(seed), seed) for seed in seeds]
    rows.append(("other draw of the data", "", *_rounded(floor)))
    todo: list[tuple[Kind, str]] = [(kind, sampler) for sampler in study.samplers for kind in KINDS]
    for kind, sampler in study.context.progress.track(todo, "digital samplers", total=len(todo)):
        found = study.arm(f"software/{kind}/{sampler}", lambda k=kind, s=sampler: [
            study.measured(study.digital(_scores(study.network(k, seed), study.classes), s), seed)
            for seed in seeds])  # fmt: skip
        rows.append((sampler, KINDS[kind], *_rounded(found)))
        figure = {study.flow: named.ACCURACY, study.stochastic: named.ACCURACY_NOISY}.get(sampler)
        if kind == "noisy" and figure is not None:
            study.figure(figure, [of_seed[0] for of_seed in found], "%")
    study.findings.table("Digital samplers", ("sampler", "network", *study.measures), rows,
                         f"{study.settings.samples:,} points of each class, {study.settings.steps} steps of Euler's "
                         "method; KL in nats of latents against test images', from 16 x 16 boxes of [-1.2, 1.2]² and "
                         "one for all outside, mean of the classes.")  # fmt: skip


def _controls(study: LetterStudy) -> None:
    """What must generate nothing, and what must generate another class."""
    seeds, classes = study.context.seeds, study.classes

    def accuracies(change: str, shift: int = 0) -> list[float]:
        found = []
        for seed in seeds:
            scores = [held(score) for score in _scores(_changed(study.network("noisy", seed), change, seed), classes)]
            if change == "silent":
                scores = [lambda x, _t: torch.zeros_like(x)] * classes
            found.append(study.accuracy(study.digital(scores, study.flow), seed, shift))
        return found

    for figure, change, shift in ((named.SHUFFLED, "shuffled", 0), (named.SILENT, "silent", 0),
                                  (named.SWAPPED, "swapped", 1), (named.SWAPPED_OLD, "swapped", 0)):  # fmt: skip
        study.figure(figure, study.arm(f"controls/{figure}", lambda c=change, s=shift: accuracies(c, s)), "%")


def _changed(network: ScoreNetwork, change: str, seed: int) -> ScoreNetwork:
    """Weights shuffled, or each class with the embedding of the next."""
    if change == "shuffled":
        return shuffled(network, seed)
    other = deepcopy(network)
    if change == "swapped":
        first = next(other.embedding.parameters())  # type: ignore[union-attr]  # (width, classes)
        first.copy_(first.roll(-1, 1))
    return other


def _guidance(study: LetterStudy) -> None:
    """Guidance away from no class, and, as released, away from class 0; the flow."""
    rows, seed, classes = [], study.context.seed, study.classes
    centre = study.data(seed)[0].mean(0)

    def points(strength: float, null: Null) -> torch.Tensor:
        network, labels = study.network("noisy", seed), torch.arange(classes).unsqueeze(1)
        scores: list[Score] = [lambda x, t, c=c: network.guided(x, t, c, strength, null=null) for c in labels]
        return study.digital(scores, study.flow)

    plain = points(0.0, "zero")
    unguided = _variance(plain)
    rows.append((0.0, "", *_rounded([study.measured(plain, seed)]), 1.0, _round(_away(plain, centre))))
    for strength in study.context.progress.track(study.settings.strengths, "guidance"):
        found: dict[Null, torch.Tensor] = {null: points(strength, null) for null in ("zero", "class-0")}
        for null, made in found.items():
            rows.append((strength, {"zero": "no class", "class-0": "class 0"}[null],
                         *_rounded([study.measured(made, seed)]), _round(_variance(made) / unguided),
                         _round(_away(made, centre))))  # fmt: skip
        if strength == 1:
            study.one(named.SHARPER, _variance(found["zero"]) / unguided)
            study.one(named.AWAY, _away(found["class-0"], centre) / _away(found["zero"], centre))
            study.one(named.UNMOVED, float((found["class-0"][0] - plain[0]).abs().max()))
    study.findings.table(
        "Guidance", ("strength", "null", *study.measures, "variance over unguided", "others from class 0, units"), rows,
        "(1 + w) s(x, t, c) - w s(x, t, null), digital. The released code takes class 0 for the null.",
    )  # fmt: skip


def _variance(points: torch.Tensor) -> float:
    """Mean over the classes of the variance of points (classes, samples, 2) around their own mean."""
    return float(points.var(1).sum(-1).mean())


def _away(points: torch.Tensor, centre: torch.Tensor) -> float:
    """How far the means of classes 1, 2, … lie from ``centre``, on average."""
    return float((points[1:].mean(1) - centre).norm(dim=-1).mean())


def _cells(study: LetterStudy) -> None:
    """On exact cells, and on the array as it is assumed."""
    figures = {study.flow: (named.ACCURACY_LOOP, named.ACCURACY_CELLS),
               study.stochastic: (named.ACCURACY_LOOP_NOISY, named.ACCURACY_CELLS_NOISY)}  # fmt: skip
    on_cells = on_array(study)
    for sampler, (loop, cells) in figures.items():
        exact = study.arm(f"exact/{sampler}", lambda s=sampler: [
            value for seed in study.context.seeds
            for value in study.on_cells("noisy", s, written(0.0), f"exact/{seed}", 1, seed=seed)])  # fmt: skip
        study.figure(loop, [value[0] for value in exact], "%")
        study.figure(cells, [of_die[0] for of_die in on_cells["all cells sound", sampler]], "%", "dies")


def _exact(study: LetterStudy) -> AnalogueSampler:
    """The first network's loop on cells that hold what they should."""
    reverse = study.samplers[study.flow]
    return study.sampler(study.network(), written(0.0), reverse, study.streams.child("exact"))


def _paths(study: LetterStudy) -> None:
    """The loop against the digital equation, the worst of all classes."""
    start = study.start(min(study.settings.samples, 500))
    errors = study.arm("closed-loop", lambda: [
        list(path_error(_exact(study).of_class(label), begin)) for label, begin in enumerate(start)])  # fmt: skip
    study.one(named.PATH, max(error for error, _ in errors), "%")
    study.one("states at their rails", mean([at_rail for _, at_rail in errors]), "%")


def _pictures(study: LetterStudy) -> None:
    seed, clouds = study.context.seed, {"data": study.data(study.context.seed)}
    streams = study.streams.child("pictures")
    for sampler in (study.flow, study.stochastic):
        word = sampler.split(",")[0]
        clouds[f"{word}, digital"] = list(study.digital(_scores(study.network(), study.classes), sampler))
        for kind in KINDS:
            analogue = study.sampler(study.network(kind), written(0.1), study.samplers[sampler], streams)
            clouds[f"{word}, {KINDS[kind]}, 10\u00a0%"] = list(study.generated(analogue, streams.generator("noise"))[0])
    plot_latents(study.findings, clouds, study.corpus.titles)
    plot_images(study, seed, streams)


def _circuit(study: LetterStudy) -> None:
    analogue = _exact(study).of_class(0)
    path = analogue.run(study.start(500)[0])
    plot_signals(study.findings, analogue, path, "one latent of the first class")
    price(study, analogue.array_power(path), named.CLAIMS, RELEASED_STEPS)


def _rounded(found: list[list[float]]) -> list[float]:
    return [_round(mean(list(column))) for column in zip(*found, strict=True)]


def _round(value: float) -> float:
    return round(value, 3)


def _statements(context: Context[LetterSettings]) -> None:
    for text, source in (
        ("Biases, time and class signals and schedules are digital; only the three matrices are in cells.",
         f"inferred, {SCRIPTS}"),
        ("The diffusion learns a draw of each code, not its mean; whether latents were drawn is not said.", "assumed"),
        ("The two latents are not swapped before diffusion, as they are in the released code: it changes nothing.",
         "ours"),
        ("A write error multiplies each weight by 1 + error · z: cells of a pair are off or hold a target.", "assumed"),
        ("Rails and clamps of ±2 V, twenty times a unit; converters' full scale fits the signal.", "assumed"),
        ("Weights are as noisy in training as in the unconditional task; the released class ignores that setting.",
         f"{SCRIPTS}; the plain network is shown beside it"),
        ("No guidance where it is not said (w = 0, as released); the null is a zero embedding, in the released code "
         "it is class 0.", SCRIPTS),
        ("Training takes fewer steps than the released 107,000, at a rate that falls.", "ours"),
    ):  # fmt: skip
        context.findings.assumption(text, source)
