"""Floor 3, a matrix held on a chip: mapping, stored matrices, placement, cost."""

from ohmloom.chips.chip import Chip, Component, Cores, Timing
from ohmloom.chips.cost import REFERENCES, Cost, Reference, cost
from ohmloom.chips.installation import Installation, install, need
from ohmloom.chips.mapping import Mapping
from ohmloom.chips.netlists import write_netlists
from ohmloom.chips.placement import Block, Need, Placement, place
from ohmloom.chips.probing import Probed, probe_array
from ohmloom.chips.segments import Segments, cut
from ohmloom.chips.stored import Calibration, Clips, StoredMatrix
from ohmloom.chips.wiring import Arrays, Wired, acting_cells, termination
from ohmloom.chips.writing import Correction, States, Targets, form, states, store, switch

__all__ = [
    "REFERENCES",
    "Arrays",
    "Block",
    "Calibration",
    "Chip",
    "Clips",
    "Component",
    "Cores",
    "Correction",
    "Cost",
    "Installation",
    "Mapping",
    "Need",
    "Placement",
    "Probed",
    "Reference",
    "Segments",
    "States",
    "StoredMatrix",
    "Targets",
    "Timing",
    "Wired",
    "acting_cells",
    "cost",
    "cut",
    "form",
    "install",
    "need",
    "place",
    "probe_array",
    "states",
    "store",
    "switch",
    "termination",
    "write_netlists",
]
