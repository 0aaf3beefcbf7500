"""The publication, and its factors in both versions."""

from __future__ import annotations

from ohmloom.experiments import Claim, Paper

PAPER = Paper(
    key="chen2025twin",
    authors=("H. Chen", "J. Yang", "J. Chen", "S. Wang", "S. Wang", "D. Wang", "X. Tian", "Y. Yu", "and others"),
    title="Continuous-time digital twin with analog memristive neural ordinary differential equation solver",
    journal="Science Advances",
    year=2025,
    doi="10.1126/sciadv.adr7571",
    note="Preprint: arXiv:2406.08343 (2024)",
)
PREPRINT, JOURNAL = "arXiv:2406.08343, abstract", "doi:10.1126/sciadv.adr7571, author page"
SPEED, ENERGY = "speed over the assumed basis", "energy under the assumed basis"
BASIS = "neither version's accounting is known here; ours rests on the assumptions printed in the table of its costs"


def factors(preprint: tuple[float, float], journal: tuple[float, float]) -> tuple[Claim, ...]:
    """The published factors of speed and energy in both versions, which lie far apart."""
    return tuple(
        Claim(name=f"{what}, {version}", published=value, unit="x", version=version, source=source, figure=figure,
              direction="at_least")
        for version, source, values in (("preprint", PREPRINT, preprint), ("journal", JOURNAL, journal))
        for what, figure, value in zip(("speed", "energy"), (SPEED, ENERGY), values, strict=True)
    )  # fmt: skip
