"""Search over anything that can be tried: grids, chance, Gaussian processes; on any executor; resumable."""

from ohmloom.experiments.search.journal import Entry, Journal, journal
from ohmloom.experiments.search.proposals import bayesian_available, dominating, propose
from ohmloom.experiments.search.searching import Found, Objective, Search, Trial, gains, search
from ohmloom.experiments.search.space import Variable, replaced, values
from ohmloom.experiments.search.workers import Workers

__all__ = ["Entry", "Found", "Journal", "Objective", "Search", "Trial", "Variable", "Workers", "bayesian_available"]
__all__ += ["dominating", "gains", "journal", "propose", "replaced", "search", "values"]
