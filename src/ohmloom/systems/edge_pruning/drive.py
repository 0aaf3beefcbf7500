"""System `edge-pruning-drive`: a U-Net chosen among random resistors finds vessels in photographs of the retina."""

from __future__ import annotations

from ohmloom.experiments import Context, System, Tier
from ohmloom.systems.edge_pruning.drive_claims import CLAIMS, CONTROLS
from ohmloom.systems.edge_pruning.drive_study import study
from ohmloom.systems.edge_pruning.publication import PAPER
from ohmloom.systems.edge_pruning.settings import VESSELS, DriveSettings


class EdgePruningDrive(System[DriveSettings]):
    """The published network, narrower, on DRIVE.

    Both tiers on real photographs train a U-Net of width 8 for 8 epochs on 2,500 patches of 48 x 48 pixels; published
    are 32, 60 and 5,000 of 64 x 64 (weeks on two cores). For those copy the ``run.toml`` that any run of the tier
    leaves in its folder, set ``width``, ``epochs``, ``patches`` and ``patch``, and ``ohmloom run`` the copy.
    """

    name = "edge-pruning-drive"
    title = "Edge pruning of random resistors: vessels of the retina"
    summary = "Learns which random connections of a U-Net to keep; areas under the curves inside the field of view."
    paper = PAPER
    claims = CLAIMS
    controls = CONTROLS
    tiers = {  # noqa: RUF012
        "smoke": Tier(summary="Drawn vessels, a narrow network, short trainings.", budget=60, settings=DriveSettings(
            real=False, width=4, patch=32, patches=640, held_out=2, epochs=4, control_epochs=2,
            recipe=VESSELS.replace(batch=16), errors=(0.0, 0.02, 0.1), trained_errors=(0.1,), read_noises=(0.0, 0.2),
            draws=2, dies=2, few_images=2, cell_images=1, cell_side=48, shown=1)),
        "standard": Tier(summary="DRIVE, 8 channels instead of 32, one training seed, 5 dies.", budget=1200,
                         settings=DriveSettings()),
        "full": Tier(summary="DRIVE, five training seeds of edges and of plainly trained weights, the first alone of "
                     "all else; width 8 and 8 epochs, not the published 32 and 60.", budget=2400, seeds=5,
                     settings=DriveSettings()),
    }  # fmt: skip

    def run(self, context: Context[DriveSettings]) -> None:
        """Train edges and weights, then compare them under noise, on cells and on other dies."""
        study(context)
