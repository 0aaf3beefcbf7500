"""Perturbations: the noise that training adds, drawn afresh, with the stated size."""

from __future__ import annotations

import math

import pytest
import torch
from scipy import stats
from torch import nn

import ohmloom as ol
from ohmloom import Chip, GaussianWeights, Noisy, perturbed_call
from ohmloom.errors import ConfigurationError
from ohmloom.nn import BoundedRelativeWeights, RelativeWeights
from tests.nn.helpers import frozen_weights, relative
from tests.nn.models import build


@pytest.mark.parametrize("relative_to", ["max", "rms"])
def test_the_noise_is_normal_with_the_stated_deviation(relative_to: str) -> None:
    weights = {"weight": torch.randn(300, 400) * 0.3, "bias": torch.randn(300) * 5}
    size = weights["weight"].abs().max() if relative_to == "max" else weights["weight"].square().mean().sqrt()
    perturb = GaussianWeights(deviation=0.15, relative_to=relative_to)
    noise = {
        name: torch.cat(
            [(perturb.perturb(weights)[name] - weights[name]).flatten() for _ in range(200 if name == "bias" else 1)]
        )
        / (0.15 * size)
        for name in weights
    }
    for values in noise.values():
        count = len(values)
        assert abs(float(values.mean())) < 4.5 / count**0.5
        assert abs(float(values.std()) - 1) < 4.5 / (2 * count) ** 0.5
        assert stats.kstest(values[:60_000].double().numpy(), "norm").pvalue > 1e-4
    assert float(stats.kurtosis(noise["weight"].numpy())) == pytest.approx(0, abs=4.5 * (24 / 120_000) ** 0.5)


def test_every_draw_is_fresh_and_elements_are_independent() -> None:
    weights = {"weight": torch.randn(200, 500)}
    perturb = GaussianWeights(deviation=0.1)
    first, second = (perturb.perturb(weights)["weight"] - weights["weight"] for _ in range(2))
    bound = 4.5 / first.numel() ** 0.5

    def correlation(a: torch.Tensor, b: torch.Tensor) -> float:
        return float(torch.corrcoef(torch.stack([a.flatten(), b.flatten()]))[0, 1])

    assert abs(correlation(first, second)) < bound
    for shift in (1, 2, 3, 4, 8, 16, 64):
        assert abs(correlation(first.flatten()[:-shift], first.flatten()[shift:])) < bound * 1.1


def test_a_generator_repeats_the_noise_and_seeds_torchs_own_otherwise() -> None:
    weights, perturb = {"weight": torch.randn(20, 30)}, GaussianWeights(deviation=0.1)
    drawn = [perturb.perturb(weights, torch.Generator().manual_seed(3))["weight"] for _ in range(2)]
    assert torch.equal(*drawn)
    again = []
    for _ in range(2):
        torch.manual_seed(4)
        again.append(perturb.perturb(weights)["weight"])
    assert torch.equal(*again)
    assert not torch.equal(drawn[0], again[0])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_bias_gets_the_weights_size_or_none_at_all(dtype: torch.dtype) -> None:
    weights = {"weight": torch.full((2, 2), 10.0, dtype=dtype), "bias": torch.zeros(50_000, dtype=dtype)}
    noisy = GaussianWeights(deviation=0.1).perturb(weights)
    assert noisy["bias"].dtype == dtype
    assert float(noisy["bias"].std()) == pytest.approx(1.0, rel=0.02)  # 0.1 · 10, although the bias is zero
    assert GaussianWeights(deviation=0.1, bias=False).perturb(weights)["bias"] is weights["bias"]


def test_gradients_reach_the_weights_unchanged() -> None:
    weight = torch.randn(3, 4, requires_grad=True)
    GaussianWeights(deviation=0.5).perturb({"weight": weight})["weight"].sum().backward()
    assert torch.equal(weight.grad, torch.ones(3, 4))


@pytest.mark.parametrize("wrong", [{"deviation": -0.1}, {}, {"deviation": 0.1, "relative_to": "mean"}])
def test_descriptions_that_break_a_rule_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError):
        GaussianWeights(**wrong)


@pytest.mark.parametrize("name", ["mlp", "neurram-cnn", "resnet-20", "transformer", "depthwise-separable"])
def test_perturbed_call_works_on_any_module_and_leaves_it_alone(name: str) -> None:
    model, x = build(name)
    before = frozen_weights(model)
    with torch.no_grad():
        wanted = model(x)
        assert relative(perturbed_call(model, GaussianWeights(deviation=0.0), x), wanted) < 1e-5
        small, large = (perturbed_call(model, GaussianWeights(deviation=d), x) for d in (1e-3, 0.3))
    assert 0 < relative(small, wanted) < 0.2
    assert relative(large, wanted) > relative(small, wanted)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


def test_perturbed_call_perturbs_every_weight() -> None:
    """Norms, whose weights are vectors, stay; attention's stacked projections do not."""
    model, x = build("transformer")
    seen: dict[str, set[str]] = {}

    class Watch(GaussianWeights):
        kind: str = "watch-gaussian-weights"

        def perturb(self, weights, generator=None):
            for name, value in weights.items():
                seen.setdefault(name, set()).add(str(tuple(value.shape)))
            return super().perturb(weights, generator)

    perturbed_call(model, Watch(deviation=0.1), x)
    assert "(48, 16)" in seen["weight"]


def test_noisy_is_quantised_with_perturbed_weights_drawn_in_each_forward(generic: Chip) -> None:
    layer, x = nn.Linear(30, 20), torch.randn(8, 30)
    hardware = ol.convert(layer, generic)
    ol.mode(hardware, Noisy(GaussianWeights(deviation=0.1)))
    with torch.no_grad():
        draws = torch.stack([hardware(x) for _ in range(400)])
        codes = generic.mapping.drive.encode(x).value()
        mean = codes @ layer.weight.T + layer.bias
        size = 0.1 * layer.weight.abs().max()
        deviation = size * (codes.square().sum(1, keepdim=True) + 1).sqrt().expand_as(mean)
    assert float(((draws.mean(0) - mean) / deviation * 20).abs().max()) < 5
    torch.testing.assert_close(draws.std(0) / deviation, torch.ones_like(mean), atol=0.2, rtol=0)
    ol.mode(hardware, "quantised")
    assert torch.equal(hardware(x), hardware(x))


def test_a_module_used_twice_is_perturbed_twice(generic: Chip) -> None:
    layer, x = nn.Linear(6, 6, bias=False), torch.ones(1, 6)
    hardware = ol.convert(nn.Sequential(layer, nn.ReLU(), layer), generic)
    ol.mode(hardware, Noisy(GaussianWeights(deviation=0.2)))
    seen = []
    hardware[0].register_forward_hook(lambda module, inputs, output: seen.append((inputs[0].detach(), output.detach())))
    hardware(x)
    hardware[0](x)
    same_input = [output for inputs, output in seen if torch.equal(inputs, x)]
    assert len(seen) == 3
    assert not torch.equal(same_input[0], same_input[-1])


def test_relative_noise_is_in_proportion_to_each_weight_and_leaves_the_gradient() -> None:
    weight = torch.cat([torch.full((1, 50_000), 0.1), torch.full((1, 50_000), -3.0)]).requires_grad_()
    noisy = ol.RelativeWeights(deviation=0.2).perturb({"weight": weight})["weight"]
    share = (noisy / weight - 1).detach()
    for row in share:
        assert float(row.std()) == pytest.approx(0.2, rel=0.02)
        assert abs(float(row.mean())) < 4.5 * 0.2 / 50_000**0.5
    noisy.sum().backward()
    assert torch.equal(weight.grad, torch.ones_like(weight))


def test_bounded_errors_are_relative_bounded_and_pass_the_gradient() -> None:
    noise, generator = BoundedRelativeWeights(deviation=0.1, bound=0.2), torch.Generator().manual_seed(0)
    weights = {"weight": torch.full((400, 100), -2.0, requires_grad=True), "bias": torch.zeros(400)}
    drawn = noise.perturb(weights, generator)
    errors = drawn["weight"].detach() / -2 - 1
    assert float(errors.abs().max()) <= 0.2 + 1e-6
    # within two deviations a normal one, outside (4.55 %) uniform
    share = math.erfc(2 / math.sqrt(2))
    inside = 0.01 * (1 - share - 4 * math.exp(-2) / math.sqrt(2 * math.pi))
    assert float(errors.var()) == pytest.approx(inside + share * 0.2**2 / 3, rel=0.03)
    assert not drawn["bias"].any()
    drawn["weight"].sum().backward()
    torch.testing.assert_close(weights["weight"].grad, torch.ones(400, 100))


@pytest.mark.parametrize("noise", [BoundedRelativeWeights(deviation=0.1, bound=0.2), RelativeWeights(deviation=0.1)])
def test_errors_drawn_ahead_are_those_of_single_perturbations(noise) -> None:
    """The same distribution, for the weight and for the bias; none where the noise depends on the weights."""
    weights = {"weight": torch.full((40, 50), 3.0), "bias": torch.full((2_000,), 2.0)}
    ahead = noise.relative(
        {name: value.numel() for name, value in weights.items()}, 20, torch.Generator().manual_seed(0)
    )
    single = noise.perturb(weights, torch.Generator().manual_seed(1))
    for name, errors in ahead.items():
        assert errors.shape == (20, 2_000)
        of_one = single[name] / weights[name] - 1
        assert float(errors.std()) == pytest.approx(float(of_one.std()), rel=0.06, abs=1e-6)
        assert float(errors.abs().max()) == pytest.approx(float(of_one.abs().max()), rel=0.5, abs=1e-6)
    assert not torch.equal(ahead["weight"][0], ahead["weight"][1])
    assert GaussianWeights(deviation=0.1).relative({"weight": 4}, 2) is None
