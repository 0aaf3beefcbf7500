"""Floor 3, a matrix held on a chip: mapping, stored matrices, placement, cost."""

from ohmloom.chips.chip import Chip, Component, Cores, Timing
from ohmloom.chips.cost import REFERENCES, Cost, Reference, cost
from ohmloom.chips.installation import Installation, install, need
from ohmloom.chips.mapping import Mapping
from ohmloom.chips.placement import Block, Need, Placement, place
from ohmloom.chips.segments import Segments, cut
from ohmloom.chips.stored import Calibration, Clips, StoredMatrix
from ohmloom.chips.writing import form, store, switch

__all__ = [
    "REFERENCES",
    "Block",
    "Calibration",
    "Chip",
    "Clips",
    "Component",
    "Cores",
    "Cost",
    "Installation",
    "Mapping",
    "Need",
    "Placement",
    "Reference",
    "Segments",
    "StoredMatrix",
    "Timing",
    "cost",
    "cut",
    "form",
    "install",
    "need",
    "place",
    "store",
    "switch",
]
