"""What `diffusion-letters` is held against, and the experiments that must come out as stated."""

from __future__ import annotations

from ohmloom.experiments import Claim, Control
from ohmloom.systems.diffusion.energy import SAVED, SPEED
from ohmloom.systems.diffusion.publication import JOURNAL, MEETING, PREPRINT

JUDGE = "accuracy of the judge on test images"
RECODED = "class accuracy of test images encoded and decoded"
ACCURACY = "class accuracy of decoded samples, digital, flow"
ACCURACY_NOISY = "class accuracy of decoded samples, digital, stochastic"
ACCURACY_LOOP = "class accuracy of decoded samples, loop with exact cells, flow"
ACCURACY_LOOP_NOISY = "class accuracy of decoded samples, loop with exact cells, stochastic"
ACCURACY_CELLS = "class accuracy of decoded samples, cells of the 180 nm array, flow"
ACCURACY_CELLS_NOISY = "class accuracy of decoded samples, cells of the 180 nm array, stochastic"
PATH = "loop against the digital equation: largest difference of a path"
SWAPPED = "class embeddings swapped: samples of the class whose embedding it was"
SWAPPED_OLD = "class embeddings swapped: samples of the class asked for"
SHARPER = "guidance of strength 1, true null: variance of a class over the unguided one"
AWAY = "guidance of strength 1, class-0 null: distance of the others from class 0 over that with the true null"
UNMOVED = "guidance of strength 1, class-0 null: largest move of points of class 0, units"
SHUFFLED = "shuffled weights: class accuracy of decoded samples"
SILENT = "no score: class accuracy of decoded samples"

CLAIMS = tuple(
    Claim(name=f"{what} ({source['version']})", published=value, unit=unit, direction="at_least", figure=figure,
          data="emnist", **source)
    for source, speed, saved in ((PREPRINT, 156.5, 75.6), (JOURNAL, 116.5, 52.0), (MEETING, 150.0, 68.0))
    for what, value, unit, figure in (("speed-up", speed, "x", SPEED), ("energy saved", saved, "%", SAVED))
)  # fmt: skip

CONTROLS = (
    Control(name="the judge knows real images", expectation="At least 97 % of the test images, or it could not judge.",
            figure=JUDGE, rule="at_least", bound=97, unit="%"),
    *(Control(name=f"decoded samples show their class, {what}", expectation="More than 95 % (acceptance).",
              figure=figure, rule="at_least", bound=95, unit="%")
      for what, figure in (
          ("digital, flow as released", ACCURACY), ("digital, stochastic", ACCURACY_NOISY),
          ("loop with exact cells, flow", ACCURACY_LOOP), ("loop with exact cells, stochastic", ACCURACY_LOOP_NOISY),
          ("180 nm array, sound cells, flow", ACCURACY_CELLS),
          ("180 nm array, sound cells, stochastic", ACCURACY_CELLS_NOISY))),
    Control(name="the loop solves the conditional equation", expectation="Staircases, integrators and clamps within "
            "2 % of the swing of the digital equation with the same weights (acceptance).", figure=PATH,
            rule="at_most", bound=2, unit="%"),
    Control(name="swapped class embeddings swap the classes", expectation="At least 95 % show the class of their "
            "embedding.", figure=SWAPPED, rule="at_least", bound=95, unit="%"),
    Control(name="guidance with a true null sharpens", expectation="The variance of each class falls by at least 2 %; "
            "starts are the same, so that sampling adds no more.", figure=SHARPER, rule="at_most", bound=0.98),
    Control(name="guidance with class 0 as null pulls away from class 0", expectation="The released mistake: the "
            "others end farther from class 0 than with a true null.", figure=AWAY, rule="at_least", bound=1.02),
    Control(name="guidance with class 0 as null leaves class 0 alone", expectation="It cancels there.",
            figure=UNMOVED, rule="at_most", bound=1e-3),
    *(Control(name=f"{what} show no class", expectation="Must fail: at most 60 %, chance is 33 %.", figure=figure,
              rule="at_most", bound=60, unit="%")
      for what, figure in (("images of shuffled weights", SHUFFLED), ("images of loops without score", SILENT))),
)  # fmt: skip
