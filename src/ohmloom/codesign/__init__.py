"""Floor 5, co-design: algorithms that adapt a network, or what is written into cells, to its chip."""

from ohmloom.codesign.edge_pruning import move_edges, prune_edges, switch_edges
from ohmloom.codesign.fine_tuning import FineTuning, load_stage, program_progressively, tune
from ohmloom.codesign.measured import Measured
from ohmloom.codesign.neural_ode import DrivenODE, place_loop, run_loop
from ohmloom.codesign.wires import ThroughWires, WiredWeights

__all__ = ["DrivenODE", "ThroughWires", "WiredWeights", "move_edges", "place_loop", "prune_edges", "run_loop"]
__all__ += ["FineTuning", "Measured", "load_stage", "program_progressively", "switch_edges", "tune"]
