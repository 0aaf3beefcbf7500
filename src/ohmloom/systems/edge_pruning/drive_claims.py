"""What the segmentation of vessels is held against, and the experiments that must come out as stated."""

from __future__ import annotations

from ohmloom.experiments import Claim, Control
from ohmloom.systems.edge_pruning.claims import NOISY, NOISY_SETTLED, PLAIN, PLAIN_SETTLED, SAVED, Signs
from ohmloom.systems.edge_pruning.programming_errors import Programmed
from ohmloom.systems.edge_pruning.publication import JOURNAL, PREPRINT

PR, ROC = "PR AUC", "ROC AUC"
EDGES, WEIGHTS = "edge pruning", "trained weights"
GAP = "trained weights less edge pruning, PR AUC"
GREY = "the grey level alone, PR AUC"
SHARE = "share of vessels in the field of view"
SQUARES, CELLS = "edge pruning, squares, PR AUC", "edge pruning on cells, squares, PR AUC"
SAME, NEW = "other dies with the same signs, squares, PR AUC", "other dies with new signs, squares, PR AUC"
SETTLED, NEW_SETTLED = f"{SAME}, batch norms settled there", f"{NEW}, batch norms settled there"
MOVED_LOSS = "PR AUC lost on other dies with the same signs"
SETTLED_LOSS = f"{MOVED_LOSS}, batch norms settled there"
MOVED: dict[str, tuple[Signs, bool]] = {  # signs, and whether batch norms see training data on the new die
    SAME: ("same", False), NEW: ("new", False), SETTLED: ("same", True), NEW_SETTLED: ("new", True),
}  # fmt: skip
LOSSES = {SAME: MOVED_LOSS, SETTLED: SETTLED_LOSS}
SHUFFLED, RETRAINED = "edge pruning, shuffled masks in training, PR AUC", "new signs on another die, trained on, PR AUC"
LEFT = "PR AUC lost on another die with new signs, trained on"


def gain(error: float, over: Programmed = PLAIN, area: str = PR) -> str:
    """Edge pruning less weights that were programmed with this error."""
    return f"{area} gain over {over.title}, programming error {100 * error:g} %"


def _claim(name: str, published: float, unit: str, figure: str, version: dict[str, str]) -> Claim:
    label = f"{name} ({version['version'].split()[0]})"
    return Claim(name=label, published=published, unit=unit, direction="at_least", figure=figure, data="drive",
                 **version)  # type: ignore[arg-type]  # fmt: skip


CLAIMS = (
    _claim("ROC AUC gain over programmed weights", 2.0, "points", gain(0.1, area=ROC), PREPRINT),
    *(
        claim
        for version, saved in ((PREPRINT, 99.8), (JOURNAL, 99.7))
        for claim in (
            _claim("PR AUC gain over programmed weights", 9.8, "points", gain(0.1), version),
            _claim("PR AUC gain over weights trained with the error", 9.8, "points", gain(0.1, NOISY), version),
            _claim("energy saved", saved, "%", SAVED, version),
        )
    ),
)


def _beaten(name: str, figure: str, least: float, against: str = f"{EDGES}, {PR}") -> Control:
    return Control(name=name, expectation=f"At least {least:g} points below edge pruning.", figure=figure,
                   against=against, rule="at_most", bound=-least, unit="points")  # fmt: skip


CONTROLS = (
    _beaten("the network finds more than dark pixels", GREY, 5),
    Control(name="segmentation by edges comes close to that by weights", expectation="Within 5 points of PR AUC.",
            figure=GAP, rule="at_most", bound=5, unit="points"),
    Control(name="cells segment as was learned", expectation="At most 2 points below the training's own weights.",
            figure=CELLS, against=SQUARES, rule="at_least", bound=-2, unit="points"),
    Control(name="programming errors of 10 % cost segmenting weights more", expectation="Edges are ahead.",
            figure=gain(0.1), rule="at_least", bound=0, unit="points"),
    Control(name="programming errors of 2 % cost segmenting weights less",
            expectation="No gain over trained weights at 2 %.", figure=gain(0.02), rule="at_most", bound=0,
            unit="points"),
    *(
        Control(name=f"edges are ahead of {over.title} at 10 %", expectation="Edges stay ahead.",
                figure=gain(0.1, over), rule="at_least", bound=0, unit="points")
        for over in (PLAIN_SETTLED, NOISY_SETTLED)
    ),
    _beaten("shuffled masks teach nothing", SHUFFLED, 20),
    *(
        _beaten(f"{name} segment nothing", f"{name}, PR AUC", 20)
        for name in ("random edges", "all edges kept", "all edges pruned", "bottom half kept")
    ),
    Control(name="segmenting edges move with their signs", expectation="A small loss on other dies: 10 points.",
            figure=MOVED_LOSS, rule="at_most", bound=10, unit="points"),
    Control(name="segmenting edges move once batch norms are settled", expectation="At most 10 points, same signs.",
            figure=SETTLED_LOSS, rule="at_most", bound=10, unit="points"),
    _beaten("segmenting edges fail with other signs", NEW, 20, SQUARES),
    _beaten("settled batch norms do not make up for signs", NEW_SETTLED, 20, SQUARES),
    Control(name="training on recovers the segmentation", expectation="At most 10 points below the first die.",
            figure=LEFT, rule="at_most", bound=10, unit="points"),
)  # fmt: skip
