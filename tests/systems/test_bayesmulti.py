"""BayesMulti: what the arms share, the random searches beside the Bayesian one, and what sweeps are made into."""

from itertools import combinations
from statistics import median

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from ohmloom.codesign.noise_injection import Multinomial
from ohmloom.data import Labelled
from ohmloom.nn import LogNormalDrift
from ohmloom.systems.bayesmulti.devices import _look
from ohmloom.systems.bayesmulti.network import Arm, noisy_at_test, parameters, train
from ohmloom.systems.bayesmulti.searches import Bench, gaussian, median_best, multinomial, search


def _data(count: int = 64) -> Labelled:
    generator = torch.Generator().manual_seed(0)
    return Labelled(torch.rand(count, 1, 28, 28, generator=generator), torch.randint(10, (count,), generator=generator))


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 20), min_size=1, max_size=7, unique=True), st.integers(1, 7))
def test_the_median_best_is_that_of_all_choices(values: list[int], budget: int) -> None:
    budget = min(budget, len(values))
    largest = [max(choice) for choice in combinations(values, budget)]
    found = median_best([float(value) for value in values], budget)
    assert sorted(largest)[(len(largest) - 1) // 2] <= found <= sorted(largest)[len(largest) // 2]
    assert abs(found - median(largest)) <= max(values) - min(values)


def test_all_arms_start_alike_and_an_empty_mask_is_the_plain_network() -> None:
    empty = Multinomial(p_zero=0, p_half=0)
    assert torch.equal(
        parameters(train(_data(), Arm(), 0, 1)), parameters(train(_data(), multinomial([0.5, 0.5]), 0, 1))
    )
    plain = parameters(train(_data(), Arm(), 2, 1))
    assert torch.equal(plain, parameters(train(_data(), Arm((empty, empty, None)), 2, 1)))
    assert not torch.equal(plain, parameters(train(_data(), multinomial([0.0, 0.0]), 2, 1)))  # {1/2, 1} / 0.75
    assert not torch.equal(plain, parameters(train(_data(), gaussian([0.2]), 2, 1)))
    assert not torch.equal(plain, parameters(train(_data(), Arm(shuffled=True), 2, 1)))


def test_a_wide_start_has_the_spread_of_he_and_no_biases() -> None:
    model = train(_data(), Arm(he=True), 0, 1).plain()
    for layer in (layer for layer in model.modules() if isinstance(layer, nn.Linear)):
        assert float(layer.weight.detach().std()) == pytest.approx((2 / layer.in_features) ** 0.5, rel=0.15)
        assert not layer.bias.any()


def test_noise_at_test_time_is_switched_on() -> None:
    model, data = train(_data(), Arm(), 30, 0), _data()
    law, arm = LogNormalDrift(deviation=0.0), multinomial([0.8, 0.8])
    chance = torch.Generator().manual_seed(0)
    assert noisy_at_test(model, Arm(), data, law, 1, chance)[0] == 100  # learned by heart
    assert noisy_at_test(model, arm, data, law, 1, chance)[0] < 90


@pytest.mark.parametrize("objective", ["drift", "clean_train"])
def test_a_search_repeats_itself_and_starts_where_the_released_one_does(objective: str) -> None:
    bench = Bench(_data(), _data(32), 1, 2, 0)

    def run() -> dict[str, list]:
        return search(multinomial, 2, objective, "bayesian", 3, bench, lambda: None)  # pyright: ignore[reportArgumentType]

    trace = run()
    assert trace["rates"][0] == [pytest.approx(0.5)] * 2
    assert trace == run()


def test_a_run_at_the_current_limit_is_seen() -> None:
    volts = np.tile(np.linspace(5, 1, 100), (3, 1))
    noise = np.exp(0.001 * np.random.default_rng(0).standard_normal(volts.shape))
    look = _look(volts, 2.7e-5 * noise)
    assert look.limited == 1
    assert look.run > 0.9
    assert look.ratio == pytest.approx(0.001, rel=0.3)
    rising = volts[:, ::-1]
    assert _look(rising, 1e-6 * rising * rising * noise).limited < 0.1
