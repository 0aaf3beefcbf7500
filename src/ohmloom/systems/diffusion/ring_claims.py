"""What `diffusion-ring` is held against, and the experiments that must come out as stated."""

from __future__ import annotations

from ohmloom.experiments import Claim, Control
from ohmloom.systems.diffusion.energy import SAVED, SPEED
from ohmloom.systems.diffusion.publication import JOURNAL, PREPRINT
from ohmloom.systems.diffusion.settings import DESIGNS, FLOW, KINDS, NOISY_FLOW, DesignName, Kind

FLOOR, FLOOR_BACK = "KL(data || data), sampling floor", "KL(data || data), sampling floor, other draw"
DIGITAL, ON_ARRAY = "digital", "180 nm array"
RELEASED: DesignName = "released"
BEST: DesignName = "wide-consistent"  # of the designs here
RISE = {name: f"rise of KL at 20 % write error, trained with noise, {name}" for name in (FLOW, NOISY_FLOW)}
INTERVALS = "rise of KL: low end of the flow's interval less high end of the stochastic one's"
HELP = "KL at 10 % write error, flow: trained without noise over trained with"
HELP_NOISY = "KL at 10 % write error, stochastic: trained without noise over trained with"
PATH = "loop against the digital equation: largest difference of a path"
HALVED_KL = "halved step, flow: change of KL over its spread between starts"
HALVED = "halved step, noise per time: change of the spread of radii"
WRONG = "halved step, noise per step: change of the spread of radii"
STRICT = "exact flow with the released rates from N(0, 1): points within the band"
SHUFFLED, SILENT = "shuffled weights: points within the band", "no score: points within the band"
TIMELESS = "constant time signal: KL over that with the time"


def network(kind: Kind, design: DesignName = "released") -> str:
    """How figures call a network; a released one by its training alone."""
    return KINDS[kind] if design == "released" else f"{DESIGNS[design].title}, {KINDS[kind]}"


def divergence(sampler: str, kind: Kind = "noisy", design: DesignName = "released") -> str:
    return f"KL(data || generated), {network(kind, design)}, {sampler}"


def divergence_back(sampler: str, kind: Kind = "noisy", design: DesignName = "released") -> str:
    return f"KL(generated || data), {network(kind, design)}, {sampler}"


def score_error_at(t: float, kind: Kind = "noisy", design: DesignName = "released") -> str:
    return f"score error at t = {t:g}, {network(kind, design)}"


def off_radius(sampler: str, where: str, design: DesignName) -> str:
    return f"radius: distance from 0.70, {network('noisy', design)}, {sampler}, {where}"


def in_band(sampler: str, where: str, design: DesignName) -> str:
    return f"points within 0.70 ± 0.12, {network('noisy', design)}, {sampler}, {where}"


def ratio(sampler: str, design: DesignName) -> str:
    return f"KL(data || generated) on the 180 nm array over digital, {network('noisy', design)}, {sampler}"


def _on_array(name: DesignName, sampler: str) -> tuple[Control, ...]:
    """The acceptance figures of a design and a sampler on the array as it is assumed, all cells sound."""
    title = f"{DESIGNS[name].title}, {sampler.split(',')[0]}"
    return (
        Control(name=f"cells generate as the digital network does, {title}", expectation="KL below twice (acceptance).",
                figure=ratio(sampler, name), rule="at_most", bound=2),
        Control(name=f"the ring on cells has its radius, {title}", expectation="Mean radius within 0.02 of 0.70 "
                "(acceptance).", figure=off_radius(sampler, ON_ARRAY, name), rule="at_most", bound=0.02),
        Control(name=f"points on cells lie on the ring, {title}", expectation="At least 85 % within 0.70 ± 0.12 "
                "(acceptance).", figure=in_band(sampler, ON_ARRAY, name), rule="at_least", bound=85, unit="%"),
    )  # fmt: skip


CLAIMS = tuple(
    Claim(name=f"{what} ({version})", published=value, unit=unit, direction="at_least", figure=figure, **source)
    for version, source, speed, saved in (("preprint", PREPRINT, 64.8, 80.8), ("journal", JOURNAL, 69.0, 31.5))
    for what, value, unit, figure in (("speed-up", speed, "x", SPEED), ("energy saved", saved, "%", SAVED))
)

CONTROLS = (
    *(Control(name=f"the score is learned, {DESIGNS[design].title}, t = {t:g}",
              expectation="Within 15 % of the exact score (acceptance).", figure=score_error_at(t, "noisy", design),
              rule="at_most", bound=15, unit="%") for design in (RELEASED, BEST) for t in (0.1, 0.5, 1.0)),
    Control(name="the ring has its radius", expectation="Mean radius within 0.02 of 0.70, as released (acceptance).",
            figure=off_radius(FLOW, DIGITAL, "released"), rule="at_most", bound=0.02),
    Control(name="points lie on the ring", expectation="At least 85 % within 0.70 ± 0.12, as released (acceptance).",
            figure=in_band(FLOW, DIGITAL, "released"), rule="at_least", bound=85, unit="%"),
    *_on_array("released", FLOW),
    *_on_array(BEST, DESIGNS[BEST].flow),
    *_on_array(BEST, DESIGNS[BEST].stochastic),
    Control(name="the loop solves the equation", expectation="Staircases, integrators and clamps within 2 % of the "
            "swing of the digital equation with the same weights (acceptance).", figure=PATH, rule="at_most", bound=2,
            unit="%"),
    Control(name="the stochastic sampler is flatter in write error", expectation="Intervals of the rise of KL do not "
            "overlap (acceptance of the word robust).", figure=INTERVALS, rule="at_least", bound=0),
    Control(name="training with noise helps the flow", expectation="KL at 10 % write error at least 1.5 times smaller.",
            figure=HELP, rule="at_least", bound=1.5),
    Control(name="training with noise helps the stochastic sampler", expectation="At least 1.2 times smaller.",
            figure=HELP_NOISY, rule="at_least", bound=1.2),
    Control(name="halving the step does not change KL", expectation="By less than its spread between starts "
            "(acceptance).", figure=HALVED_KL, rule="at_most", bound=1),
    Control(name="halving the step changes nothing", expectation="Noise per time: at most 10 % of the spread, three "
            "times its sampling error at 1,000 points.", figure=HALVED, rule="at_most", bound=10, unit="%"),
    Control(name="noise of fixed size per step is wrong", expectation="Must fail: the spread changes by at least 15 %.",
            figure=WRONG, rule="at_least", bound=15, unit="%"),
    Control(name="the released schedule does not reach N(0, 1)", expectation="Must fail: the exact flow from there "
            "brings at least 15 points fewer to the ring.", figure=STRICT, against=in_band(FLOW, DIGITAL, "released"),
            rule="at_most", bound=-15,
            unit="points"),
    *(Control(name=f"{what} generate nothing", expectation="Must fail: at most half of the points within the band.",
              figure=figure, rule="at_most", bound=50, unit="%")
      for what, figure in (("shuffled weights", SHUFFLED), ("loops without score", SILENT))),
    Control(name="networks that do not know the time generate another distribution", expectation="Must fail: KL at "
            "least twice as large (the bound of the acceptance).", figure=TIMELESS, rule="at_least", bound=2),
)  # fmt: skip
