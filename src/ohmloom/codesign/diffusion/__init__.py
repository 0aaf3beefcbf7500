"""Score-based diffusion for analogue loops: forward processes, score networks and their training, reverse processes.

network = ScoreNetwork()
train_score(network, VariancePreserving(), data, ScoreRecipe(noise=BoundedRelativeWeights(deviation=0.1, bound=0.2)))
points = sample(network, VariancePreserving(), Reverse(rate_factor=2), start, steps=200)
"""

from ohmloom.codesign.diffusion.distributions import Distribution, Gaussians, Ring
from ohmloom.codesign.diffusion.latent import (
    AutoencoderRecipe,
    Coded,
    ImageAutoencoder,
    drawn,
    prior_divergence,
    train_autoencoder,
)
from ohmloom.codesign.diffusion.metrics import (
    Divergence,
    Radii,
    histogram_divergence,
    neighbour_divergence,
    radii,
    score_error,
)
from ohmloom.codesign.diffusion.network import Null, Passed, ScoreNetwork
from ohmloom.codesign.diffusion.sampling import Reverse, Score, exact_score, sample, trajectory
from ohmloom.codesign.diffusion.schedule import VariancePreserving
from ohmloom.codesign.diffusion.training import (
    ScoreRecipe,
    ScoreTraining,
    check_classes,
    matching_loss,
    saturation_penalty,
    train_score,
    train_scores,
)

__all__ = [
    "AutoencoderRecipe",
    "Coded",
    "Distribution",
    "Divergence",
    "Gaussians",
    "ImageAutoencoder",
    "Null",
    "Passed",
    "Radii",
    "Reverse",
    "Ring",
    "Score",
    "ScoreNetwork",
    "ScoreRecipe",
    "ScoreTraining",
    "VariancePreserving",
    "check_classes",
    "drawn",
    "exact_score",
    "histogram_divergence",
    "matching_loss",
    "neighbour_divergence",
    "prior_divergence",
    "radii",
    "sample",
    "saturation_penalty",
    "score_error",
    "train_autoencoder",
    "train_score",
    "train_scores",
    "trajectory",
]
