"""System `edge-pruning-fashion`: a convolutional network chosen among random resistors, on Fashion-MNIST."""

from __future__ import annotations

from ohmloom.experiments import Context, System, Tier
from ohmloom.systems.edge_pruning.claims import claims, controls
from ohmloom.systems.edge_pruning.publication import PAPER
from ohmloom.systems.edge_pruning.settings import EdgeSettings
from ohmloom.systems.edge_pruning.study import study


class EdgePruningFashion(System[EdgeSettings]):
    """The published convolutional network on real images.

    The full tier trains 8 epochs, as the standard one does, where 65 are published (days on two cores). For those copy
    the ``run.toml`` that any run of the tier leaves in its folder, set ``epochs = 65`` and ``ohmloom run`` the copy.
    """

    name = "edge-pruning-fashion"
    title = "Edge pruning of random resistors: images of clothes"
    summary = "Learns which random connections of a convolutional network to keep, on the cells as they formed."
    paper = PAPER
    claims = claims(17.3, 8.0, (82.1, 78.3), "fashion-mnist")
    controls = controls(86, 4, 8)
    tiers = {  # noqa: RUF012
        "smoke": Tier(summary="Embedded images, short trainings.", budget=60, settings=EdgeSettings(
            subset="embedded", training_samples=1_500, validation_samples=500, epochs=3, control_epochs=3,
            errors=(0.0, 0.02, 0.1), trained_errors=(0.1,), read_noises=(0.0, 0.2), draws=2, dies=2, test_samples=500,
            few_samples=300,
            limit_factors=(1.0,))),
        "standard": Tier(summary="All 60,000 images, one training seed, 5 dies.", budget=1200, settings=EdgeSettings()),
        "full": Tier(summary="All 60,000 images, three training seeds of edges, of weights and of weights trained with "
                     "the error; 8 epochs, not the published 65.", budget=3000, seeds=3,
                     settings=EdgeSettings()),
    }  # fmt: skip

    def run(self, context: Context[EdgeSettings]) -> None:
        """Train edges and weights, then compare them under noise, on cells and on other dies."""
        study(context, "fashion-mnist")
