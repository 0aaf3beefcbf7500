"""Retention: published polynomials, rectified Gaussians, power-law drift; absolute in time."""

import csv
import math
import os
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from ohmloom.devices import Device, Ideal, PowerLawDrift, conductance, program
from ohmloom.errors import ConfigurationError

DAY = 86400.0
# Wan 2022 as fitted by aihwkit: standard deviation in uS, powers of g / 40 uS.
PUBLISHED = {
    1.0: (0.348, 16.030, -43.853, 45.393, -16.815),
    DAY: (0.701, 22.086, -50.773, 47.095, -16.458),
    2 * DAY: (0.782, 20.274, -43.507, 37.062, -11.934),
}
LEVELS = (0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 28.0, 40.0)  # uS


def published_deviation(g: float, elapsed: float) -> float:
    """sigma in uS at g uS."""
    return sum(c * (g / 40) ** k for k, c in enumerate(PUBLISHED[elapsed]))


def rectified(mean: float, sigma: float) -> tuple[float, float]:
    """Mean and deviation of max(0, N(mean, sigma^2)) in closed form."""
    a = mean / sigma
    first = mean * norm.cdf(a) + sigma * norm.pdf(a)
    second = (mean**2 + sigma**2) * norm.cdf(a) + mean * sigma * norm.pdf(a)
    return first, math.sqrt(second - first**2)


@pytest.fixture(scope="module")
def neurram() -> Device:
    return Device.load("neurram-hfox")


@pytest.mark.parametrize("elapsed", PUBLISHED)
@pytest.mark.parametrize("level", LEVELS)
def test_relaxation_given_the_conductance_written_is_a_rectified_gaussian(neurram, generator, level, elapsed):
    """200,000 cells: the deviation of a sample deviation is 0.16 to 0.3 %, so 2 % are more than six of them."""
    written = program(neurram.replace(programming=Ideal()), torch.full((400, 500), level * 1e-6), generator)
    found = conductance(neurram, written.cells, elapsed) * 1e6
    mean, deviation = rectified(level, published_deviation(level, elapsed))
    assert float(found.mean()) == pytest.approx(mean, rel=0.02)
    assert float(found.std()) == pytest.approx(deviation, rel=0.02)


@pytest.mark.parametrize("elapsed", PUBLISHED)
@pytest.mark.parametrize("level", LEVELS)
def test_relaxation_after_write_verify_follows_what_each_cell_holds(neurram, generator, level, elapsed):
    """The same with cells as the controller leaves them: 100,000 cells, each with its own expectation."""
    written = program(neurram, torch.full((200, 500), level * 1e-6), generator)
    start = written.cells.written.double().numpy() * 1e6
    sigma = sum(c * (start / 40).clip(0, 1) ** k for k, c in enumerate(PUBLISHED[elapsed]))
    a = start / sigma
    mean = start * norm.cdf(a) + sigma * norm.pdf(a)
    variance = (start**2 + sigma**2) * norm.cdf(a) + start * sigma * norm.pdf(a) - mean**2
    found = conductance(neurram, written.cells, elapsed).double().numpy() * 1e6
    assert found.mean() == pytest.approx(mean.mean(), rel=0.02)
    assert math.sqrt(((found - mean) ** 2).mean()) == pytest.approx(math.sqrt(variance.mean()), rel=0.02)


def test_clamping_changes_the_spread_of_low_conductances(neurram, generator):
    """The control for the two tests above: at 0 µS the raw polynomial would be wrong by 42 %."""
    written = program(neurram.replace(programming=Ideal()), torch.zeros(400, 500), generator)
    found = conductance(neurram, written.cells, DAY) * 1e6
    assert float(found.std()) / published_deviation(0, DAY) == pytest.approx(0.58, abs=0.01)


@pytest.mark.parametrize(("elapsed", "peak", "at"), [(1.0, 2.30, 12.3), (DAY, 4.01, 15.7), (2 * DAY, 4.00, 16.4)])
def test_peaks_of_the_published_spread(neurram, elapsed, peak, at):
    g = torch.linspace(0, 40e-6, 4001, dtype=torch.float64)
    sigma = neurram.retention.deviation(g, elapsed) * 1e6
    assert float(sigma.max()) == pytest.approx(peak, abs=0.006)
    assert float(g[sigma.argmax()]) * 1e6 == pytest.approx(at, abs=0.06)


def test_preset_holds_the_coefficients_of_the_data_file(neurram):
    path = Path(os.environ.get("OHMLOOM_DATA", "missing")) / "neurram" / "relaxation.csv"
    if not path.is_file():
        pytest.skip("set OHMLOOM_DATA to compare with neurram/relaxation.csv")
    rows = list(csv.DictReader(path.open()))
    assert [float(row["time_s"]) for row in rows] == list(neurram.retention.times)
    in_file = tuple(tuple(float(row[f"c{k}_uS"]) for k in range(5)) for row in rows)
    assert in_file == neurram.retention.coefficients


def test_time_is_absolute_and_may_run_backwards(neurram, generator):
    cells = program(neurram, torch.rand(20, 20, generator=generator) * 40e-6, generator).cells
    day, second = conductance(neurram, cells, DAY), conductance(neurram, cells, 1.0)
    assert torch.equal(conductance(neurram, cells, DAY), day)
    assert torch.equal(conductance(neurram, cells, 1.0), second)
    assert torch.equal(conductance(neurram, cells, 0.0), cells.written)


def test_published_spread_shrinks_between_one_and_two_days_at_some_levels(neurram):
    """Why increments cannot be composed."""
    g = torch.tensor([12e-6])
    assert neurram.retention.deviation(g, 2 * DAY) < neurram.retention.deviation(g, DAY)


def test_between_published_times_the_spread_is_linear_in_log_time(neurram):
    g = torch.linspace(0, 40e-6, 50, dtype=torch.float64)
    middle = neurram.retention.deviation(g, math.sqrt(1.0 * DAY))
    ends = (neurram.retention.deviation(g, 1.0) + neurram.retention.deviation(g, DAY)) / 2
    torch.testing.assert_close(middle, ends, rtol=1e-5, atol=0)


@given(st.floats(0, 2 * DAY))
@settings(max_examples=30, deadline=None)
def test_a_cell_moves_continuously(elapsed):
    device = Device.load("neurram-hfox")
    g, latent = torch.full((5,), 15e-6, dtype=torch.float64), torch.linspace(-2, 2, 5, dtype=torch.float64)
    here = device.retention.relaxed(g, latent, elapsed)
    near = device.retention.relaxed(g, latent, min(elapsed * 1.0001 + 1e-12, 2 * DAY))
    assert float((here - near).abs().max()) < 1e-9


def test_beyond_the_data_is_refused_and_then_held(neurram):
    g, latent = torch.tensor([20e-6]), torch.tensor([1.0])
    with pytest.raises(ConfigurationError, match="must not exceed the last measured time, 2 days, got 3 days"):
        neurram.retention.relaxed(g, latent, 3 * DAY)
    held = neurram.retention.relaxed(g, latent, 300 * DAY, extrapolate=True)
    assert torch.equal(held, neurram.retention.relaxed(g, latent, 2 * DAY))


def test_power_law_has_its_exponent_and_its_spread():
    drift = PowerLawDrift(exponent=0.05, spread=0.01, start=1.0)
    latent = torch.linspace(-2, 2, 5, dtype=torch.float64)
    g = torch.full((5,), 10e-6, dtype=torch.float64)
    slope = (drift.relaxed(g, latent, 1e6) / drift.relaxed(g, latent, 1e2)).log() / math.log(1e4)
    torch.testing.assert_close(slope, -(0.05 + 0.01 * latent))
    assert torch.equal(drift.relaxed(g, latent, 0.5), g)


def test_power_law_beyond_its_measurement_is_refused():
    drift = PowerLawDrift(exponent=0.05, start=1.0, measured_until=DAY)
    with pytest.raises(ConfigurationError, match="extrapolate=True"):
        drift.relaxed(torch.ones(1), torch.zeros(1), 2 * DAY)


@pytest.mark.parametrize("name", ["neurram-hfox", "generic-rram"])
def test_retention_is_differentiable(name):
    retention = Device.load(name).retention
    g = torch.tensor([5.0, 15.0, 30.0], dtype=torch.float64, requires_grad=True)
    latent = torch.tensor([0.3, -0.5, 1.0], dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x: retention.relaxed(x * 1e-6, latent, 100.0) * 1e6, (g,))
