"""Read noise: variances, spectra, and reads that share their slow part."""

import math

import pytest
import torch

from ohmloom.devices import (
    AdditiveNoise,
    Device,
    FlickerNoise,
    Quiet,
    RelativeNoise,
    SumOfNoises,
    sample_reads,
)
from ohmloom.errors import ConfigurationError

G = torch.linspace(1e-6, 40e-6, 2000, dtype=torch.float64).reshape(40, 50)
WHITE = AdditiveNoise(deviation="0.4 uS", read_time="1 us")
RELATIVE = RelativeNoise(deviation=0.01, read_time="1 us")
SLOW = FlickerNoise(deviation=0.02, slowest="0.001 Hz", fastest="100 kHz")


def device_with(noise) -> Device:
    return Device(name="test", g_min=0.0, g_max=40e-6, read_noise=noise)


@pytest.mark.parametrize("noise", [WHITE, RELATIVE])
def test_white_noise_averages_as_one_over_the_integration(noise):
    reads = [0.1e-6, 1e-6, 100e-6]
    deviations = [float(noise.variance(G, t).mean().sqrt()) for t in reads]
    exponent = math.log(deviations[2] / deviations[0]) / math.log(reads[2] / reads[0])
    assert exponent == pytest.approx(-0.5, abs=1e-6)


def test_slow_noise_does_not_average():
    assert float(SLOW.variance(G, 1e-7).sum()) == pytest.approx(float(SLOW.variance(G, None).sum()), rel=1e-3)
    assert float((SLOW.variance(G, 1e-3) / SLOW.variance(G, None)).min()) > 0.5  # 10,000 times the read: no 1 / 10,000


def test_stated_deviations():
    torch.testing.assert_close(WHITE.variance(G, 1e-6).sqrt(), torch.full_like(G, 0.4e-6))
    torch.testing.assert_close(RELATIVE.variance(G, 1e-6).sqrt(), 0.01 * G)
    torch.testing.assert_close(SLOW.variance(G, None).sqrt(), 0.02 * G)


def test_a_sum_adds_variances_and_densities():
    both = SumOfNoises(parts=(WHITE, SLOW))
    torch.testing.assert_close(both.variance(G, 1e-6), WHITE.variance(G, 1e-6) + SLOW.variance(G, 1e-6))
    torch.testing.assert_close(both.density(G, 10.0), WHITE.density(G, 10.0) + SLOW.density(G, 10.0))


def test_flicker_falls_as_one_over_f_inside_its_band_only():
    assert float((SLOW.density(G, 1.0) / SLOW.density(G, 100.0)).mean()) == pytest.approx(100)
    assert not SLOW.density(G, 1e6).any()


def test_flicker_share_counts_decades():
    """8 decades; a span of 1 s has 3 below it."""
    assert float(SLOW.frozen_share(G, 1.0).mean()) == pytest.approx(3 / 8, abs=1e-9)
    assert not WHITE.frozen_share(G, 1e-9).any()


def test_independent_reads_match_the_variance(generator):
    """2,000 cells, 200 reads: a variance ratio of 1 with a deviation of 0.0022."""
    device = device_with(SumOfNoises(parts=(WHITE, RELATIVE, SLOW)))
    reads = sample_reads(device, G, 1e-6, generator, reads=200)
    ratio = ((reads - G).square() / device.read_noise.variance(G, 1e-6)).mean()
    assert float(ratio) == pytest.approx(1, abs=5 * 0.0022)


def test_reads_within_a_span_have_the_slow_part_in_common(generator):
    device = device_with(SumOfNoises(parts=(WHITE, SLOW)))
    noise = sample_reads(device, G, 1e-6, generator, reads=400, span=1.0) - G
    variance = device.read_noise.variance(G, 1e-6)
    share = device.read_noise.frozen_share(G, 1.0, 1e-6)
    within = noise.var(0).mean() / (variance * (1 - share)).mean()
    between = noise.mean(0).square().mean() / (variance * (share + (1 - share) / 400)).mean()
    assert float(within) == pytest.approx(1, abs=0.02)
    assert float(between) == pytest.approx(1, abs=0.2)  # 2,000 cells of unequal weight: one deviation is about 4 %


def test_quiet_reads_change_nothing(generator):
    reads = sample_reads(device_with(Quiet()), G, 1e-6, generator, reads=3)
    assert torch.equal(reads, G.expand(3, 40, 50))
    assert Quiet().quiet
    assert RelativeNoise(deviation=0.0, read_time=1.0).quiet
    assert not SumOfNoises(parts=(Quiet(), WHITE)).quiet


def test_same_generator_same_reads():
    device = device_with(WHITE)
    first, second = (sample_reads(device, G, 1e-6, torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(first, second)


def test_bands_must_be_open():
    with pytest.raises(ConfigurationError, match="fastest: must exceed slowest"):
        FlickerNoise(deviation=0.1, slowest="10 Hz", fastest="1 Hz")
