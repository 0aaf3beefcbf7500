"""Usability of measured devices: the anchors, known curves found again, and weights as a device holds them (AC6)."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ohmloom.codesign.noise_injection import (
    DeviceWeights,
    Run,
    limited_share,
    longest_run,
    spread_over_cycles,
    usability,
)
from ohmloom.data import load
from ohmloom.errors import ConfigurationError
from ohmloom.nn import LogNormalDrift


@pytest.mark.parametrize(
    ("run", "sigma", "rated"), [(0.41, 7.8e-6, 0.4100), (0.62, 0.2704, 0.4524), (0.22, 2.3458, -0.2961)]
)
def test_the_three_anchors(run: float, sigma: float, rated: float) -> None:
    assert usability(run, sigma) == pytest.approx(rated, abs=5e-5)


def test_all_37_released_values_are_reproduced() -> None:
    for device in load("perovskite").rated:
        assert usability(device.run, device.sigma) == pytest.approx(device.usability, abs=1e-12)


def test_the_forms_agree_without_spread_and_differ_with_it() -> None:
    assert usability(0.5, 0.0) == usability(0.5, 0.0, "exponential") == 0.5
    assert usability(0.5, 2.0) < 0 < usability(0.5, 2.0, "exponential")


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 5), min_size=2, max_size=14), st.integers(0, 3))
def test_the_longest_run_is_that_of_all_stretches(curve: list[int], decreases: int) -> None:
    def falls(start: int, end: int) -> int:
        return sum(curve[i + 1] < curve[i] for i in range(start, end))

    lengths = [
        end - start + 1
        for start in range(len(curve))
        for end in range(start, len(curve))
        if falls(start, end) <= decreases
    ]
    found = longest_run(curve, decreases)
    assert found.length == max(lengths)
    assert falls(found.start, found.start + found.length - 1) <= decreases


def _device(run: int, sigma: float, cycles: int) -> np.ndarray:
    """(cycles, 100): rises for ``run`` points, then falls for good; log-normal over cycles."""
    mean = np.concatenate([np.linspace(1, 2, run), np.linspace(1.9, 0.1, 100 - run)]) * 1e-6
    return mean * np.exp(sigma * np.random.default_rng(0).standard_normal((cycles, 100)))


def test_a_known_device_is_found_again_and_the_released_estimator_is_not_its_sigma() -> None:
    measured = _device(40, 0.8, 400)
    assert spread_over_cycles(measured, "log-std") == pytest.approx(0.8, rel=0.02)
    assert spread_over_cycles(measured, "ratio-std") > 0.9  # sqrt(exp(0.64) - 1) = 0.95
    assert spread_over_cycles(measured, "log-rms") == pytest.approx(np.hypot(0.8, 0.32), rel=0.02)
    quiet = _device(40, 0.0, 2)
    assert longest_run(quiet.mean(0), decreases=0) == Run(0, 40)
    found = usability(longest_run(quiet.mean(0), decreases=0).share, spread_over_cycles(measured))
    assert found == pytest.approx(0.39 * 0.2, rel=0.1)


def test_released_runs_and_spreads_come_out_of_the_sweeps() -> None:
    devices, agreed = load("perovskite"), 0
    for device in devices.rated[10:20]:
        if device.device == "D18":  # measured on its rising branch only
            continue
        conductance = devices.conductance(device.device)
        run = longest_run(conductance.mean(0))
        within = conductance[:, run.start : run.start + run.length]
        assert run.share == pytest.approx(device.run)
        agreed += abs(spread_over_cycles(within, "ratio-std") - device.sigma) < 0.01
    assert agreed >= 8  # the released table is of an earlier version of the sweeps


def test_points_at_the_current_limit_are_the_instruments() -> None:
    volts = np.linspace(5, 1, 41)
    limited, free = np.full(41, 2.7e-5), 1e-6 * volts
    assert longest_run(limited / volts).length == 41  # looks like a perfect device
    assert limited_share(limited, 2.7e-5) == 1
    assert limited_share(free, 2.7e-5) == 0


def test_a_run_with_all_steps_only_drifts() -> None:
    weights = {"weight": torch.randn(20, 5)}
    same = DeviceWeights(run_length=35, deviation=0.4).perturb(weights, torch.Generator().manual_seed(1))
    drifted = LogNormalDrift(deviation=0.4).perturb(weights, torch.Generator().manual_seed(1))
    assert torch.equal(same["weight"], drifted["weight"])


def test_weights_beyond_the_run_get_the_share_of_the_curve_there() -> None:
    curve = (0.0, 1.0, 2.0, 4.0, 1.0)
    device = DeviceWeights(run_length=4, steps=5, deviation=0.0, curve=curve)
    held = device.perturb({"weight": torch.tensor([0.25, -0.5, -1.0, 0.0])})["weight"]
    torch.testing.assert_close(held, torch.tensor([0.25, -0.5, -0.25, 0.0]))  # step 4: 1.0 of 0 to 4


@pytest.mark.parametrize(
    ("call", "rule"),
    [
        (lambda: longest_run([1.0, np.nan]), "two or more finite numbers, got NaN"),
        (lambda: longest_run([1.0]), "two or more finite numbers, got shape"),
        (lambda: spread_over_cycles(np.ones((1, 100))), "two cycles or more"),
        (lambda: spread_over_cycles(-np.ones((3, 4))), "must be above zero, got -1.0"),
        (lambda: DeviceWeights(run_length=5, deviation=0.1), "must be given for a run of fewer than 35 points"),
        (lambda: DeviceWeights(run_length=5, deviation=0.1, curve=(1, 1)), "must not be constant"),
    ],
)
def test_bad_measurements_are_refused(call, rule: str) -> None:
    with pytest.raises(ConfigurationError, match=rule):
        call()
