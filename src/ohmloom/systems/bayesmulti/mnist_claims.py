"""What `bayesmulti-mnist` is held against."""

from ohmloom.experiments import Claim, Control
from ohmloom.systems.bayesmulti.publication import RELEASED
from ohmloom.systems.bayesmulti.settings import STAR

RATIO = "largest ratio of BayesMulti's accuracy to ERM's"
LOGGED = "BayesMulti: validation accuracy at sigma = 0.9, rates of the search"
GAIN, CLEAN = f"BayesMulti less ERM at sigma = {STAR}", "ERM less BayesMulti without drift"
WIDE = f"BayesMulti less ERM at sigma = {STAR}, wide start"
APART, AREA = "gap between the 95 % intervals of BayesMulti and ERM", "least gain in area under the curve of a seed"
OVER_CHANCE = "search less random search of as many evaluations"
RELEASED_RATES = "rates by the released objective less random rates"
AT_TEST, NORM = "noise at test time only, less ERM", "with BatchNorm less ERM"
EMPTY, SHUFFLED = "largest difference of a weight, empty mask and ERM", "most accurate arm on shuffled labels"
PAIRED, PAIRED_P = f"BayesMulti less searched dropout at sigma = {STAR}", "p value of BayesMulti against dropout"
FIXED = f"multinomial less dropout, rates of 0.5, at sigma = {STAR}"
DETECTION = (
    "published over tasks whose denominator collapses (detection at sigma = 0.15: 0.0 for ERM); ours is a ratio of "
    "accuracies, which cannot fall below chance"
)


def whole_clean(arm: str) -> str:
    return f"all digits, {arm}: accuracy without drift"


def whole_drifted(arm: str) -> str:
    return f"all digits, {arm}: accuracy at sigma = {STAR}"


def whole_gain(more: str, less: str) -> str:
    return f"all digits, {more} less {less} at sigma = {STAR}"


CLAIMS = (
    Claim(name="up to 100-fold better than existing methods", published=100, direction="at_least", unit="times",
          version="arXiv 2412.02779 v2, abstract", source="abstract; the task is not named there", figure=RATIO),
    Claim(name="up to 10 times better (forerunner)", published=10, direction="at_least", unit="times",
          version="BayesFT 2021, abstract", source="arXiv 2210.01795", figure=RATIO),
    Claim(name="best of the logged search, LeNet on MNIST at sigma = 1", published=71.7, direction="at_least", unit="%",
          version="released log", source="github.com/qiaosun22/BayesMultiOpenPCDet @ 23a5b31c", figure=LOGGED),
)  # fmt: skip
OBJECTIONS = {
    CLAIMS[0].name: DETECTION,
    CLAIMS[1].name: DETECTION,
    CLAIMS[
        2
    ].name: f"another network (LeNet-5, five rates) and another sigma than ours; {RELEASED} has no log of an MLP",
}
CONTROLS = (
    Control(name="BayesMulti bears drift", expectation="At least 20 points over ERM at sigma = 0.9 (AC3).", figure=GAIN,
            rule="at_least", bound=20, unit="points"),
    Control(name="it costs little without drift", expectation="At most 3 points (AC3).", figure=CLEAN, rule="at_most",
            bound=3, unit="points"),
    Control(name="the intervals are apart", expectation="The 95 % intervals over seeds do not overlap (AC3).",
            figure=APART, rule="at_least", bound=0, unit="points"),
    Control(name="every seed gains over the whole range", expectation="Area under the accuracy-sigma curve (AC4).",
            figure=AREA, rule="at_least", bound=0, unit="points"),
    Control(name="the search beats random rates", expectation="Its best value is at least the median of random "
            "searches of equal budget (AC5).", figure=OVER_CHANCE, rule="at_least", bound=0, unit="points"),
    Control(name="the released objective does not help", expectation="Rates chosen by clean training accuracy bear "
            "drift no better than random rates.", figure=RELEASED_RATES, rule="at_most", bound=0, unit="points"),
    Control(name="noise at test time does not help", expectation="Masks on a plainly trained network gain nothing.",
            figure=AT_TEST, rule="at_most", bound=0, unit="points"),
    Control(name="the empty mask is no mask", expectation="P(0) = P(1/2) = 0 trains to ERM's weights, bit for bit.",
            figure=EMPTY, rule="at_most", bound=0),
    Control(name="shuffled labels leave chance", expectation="No arm is above 20 % on true labels.", figure=SHUFFLED,
            rule="at_most", bound=20, unit="%"),
    Control(name="normalisation hurts under drift", expectation="BatchNorm's drifted scales cost accuracy.",
            figure=NORM, rule="at_most", bound=0, unit="points"),
)  # fmt: skip
