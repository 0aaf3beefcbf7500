"""What the networks of `twin-hp` are trained on."""

from __future__ import annotations

from ohmloom.codesign.neural_ode import Records, sampled
from ohmloom.systems.twin import hp_truth as truth
from ohmloom.systems.twin.networks import Task
from ohmloom.systems.twin.settings import ONE, TwinSettings


def records(settings: TwinSettings, seed: int, model: str) -> Records:
    """Several sines, or the published one alone."""
    drives = (truth.PUBLISHED,) if model == ONE else truth.several()
    return Records(truth.states(drives).float(), sampled(truth.waves(drives).float()))


TASK = Task(states=1, inputs=1, hidden=(14, 14), step=truth.SPAN / truth.SAMPLES / truth.UNIT, records=records)
