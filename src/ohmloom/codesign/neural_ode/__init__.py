"""Neural differential equations with driven inputs, trained for the arrays that will integrate them."""

from ohmloom.codesign.neural_ode.arrays import hold, loop_signal, place_loop, run_loop
from ohmloom.codesign.neural_ode.network import DrivenODE, Weights, sampled
from ohmloom.codesign.neural_ode.training import Records, Shooting, fit
from ohmloom.codesign.neural_ode.trimming import Measured, Trim, solve_dies, trim
from ohmloom.codesign.neural_ode.writing import range_penalty, write_deviation, written

__all__ = ["DrivenODE", "Records", "Shooting", "Weights", "fit", "hold", "place_loop", "range_penalty", "run_loop"]
__all__ += ["Measured", "Trim", "loop_signal", "sampled", "solve_dies", "trim"]
__all__ += ["write_deviation", "written"]
