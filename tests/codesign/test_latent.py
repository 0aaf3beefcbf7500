"""The autoencoder: its prior, its divergence, its training, and classes that are missing."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ohmloom.codesign.diffusion import (
    AutoencoderRecipe,
    Coded,
    ImageAutoencoder,
    ScoreNetwork,
    ScoreRecipe,
    VariancePreserving,
    check_classes,
    drawn,
    prior_divergence,
    train_autoencoder,
    train_score,
)
from ohmloom.errors import ConfigurationError, NotFiniteError, ShapeError


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def bars(count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Three classes of images: a bright bar on the left, on top, or in the middle, with noise."""
    labels = torch.arange(count) % 3
    images = 0.1 * torch.rand(count, 1, 12, 12, generator=generator())
    images[labels == 0, :, :, :4] += 0.8
    images[labels == 1, :, :4, :] += 0.8
    images[labels == 2, :, 4:8, 4:8] += 0.8
    return images, labels


def test_centres_of_three_classes_are_those_released() -> None:
    expected = torch.tensor([[2 * math.sqrt(3), 2], [-2 * math.sqrt(3), 2], [0, -4]])
    torch.testing.assert_close(AutoencoderRecipe().centres(3), expected)


@given(mean=st.floats(-3, 3), deviation=st.floats(0.1, 3), centre=st.floats(-3, 3))
def test_divergence_from_the_prior_is_that_of_normal_distributions(
    mean: float, deviation: float, centre: float
) -> None:
    coded = Coded(torch.full((1, 1), mean), torch.full((1, 1), 2 * math.log(deviation)))
    ours = prior_divergence(coded, torch.full((1, 1), centre))
    p, q = (torch.distributions.Normal(torch.tensor(m), torch.tensor(s)) for m, s in ((mean, deviation), (centre, 1.0)))
    torch.testing.assert_close(ours, torch.distributions.kl_divergence(p, q), rtol=1e-4, atol=1e-5)


def test_draws_have_the_mean_and_the_deviation_that_were_coded() -> None:
    coded = Coded(torch.full((40_000, 2), 1.5), torch.full((40_000, 2), math.log(0.09)))
    points = drawn(coded, generator())
    assert float(points.mean()) == pytest.approx(1.5, abs=5e-3)
    assert float(points.std()) == pytest.approx(0.3, abs=3e-3)


def test_training_draws_the_classes_apart_and_the_decoder_draws_their_images() -> None:
    images, labels = bars(600)
    network, recipe, shares = ImageAutoencoder(seed=1), AutoencoderRecipe(epochs=25), []
    untrained = float((network.decode(recipe.centres(3)).detach() - 0.5).abs().max())
    train_autoencoder(network, images, labels, recipe, seed=0, tell=shares.append)
    assert shares == sorted(shares)
    assert untrained < 0.2  # grey
    centres = recipe.centres(3)
    codes = network.encode(images).mean.detach()
    nearest = torch.cdist(codes, centres).argmin(-1)
    assert float((nearest == labels).double().mean()) > 0.99
    shown = network.decode(centres).detach()
    means = torch.stack([images[labels == label].mean(0) for label in range(3)])
    distances = torch.cdist(shown.flatten(1), means.flatten(1))
    assert distances.argmin(-1).tolist() == [0, 1, 2]
    assert float(distances.diagonal().max()) < 0.5 * float(distances[0, 1])


def test_training_repeats_itself() -> None:
    images, labels = bars(60)
    states = []
    for _ in range(2):
        network = ImageAutoencoder(seed=3)
        train_autoencoder(network, images, labels, AutoencoderRecipe(epochs=1), seed=5)
        states.append(network.state_dict())
    assert all(torch.equal(a, b) for a, b in zip(states[0].values(), states[1].values(), strict=True))


def test_classes_that_the_training_set_lacks_are_refused() -> None:
    images, labels = bars(9)
    with pytest.raises(ConfigurationError, match="labels: must hold samples of each of 3 classes, got none of class 1"):
        train_autoencoder(ImageAutoencoder(), images[labels != 1], labels[labels != 1], AutoencoderRecipe(epochs=1))
    with pytest.raises(ConfigurationError, match="each of 3 classes, got none of class 2"):
        train_score(ScoreNetwork(classes=3), VariancePreserving(), torch.randn(8, 2), ScoreRecipe(steps=1),
                    labels=torch.arange(8) % 2)  # fmt: skip
    assert check_classes(labels) == 3


def test_images_of_another_size_and_broken_ones_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"images: must be \(images, 1, 12, 12\)"):
        ImageAutoencoder().encode(torch.zeros(2, 1, 14, 14))
    images, labels = bars(6)
    with pytest.raises(NotFiniteError, match="loss"):
        train_autoencoder(ImageAutoencoder(), images / 0, labels, AutoencoderRecipe(epochs=1))
