"""What the echo-state graph network's publication states: reference, curves, noise panels, energy entries."""

from __future__ import annotations

from typing import Any

from ohmloom.experiments import Paper

PAPER = Paper(
    key="wang2023",
    authors=("S. Wang", "Y. Li", "D. Wang", "W. Zhang", "X. Chen", "D. Dong", "S. Wang", "X. Zhang", "P. Lin",
             "C. Gallicchio", "X. Xu", "Q. Liu", "K.-T. Cheng", "Z. Wang", "D. Shang", "M. Liu"),
    title="Echo state graph neural networks with analogue random resistive memory arrays",
    journal="Nature Machine Intelligence",
    year=2023,
    volume="5",
    pages="104-113",
    doi="10.1038/s42256-023-00609-5",
    note="Preprint: arXiv:2112.15270 (2021)",
)  # fmt: skip
JOURNAL: dict[str, Any] = {"version": "journal", "source": "doi:10.1038/s42256-023-00609-5"}
PREPRINT: dict[str, Any] = {"version": "preprint", "source": "arXiv:2112.15270v1, abstract"}

LEVELS = (1.0, 0.1, 0.01, 0.001, 1e-4, 1e-5)  # of the noise panels
NOISE_ON_INPUT = {
    "mutag": (57.4, 57.1, 77.1, 89.3, 92.5, 92.2),
    "collab": (48.8, 47.5, 51.1, 68.5, 73.0, 73.3),
    "cora": (15.7, 18.9, 45.3, 85.0, 86.4, 86.7),
}
NOISE_ON_RECURRENT = {
    "mutag": (76.7, 78.1, 84.6, 92.4, 92.5, 92.2),
    "collab": (45.3, 50.6, 56.4, 68.1, 71.5, 73.2),
    "cora": (14.2, 19.4, 68.1, 86.7, 86.4, 86.2),
}
ITERATIONS = {
    "mutag": {1: 87.4, 2: 87.8, 3: 91.6, 4: 92.3, 5: 92.5, 10: 90.6, 15: 86.2, 20: 86.6},
    "collab": {1: 57.5, 2: 72.9, 3: 73.0, 4: 74.4, 5: 73.0, 10: 74.1, 15: 67.6, 20: 66.7},
    "cora": {1: 43.6, 2: 87.3, 3: 82.1, 4: 79.6, 5: 79.6, 6: 80.0},
}
HIDDEN = {
    "mutag": {4: 86.3, 8: 86.8, 12: 91.1, 20: 91.6, 50: 92.1},
    "collab": {},
    "cora": {100: 58.7, 200: 73.1, 400: 82.1, 600: 84.8, 1000: 86.8, 1200: 86.8},
}
