"""Sizes of a run of `twin-hp`, the publication, and its claims and controls."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from ohmloom.codesign.neural_ode import Shooting
from ohmloom.descriptions import Description
from ohmloom.experiments import Claim, Control, Paper

TITLE = "Digital twin: an analogue loop that follows the HP memristor"
HIDDEN = (14, 14)
WRITE = 0.05  # write noise of the noise-aware training, of each target
TESTED = (0.03, 0.05)  # at which noise-aware and plain training are compared
LIMIT, WEIGHT = 1.0, 1.0  # of the penalty on weights that take much of the range
UNIT = "mean relative error"


class TwinSettings(Description):
    """How long all networks are trained, and how many dies are written."""

    plan: Shooting = Shooting()
    draws: int = Field(4, ge=1)  # of fresh write noise for each step of the noise-aware training
    dies: int = Field(5, ge=1)
    noises: tuple[float, ...] = (0.0, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1)  # write noise, of each target
    densities: tuple[float, ...] = (0.0, 1.0, 10.0, 100.0)  # read noise, times the preset's; empty: left out


PAPER = Paper(
    key="chen2025twin",
    authors=("H. Chen", "J. Yang", "J. Chen", "S. Wang", "S. Wang", "D. Wang", "X. Tian", "Y. Yu", "and others"),
    title="Continuous-time digital twin with analog memristive neural ordinary differential equation solver",
    journal="Science Advances",
    year=2025,
    doi="10.1126/sciadv.adr7571",
    note="Preprint: arXiv:2406.08343 (2024)",
)


def on(model: str, form: str = "unseen wave forms", what: str = "") -> str:
    """The name of the error of a model on a wave form."""
    return f"{UNIT} of {model} on {form}{what and f', {what}'}"


def at_noise(model: str, noise: float) -> str:
    """The name of the error of a twin in arrays of that write noise."""
    return on(model, what=f"{100 * noise:g} % write noise")


TWIN, AWARE, ONE, RESIDUAL = "the twin", "the noise-aware twin", "the twin of one sine", "the residual net"
HALVED, RESET = "half the sampling step", "state reset half-way"
CONSTANT, REPLAY, NO_STATE = "a constant", "the replayed training answer", "a net without state"
COVERED, COVERED_ONE = "plane covered by several sines", "plane covered by the published sine"
PRESET = on(AWARE, what="whole preset with stuck cells")
SPEED, ENERGY = "speed over the assumed basis", "energy under the assumed basis"
BOTH: dict[str, Any] = {"unit": "x", "direction": "at_least"}
BASIS = "neither version's accounting is known here; ours rests on the assumptions printed in the table of its costs"


def _factors(version: str, source: str, speed: float, energy: float) -> tuple[Claim, ...]:
    return (
        Claim(name=f"speed, {version}", published=speed, version=version, source=source, figure=SPEED, **BOTH),
        Claim(name=f"energy, {version}", published=energy, version=version, source=source, figure=ENERGY, **BOTH),
    )


CLAIMS = (
    *_factors("preprint", "arXiv:2406.08343, abstract", 4.2, 41.4),
    *_factors("journal", "doi:10.1126/sciadv.adr7571, abstract", 166.5, 499.0),
)


def _worse(name: str, expectation: str, figure: str, points: float, against: str = on(TWIN)) -> Control:
    return Control(name=name, expectation=expectation, figure=figure, against=against, rule="at_least", bound=points,
                   unit="points")  # fmt: skip


CONTROLS = (
    Control(name="the twin follows unseen wave forms", expectation="Less than 5 % in floating point (acceptance).",
            figure=on(TWIN), rule="at_most", bound=5, unit="%"),
    Control(name="the noise-aware twin bears 5 % write noise", expectation="Less than 10 % in arrays (acceptance).",
            figure=at_noise(AWARE, 0.05), rule="at_most", bound=10, unit="%"),
    *(Control(name=f"noise-aware training pays at {100 * noise:g} %", expectation="A smaller error than plain "
              "training's in arrays of that write noise.", figure=at_noise(AWARE, noise),
              against=at_noise(TWIN, noise), rule="at_most", bound=0, unit="points") for noise in TESTED),
    Control(name="the twin at half the sampling step", expectation="The same weights at a new step: no worse than half "
            "a point.", figure=on(TWIN, what=HALVED), against=on(TWIN), rule="at_most", bound=0.5, unit="points"),
    _worse("the residual net at half the sampling step", "It knows no time: it must get worse by 5 points or more.",
           on(RESIDUAL, what=HALVED), 5, on(RESIDUAL)),
    _worse("the twin beats the residual net at half the step", "By 5 points or more (acceptance).",
           on(RESIDUAL, what=HALVED), 5, on(TWIN, what=HALVED)),
    _worse("a constant", "The mean of the training states must be worse by 10 points or more.", on(CONSTANT), 10),
    _worse("replay", "The answer to the published sine, replayed, must be worse by 5 points or more.", on(REPLAY), 5),
    _worse("no state", "A net of the voltage alone must miss the hysteresis, by 10 points or more.", on(NO_STATE), 10),
    _worse("state reset", "Put back to its start half-way, the twin must be worse by 5 points or more.",
           on(TWIN, what=RESET), 5),
    _worse("one sine is not enough", "Trained on the published sine alone, the twin must be worse by 5 points or more.",
           on(ONE), 5),
    Control(name="coverage", expectation="Several sines cover 20 points more of where the tests go than one does.",
            figure=COVERED, against=COVERED_ONE, rule="at_least", bound=20, unit="points"),
)  # fmt: skip
