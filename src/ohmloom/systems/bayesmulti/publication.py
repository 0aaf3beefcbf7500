"""What the BayesMulti systems reproduce."""

from ohmloom.experiments import Paper

PAPER = Paper(
    key="ye2024",
    authors=("N. Ye", "Q. Sun", "H. Wu", "L. Gu", "Q. Gu"),
    title="Synergistic Development of Perovskite Memristors and Algorithms for Robust Analog Computing",
    journal="arXiv",
    year=2024,
    note="arXiv:2412.02779 v2, authors abridged; forerunners BayesFT (arXiv:2210.01795) and "
    "doi:10.1038/s44172-023-00074-3",
)
RELEASED = "github.com/qiaosun22/BayesMulti @ 5876938b"
