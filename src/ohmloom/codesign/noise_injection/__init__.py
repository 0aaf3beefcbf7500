"""Noise injection: training that makes a network bear drifting cells, and the choice of its rates."""

from ohmloom.codesign.noise_injection.certificate import (
    certified_changes,
    certified_radius,
    disturbed_scores,
    half_overlap,
    smoothed_class,
    smoothed_score,
)
from ohmloom.codesign.noise_injection.drift import accuracy_under
from ohmloom.codesign.noise_injection.network import NoiseInjected, Place
from ohmloom.codesign.noise_injection.noises import (
    Dropout,
    GaussianFactors,
    LogNormalFactors,
    Multinomial,
    Multiplied,
    Noise,
)
from ohmloom.codesign.noise_injection.rates import Objective, Proposer, Trace, search_rates
from ohmloom.codesign.noise_injection.usability import (
    DeviceWeights,
    Estimator,
    Form,
    Run,
    limited_share,
    longest_run,
    spread_over_cycles,
    usability,
)

__all__ = ["DeviceWeights", "Dropout", "Estimator", "Form", "GaussianFactors", "LogNormalFactors", "Multinomial"]
__all__ += [
    "Multiplied",
    "Noise",
    "NoiseInjected",
    "Run",
    "limited_share",
    "longest_run",
    "spread_over_cycles",
    "usability",
]
__all__ += ["Objective", "Place", "Proposer", "Trace", "accuracy_under", "certified_changes", "certified_radius"]
__all__ += ["disturbed_scores", "half_overlap", "search_rates", "smoothed_class", "smoothed_score"]
