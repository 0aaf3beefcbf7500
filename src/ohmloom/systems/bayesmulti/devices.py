"""System `bayesmulti-devices`: what a network does on each of 37 measured devices, trained plainly and with masks."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from scipy.stats import spearmanr  # pyright: ignore[reportMissingTypeStubs, reportUnknownVariableType]

from ohmloom.codesign.noise_injection import (
    DeviceWeights,
    accuracy_under,
    limited_share,
    longest_run,
    spread_over_cycles,
    usability,
)
from ohmloom.data import Labelled, MeasuredMemristors, load
from ohmloom.errors import DataError
from ohmloom.experiments import Claim, Context, Control, Figure, System, Tier, t_interval
from ohmloom.random import Streams
from ohmloom.systems.bayesmulti import searches
from ohmloom.systems.bayesmulti.network import Arm, first, priced, train
from ohmloom.systems.bayesmulti.publication import PAPER, RELEASED
from ohmloom.systems.bayesmulti.settings import DeviceSettings, Learning

WORST, BEST = "largest deviation from a released usability", "usability of the best device"
FOUND, AT_LIMIT = "devices whose run comes out of the sweeps", "devices whose run is at the current limit"
GAIN, CLEAN = "masks less ERM, devices of positive usability", "masks less ERM, weights as trained"
LOWEST = "ERM: least accuracy of 10 draws on the device of usability 0.28"
RANKS = "rank correlation of usability and accuracy, ERM"
KINDS = ("ERM", "masks")


class Look(NamedTuple):
    """What the sweeps of a device say."""

    start: int  # of the run
    run: float  # L
    ratio: float | None  # sigma as released; None for readings of zero
    log: float | None
    limited: float  # share of the run at the largest current
    curve: tuple[float, ...]


class BayesMultiDevices(System[DeviceSettings]):
    """Accuracy over usability, device by device."""

    name = "bayesmulti-devices"
    title = "BayesMulti: accuracy on 37 measured perovskite devices"
    summary = "Weights mapped to each measured device's steps and spread; usability, and what it is made of."
    paper = PAPER
    claims = (
        Claim(name="usability of the best device", published=0.4524, direction="within", tolerance=5e-5,
              tolerance_source="rounding of the anchor", version="released table", source=RELEASED, figure=BEST),
        Claim(name="AlexNet, CIFAR-10, usability 0.28, plainly trained", published=24, unit="%", direction="within",
              tolerance=2, tolerance_source="read off by eye", version="released figure; the least of 10 draws",
              source=RELEASED, figure=LOWEST),
    )  # fmt: skip
    controls = (
        Control(name="the formula reproduces the released table", expectation="L (1 - sigma), all 37 devices (AC6).",
                figure=WORST, rule="at_most", bound=1e-9),
        Control(name="masks help on usable devices", expectation="Mean gain over ERM is positive.", figure=GAIN,
                rule="at_least", bound=0, unit="points"),
        Control(name="masks cost little", expectation="At most 3 points on weights as trained.", figure=CLEAN,
                rule="at_least", bound=-3, unit="points"),
    )  # fmt: skip
    tiers = {  # noqa: RUF012
        "smoke": Tier(summary="Embedded digits, few draws.", budget=60, settings=DeviceSettings(
            learning=Learning(subset="embedded", training_images=2_000, validation_images=500, epochs=4), draws=3,
            test_images=250)),
        "standard": Tier(summary="5,000 real digits to learn from, 10 draws of each device.", budget=1200,
                         settings=DeviceSettings()),
        "full": Tier(summary="All digits, 30 draws.", budget=7200, settings=DeviceSettings(
            learning=Learning(training_images=55_000, epochs=10), draws=30, test_images=10_000)),
    }  # fmt: skip

    def run(self, context: Context[DeviceSettings]) -> None:
        """Look at the sweeps, train two networks, put each on every device."""
        torch.set_num_threads(1)
        settings, findings = context.settings, context.findings
        devices, images = load("perovskite"), load("mnist", subset=settings.learning.subset)
        findings.data("perovskite", devices.origin, "37 devices with a released usability, sweeps of 43")
        findings.data("mnist", images.origin, f"{settings.learning.training_images:,} of its training images")
        looks = _looks(context, devices)
        training = first(images.split(settings.learning.validation_images)[0], settings.learning.training_images)
        test = first(images.tensors("test"), settings.test_images)
        _accuracies(context, devices, looks, training, test)
        for text, source in (
            (f"The masks have the rates {settings.rates[0]:g} and {settings.rates[1]:g}, not searched again.", "ours"),
            ("Weights are mapped with the released L and sigma; the curve beyond a short run is our mean of I / V.",
             "ours"),
            ("Currents are in ampere, and magnitudes: the source states neither.", "inferred"),
            ("At a current limit I / V rises as V falls, whatever the device: such a run says how the source was set.",
             "ours"),
        ):  # fmt: skip
            findings.assumption(text, source)
        findings.not_comparable(self.claims[1].name, "published for AlexNet on CIFAR-10, ours is 784-128-64-10, MNIST")


def _looks(context: Context[DeviceSettings], devices: MeasuredMemristors) -> dict[str, Look]:
    """Runs and spreads of the sweeps beside the released ones."""
    findings, looks, rows = context.findings, {}, []
    for rated in devices.rated:
        try:
            volts, amperes = devices.readings(rated.device)
        except DataError:  # measured on one branch only
            rows.append((rated.device, round(rated.usability, 4), rated.run, None, round(rated.sigma, 4), *[None] * 3))
            continue
        looks[rated.device] = look = _look(volts, amperes)
        rows.append((rated.device, round(rated.usability, 4), rated.run, look.run, round(rated.sigma, 4),
                     _short(look.ratio), _short(look.log), round(100 * look.limited)))  # fmt: skip
    columns = ("device", "usability", "L", "L, sweeps", "sigma", "ratio-std", "log-std", "run at the limit, %")
    findings.table("Released and recomputed", columns, rows,
                   "Of the first 100 points. The released sigma is the standard deviation of G / mean G within the run "
                   "(ratio-std), not of its logarithm (log-std). The limit: within 2 % of the cycle's largest "
                   "current.")  # fmt: skip
    worst = max(abs(usability(one.run, one.sigma) - one.usability) for one in devices.rated)
    findings.figure(Figure.of(WORST, worst))
    findings.figure(Figure.of(BEST, max(usability(one.run, one.sigma) for one in devices.rated)))
    same = sum(one.device in looks and abs(looks[one.device].run - one.run) < 1e-9 for one in devices.rated)
    findings.figure(Figure.of(FOUND, same, "devices"))
    findings.figure(Figure.of(AT_LIMIT, sum(look.limited > 0.5 for look in looks.values()), "devices"))
    return looks


def _look(volts: Any, amperes: Any) -> Look:
    conductance = amperes / volts
    mean = conductance.mean(0)
    run = longest_run(mean)
    within = slice(run.start, run.start + run.length)
    part = conductance[:, within]
    whole = len(part) > 1 and bool((part > 0).all())
    limited = [limited_share(cycle[within], float(cycle.max())) for cycle in amperes]
    return Look(
        run.start, run.share, spread_over_cycles(part, "ratio-std") if whole else None,
        spread_over_cycles(part, "log-std") if whole else None, float(np.mean(limited)), tuple(mean.tolist()),
    )  # fmt: skip


def _accuracies(
    context: Context[DeviceSettings], devices: MeasuredMemristors, looks: dict[str, Look], training: Labelled,
    test: Labelled,
) -> None:  # fmt: skip
    """Two networks on every device."""
    settings, findings = context.settings, context.findings
    arms = {"ERM": Arm(), "masks": searches.multinomial(settings.rates)}
    with context.progress.task("training", total=2) as advance:
        models = {}
        for kind, arm in arms.items():
            models[kind] = train(training, arm, settings.learning.epochs, context.seed)
            advance()
    ordered = sorted(devices.rated, key=lambda one: one.usability)
    found: dict[str, list[list[float]]] = {kind: [] for kind in KINDS}
    for rated in context.progress.track(ordered, "devices", total=len(ordered)):
        look = looks.get(rated.device)
        start, curve = (0, ()) if look is None else (look.start, look.curve)
        law = DeviceWeights(run_start=start, run_length=round(100 * rated.run), deviation=rated.sigma, curve=curve)
        for kind in KINDS:
            chance = Streams(context.seed).child("bayesmulti", rated.device).generator("device")  # paired
            found[kind].append(findings.arm(
                f"device/{rated.device}-{kind}",
                lambda m=models[kind], g=chance, p=law: accuracy_under(m, *test, p, draws=settings.draws, generator=g),
            ))  # fmt: skip
    exact = {kind: float(np.mean(_clean(models[kind], test))) for kind in KINDS}
    findings.figure(Figure.of(CLEAN, exact["masks"] - exact["ERM"], "points"))
    means = {kind: [float(np.mean(draws)) for draws in found[kind]] for kind in KINDS}
    gains = [b - a for one, a, b in zip(ordered, *means.values(), strict=True) if one.usability > 0]
    findings.figure(Figure.of(GAIN, float(np.mean(gains)), "points", interval=t_interval(gains)))
    scores = [one.usability for one in ordered]
    findings.figure(Figure.of(RANKS, float(spearmanr(scores, means["ERM"]).statistic)))  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType, reportAttributeAccessIssue]
    near = min(range(len(ordered)), key=lambda i: abs(scores[i] - 0.28))
    findings.figure(Figure.of(LOWEST, min(found["ERM"][near]), "%"))
    rows = []
    for i, one in enumerate(ordered):
        cells = [value for kind in KINDS for value in _summary(found[kind][i])]
        rows.append((one.device, round(one.usability, 4), round(one.sigma, 4), one.run, *cells))
    parts = [f"{kind}, {what}" for kind in KINDS for what in ("mean", "low", "high", "least")]
    findings.table("Accuracy on each device", ("device", "usability", "sigma", "L", *parts), rows,
                   f"Per cent of {len(test.images):,} test images; mean of {settings.draws} draws with its 95 % "
                   "interval, and the least draw, which is what was published.")  # fmt: skip
    findings.plot("noise_curves", name="usability", noise=scores, noise_axis="usability, L (1 - sigma)",
                  axis="test accuracy, %",
                  lines=[{"label": kind, "values": means[kind], "low": [min(d) for d in found[kind]],
                          "high": [max(d) for d in found[kind]]} for kind in KINDS],
                  caption="One point for each of 37 devices: mean, least and most of "
                  f"{settings.draws} draws, the same for both networks.")  # fmt: skip
    findings.cost(priced(models["masks"], training, test))


def _clean(model: torch.nn.Module, test: Labelled) -> list[float]:
    law = DeviceWeights(run_length=100, deviation=0.0)
    return accuracy_under(model, *test, law, draws=1, generator=torch.Generator())


def _summary(draws: list[float]) -> tuple[float, ...]:
    interval = t_interval(draws)
    return tuple(round(value, 2) for value in (float(np.mean(draws)), interval.low, interval.high, min(draws)))


def _short(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
