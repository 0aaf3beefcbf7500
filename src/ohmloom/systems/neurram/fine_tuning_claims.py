"""What `neurram-fine-tuning` is held against."""

from __future__ import annotations

from ohmloom.experiments import Claim, Control
from ohmloom.systems.neurram.mnist_claims import RELEASED

SOFTWARE = "accuracy in software, same activations"
AFTER = "accuracy in software after the same epochs"
LOSS = "accuracy lost on the chip after calibration"
GAIN = "accuracy gained by fine-tuning"
WON = "won back by fine-tuning"
LEAST = "won back by fine-tuning, lower end of the interval"
WON_FROM_SOFTWARE = "won back by fine-tuning of what the network of the same epochs in software loses"
OVER_SOFTWARE = "fine-tuning less the same epochs in software"
LEAST_OVER_SOFTWARE = "fine-tuning less the same epochs in software, lower end of the interval"
OVER_OTHER = "fine-tuning less that of another die"
LEAST_OVER_OTHER = "fine-tuning less that of another die, lower end of the interval"
CHANGED = "layers whose cells changed after their stage"
LEAKED = "test images among those trained or tuned on"
ARMS = {
    "calibrated": "calibrated only",
    "software": "same epochs in software, then calibrated",
    "progressive": "fine-tuned progressively",
    "without-noise": "fine-tuned without noise on what is not in cells yet",
    "other-die": "fine-tuned on another die",
    "shuffled-labels": "fine-tuned on shuffled labels",
}
SHORT = {  # of a picture
    "calibrated": "calibrated only",
    "software": "software alone",
    "progressive": "progressive",
    "without-noise": "without noise",
    "other-die": "another die's",
    "shuffled-labels": "shuffled labels",
}

CLAIMS = (
    Claim(name="gain by fine-tuning, CIFAR-10", published=1.99, unit="points", direction="at_least", version="journal",
          source="doi:10.1038/s41586-022-04992-8, as a public reading note has it", figure=GAIN, data="cifar-10"),
    Claim(name="programmed layers are never programmed again", published=0, unit="layers", direction="within",
          version="released code", source=RELEASED, figure=CHANGED),
)  # fmt: skip
CONTROLS = (
    Control(name="fine-tuning wins back 40 % of the loss", expectation="The goal, fixed beforehand for a loss of 5 to "
            "20 points.", figure=WON, rule="at_least", bound=40, unit="%"),
    Control(name="it does so beyond the spread of dies", expectation="So does the lower end of the 95 % interval over "
            "dies.", figure=LEAST, rule="at_least", bound=40, unit="%"),
    Control(name="fine-tuning beats software alone", expectation="The 95 % interval of the difference on the same dies "
            "lies above zero.", figure=LEAST_OVER_SOFTWARE, rule="at_least", bound=0, unit="points"),
    Control(name="a loss worth winning back", expectation="At least 5 points after calibration on both sides.",
            figure=LOSS, rule="at_least", bound=5, unit="points"),
    Control(name="no more than a loss", expectation="At most 20 points after calibration on both sides.", figure=LOSS,
            rule="at_most", bound=20, unit="points"),
    Control(name="another die's outputs help less", expectation="What was fine-tuned on another die, written into this "
            "one, is worse: the 95 % interval of the difference lies above zero.", figure=LEAST_OVER_OTHER,
            rule="at_least", bound=0, unit="points"),
    Control(name="shuffled labels teach nothing", expectation="Fine-tuned on them the network falls below what "
            "calibration alone gives.", figure=ARMS["shuffled-labels"], against=ARMS["calibrated"], rule="at_most",
            bound=0, unit="points"),
    Control(name="test images never enter", expectation="None of them equals an image of training or tuning.",
            figure=LEAKED, rule="at_most", bound=0, unit="images"),
)  # fmt: skip
