"""The harness: systems that run into folders, and what they find judged against what was published.

A :class:`System` states a paper's claims and the controls that must fail; its code fills :class:`Findings` with figures
as they come; ``result.json`` is always whole, and an interrupted run goes on after its last finished arm.
"""

from ohmloom.experiments.claims import Claim, Control
from ohmloom.experiments.diagnosis import Diagnosis, diagnose
from ohmloom.experiments.figures import Figure, say
from ohmloom.experiments.findings import Findings
from ohmloom.experiments.folder import RunFile, default_folder
from ohmloom.experiments.intervals import (
    Interval,
    bootstrap_interval,
    clopper_pearson,
    median_interval,
    t_interval,
    wilson,
)
from ohmloom.experiments.progress import Progress, Silent, open_progress
from ohmloom.experiments.result import Cost, CostShare, DataUse, Paper, Result, Statement, Table, read_result
from ohmloom.experiments.running import run
from ohmloom.experiments.system import Context, System, Tier, check_system
from ohmloom.experiments.trainings import Job, Trainings, save_state, told, trainings

__all__ = [
    "Claim",
    "Context",
    "Control",
    "Cost",
    "CostShare",
    "DataUse",
    "Diagnosis",
    "Figure",
    "Findings",
    "Interval",
    "Job",
]
__all__ += ["Paper", "Progress", "Result", "RunFile", "Silent", "Statement", "System", "Table", "Tier", "Trainings"]
__all__ += [
    "bootstrap_interval",
    "check_system",
    "clopper_pearson",
    "default_folder",
    "diagnose",
    "median_interval",
    "open_progress",
    "read_result",
]
__all__ += ["run", "save_state", "say", "t_interval", "told", "trainings", "wilson"]
