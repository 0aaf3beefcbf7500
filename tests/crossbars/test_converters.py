"""Converters: codes within half a step, monotone and symmetric; errors, clips and counts that are what they say."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom
from torch import Tensor

from ohmloom.crossbars import ChargeDecrement, Comparator, Converter, NoConverter, StochasticNeuron, Uniform
from ohmloom.crossbars.converters import Converted
from ohmloom.errors import ConfigurationError

ADCS = [Uniform(bits=b) for b in (2, 3, 6, 8, 12, 16)] + [ChargeDecrement(bits=b) for b in (2, 3, 6, 8, 9)]
ADCS += [ChargeDecrement(bits=8, max_steps=100)]
RANGE = torch.tensor(1.7, dtype=torch.float64)


def converted(adc: Converter, value: Tensor, full_range: Tensor = RANGE) -> Converted:
    return adc.convert(value.clone(), full_range, torch.Generator().manual_seed(0))


def sweep(points: int = 20_001, reach: float = 1.0) -> Tensor:
    return torch.linspace(-reach, reach, points, dtype=torch.float64).unsqueeze(0) * RANGE


@pytest.mark.parametrize("adc", ADCS, ids=repr)
def test_code_error_is_at_most_half_a_step(adc: Converter) -> None:
    value = sweep(max(20_001, int(8 * adc.steps) + 1))
    step = float(RANGE) / adc.steps
    read = converted(adc, value)
    assert float((read.value - value).abs().max()) <= step / 2 * (1 + 1e-9)
    assert int(read.clipped) == 0
    codes = read.value / step
    assert torch.allclose(codes, codes.round(), atol=1e-6)
    assert len(codes.round().unique()) == 2 * adc.steps + 1  # no missing code


@pytest.mark.parametrize("adc", ADCS, ids=repr)
def test_conversion_is_monotone_and_symmetric(adc: Converter) -> None:
    value = sweep(reach=1.5)
    codes = converted(adc, value).value[0]
    assert bool((codes.diff() >= 0).all())
    assert torch.equal(converted(adc, -value).value, -converted(adc, value).value)
    assert not converted(adc, torch.zeros(1, 3, dtype=torch.float64)).value.any()


@pytest.mark.parametrize("adc", ADCS, ids=repr)
def test_clips_are_counted_and_stop_at_the_range(adc: Converter) -> None:
    step = float(RANGE) / adc.steps
    value = float(RANGE) + step * torch.tensor([[-0.1, 0.4, 0.6, 5.0]], dtype=torch.float64)
    value = torch.cat([value, -value])
    read = converted(adc, value)
    assert int(read.clipped) == 4
    assert torch.allclose(read.value.abs(), RANGE.expand(2, 4))


def decrement(value: float, step: float, most: int, relu: bool) -> tuple[int, int]:
    """The circuit, step by step: (code, decrements done). The first decrement is half a step."""
    sign = 1 if value >= 0 else -1
    if relu and value <= 0:
        return 0, 0
    charge, done, code = abs(value), 0, 0
    while done < most:
        charge -= step / 2 if done == 0 else step
        done += 1
        if charge < 0:  # the sign flipped: stop early; this decrement does not count
            break
        code += 1
    return sign * code, done


@given(
    value=st.floats(-2, 2), bits=st.integers(2, 9), most=st.one_of(st.none(), st.integers(1, 128)), relu=st.booleans()
)
def test_charge_decrement_is_the_counting_loop(value: float, bits: int, most: int | None, relu: bool) -> None:
    adc = ChargeDecrement(bits=bits, max_steps=most, activation="relu" if relu else "linear")
    step = 1.0 / adc.steps
    near_threshold = abs((abs(value) / step + 0.5) % 1 - 0.5) > 0.5 - 1e-6
    code, done = decrement(value, step, int(adc.steps), relu)
    read = adc.convert(torch.tensor([[value]], dtype=torch.float64), torch.tensor(1.0, dtype=torch.float64), None)
    assert read.steps is not None
    if not near_threshold:  # where rounding of the loop's subtractions decides
        assert float(read.value) / step == pytest.approx(code, abs=1e-6)
        assert float(read.steps()) == done


@pytest.mark.parametrize("bits", [4, 6, 9])
def test_early_stop_changes_the_count_but_never_the_code(bits: int) -> None:
    """Without early stop every neuron would take all N decrements; the code is where the sign flipped, either way."""
    adc = ChargeDecrement(bits=bits)
    value = sweep(2001)
    read = converted(adc, value)
    step = RANGE / adc.steps
    thresholds = (torch.arange(1, int(adc.steps) + 1).double() - 0.5) * step
    full = (value.abs().unsqueeze(-1) >= thresholds).sum(-1) * value.sign() * step  # all comparisons, none skipped
    assert torch.allclose(read.value, full, atol=1e-9)
    assert read.steps is not None
    assert float(read.steps().max()) == adc.steps
    assert float(read.steps().mean()) < adc.steps / 2 + 1.1 < adc.steps  # count + 1, evenly spread


def test_the_chip_counts_at_most_128_steps() -> None:
    assert ChargeDecrement(bits=9).steps == 128
    assert ChargeDecrement(bits=8).steps == 127
    with pytest.raises(ConfigurationError, match="128"):
        ChargeDecrement(bits=9, max_steps=129)


@pytest.mark.parametrize("bits", [4, 6, 8])
def test_relu_in_the_converter_is_within_a_step(bits: int) -> None:
    adc = ChargeDecrement(bits=bits, activation="relu")
    value = sweep()
    read = converted(adc, value)
    assert float((read.value - value.clamp(min=0)).abs().max()) <= float(RANGE) / adc.steps / 2 * (1 + 1e-9)
    assert read.steps is not None
    assert float(read.steps()[value <= 0].max()) == 0  # negative values stop at once
    assert not adc.linear
    assert adc.scalable


@pytest.mark.parametrize("activation", ["tanh", "sigmoid"])
@pytest.mark.parametrize("bits", [6, 8])
def test_curved_conversion_follows_the_function(activation: str, bits: int) -> None:
    adc = ChargeDecrement(bits=bits, activation=activation, reach=3.0)
    value = sweep(reach=1.2)
    argument = value / RANGE * 3.0
    wanted = torch.tanh(argument) if activation == "tanh" else torch.sigmoid(argument)
    read = converted(adc, value)
    half = 1.0 / adc.steps / 2 * (0.5 if activation == "sigmoid" else 1.0)
    assert float((read.value - wanted).abs().max()) <= half * (1 + 1e-9) < 0.05
    assert bool((read.value[0].diff() >= 0).all())
    assert not adc.scalable


def quantisation_db(adc: Converter, bits: int) -> float:
    """Signal over quantisation noise of a full-range sine, dB."""
    phase = torch.linspace(0, 2 * math.pi * 997, 200_000, dtype=torch.float64)
    value = torch.sin(phase).unsqueeze(0) * RANGE
    error = converted(adc, value).value - value
    return float(10 * torch.log10(value.square().mean() / error.square().mean()))


def test_quantisation_noise_falls_by_6_decibels_per_bit() -> None:
    bits = torch.arange(5.0, 13.0)
    ratio = torch.tensor([quantisation_db(Uniform(bits=int(b)), int(b)) for b in bits])
    slope = float(((bits - bits.mean()) * (ratio - ratio.mean())).sum() / (bits - bits.mean()).square().sum())
    assert slope == pytest.approx(6.02, abs=0.12)
    assert float(ratio[-1]) == pytest.approx(6.02 * 12 + 1.76, abs=0.3)


def test_nonlinearity_is_stated_where_it_is_measured() -> None:
    """INL of the stated size at 1/√3 of the range, none at zero and at the ends, of opposite sign below."""
    adc = Uniform(bits=12, nonlinearity=4.0)
    spots = torch.tensor([[-1.0, -1 / math.sqrt(3), 0.0, 1 / math.sqrt(3), 1.0]], dtype=torch.float64)
    error = (converted(adc, spots * RANGE).value / RANGE - spots) * adc.steps
    assert torch.allclose(error, torch.tensor([[0.0, -4.0, 0.0, 4.0, 0.0]], dtype=torch.float64), atol=0.51)


def test_column_errors_have_their_statistics_and_belong_to_a_die() -> None:
    adc = Uniform(bits=8, gain_spread=0.02, offset_spread=1.5)
    shape = (2, 1, 1, 20_000)
    drawn = adc.column_errors(shape, torch.Generator().manual_seed(1))
    assert drawn is not None
    count = 40_000
    for values, mean, spread in ((drawn.gain, 1.0, 0.02), (drawn.offset, 0.0, 1.5)):
        assert float(values.mean()) == pytest.approx(mean, abs=5 * spread / count**0.5)
        assert float(values.std()) == pytest.approx(spread, rel=5 / (2 * count) ** 0.5)
    again = adc.column_errors(shape, torch.Generator().manual_seed(1))
    other = adc.column_errors(shape, torch.Generator().manual_seed(2))
    assert again is not None
    assert other is not None
    assert torch.equal(drawn.gain, again.gain)
    assert torch.equal(drawn.offset, again.offset)
    assert not torch.equal(drawn.gain, other.gain)
    assert Uniform(bits=8).column_errors(shape, torch.Generator()) is None


def test_errors_act_in_their_order() -> None:
    """Gain first, then the offset in steps, then the code."""
    adc = Uniform(bits=8, gain_spread=0.1, offset_spread=1.0)
    errors = adc.column_errors((1, 1, 1, 50), torch.Generator().manual_seed(0))
    assert errors is not None
    value = torch.rand(1, 1, 1, 4, 50, dtype=torch.float64) - 0.5
    step = float(RANGE) / adc.steps
    wanted = ((value * errors.gain + errors.offset * step) / step).round() * step
    assert torch.allclose(adc.sense(value, RANGE, errors, None).value, wanted)


@pytest.mark.parametrize("adc", [Uniform(bits=14, noise=0.8), ChargeDecrement(bits=9, noise=0.8)], ids=repr)
def test_noise_is_in_steps(adc: Converter) -> None:
    value = torch.full((1, 40_000), 0.31, dtype=torch.float64)
    read = adc.sense(value, RANGE, None, torch.Generator().manual_seed(3)).value
    deviation = float(read.std()) / float(RANGE) * adc.steps
    assert deviation == pytest.approx((0.8**2 + 1 / 12) ** 0.5, rel=0.02)  # noise and rounding
    assert torch.equal(value, torch.full_like(value, 0.31))


def test_comparator_and_none() -> None:
    value = torch.tensor([[-2.0, -1e-9, 0.0, 1e-9, 3.0]])
    assert Comparator().convert(value, torch.tensor(1.0), None).value.tolist() == [[-1.0, -1.0, -1.0, 1.0, 1.0]]
    assert torch.equal(NoConverter().convert(value, torch.tensor(1.0), None).value, value)
    assert not Comparator().scalable
    assert NoConverter().scalable


@pytest.mark.parametrize("sources", [1, 4, 8, 32])
def test_stochastic_neuron_fires_with_the_exact_binomial_probability(sources: int) -> None:
    """P(v/r + a Σ±1 > 0) = P(B > (n - v/(r a))/2) for B binomial with n fair coins."""
    neuron, vectors = StochasticNeuron(amplitude=0.03, sources=sources), 20_000
    spots = torch.linspace(-1.2, 1.2, 9) * 0.03 * sources**0.5 + 0.0041  # between two lattice points
    fired = neuron.convert(spots.expand(vectors, -1), torch.tensor(1.0), torch.Generator().manual_seed(0)).value
    assert set(fired.unique().tolist()) <= {0.0, 1.0}
    exact = torch.tensor([float(binom.sf((sources - float(v) / 0.03) / 2, sources, 0.5)) for v in spots])
    error = (exact * (1 - exact) / vectors).sqrt().clamp(min=1e-6)
    assert float(((fired.mean(0) - exact).abs() / error).max()) < 5
    assert sources == 1 or float(exact[-1]) - float(exact[0]) > 0.5  # a curve, not a constant


def test_fewer_bits_for_a_group_of_fewer_phases() -> None:
    assert Uniform(bits=8, noise=0.3).fewer_bits(2) == Uniform(bits=6, noise=0.3)
    assert NoConverter().fewer_bits(2) == NoConverter()
    assert Uniform(bits=8).fewer_bits(0) is not None
