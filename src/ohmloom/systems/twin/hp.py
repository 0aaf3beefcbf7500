"""System `twin-hp`: a twin of the HP memristor, trained on sines, in arrays, tested on wave forms it never saw."""

from __future__ import annotations

from pathlib import Path

import torch

from ohmloom.experiments import Context, Figure, System, Tier
from ohmloom.systems.twin import arrays, comparison, networks, pictures
from ohmloom.systems.twin.networks import FILES, Model
from ohmloom.systems.twin.settings import CLAIMS, CONTROLS, PAPER, TITLE, TWIN, TwinSettings

Networks = dict[str, list[Model]]  # by model, one for each training seed


class TwinHP(System[TwinSettings]):
    """An analogue neural differential equation as the twin of a memristor."""

    name = "twin-hp"
    title = TITLE
    summary = "A neural differential equation learns a memristor, is written into arrays and integrates itself."
    paper = PAPER
    claims = CLAIMS
    controls = CONTROLS
    tiers = {  # noqa: RUF012
        "smoke": Tier(summary="Short trainings, 2 dies.", budget=60, settings=TwinSettings(
            plan={"steps": 150, "whole": 5}, draws=1, dies=2, noises=(0.0, 0.03, 0.05), densities=())),
        "standard": Tier(summary="5 dies, one training seed.", budget=1200, settings=TwinSettings()),
        "full": Tier(summary="20 dies, 5 training seeds.", budget=10_000, seeds=5, settings=TwinSettings(
            plan={"steps": 4000, "whole": 300}, dies=20)),
    }  # fmt: skip

    def run(self, context: Context[TwinSettings]) -> None:
        """Train every network, compare them on unseen wave forms, write the twins into arrays, price the loop."""
        torch.set_num_threads(1)
        findings = context.findings
        findings.data("HP memristor", "synthetic stand-in", "computed from the device's own equation, seed-free")
        trained = _trained(context)
        comparison.compare(findings, trained)
        arrays.curves(context, trained)
        arrays.price(context, trained)
        pictures.draw(findings, {model: made[0] for model, made in trained.items()}, context.streams)
        _statements(context)


def _trained(context: Context[TwinSettings]) -> Networks:
    """Every network of every training seed, from the run's folder if it is there."""
    jobs = [(model, seed) for seed in context.seeds for model in FILES]
    made: Networks = {model: [] for model in FILES}
    for model, seed in jobs:

        def make(path: Path, model: str = model, seed: int = seed) -> None:
            with context.progress.task(f"training {model}, seed {seed}", total=1.0) as advance:
                before = [0.0]

                def tell(share: float) -> None:
                    advance(share - before[0])
                    before[0] = share

                networks.train(model, context.settings, seed, path, tell)

        file = context.findings.keep_file(f"seed-{seed}/{FILES[model]}.safetensors", make)
        made[model].append(networks.read(model, file))
    return made


def _statements(context: Context[TwinSettings]) -> None:
    findings = context.findings
    findings.assumption("The device: R_on 100 ohm, R_off 16 kohm, a drift of 9e4 per ampere second and Joglekar's "
                        "window with p = 2, so that x covers most of its range; 1 V at 4 Hz, 500 samples of 0.5 s.",
                        "the publication's own parameters are not known here")  # fmt: skip
    findings.assumption("Networks have no biases: a constant of one drives one line of the first array, so that all "
                        "that is learned is held in cells.", "assumed")  # fmt: skip
    findings.assumption("Write noise of s %: each cell deviates by s % of its target, 64 levels, no stuck cells; the "
                        "whole preset has stuck cells as well.", "taox-180nm, most numbers assumed")  # fmt: skip
    findings.reference("The HP memristor", "doi:10.1038/nature06932")
    findings.figure(Figure.of("weights of the twin", networks.weights_of(networks.build(TWIN, torch.Generator()))))
