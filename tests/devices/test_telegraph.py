"""Telegraph noise as a part: its spectrum, its variance, and what is frozen."""

import math

import pytest
import torch

from ohmloom.devices import Device, FlickerNoise, SumOfNoises, TelegraphNoise, check_device

G = torch.full((1, 1), 20e-6, dtype=torch.float64)
NOISE = TelegraphNoise(share=0.25, amplitude=0.1, dwell_low="1 ms", dwell_high="3 ms")  # tau 0.75 ms


@pytest.mark.parametrize("dwell", ["100 ns", "1 us", "1 ms", "1 h"])
def test_it_keeps_the_contract_of_noise(dwell):
    noise = NOISE.replace(dwell_low=dwell, dwell_high="2 ms")
    check_device(Device.load("ideal", parts=[noise]))
    flicker = FlickerNoise(deviation=0.01, slowest="1 Hz", fastest="1 kHz")
    check_device(Device.load("ideal", parts=[SumOfNoises(parts=(flicker, noise))]))


def test_the_variance_is_that_of_two_levels():
    """A quarter of the cells, 2 µS apart, a quarter of the time below."""
    assert float(NOISE.variance(G, None)) == pytest.approx(0.25 * (2e-6) ** 2 * 0.25 * 0.75)


def test_averaging_begins_at_the_relaxation_time():
    whole = float(NOISE.variance(G, None))
    assert float(NOISE.variance(G, 1e-6)) == pytest.approx(whole, rel=1e-3)
    assert float(NOISE.variance(G, 1.0)) == pytest.approx(whole * 2 * 0.75e-3, rel=1e-3)


def test_half_of_the_power_is_below_the_corner():
    corner = 1 / (2 * math.pi * NOISE.relaxation_time)
    assert float(NOISE.frozen_share(G, 1 / corner)) == pytest.approx(0.5, abs=1e-6)
    assert float(NOISE.density(G, corner) / NOISE.density(G, 0.0)) == pytest.approx(0.5)


def test_without_jumps_it_is_quiet():
    assert NOISE.replace(share=0.0).quiet
    assert NOISE.replace(amplitude=0.0).quiet
    assert not NOISE.quiet
