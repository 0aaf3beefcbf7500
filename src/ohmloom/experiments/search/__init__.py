"""Search over anything that can be tried: grids, chance, Gaussian processes; on any executor; resumable."""

from ohmloom.experiments.search.journal import Entry, Journal, journal
from ohmloom.experiments.search.proposals import bayesian_available, dominating, propose
from ohmloom.experiments.search.searching import Found, Objective, Search, Trial, gains, proposal, search
from ohmloom.experiments.search.space import Variable, finite, replaced, snapped, values
from ohmloom.experiments.search.workers import Workers

__all__ = ["Entry", "Found", "Journal", "Objective", "Search", "Trial", "Variable", "Workers", "bayesian_available"]
__all__ += ["dominating", "finite", "gains", "journal", "proposal", "propose", "replaced", "search", "snapped"]
__all__ += ["values"]
