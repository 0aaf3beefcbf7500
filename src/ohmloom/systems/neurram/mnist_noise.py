"""Part N5 of `neurram-mnist`: accuracy in software under weight noise, by training noise, with its controls."""

from __future__ import annotations

import ohmloom as ol
from ohmloom.data import Labelled
from ohmloom.experiments import Context, Figure
from ohmloom.systems.neurram import evaluation
from ohmloom.systems.neurram.mnist_claims import CLEAN_LOSS, FOLDED, GAIN, ON_ACTIVATIONS
from ohmloom.systems.neurram.mnist_settings import MnistSettings, arm_name, mean
from ohmloom.systems.neurram.training import States, Trained


def noise_training(context: Context[MnistSettings], trained: States, test: Labelled) -> None:
    """N5: accuracy in software under weight noise, by training noise."""
    settings, findings, chip = context.settings, context.findings, ol.Chip.load("neurram")
    few = evaluation.first(test, settings.noise_images)
    levels = (0.0, 0.05, 0.1, 0.15, 0.2)
    kinds = ("max", "rms")
    table: dict[tuple[str, float, float], list[float]] = {}
    on_weights = [network for network in trained if network.on == "weights"]
    total = len(on_weights) * len(levels) * len(kinds)
    with context.progress.task("weight noise in software", total=total) as advance:
        for seed, trained_noise, _ in on_weights:
            state = trained[Trained(seed, trained_noise)]
            for kind in kinds:
                for level in levels:
                    draws = findings.arm(
                        f"noise/{seed}/{trained_noise:g}/{kind}/{level:g}",
                        lambda s=state, d=level, k=kind: evaluation.under_noise(
                            s, chip, few, d, k, settings.draws if d else 1, context.seed
                        ),
                    )
                    table.setdefault((kind, trained_noise, level), []).append(sum(draws) / len(draws))
                    advance()
    _pictures(context, table)
    noises = settings.noises
    best, seeds = noises[-1], len(context.seeds)
    pairs = {level: [a - b for a, b in zip(table["max", best, level], table["max", 0.0, level], strict=True)]
             for level in levels}  # fmt: skip
    for name, values in ((GAIN, pairs[0.15]), (CLEAN_LOSS, [-v for v in pairs[0.0]])):
        figure = Figure.over(name, values, "points", "seeds") if seeds > 1 else Figure.of(name, values[0], "points")
        findings.figure(figure)
    for noise, who in ((0.0, "plain"), (best, "noise-trained")):
        for level in (0.0, 0.15):
            name = f"{who} network, " + ("clean" if level == 0 else "15 % noise of max |W|")
            findings.figure(Figure.over(name, table["max", noise, level], "%", "seeds"))


def _pictures(context: Context[MnistSettings], table: dict[tuple[str, float, float], list[float]]) -> None:
    """Curves relative to the largest weight and to the rms, and the whole grid; means over seeds."""
    noises, grid = context.settings.noises, context.settings.grid
    order, levels = sorted({*noises, *grid}), sorted({level for _, _, level in table})
    means = {key: mean(values) for key, values in table.items()}
    alone = f" Training noises of 0 and {100 * noises[-1]:g} %: mean over seeds; others: one seed." if grid else ""
    shown = [100 * level for level in levels]
    for kind, bar in (("max", ""), ("rms", " No bar is set here.")):
        lines = [
            {"label": f"trained with {100 * n:g} %", "values": [means[kind, n, level] for level in levels]}
            for n in order
        ]
        context.findings.plot(
            "noise_curves", name=f"noise-{kind}", noise=shown, lines=lines,
            noise_axis=f"test noise, % of each layer's {kind} |W|",
            caption=f"Accuracy in software with Gaussian noise on the weights, relative to the {kind} of each layer's "
            f"unfolded weights.{bar}{alone}",
        )  # fmt: skip
    context.findings.plot(
        "noise_grid", train=[100 * n for n in order], test=shown, train_axis="training noise, %",
        accuracy=[[means["max", n, level] for level in levels] for n in order],
        caption=f"The whole grid: training noise against test noise, relative to max |W|.{alone}",
    )  # fmt: skip


def training_controls(context: Context[MnistSettings], trained: States, test: Labelled) -> None:
    """At 15 % noise of max |W|: what training with noise on activations instead gives, and what is left where the noise
    is relative to the weights with batch norms folded in."""
    settings, findings, chip = context.settings, context.findings, ol.Chip.load("neurram")
    few = evaluation.first(test, settings.noise_images)
    noise = settings.noises[-1]
    arms = {f"noise-trained network, {FOLDED}": (Trained(0, noise), True),
            f"plain network, {FOLDED}": (Trained(0, 0.0), True)}  # fmt: skip
    if settings.activation_noise:
        arms[ON_ACTIVATIONS] = (Trained(0, noise, "activations"), False)
    for name, (network, folded) in arms.items():

        def compute(network: Trained = network, folded: bool = folded) -> list[float]:
            states = [trained[network._replace(seed=seed)] for seed in context.seeds]
            return [mean(evaluation.under_noise(state, chip, few, 0.15, "max", settings.draws, context.seed,
                                                folded=folded)) for state in states]  # fmt: skip

        findings.figure(Figure.over(name, findings.arm(arm_name("noise", name), compute), "%", "seeds"))
