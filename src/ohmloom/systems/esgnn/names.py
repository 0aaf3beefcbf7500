"""Names of figures that claims and controls of the three systems refer to."""

MEASURED_QUIET = "measured arrays, 4-bit inputs, no noise"
MEASURED_CHIP = "measured arrays, 14-bit converters, 0.8 % read noise"
MEASURED_FLOAT = "measured arrays, float inputs"
RANDOM = "random arrays, 14-bit converters, 2 % read noise"
SPREAD = "random arrays, 2 % read noise: standard deviation of the draws"
RANDOM_QUIET = "random arrays, no noise"
READ_100 = "random arrays, 100 % read noise"
STATIC_100 = "random arrays, every cell moved once by 100 %"
SHUFFLED = "control: shuffled labels"
NO_EDGES = "control: edges removed"
REWIRED = "control: rewired at equal degree"
MAJORITY = "control: largest class"
PEAK = "iterations of the highest accuracy"
FRESH, FRESH_TRIVIAL = "fresh folds: random arrays, 2 % read noise", "fresh folds: nodes and edges"
FRESH_GAIN = "fresh folds: gain over nodes and edges"
DISTINCT = "distinct graphs: random arrays, 2 % read noise"
DISTINCT_GAIN = "distinct graphs: gain over the best trivial answer"
DISTINCT_SHARE = "distinct graphs: first draw, binomial interval"
DISTINCT_SHUFFLED = "distinct graphs: shuffled labels"
ENERGY, TRAINING = "energy ratio from the published entries", "training reduction from the published entries"
OWN_ENERGY = "energy ratio by our own counts"
OWN_ENERGY_SPARSE = "energy ratio by our own counts, sparse on both sides"
CONVERSION = "energy of a conversion that the published reservoir energy allows at most"
PRODUCTS = "correlation of the published products with 0.0016 x cells"
FORMED_SHARE = "forming: worst difference of the share that broke down"
FORMED_STATE = "forming: worst difference of the shares of on states"

NUMBERS, PAIRS = "reservoirs of numbers", "formed pairs, 14-bit converters, 0.8 % read noise"
PAIRS_QUIET, PAIRS_MOVED = "formed pairs, no noise", "formed pairs, every cell moved once by 100 %"
PAIRS_READ_100, NO_ITERATIONS = "formed pairs, 100 % read noise", "control: no iterations"
WORDS, LINEAR = "bags of words, graph convolution", "bags of words, linear layer without the graph"
SMOOTHED, PROJECTED = "smoothed features, graph convolution", "random projection, graph convolution"


def trivial(name: str) -> str:
    """A trivial embedding's figure."""
    return f"trivial: {name}"


def after(iterations: int) -> str:
    """The figure of the iteration curve."""
    return f"random arrays, {iterations} iterations"


def sized(hidden: int) -> str:
    """The figure of the curve over the reservoir's size."""
    return f"random arrays, {hidden} hidden nodes"


def noisy(place: str, level: float) -> str:
    """The figure of a noise panel; ``place`` is input, recurrent or both."""
    return f"additive read noise {level:g} on {place}"
