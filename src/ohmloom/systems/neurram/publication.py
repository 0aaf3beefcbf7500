"""What both NeuRRAM systems reproduce."""

from ohmloom.experiments import Paper

PAPER = Paper(
    key="wan2022",
    authors=(
        "W. Wan",
        "R. Kubendran",
        "C. Schaefer",
        "S. B. Eryilmaz",
        "W. Zhang",
        "D. Wu",
        "S. Deiss",
        "P. Raina",
        "H. Qian",
        "B. Gao",
        "S. Joshi",
        "H. Wu",
        "H.-S. P. Wong",
        "G. Cauwenberghs",
    ),
    title="A compute-in-memory chip based on resistive random-access memory",
    journal="Nature",
    year=2022,
    volume="608",
    pages="504-512",
    doi="10.1038/s41586-022-04992-8",
    note="Preprint: Edge AI without Compromise, arXiv:2108.07879 (2021)",
)
