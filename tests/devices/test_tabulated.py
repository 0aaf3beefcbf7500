"""Parts that are tables: what one pulse reaches, and noise against conductance."""

import pytest
import torch

from ohmloom.devices import Device, TabulatedNoise, TabulatedOpenLoop, check_device, program
from ohmloom.errors import ConfigurationError

IDEAL = Device.load("ideal")
RULE = TabulatedOpenLoop(targets=(10e-6, 30e-6), means=(11e-6, 30e-6), deviations=(1e-6, 2e-6))
NOISE = TabulatedNoise(conductances=(10e-6, 30e-6), deviations=(0.1e-6, 0.3e-6), read_time=1e-6)


def test_tables_keep_the_contract_of_devices():
    assert "noise statistics" in check_device(IDEAL.with_parts([RULE, NOISE]))


@pytest.mark.parametrize(
    ("target", "mean", "deviation"),
    [(10e-6, 11e-6, 1e-6), (20e-6, 20.5e-6, 1.5e-6), (30e-6, 30e-6, 2e-6), (38e-6, 38e-6, 2e-6)],
)
def test_what_is_reached_is_interpolated_and_held_outside(generator, target, mean, deviation):
    """40,000 cells: 5 deviations of a mean are 0.025 deviations, of a sample deviation 1.8 %."""
    device = IDEAL.replace(programming=RULE)
    found = program(device, torch.full((200, 200), target, dtype=torch.float64), generator).cells.written
    assert float(found.mean()) == pytest.approx(mean, abs=0.025 * deviation)
    assert float(found.std()) == pytest.approx(deviation, rel=0.018)


def test_the_variance_of_noise_is_interpolated():
    g = torch.tensor([[5e-6, 10e-6, 20e-6, 30e-6, 40e-6]], dtype=torch.float64)
    wanted = torch.tensor([[0.01, 0.01, 0.05, 0.09, 0.09]], dtype=torch.float64) * 1e-12
    torch.testing.assert_close(NOISE.variance(g, None), wanted)
    torch.testing.assert_close(NOISE.variance(g, 4e-6), wanted / 4)


def test_one_entry_is_a_constant():
    g = torch.linspace(0, 40e-6, 5, dtype=torch.float64)[None]
    noise = TabulatedNoise(conductances=(10e-6,), deviations=(0.2e-6,), read_time=1e-6)
    torch.testing.assert_close(noise.variance(g, None), torch.full_like(g, 4e-14))


@pytest.mark.parametrize(
    ("part", "fields", "words"),
    [
        (TabulatedOpenLoop, {"targets": (1e-6,), "means": (), "deviations": (1e-7,)}, "one entry for each of the 1"),
        (TabulatedNoise, {"conductances": (2e-6, 1e-6), "deviations": (1e-7, 1e-7), "read_time": 1.0}, "must increase"),
    ],
)
def test_columns_must_fit(part, fields, words):
    with pytest.raises(ConfigurationError, match=words):
        part(**fields)
