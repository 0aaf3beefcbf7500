"""What `twin-hp` is held against, and the experiments that must come out as stated."""

from __future__ import annotations

from ohmloom.experiments import Control
from ohmloom.systems.twin.arrays import at_noise
from ohmloom.systems.twin.publication import factors
from ohmloom.systems.twin.settings import AWARE, CELLS, MILD, NO_STATE, ONE, RESIDUAL, TESTED, TWIN

HALVED, RESET, TOLD = "half the sampling step", "state reset half-way", "half the sampling step and half the update"
CONSTANT, REPLAY = "a constant", "the replayed training answer"
COVERED, COVERED_ONE = "plane covered by several sines", "plane covered by the published sine"
UNSEEN, VALIDATION = "unseen wave forms", "validation wave forms"


def variant(noise: float, cells: int = 1, trimmed: bool = False) -> str:
    """How figures call dies of a write noise with ``cells`` in parallel, trimmed or as written."""
    return at_noise(noise) + f", {cells} cells in parallel" * (cells > 1) + ", trimmed" * trimmed


def on(model: str, what: str = "", form: str = UNSEEN) -> str:
    """The name of the error of a model on a wave form."""
    return f"mean relative error of {model} on {form}{what and f', {what}'}"


def _worse(name: str, expectation: str, figure: str, points: float, against: str = on(TWIN)) -> Control:
    return Control(name=name, expectation=expectation, figure=figure, against=against, rule="at_least", bound=points,
                   unit="points")  # fmt: skip


CLAIMS = factors((4.2, 41.4), (166.5, 499.0))
CONTROLS = (
    Control(name="the twin follows unseen wave forms", expectation="Less than 5 % in floating point (acceptance).",
            figure=on(TWIN), rule="at_most", bound=5, unit="%"),
    Control(name="the noise-aware twin bears 5 % write noise", expectation="Less than 10 % in arrays (acceptance).",
            figure=on(AWARE, at_noise(0.05)), rule="at_most", bound=10, unit="%"),
    Control(name="trimmed dies bear 5 % write noise", expectation="Trained with half that noise, gain and offset of "
            "each die's converter found on sines of the training: less than 10 % in arrays.",
            figure=on(MILD, variant(0.05, trimmed=True)), rule="at_most", bound=10, unit="%"),
    Control(name="four cells in parallel bear 5 % write noise", expectation="The noise-aware twin, each half of a pair "
            "in four cells: less than 10 % in arrays.", figure=on(AWARE, variant(0.05, CELLS)), rule="at_most",
            bound=10, unit="%"),
    *(Control(name=f"noise-aware training pays at {100 * noise:g} %", expectation="A smaller error than plain "
              "training's in arrays of that write noise.", figure=on(AWARE, at_noise(noise)),
              against=on(TWIN, at_noise(noise)), rule="at_most", bound=0, unit="points") for noise in TESTED),
    *(Control(name=f"trimming pays at {100 * noise:g} %", expectation="Gain and offset of each die's converter, found "
              "on sines of the training, make its error smaller.", figure=on(AWARE, variant(noise, trimmed=True)),
              against=on(AWARE, at_noise(noise)), rule="at_most", bound=0, unit="points") for noise in TESTED),
    Control(name="the twin at half the sampling step", expectation="The same weights at a new step: no worse than half "
            "a point.", figure=on(TWIN, HALVED), against=on(TWIN), rule="at_most", bound=0.5, unit="points"),
    _worse("the residual net at half the sampling step", "It knows no time: it must get worse by 5 points or more.",
           on(RESIDUAL, HALVED), 5, on(RESIDUAL)),
    _worse("the twin beats the residual net at half the step", "By 5 points or more (acceptance).",
           on(RESIDUAL, HALVED), 5, on(TWIN, HALVED)),
    _worse("a constant", "The mean of the training states must be worse by 10 points or more.", on(CONSTANT), 10),
    _worse("replay", "The answer to the published sine, replayed, must be worse by 5 points or more.", on(REPLAY), 5),
    _worse("no state", "A net of the voltage alone must miss the hysteresis, by 10 points or more.", on(NO_STATE), 10),
    _worse("state reset", "Put back to its start half-way, the twin must be worse by 5 points or more.",
           on(TWIN, RESET), 5),
    _worse("one sine is not enough", "Trained on the published sine alone, the twin must be worse by 5 points or more.",
           on(ONE), 5),
    Control(name="coverage", expectation="Several sines cover 20 points more of where the tests go than one does.",
            figure=COVERED, against=COVERED_ONE, rule="at_least", bound=20, unit="points"),
)  # fmt: skip
