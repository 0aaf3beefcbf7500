"""What `esgnn-cora` is held against."""

from __future__ import annotations

from typing import Any

from ohmloom.experiments import Control
from ohmloom.systems.esgnn import names
from ohmloom.systems.esgnn.claims import accuracy, ratios

OF_CORA = "acceptance of the specification: 86 to 88 %"

CORA_CLAIMS = (
    accuracy("CORA accuracy, ten random tests", 87.12, f"{names.NUMBERS}, complete split", 1.12, OF_CORA, "cora"),
    accuracy("CORA accuracy, 100 draws of random weights", 86.7, f"{names.NUMBERS}, complete split", 1.3, OF_CORA,
             "cora"),
    *ratios("cora"),
)  # fmt: skip


def _against(name: str, why: str, figure: str, bound: float, rule: Any = "at_most") -> Control:
    return Control(name=name, expectation=why, figure=figure, against=names.PAIRS_QUIET, rule=rule, bound=bound,
                   unit="points")  # fmt: skip


CORA_CONTROLS = (
    Control(name="shuffled labels", expectation="Chance: the largest class has about 30 %.", figure=names.SHUFFLED,
            rule="at_most", bound=40, unit="%"),
    Control(name="no iterations", expectation="Nothing but the largest class.", figure=names.NO_ITERATIONS,
            rule="at_most", bound=40, unit="%"),
    _against("edges removed", "At least 5 points less.", names.NO_EDGES, -5),
    _against("rewired at equal degree", "At least 5 points less.", names.REWIRED, -5),
    _against("static programming noise does not matter", "100 % costs at most 2 points.", names.PAIRS_MOVED, -2,
             "at_least"),
    _against("read noise matters", "100 % costs at least 2 points.", names.PAIRS_READ_100, -2),
)  # fmt: skip
