"""What these systems reproduce."""

from typing import Any

from ohmloom.experiments import Paper

PAPER = Paper(
    key="li2026",
    authors=(
        "Y. Li",
        "S. Wang",
        "Y. Zhao",
        "S. Wang",
        "B. Wang",
        "W. Zhang",
        "Y. He",
        "N. Lin",
        "B. Cui",
        "X. Chen",
        "S. Zhang",
        "H. Jiang",
        "P. Lin",
        "X. Zhang",
        "X. Qi",
        "Z. Wang",
        "X. Xu",
        "D. Shang",
        "Q. Liu",
        "H. Wang",
        "K.-T. Cheng",
        "M. Liu",
    ),
    title="Pruning random resistive memory for optimizing analog AI",
    journal="Nature Communications",
    year=2026,
    doi="10.1038/s41467-025-67960-6",
    note="Preprint: Pruning random resistive memory for optimizing analogue AI, arXiv:2311.07164 (2023)",
)
SCRIPTS = "author scripts (lyd126/Pruning_random_resistive_memory_for_optimizing_analogue_AI)"
JOURNAL: dict[str, Any] = {"version": "journal", "source": "doi:10.1038/s41467-025-67960-6, abstract"}
PREPRINT: dict[str, Any] = {"version": "preprint v1", "source": "arXiv:2311.07164, abstract"}
