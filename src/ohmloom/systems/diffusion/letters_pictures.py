"""Pictures of `diffusion-letters`: latents by class, and images beside real ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from ohmloom.devices import Device
from ohmloom.experiments import Findings
from ohmloom.random import Streams
from ohmloom.systems.diffusion.closed_loop import conditional
from ohmloom.systems.diffusion.letters_study import LetterStudy
from ohmloom.systems.diffusion.write_errors import ARRAY

SHOWN, SPAN, IMAGES = 300, 1.2, 12


def plot_latents(findings: Findings, clouds: Mapping[str, Sequence[Tensor]], classes: Sequence[str]) -> None:
    """Latent points of each class by title, the data first."""
    shown = []
    for title, by_class in clouds.items():
        points = torch.cat([part[:SHOWN] for part in by_class])
        numbers = [label for label, part in enumerate(by_class) for _ in part[:SHOWN]]
        shown.append({"title": title, "x": points[:, 0], "y": points[:, 1], "groups": numbers})
    findings.plot("point_clouds", name="latents", clouds=shown, span=SPAN, groups=tuple(classes),
                  caption=f"Latents of at most {SHOWN} test images of each class, and as many that are generated; at "
                  "10 % on cells with that write error.")  # fmt: skip


def plot_images(study: LetterStudy, seed: int, streams: Streams) -> None:
    """Real images, images generated digitally, and images generated on the 180 nm array, all cells sound."""
    cells = Device.load(ARRAY).replace(faults={"kind": "none"})
    analogue = study.sampler(study.network(), cells, study.samplers[study.flow], streams.child("images"))
    on_cells = study.generated(analogue, streams.generator("image noise"))[0]
    network = study.network()
    digital = study.digital([conditional(network, label) for label in range(study.classes)], study.flow)
    rows = []
    for label, title in enumerate(study.corpus.titles):
        real = study.images.test_images[study.images.test_labels == label][:IMAGES, 0]
        rows.append({"title": f"{title}: real", "images": real})
        for what, points in (("digital", digital), ("180 nm cells", on_cells)):
            rows.append({"title": f"{title}: {what}", "images": study.decoded(points[label][:IMAGES], seed)})
    findings = study.findings
    findings.plot("image_grid", name="images", rows=rows, caption="The first test images of each class, and the first "
                  f"images decoded from generated latents: digital, and on the array {ARRAY}, flow.")  # fmt: skip
