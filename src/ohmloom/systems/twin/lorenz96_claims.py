"""What `twin-lorenz96` is held against, and the experiments that must come out as stated."""

from __future__ import annotations

import math

from ohmloom.experiments import Control
from ohmloom.systems.twin.arrays import at_noise
from ohmloom.systems.twin.publication import factors
from ohmloom.systems.twin.settings import AWARE, GRU, LSTM, RNN, TESTED, TWIN, WRITE

HALVED, IN_ARRAYS = "half the solver's step", "in arrays"
PERSISTENCE, CLIMATOLOGY, FRESH = "persistence", "climatology", "another run of the truth"
UNIT = "Lyapunov times"
TRUE_EXPONENT = "largest Lyapunov exponent of the truth"


def valid(model: str, what: str = "") -> str:
    """The name of the mean valid time of a model over unseen starts."""
    return f"valid time of {model}{what and f', {what}'}"


def exponent_error(model: str, what: str = "") -> str:
    """The name of how far a model's largest Lyapunov exponent is from the truth's."""
    return f"largest Lyapunov exponent of {model}{what and f', {what}'}: difference from the truth's"


def moved(model: str, what: str = "") -> str:
    """The name of the distance of marginal histograms."""
    return f"marginal histogram of {model}{what and f', {what}'}: total variation from the truth's"


def absolute(model: str, where: str) -> str:
    """The name of a mean absolute error, in deviations of the states."""
    return f"L1 of {model}, {where}"


def longest(noise: float) -> float:
    """How long a twin can be valid whose equation errs by ``noise``, in Lyapunov times: ln(1 / ε)."""
    return -math.log(noise)


def _beats(model: str, margin: float) -> Control:
    return Control(name=f"the twin outlasts {model}", expectation=f"By {margin:g} Lyapunov times or more (acceptance)."
                   if margin else "A longer valid time at equal weights (acceptance).", figure=valid(TWIN),
                   against=valid(model), rule="at_least", bound=margin, unit=UNIT)  # fmt: skip


CLAIMS = factors((12.6, 189.7), (369.3, 673.9))
CONTROLS = (
    *(_beats(model, 1.0) for model in (PERSISTENCE, CLIMATOLOGY)),
    *(_beats(model, 0.0) for model in (RNN, GRU, LSTM)),
    Control(name="the twin is as chaotic as the truth", expectation="Largest Lyapunov exponent within 10 % "
            "(acceptance).", figure=exponent_error(TWIN), rule="at_most", bound=10, unit="%"),
    Control(name="the twin in arrays is as chaotic as the truth", expectation=f"With {at_noise(WRITE)}, after "
            "noise-aware training: within 10 %.", figure=exponent_error(AWARE, at_noise(WRITE)), rule="at_most",
            bound=10, unit="%"),
    Control(name="the twin has the truth's climate", expectation="Histograms of the states differ by 5 % at most.",
            figure=moved(TWIN), rule="at_most", bound=5, unit="%"),
    Control(name="a constant has no climate", expectation="Must fail: climatology's histogram differs by 50 % or more.",
            figure=moved(CLIMATOLOGY), rule="at_least", bound=50, unit="%"),
    *(Control(name=f"noise-aware training pays at {100 * noise:g} %", expectation="A longer valid time than plain "
              "training's in arrays of that write noise.", figure=valid(AWARE, at_noise(noise)),
              against=valid(TWIN, at_noise(noise)), rule="at_least", bound=0, unit=UNIT) for noise in TESTED),
    Control(name="the twin at half the solver's step", expectation="The same weights and half the step: a valid time "
            "within a quarter of a Lyapunov time or longer.", figure=valid(TWIN, HALVED), against=valid(TWIN),
            rule="at_least", bound=-0.25, unit=UNIT),
    *(Control(name=f"errors of {100 * noise:g} % bound the valid time", expectation="Not longer than ln(1 / ε) "
              "Lyapunov times.", figure=valid(AWARE, at_noise(noise)), rule="at_most", bound=longest(noise), unit=UNIT)
      for noise in TESTED),
)  # fmt: skip
