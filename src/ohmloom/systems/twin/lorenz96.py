"""System `twin-lorenz96`: a twin of a chaotic equation, in arrays, judged in Lyapunov times and by its climate."""

from __future__ import annotations

import torch

from ohmloom.codesign.neural_ode import Shooting
from ohmloom.experiments import Context, Figure, System, Tier
from ohmloom.systems.twin import arrays, costs, lorenz96_comparison, lorenz96_pictures
from ohmloom.systems.twin.lorenz96_claims import CLAIMS, CONTROLS
from ohmloom.systems.twin.lorenz96_comparison import Study
from ohmloom.systems.twin.lorenz96_settings import TASK, LorenzSettings
from ohmloom.systems.twin.networks import trained
from ohmloom.systems.twin.publication import PAPER
from ohmloom.systems.twin.settings import AWARE, GRU, LSTM, RNN, TWIN

MODELS = (AWARE, TWIN, LSTM, GRU, RNN)
BRIEF = Shooting(length=10, windows=32, steps=60, whole=0)
PLAN = Shooting(length=10, windows=64, steps=12_000, whole=0)
SETTINGS = LorenzSettings(plan=PLAN, aware=PLAN, draws=2)


class TwinLorenz96(System[LorenzSettings]):
    """An analogue neural differential equation as the twin of a chaotic one."""

    name = "twin-lorenz96"
    title = "Digital twin: an analogue loop that follows the chaotic Lorenz96 equation"
    summary = (
        "A neural differential equation learns Lorenz96 and integrates itself; valid times and climate are judged."
    )
    paper = PAPER
    claims = CLAIMS
    controls = CONTROLS
    tiers = {  # noqa: RUF012
        "smoke": Tier(summary="Short trainings, 2 dies.", budget=60, settings=LorenzSettings(
            plan=BRIEF, aware=BRIEF, draws=1, dies=2, noises=(0.0, 0.03, 0.05), read_noises=(0.0, 1.0), records=50,
            starts=20, horizon=100, span=300, runs=4, rounds=20)),
        "standard": Tier(summary="5 dies, 50 starts, one training seed.", budget=1200, settings=SETTINGS),
        "full": Tier(summary="Five training seeds of the standard tier's number of steps, 10 dies of each.",
                     budget=2400, seeds=5, settings=SETTINGS.replace(dies=10)),
    }  # fmt: skip

    def run(self, context: Context[LorenzSettings]) -> None:
        """Train every network, judge weather and climate, write the twins into arrays, price the loop."""
        torch.set_num_threads(1)  # networks are trained side by side instead
        context.findings.data("Lorenz96", "synthetic stand-in", "computed from the equation, n = 6, F = 8")
        networks = trained(context, TASK, MODELS)
        study = Study(context)
        lorenz96_comparison.compare(study, networks)
        lorenz96_comparison.point_errors(study, networks)
        lorenz96_comparison.exponents(study, networks)
        runs = lorenz96_comparison.climates(study, networks)
        trial = study.trial()
        arrays.write_noise(context, networks, trial)
        arrays.read_noise(context, networks[AWARE][0], trial)
        arrays.signals(context, networks[AWARE][0], trial, (), "an unseen start")
        costs.price(context, networks[AWARE][0], trial)
        lorenz96_pictures.draw(study, networks, runs)
        _statements(context)


def _statements(context: Context[LorenzSettings]) -> None:
    findings, settings = context.findings, context.settings
    for text, source in (
        ("The equation: n = 6, F = 8, a sample every 0.05 units of its time; states standardised by mean and deviation "
         "of the training.", "the publication's F and step are not known here"),
        (f"Training on {settings.records} records of {settings.length} samples, each from a start of its own; one of "
         "1,800 samples is recalled of the publication, which over-fits.", "ours"),
        ("Mean errors over chaotic courses (L1) mix all models with climatology: they are reported and nothing rests "
         "on them. Sizes and trainings were chosen on validation starts.", "ours"),
    ):  # fmt: skip
        findings.assumption(text, source)
    arrays.assumptions(findings)
    findings.reference("Lorenz96", "E. N. Lorenz, “Predictability: a problem partly solved”, ECMWF seminar (1996)")
    findings.reference("Largest Lyapunov exponents", "doi:10.1007/BF02128236")
    findings.figure(Figure.of("weights of the twin", TASK.weights))
