"""Noise injection: the drift law, the masks, the search for rates, and the certificate against enumeration."""

import math
from collections.abc import Sequence
from itertools import product
from statistics import median

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from ohmloom.codesign.noise_injection import (
    Dropout,
    GaussianFactors,
    LogNormalFactors,
    Multinomial,
    Multiplied,
    Noise,
    NoiseInjected,
    accuracy_under,
    certified_changes,
    certified_radius,
    disturbed_scores,
    half_overlap,
    search_rates,
    smoothed_class,
    smoothed_score,
)
from ohmloom.codesign.noise_injection.certificate import Classifier
from ohmloom.errors import ConfigurationError
from ohmloom.experiments.search.proposals import bayesian_available, propose
from ohmloom.nn import LogNormalDrift, perturbed_parameters


def _generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


# the drift law (AC1)


def test_drift_is_log_normal_keeps_signs_and_zeros() -> None:
    weights = torch.linspace(-3, 3, 1_000_001)
    drifted = LogNormalDrift(deviation=0.9).perturb({"weight": weights}, _generator())["weight"]
    known = weights != 0
    logs = (drifted[known] / weights[known]).double().log()
    assert abs(float(logs.mean())) < 0.01
    assert float(logs.std()) == pytest.approx(0.9, rel=0.01)
    assert torch.equal(drifted.sign(), weights.sign())


def test_drift_reaches_every_parameter_and_leaves_the_model_alone() -> None:
    model = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Linear(3, 2))
    before = {name: value.clone() for name, value in model.named_parameters()}
    changed = perturbed_parameters(model, LogNormalDrift(deviation=0.5), generator=_generator())
    assert set(changed) == set(before)
    assert not torch.equal(changed["1.weight"], before["1.weight"])  # scales of the norm too
    assert all(torch.equal(value, before[name]) for name, value in model.named_parameters())


# the masks (AC2)


@settings(max_examples=25, deadline=None)
@given(st.floats(0, 0.95), st.floats(0, 1))
def test_multinomial_masks_have_three_values_and_the_mean_one(p_zero: float, share: float) -> None:
    noise = Multinomial(p_zero=p_zero, p_half=share * (1 - p_zero))
    factors = noise.factors(torch.empty(40_000, dtype=torch.float64), _generator())
    assert set((factors * noise.mean * 2).round(decimals=9).unique().tolist()) <= {0, 1, 2}
    variance = max((noise.p_half / 4 + noise.p_one) / noise.mean**2 - 1, 0)
    assert abs(float(factors.mean()) - 1) <= 4 * math.sqrt(variance / len(factors)) + 1e-9


def test_the_released_form_at_zero_is_not_the_identity_but_the_two_parameter_form_is() -> None:
    like = torch.empty(1_000)
    assert torch.equal(Multinomial(p_zero=0, p_half=0).factors(like, _generator()), torch.ones(1_000))
    released = Multinomial.released(0.0).factors(like, _generator())
    assert released.unique().tolist() == pytest.approx([0.5 / 0.75, 1 / 0.75])


def test_a_mask_of_zeros_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"p_zero: must be below 1.*got 1\. Lower it"):
        Multinomial.released(1.0)
    with pytest.raises(ConfigurationError, match=r"must be at most 1, got 0.7 \+ 0.6"):
        Multinomial(p_zero=0.7, p_half=0.6)
    with pytest.raises(ConfigurationError, match="p_zero"):
        Dropout(p_zero=1.0)


@pytest.mark.parametrize(
    ("noise", "mean"),
    [(Dropout(p_zero=0.3), 1.0), (GaussianFactors(deviation=0.4), 1.0),
     (LogNormalFactors(deviation=0.5), math.exp(0.125))],
)  # fmt: skip
def test_means_of_the_other_factors(noise: Noise, mean: float) -> None:
    factors = noise.factors(torch.empty(200_000, dtype=torch.float64), _generator())
    assert float(factors.mean()) == pytest.approx(mean, abs=3 * float(factors.std()) / math.sqrt(200_000))


# networks


def _blocks() -> list[nn.Module]:
    torch.manual_seed(0)
    return [nn.Linear(6, 8), nn.Sequential(nn.ReLU(), nn.Linear(8, 3))]


@pytest.mark.parametrize("on", ["activations", "weights"])
def test_noise_is_there_in_training_and_gone_in_eval(on: str) -> None:
    model = NoiseInjected(_blocks(), [Dropout(p_zero=0.5), None], on=on, generator=_generator())  # pyright: ignore[reportArgumentType]
    inputs = torch.ones(5, 6)
    assert not torch.equal(model(inputs), model.plain()(inputs))
    model.eval()
    assert torch.equal(model(inputs), model.plain()(inputs))


@pytest.mark.parametrize("on", ["activations", "weights"])
def test_the_empty_mask_trains_as_the_plain_network_bit_for_bit(on: str) -> None:
    def trained(noise: Noise | None) -> Tensor:
        model = NoiseInjected(_blocks(), [noise, None], on=on, generator=_generator())  # pyright: ignore[reportArgumentType]
        optimiser = torch.optim.Adam(model.parameters(), lr=0.01)
        inputs = torch.randn(32, 6, generator=_generator(1))
        for _ in range(5):
            optimiser.zero_grad()
            model(inputs).square().sum().backward()
            optimiser.step()
        return torch.cat([value.detach().flatten() for value in model.parameters()])

    assert torch.equal(trained(None), trained(Multinomial(p_zero=0, p_half=0)))
    assert not torch.equal(trained(None), trained(Multinomial.released(0.0)))


def test_noise_on_the_answer_and_a_wrong_number_of_noises_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="must leave the answer alone"):
        NoiseInjected(_blocks(), [None, Dropout(p_zero=0.1)])
    with pytest.raises(ConfigurationError, match="must be one for each of the 2 blocks, got 1"):
        NoiseInjected(_blocks(), [None])


def test_accuracies_of_draws_are_those_of_one_after_the_other() -> None:
    model, law = nn.Sequential(*_blocks()), LogNormalDrift(deviation=1.0)
    inputs, labels = torch.randn(50, 6, generator=_generator(2)), torch.randint(3, (50,), generator=_generator(3))
    fast = accuracy_under(model, inputs, labels, law, draws=4, generator=_generator(4))
    own, slow = _generator(4), []
    for _ in range(4):
        changed = perturbed_parameters(model, law, generator=own)
        found = torch.func.functional_call(model, changed, (inputs,)).argmax(-1)
        slow.append(100 * float((found == labels).float().mean()))
    assert fast == pytest.approx(slow)
    assert len(set(fast)) > 1
    with pytest.raises(ConfigurationError, match="must be at least 1"):
        accuracy_under(model, inputs, labels, law, draws=0, generator=own)


def test_multiplied_weights_are_the_drift_law_with_the_same_draws() -> None:
    weights = {"weight": torch.randn(4, 3), "bias": torch.randn(4)}
    law = LogNormalDrift(deviation=0.5).perturb(weights, _generator())
    same = Multiplied(noise=LogNormalFactors(deviation=0.5)).perturb(weights, _generator())
    assert all(torch.equal(law[name], same[name]) for name in weights)


# the search for rates (AC5)


def _hill(rates: Sequence[float]) -> float:
    return -((rates[0] - 0.7) ** 2) - (rates[1] - 0.2) ** 2


def _search(seed: int, method: str, evaluations: int = 10) -> list[float]:
    def proposer(points: Tensor, found: Tensor, index: int) -> Tensor:
        return propose(points, found, index=index, seed=seed, method=method, initial=4)  # pyright: ignore[reportArgumentType]

    return search_rates(_hill, [(0, 1), (0, 1)], proposer, evaluations=evaluations, first=(0.5, 0.5)).running


@pytest.mark.skipif(not bayesian_available(), reason="BoTorch is not installed")
def test_bayesian_search_has_less_regret_than_random_and_repeats_itself() -> None:
    bayesian = [_search(seed, "bayesian") for seed in range(3)]
    chance = [_search(seed, "random") for seed in range(21)]
    assert -median(trace[-1] for trace in bayesian) < 0.2 * -median(trace[-1] for trace in chance)
    assert _search(0, "bayesian", 6) == bayesian[0][:6]


def test_the_search_starts_at_first_stays_in_its_box_and_refuses_bad_ones() -> None:
    def corner(points: Tensor, found: Tensor, index: int) -> Tensor:
        assert len(points) == len(found) == index
        return torch.ones(1, dtype=torch.float64)

    trace = search_rates(lambda rates: -rates[0], [(0.2, 0.8)], corner, evaluations=3, first=(0.5,))
    assert trace.rates[0] == [0.5]
    assert trace.rates[2] == [pytest.approx(0.8)]
    assert trace.best == [0.5]
    with pytest.raises(ConfigurationError, match="low must be below high"):
        search_rates(_hill, [(0.5, 0.5)], corner, evaluations=3)
    with pytest.raises(ConfigurationError, match="must lie in the bounds"):
        search_rates(_hill, [(0, 1)], corner, evaluations=3, first=(2.0,))
    with pytest.raises(ConfigurationError, match="must be at least 1"):
        search_rates(_hill, [(0, 1)], corner, evaluations=0)


# the certificate (AC8)


# P(1) below P(1/2), where the paper's form holds, and above it
REGIMES = [Multinomial(p_zero=0.95, p_half=0.03), Multinomial(p_zero=0.95, p_half=0.01)]
OTHERS = (0.0, 0.25, 2.0, -1.0)


def _classifier(count: int, seed: int, threshold: float = 1.2) -> tuple[Tensor, Classifier]:
    """Two hidden units with tanh on one input pattern: class 1 above a threshold."""
    generator = _generator(seed)
    parameters = torch.randn(count, generator=generator).double()
    pattern = torch.randn(2, count, generator=generator).double()

    def classify(asked: Tensor) -> Tensor:
        hidden = torch.tanh(asked @ pattern.T)  # (n, 2)
        return (hidden[:, 0] - hidden[:, 1] > threshold).long()

    return parameters, classify


def _slow_score(classify: Classifier, parameters: Tensor, mask: Multinomial, wanted: int) -> float:
    """Every mask, one after the other."""
    law, total = {0.0: mask.p_zero, 0.5: mask.p_half, 1.0: mask.p_one}, 0.0
    for levels in product(law, repeat=len(parameters)):
        held = int(classify((parameters * torch.tensor(levels, dtype=torch.float64))[None])) == wanted
        total += held * math.prod(law[level] for level in levels)
    return total


@pytest.mark.parametrize("mask", [Multinomial(p_zero=0.3, p_half=0.5), REGIMES[1]])
def test_scores_of_all_disturbances_are_those_of_one_after_the_other(mask: Multinomial) -> None:
    parameters, classify = _classifier(4, 0, 0.4)
    choices = [(1.0, 0.5), (1.0, *OTHERS), (0.5,), (-1.0, 1.0)]
    found = disturbed_scores(classify, parameters, mask, choices, 1)
    assert found.shape == (2, 5, 1, 2)
    for at, delta in zip(product(*map(range, found.shape)), product(*choices), strict=True):
        slow = _slow_score(classify, parameters * torch.tensor(delta, dtype=torch.float64), mask, 1)
        assert float(found[at]) == pytest.approx(slow, abs=1e-12)


@pytest.mark.parametrize(("mask", "seed"), [(REGIMES[0], 3), (REGIMES[1], 3)])
def test_no_disturbance_inside_the_certificate_flips_a_smoothed_class_of_twelve_parameters(
    mask: Multinomial, seed: int
) -> None:
    """All 3^12 disturbances that keep, halve or kill each parameter, those with up to r killed."""
    parameters, classify = _classifier(12, seed, 0.5)
    wanted, score = smoothed_class(classify, parameters, mask, 2)
    radius = certified_radius(score, mask, 12)
    assert radius is not None
    assert 1 <= radius < 12
    scores = disturbed_scores(classify, parameters, mask, [(1.0, 0.5, 0.0)] * 12, wanted)
    killed = sum(torch.arange(3).eq(2).long().reshape([-1 if i == j else 1 for i in range(12)]) for j in range(12))
    inside = scores[killed <= radius]
    assert len(inside) >= 2**12 + 12 * 2**11
    assert float(inside.min()) >= 0.5
    assert float(scores.max() - scores.min()) > 0.01  # they do move


@pytest.mark.parametrize("mask", [Multinomial(p_zero=0.7, p_half=0.15), Multinomial(p_zero=0.7, p_half=0.05)])
def test_no_single_change_of_any_kind_flips_a_certified_class_of_twelve_parameters(mask: Multinomial) -> None:
    parameters, classify = _classifier(12, 5)
    wanted, score = smoothed_class(classify, parameters, mask, 2)
    assert certified_changes(score, mask, 12) == 1
    for place in range(12):
        choices = [OTHERS if j == place else (1.0,) for j in range(12)]
        assert float(disturbed_scores(classify, parameters, mask, choices, wanted).min()) >= 0.5


def test_the_form_of_the_paper_certifies_what_flips_where_ones_are_more_likely_than_halves() -> None:
    """A control that must fail: 1 - P(1/2) in place of P(0) + min(P(1/2), P(1))."""
    mask, parameters = Multinomial(p_zero=0.01, p_half=0.01), torch.ones(12, dtype=torch.float64)

    def classify(asked: Tensor) -> Tensor:
        return (asked.sum(-1) > 8).long()

    score = smoothed_score(classify, parameters, mask, 1)
    assert (1 - mask.p_half) ** 12 >= 1.5 - score  # so the paper's form certifies r = 0: all kept or halved
    assert certified_radius(score, mask, 12) is None
    halved = disturbed_scores(classify, parameters, mask, [(1.0, 0.5)] * 12, 1)
    assert float(halved.min()) < 0.5


def test_the_bound_of_an_overlap_is_the_overlap() -> None:
    """Against the two laws written out."""
    for mask in REGIMES:
        law = {0.0: mask.p_zero, 0.5: mask.p_half, 1.0: mask.p_one}
        for delta in (0.5, *OTHERS):
            moved: dict[float, float] = {}
            for value, chance in law.items():
                moved[value * delta] = moved.get(value * delta, 0) + chance
            shared = sum(min(chance, moved.get(value, 0)) for value, chance in law.items())
            bound = half_overlap(mask) if delta == 0.5 else mask.p_zero
            assert shared >= bound - 1e-12
            assert delta != 0.5 or shared == pytest.approx(bound)
    assert half_overlap(REGIMES[0]) == pytest.approx(1 - REGIMES[0].p_half)  # the paper's form holds in the first only
    assert half_overlap(REGIMES[1]) < 1 - REGIMES[1].p_half


def test_the_certificate_is_vacuous_for_a_network_and_small_at_best() -> None:
    assert certified_radius(1.0, Multinomial(p_zero=0.5, p_half=0.3), 10_000) is None
    assert certified_changes(0.99, Multinomial(p_zero=0.5, p_half=0.3), 10_000) == 0
    assert certified_changes(0.99, Multinomial(p_zero=0.9, p_half=0.05), 10_000) == 6
    assert certified_radius(0.4, REGIMES[0], 4) is None


def test_bad_scores_and_networks_too_large_to_enumerate_are_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"must be a probability, got 1\.2"):
        certified_radius(1.2, REGIMES[0], 4)
    with pytest.raises(ConfigurationError, match="must be at most 12 to be enumerated, got 13"):
        smoothed_score(lambda theta: theta[:, 0].long(), torch.ones(13), REGIMES[0], 0)
    with pytest.raises(ConfigurationError, match="must have at most 16,777,216 combinations"):
        disturbed_scores(lambda theta: theta[:, 0].long(), torch.ones(12), REGIMES[0], [OTHERS] * 12, 0)
