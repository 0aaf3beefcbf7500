"""What these systems reproduce."""

from typing import Any

from ohmloom.experiments import Paper

PAPER = Paper(
    key="yang2026",
    authors=(
        "J. Yang",
        "H. Chen",
        "J. Chen",
        "S. Wang",
        "S. Wang",
        "Y. Yu",
        "X. Chen",
        "B. Wang",
        "X. Zhang",
        "B. Cui",
        "Y. Li",
        "N. Lin",
        "M. Xu",
        "Y. Li",
        "X. Xu",
        "X. Qi",
        "Z. Wang",
        "X. Zhang",
        "D. Shang",
        "H. Wang",
        "Q. Liu",
        "K.-T. Cheng",
        "M. Liu",
    ),
    title="Resistive Memory-based Neural Differential Equation Solver for Score-based Diffusion Model",
    journal="Nature Communications",
    year=2026,
    doi="10.1038/s41467-026-72900-z",
    note="Title and authors as of the preprint, arXiv:2404.05648 (2024)",
)
SCRIPTS = "official code (yangjc97/memristor-sde-diffusion), notebooks and firmware"
JOURNAL: dict[str, Any] = {"version": "journal", "source": f"README of the {SCRIPTS}"}
PREPRINT: dict[str, Any] = {"version": "preprint", "source": "arXiv:2404.05648, abstract"}
IEDM = "IEDM 2024, figures on the author's page: 0.02 ms and 7.2 uJ against 3.0 ms and 22.5 uJ (letters)"
MEETING: dict[str, Any] = {"version": "IEDM", "source": IEDM}
