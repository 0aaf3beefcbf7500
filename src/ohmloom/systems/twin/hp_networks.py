"""What the networks of `twin-hp` are trained on."""

from __future__ import annotations

from ohmloom.codesign.neural_ode import Records, sampled
from ohmloom.systems.twin import hp_truth as truth
from ohmloom.systems.twin.networks import Lesson, Task
from ohmloom.systems.twin.settings import NOISY, ONE, TwinSettings

COARSE = 10  # samples of the others in one of the noise-aware training: the equation is one of continuous time


def lesson(settings: TwinSettings, seed: int, model: str) -> Lesson:
    """Several sines, or the published one alone. The noise-aware twins see whole records of fewer samples.

    Straight lines between samples are what the device was driven by in either case.
    """
    drives = (truth.PUBLISHED,) if model == ONE else truth.several()
    every = COARSE if model in NOISY else 1
    samples = truth.SAMPLES // every
    records = Records(truth.states(drives, samples).float(), sampled(truth.waves(drives, samples).float()))
    return Lesson(records, every * STEP)


STEP = truth.SPAN / truth.SAMPLES / truth.UNIT
TASK = Task(states=1, inputs=1, hidden=(14, 14), step=STEP, lesson=lesson)
