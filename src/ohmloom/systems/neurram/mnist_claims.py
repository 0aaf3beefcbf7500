"""What `neurram-mnist` is held against: published figures, and experiments that must come out as stated."""

from __future__ import annotations

from typing import Any

from ohmloom.experiments import Claim, Control

CHIP_ACCURACY, SOFTWARE = "accuracy on the chip after 1 day", "accuracy in software, same activations"
GAIN, CLEAN_LOSS = "gain by noise training at 15 % of max |W|", "clean loss by noise training"
FOLDED = "15 % noise of max |W|, batch norms folded"
ON_ACTIVATIONS = "trained with noise on activations, 15 % noise of max |W|"
VALIDATED = "accuracy on the chip after 1 day, validation images, first die"
RELEASED = "released tool chain (weierwan/Neurram_48core)"
JOURNAL: dict[str, Any] = {"version": "journal", "source": "doi:10.1038/s41586-022-04992-8"}

CLAIMS = (
    Claim(name="MNIST accuracy measured on the chip", published=99.0, unit="%", direction="at_least", tolerance=0.5,
          tolerance_source="acceptance of the specification: at least 98.5 % one day after programming",
          figure=CHIP_ACCURACY, data="mnist", **JOURNAL),
    Claim(name="loss from software to chip", published=0.2, unit="points", direction="at_most", tolerance=0.5,
          tolerance_source="acceptance of the specification: within 0.7 points", version="journal",
          source="released notebook: software 99.21 %, chip 98.95 to 99.02 %", figure="loss from software to chip",
          data="mnist"),
    Claim(name="cells programmed within ±1 µS", published=99.23, unit="%", direction="within", tolerance=0.61,
          tolerance_source="range of the released failure rates, 0.18 to 1.35 %", version="released files",
          source=RELEASED, figure="cells within ±1 µS by read-back"),
    Claim(name="cores of the MNIST network", published=16, unit="cores", direction="within", version="released code",
          source=RELEASED, figure="cores in use"),
    Claim(name="cells of the MNIST network", published=46664, unit="cells", direction="within", tolerance=2333,
          tolerance_source="5 %: the number of bias rows depends on the trained biases", version="released code",
          source=RELEASED, figure="cells in use"),
)  # fmt: skip
CONTROLS = (
    Control(name="one pulse model: at least 5 pulses per cell", expectation="The mean lies between 5 and 15.",
            figure="pulses per cell", rule="at_least", bound=5, unit="pulses"),
    Control(name="one pulse model: at most 15 pulses per cell", expectation="The mean lies between 5 and 15.",
            figure="pulses per cell", rule="at_most", bound=15, unit="pulses"),
    Control(name="split products are the dense product", expectation="Ideal cells leave only rounding (N1).",
            figure="error of split products", rule="at_most", bound=1e-5),
    Control(name="the transpose uses the same cells", expectation="Driven backwards it is the exact transpose (N1).",
            figure="error of transposed products", rule="at_most", bound=1e-5),
    Control(name="relaxation, mean", expectation="Within 2 % of the rectified Gaussian at 8 levels, 3 times (N2).",
            figure="relaxation: worst deviation of the mean", rule="at_most", bound=2, unit="%"),
    Control(name="relaxation, spread", expectation="Within 2 % of the rectified Gaussian at 8 levels, 3 times (N2).",
            figure="relaxation: worst deviation of the spread", rule="at_most", bound=2, unit="%"),
    Control(name="three epochs reduce the spread", expectation="Less than after one epoch (published direction).",
            figure="spread at 12 µS after 3 epochs", against="spread at 12 µS after 1 epoch", rule="at_most", bound=0,
            unit="µS"),
    Control(name="converter codes", expectation="At most half a step from the value (N3).",
            figure="worst error of a code", rule="at_most", bound=0.5001, unit="steps"),
    Control(name="noise training pays", expectation="At least 15 points at 15 % of max |W| (N5).",
            figure=GAIN, rule="at_least", bound=15, unit="points"),
    Control(name="noise training costs little", expectation="Clean accuracy falls by at most 1 point (N5).",
            figure=CLEAN_LOSS, rule="at_most", bound=1, unit="points"),
    Control(name="noise on weights, not on activations", expectation="Training with noise of the same variance on "
            "activations leaves at least 2 points less at 15 % of max |W|.", figure=ON_ACTIVATIONS,
            against="noise-trained network, 15 % noise of max |W|", rule="at_most", bound=-2, unit="points"),
    Control(name="calibration matters", expectation="Without any calibration the accuracy collapses (N6).",
            figure="ablation: no calibration", against="ablation: none", rule="at_most", bound=-10, unit="points"),
    Control(name="calibration on shuffled targets fails", expectation="Wrong targets leave chance (at most 50 %).",
            figure="ablation: shuffled targets", rule="at_most", bound=50, unit="%"),
    Control(name="permuted cells fail", expectation="Cells shuffled within their columns leave chance.",
            figure="ablation: permuted cells", rule="at_most", bound=50, unit="%"),
    Control(name="normalisation matters", expectation="Without column sums the accuracy falls by 5 points (N4).",
            figure="ablation: ranges only, no normalisation", against="ablation: ranges only", rule="at_most",
            bound=-5, unit="points"),
)  # fmt: skip
