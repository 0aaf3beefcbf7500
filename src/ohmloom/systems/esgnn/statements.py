"""What the three systems assume, and from where the rest is."""

from __future__ import annotations

from typing import Any

from ohmloom.experiments import Context
from ohmloom.systems.esgnn import claims

DATA = "author data, wangsc1912/ESGNN @ 4486d8f0 (MIT)"


def statements(context: Context[Any]) -> None:
    """Assumptions and references; the preprint's ratios are not comparable."""
    findings = context.findings
    for name in (claims.ENERGY_CLAIM, claims.TRAINING_CLAIM):
        findings.not_comparable(f"{name}, preprint", claims.NOT_ALIKE)
    for text, source in (
        ("Read noise of the chip: 0.8 % of each cell and read, white.", "fitted to measured products of equal nodes"),
        ("Noise panels: additive noise of each read in weights, upper row on W_I, lower row on W_R; which noise the "
         "published panels show is not stated.", "inferred from a sweep"),
        ("Row sums for the offset of the affine inputs are known exactly in the published simulation; here they are "
         "read with each vector wherever read noise is under test.", "ours"),
        ("Energies of the macro's components are not published: the cost rests on named assumptions.", "assumed"),
        ("The published multipliers of the backward pass have no stated origin and are not used.", "ours"),
        ("Published settings are used as they are: nothing was chosen on test data.", "ours"),
    ):  # fmt: skip
        findings.assumption(text, source)
    findings.reference("Conductances, breakdown voltages, MUTAG with its folds, ablation tables", DATA)
