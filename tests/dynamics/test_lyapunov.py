"""Largest Lyapunov exponents against those that are known."""

import math

import pytest
import torch

from ohmloom.dynamics import largest_exponent
from ohmloom.errors import ConfigurationError


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_a_linear_system_has_its_largest_eigenvalue():
    growth = torch.tensor([math.exp(-0.1), math.exp(0.03), math.exp(0.01)]).double()
    found = largest_exponent(lambda state: state * growth, torch.zeros(4, 3).double(), 0.1, 50, generator(),
                             discarded=600)  # fmt: skip
    torch.testing.assert_close(found, torch.full((4,), 0.3).double(), rtol=1e-3, atol=0)


def test_the_logistic_map_doubles_distances():
    """x -> 4 x (1 - x) has the exponent ln 2 per step."""
    start = torch.rand(64, 1, generator=generator(), dtype=torch.float64)
    found = largest_exponent(lambda x: 4 * x * (1 - x), start, 1.0, 3000, generator(), distance=1e-9)
    assert float(found.mean()) == pytest.approx(math.log(2), rel=0.01)


def test_a_measurement_of_no_length_is_refused():
    with pytest.raises(ConfigurationError, match="rounds: must be at least 1"):
        largest_exponent(lambda state: state, torch.zeros(1, 1), 1.0, 0, generator())
