"""The fast source of normal numbers against the normal distribution itself."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats
from scipy.special import ndtr

from ohmloom.crossbars.normal import FEW, INTERVALS, OUTER, interval_means, standard_normal, tail_edge

COUNT = 1 << 23


@pytest.fixture(scope="module")
def sample() -> torch.Tensor:
    """Eight million numbers, drawn in sixteen calls."""
    generator = torch.Generator().manual_seed(2608)
    return torch.cat([standard_normal((COUNT // 64, 4), generator).flatten() for _ in range(16)])


def test_moments(sample: torch.Tensor) -> None:
    """Mean, variance, skewness and excess kurtosis within five standard errors: 1, 2, 6 and 24 over n."""
    z = sample.double()
    moments = [z.mean(), z.square().mean() - 1, z.pow(3).mean(), z.pow(4).mean() - 3]
    errors = [(1 / len(z)) ** 0.5, (2 / len(z)) ** 0.5, (15 / len(z)) ** 0.5, (96 / len(z)) ** 0.5]
    for moment, error in zip(moments, errors, strict=True):
        assert abs(float(moment)) < 5 * error


def test_distribution(sample: torch.Tensor) -> None:
    """Kolmogorov and Smirnov's distance to the normal curve is as small as chance makes it."""
    assert stats.kstest(sample.double().numpy(), "norm").pvalue > 1e-4


@pytest.mark.parametrize("beyond", [2.5, 3.0, 3.4, 3.48, 3.49, 3.5, 3.6, 4.0, 4.5, 5.0])
@pytest.mark.parametrize("side", [-1, 1])
def test_tails(sample: torch.Tensor, beyond: float, side: int) -> None:
    """As many beyond each bound as the normal curve has there, where body and tails meet (3.487) too."""
    expected = COUNT * ndtr(-beyond)
    assert abs(int((side * sample > beyond).sum()) - expected) < 5 * expected**0.5 + 1


def test_the_largest_of_many_numbers_is_as_large_as_it_should_be(sample: torch.Tensor) -> None:
    """P(max |z| < m) = (1 - 2 ndtr(-m))^n."""
    chance = (1 - 2 * ndtr(-float(sample.abs().max()))) ** COUNT
    assert 1e-4 < chance < 1 - 1e-4


def test_the_table_is_that_of_the_truncated_normal() -> None:
    """Its mean is zero exactly, and with the tails the variance is one to 1e-7."""
    body = interval_means().astype(np.float64)
    assert np.array_equal(body, -body[::-1])
    assert (np.diff(body) > 0).all()
    share, edge = 2 * OUTER / INTERVALS, tail_edge()
    assert stats.norm.sf(edge) == pytest.approx(share / 2, rel=1e-12)
    assert abs(body[OUTER]) < edge < abs(body[OUTER - 1])
    tails = share + 2 * edge * stats.norm.pdf(edge)  # the integral of z² over both
    assert (1 - share) * np.mean(body[OUTER:-OUTER] ** 2) + tails == pytest.approx(1, abs=1e-7)


@pytest.mark.parametrize("shift", [1, 2, 3, 4, 7, 8, 64, 4096, 16384])
def test_neighbours_are_independent(sample: torch.Tensor, shift: int) -> None:
    """Products of numbers, and of their squares, at a distance average to nothing."""
    z = sample.double()
    for values in (z, (z.square() - 1) / 2**0.5, z.sign(), (z.abs() > 3).double() - 2 * ndtr(-3.0)):
        terms = values[:-shift] * values[shift:]
        assert abs(float(terms.mean())) < 5 * float(terms.std()) / len(terms) ** 0.5


def test_calls_are_independent_of_each_other() -> None:
    generator = torch.Generator().manual_seed(1)
    calls = torch.stack([standard_normal((FEW,), generator) for _ in range(40)]).double()
    correlations = torch.corrcoef(calls) - torch.eye(40)
    assert float(correlations.abs().max()) < 6 / FEW**0.5
    assert float(correlations.square().sum() / (40 * 39) * FEW) == pytest.approx(1, abs=0.2)


@pytest.mark.parametrize("shape", [(FEW,), (3, 7001), (2, 1, 5, 4099), (FEW + 1,), (FEW + 3,)])
def test_shape_seed_and_torchs_own_generator(shape: tuple[int, ...]) -> None:
    def drawn(seed: int) -> torch.Tensor:
        return standard_normal(shape, torch.Generator().manual_seed(seed))

    assert drawn(1).shape == shape
    assert drawn(1).dtype == torch.float32
    assert drawn(1).is_contiguous()
    assert torch.equal(drawn(1), drawn(1))
    assert not torch.equal(drawn(1), drawn(2))
    generator = torch.Generator().manual_seed(1)
    assert not torch.equal(standard_normal(shape, generator), standard_normal(shape, generator))
    own = []
    for _ in range(2):
        torch.manual_seed(5)
        own.append(standard_normal(shape))
    assert torch.equal(*own)


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [((FEW - 1,), torch.float32), ((), torch.float32), ((0, 3), torch.float32), ((FEW,), torch.bfloat16)],
)
def test_where_torch_is_as_good_its_own_numbers_come(shape: tuple[int, ...], dtype: torch.dtype) -> None:
    ours = standard_normal(shape, torch.Generator().manual_seed(3), dtype=dtype)
    assert torch.equal(ours, torch.randn(shape, dtype=dtype, generator=torch.Generator().manual_seed(3)))


def test_no_number_is_infinite() -> None:
    """The smallest uniform number is 2^-54: a tail reaches 3.49 + 54 log 2 / 3.49 at most."""
    assert torch.isfinite(standard_normal((1 << 20,), torch.Generator().manual_seed(0))).all()


def test_double_precision_holds_the_same_numbers() -> None:
    single, double = (standard_normal((FEW,), torch.Generator().manual_seed(3), dtype=dtype)
                      for dtype in (torch.float32, torch.float64))  # fmt: skip
    assert double.dtype == torch.float64
    assert torch.equal(single.double(), double)
