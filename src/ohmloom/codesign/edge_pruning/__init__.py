"""Edge pruning: a network learned as a choice among the random connections that formed cells make.

    network = prune_edges(model, Chip.load("edge-pruning-40nm"), kept=0.5)   # the model is untouched
    … train network.parameters() with any optimiser …
    switch_edges(network)                                                    # set and reset the cells
    y = network(x)                                                           # computed by the cells

The method is that of arXiv:2311.07164 and Nature Communications (2026), doi:10.1038/s41467-025-67960-6.
"""

from ohmloom.codesign.edge_pruning.network import (
    edges,
    flips_per_edge,
    hold_back,
    installed,
    leave_cells,
    move_edges,
    perturbed,
    prune_edges,
    switch_edges,
    trained_weights,
    weights,
)
from ohmloom.codesign.edge_pruning.weights import EdgeForming, Edges, TrainedWeights, Weights

__all__ = [
    "EdgeForming",
    "Edges",
    "TrainedWeights",
    "Weights",
    "edges",
    "flips_per_edge",
    "hold_back",
    "installed",
    "leave_cells",
    "move_edges",
    "perturbed",
    "prune_edges",
    "switch_edges",
    "trained_weights",
    "weights",
]
