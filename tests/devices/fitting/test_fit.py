"""Fits against known devices: what is found, what is said not to be known, and files."""

import numpy as np
import pytest
import torch

from ohmloom.devices import (
    AdditiveNoise,
    Device,
    FlickerNoise,
    HyperbolicSine,
    PowerLawDrift,
    RandomFaults,
    RelativeNoise,
    Relaxation,
    Stable,
    SumOfNoises,
    TabulatedOpenLoop,
    TelegraphNoise,
    check_device,
    unsourced,
)
from ohmloom.devices.fitting import (
    Settings,
    draw_programming,
    draw_reads,
    draw_sweeps,
    fit_device,
    load_draws,
    read_tables,
    record,
    save,
    write_table,
)
from ohmloom.errors import ConfigurationError, DataError

QUICK = Settings(resamples=50, draws=3)
WHITE = AdditiveNoise(deviation=0.1e-6, read_time=1e-6)
RELATIVE = RelativeNoise(deviation=0.01, read_time=1e-6)
SLOW = FlickerNoise(deviation=0.02, slowest=5.0, fastest=500.0)
JUMPS = TelegraphNoise(share=0.2, amplitude=0.1, dwell_low=5e-3, dwell_high=10e-3)
RULE = TabulatedOpenLoop(targets=(5e-6, 45e-6), means=(5.3e-6, 44e-6), deviations=(0.5e-6, 1.5e-6))
IDEAL = Device(name="known", g_min=1e-6, g_max=60e-6)
TARGETS = np.linspace(5e-6, 45e-6, 240)
BURST = ((1.0, 200, 1e-3),)


@pytest.fixture
def fit(tmp_path):
    def run(settings=QUICK, **tables):
        for name, columns in tables.items():
            write_table(tmp_path / f"{name}.csv", columns)
        return fit_device(read_tables([tmp_path / f"{name}.csv" for name in tables], settings), settings, name="my")

    return run


def near(number, truth, widths=2.0):
    """Within so many half widths of the interval: four standard errors, for 95 % and 2."""
    return abs(number.value - truth) <= widths * max(number.high - truth, truth - number.low, number.high - number.low)


def test_programming_spread_is_found_against_the_target(fit):
    found = fit(reads=draw_reads(IDEAL.replace(programming=RULE, read_noise=WHITE), TARGETS, BURST, 1))
    rule = found.device.programming
    assert isinstance(rule, TabulatedOpenLoop)
    at = torch.tensor([5e-6, 25e-6, 45e-6], dtype=torch.float64)
    torch.testing.assert_close(at + rule.offset(at), at + RULE.offset(at), rtol=0, atol=0.4e-6)
    torch.testing.assert_close(rule.spread(at), RULE.spread(at), rtol=0.3, atol=0)


@pytest.mark.parametrize(
    ("noise", "name", "truth"),
    [(WHITE, "read noise, additive", 0.1e-6), (RELATIVE, "read noise, relative", 0.01)],
)
def test_white_noise_has_its_form_and_no_slow_part(fit, noise, name, truth):
    found = fit(reads=draw_reads(IDEAL.replace(read_noise=noise), TARGETS, BURST, 2))
    assert found.device.read_noise.kind == noise.kind
    assert found.number(name).value == pytest.approx(truth, rel=0.02)
    assert any("No slow (1/f) part" in note for note in found.notes)


def test_slow_noise_is_told_from_white_noise(fit):
    found = fit(reads=draw_reads(IDEAL.replace(read_noise=SumOfNoises(parts=(WHITE, SLOW))), TARGETS, BURST, 3))
    kinds = [part.kind for part in found.device.read_noise.parts]
    assert kinds == ["additive", "flicker"]
    assert found.number("read noise, slow (1/f), relative").value == pytest.approx(0.02, rel=0.05)
    assert found.number("read noise, additive").value == pytest.approx(0.1e-6, rel=0.1)


def test_noise_that_is_neither_is_tabulated(fit):
    """A hump in the middle of the range."""
    columns = draw_reads(IDEAL, TARGETS, BURST, 4)
    g = columns["conductance_S"]
    hump = 1e-6 * np.exp(-(((g - 25e-6) / 6e-6) ** 2)) + 0.05e-6
    columns["conductance_S"] = g + hump * np.random.default_rng(0).standard_normal(len(g))
    found = fit(reads=columns)
    noise = found.device.read_noise
    assert noise.kind == "tabulated"
    at = torch.tensor([6e-6, 25e-6, 44e-6], dtype=torch.float64)
    low, middle, high = noise.variance(at, None).sqrt().tolist()
    assert middle > 5 * max(low, high)


@pytest.mark.parametrize("others", [(WHITE,), (RELATIVE, SLOW)])
def test_telegraph_noise_is_found_where_it_is(fit, others):
    noise = SumOfNoises(parts=(*others, JUMPS))
    found = fit(reads=draw_reads(IDEAL.replace(read_noise=noise), TARGETS, ((1.0, 400, 1e-3),), 5))
    share = found.number("telegraph noise: share of cells")
    assert share.low <= 0.2 <= share.high
    assert found.number("telegraph noise: jump over conductance, rms").value == pytest.approx(0.1, rel=0.05)
    assert found.number("telegraph noise: dwell time in the lower state").value == pytest.approx(5e-3, rel=0.15)
    assert found.number("telegraph noise: dwell time in the upper state").value == pytest.approx(10e-3, rel=0.15)


@pytest.mark.parametrize("noise", [WHITE, RELATIVE, SLOW, SumOfNoises(parts=(WHITE, SLOW))])
def test_telegraph_noise_is_not_found_where_it_is_not(fit, noise):
    found = fit(reads=draw_reads(IDEAL.replace(read_noise=noise), TARGETS, ((1.0, 400, 1e-3),), 6))
    assert not [number for number in found.numbers if "telegraph" in number.name]
    assert any("None of 240 cells jumps" in note for note in found.notes)


@pytest.mark.parametrize(
    "retention",
    [
        Stable(),
        PowerLawDrift(exponent=0.01, spread=0.005, start=1.0),
        Relaxation(scale=45e-6, unit=1e-6, onset=1e-6, times=(1.0, 3600.0, 86400.0), coefficients=((0,), (1,), (2,))),
    ],
)
def test_retention_has_its_form(fit, retention):
    looks = tuple((age, 20, 1e-3) for age in (1.0, 3600.0, 86400.0))
    found = fit(reads=draw_reads(IDEAL.replace(read_noise=WHITE, retention=retention), TARGETS, looks, 7))
    assert found.device.retention.kind == retention.kind
    if isinstance(retention, PowerLawDrift):
        assert found.number("drift: exponent nu").value == pytest.approx(0.01, rel=0.1)
        assert found.device.retention.measured_until == pytest.approx(86400, rel=1e-4)
    if isinstance(retention, Relaxation):
        assert found.number("relaxation after 1 day: c0").value == pytest.approx(2e-6, rel=0.2)


def test_stuck_cells_are_counted(fit):
    faults = RandomFaults(stuck_on=0.06, stuck_off=0.1)
    found = fit(reads=draw_reads(IDEAL.replace(faults=faults, read_noise=WHITE), TARGETS, BURST, 8))
    for name, truth in (("stuck on", 0.06), ("stuck off", 0.1)):
        number = found.number(f"share of cells {name}")
        assert number.low <= truth <= number.high
        assert number.method.startswith("Clopper-Pearson")


def test_conduction_has_its_form(fit):
    states = {"states": (2e-6, 40e-6), "devices": 6, "cycles": 4, "seed": 9}
    bent = fit(sweeps=draw_sweeps(IDEAL.replace(conduction=HyperbolicSine(scale=0.4)), **states))
    assert bent.device.conduction.kind == "sinh"
    assert bent.number("sinh conduction: voltage scale v0").value == pytest.approx(0.4, rel=0.01)
    straight = fit(sweeps=draw_sweeps(IDEAL, **states))
    assert straight.device.conduction.kind == "ohmic"
    assert straight.number("on state, geometric mean").value == pytest.approx(40e-6, rel=0.1)
    assert straight.number("deviation of a state from cycle to cycle, relative").value == pytest.approx(0.05, rel=0.5)


def test_points_at_a_current_limit_say_nothing_about_the_cell(fit):
    bent = IDEAL.replace(conduction=HyperbolicSine(scale=0.4))
    columns = draw_sweeps(bent, states=(2e-6, 40e-6), devices=6, cycles=4, seed=9)
    columns["current_A"] = np.clip(columns["current_A"], -60e-6, 60e-6)
    found = fit(sweeps=columns)
    assert found.number("sinh conduction: voltage scale v0").value == pytest.approx(0.4, rel=0.01)
    assert any("at the limit" in note for note in found.notes)


def test_pulse_trains_tell_what_is_reached(fit):
    found = fit(programming=draw_programming(IDEAL.replace(programming=RULE), TARGETS, 10))
    assert found.number("mean reached at a target of 45 µS").value == pytest.approx(44e-6, abs=0.6e-6)
    assert any("no reads" in note for note in found.notes)


def test_random_arrays_without_targets_become_a_formed_device(fit):
    chance = np.random.default_rng(11)
    g = np.where(chance.random(600) < 0.5, chance.normal(12e-6, 2e-6, 600), 0.0)
    columns = {"cell": np.arange(600).astype(str), "time_s": np.zeros(600), "conductance_S": g}
    found = fit(reads=columns)
    forming = found.device.forming
    assert forming is not None
    assert forming.probability(forming.voltage) == pytest.approx((g > 0).mean(), abs=1e-3)
    assert found.number("on state: mean of the cells that conduct").value == pytest.approx(12e-6, rel=0.05)
    said = " ".join(found.notes)
    for words in ("nothing is known about retention", "nothing is known about read noise", "Without target_S"):
        assert words in said


def test_held_out_cells_agree_with_a_right_form_and_differ_from_a_wrong_one(fit):
    """The spread of the second is a mixture of two that no Gaussian holds."""
    right = draw_reads(IDEAL.replace(programming=RULE, read_noise=WHITE), np.tile(TARGETS, 3), BURST, 12)
    assert min(held.p_value for held in fit(reads=right).held_out) > 1e-3
    wrong = draw_reads(IDEAL.replace(read_noise=WHITE), np.tile(TARGETS, 3), BURST, 13)
    cell = np.repeat(np.random.default_rng(0).random(720) < 0.5, 200)
    wrong["conductance_S"] = wrong["conductance_S"] + np.where(cell, 2e-6, -2e-6)
    found = fit(reads=wrong)
    assert min(held.p_value for held in found.held_out) < 1e-3
    assert any("does not hold for this: conductance reached" in note for note in found.notes)


def test_files_of_a_fit_load_as_any_device(fit, tmp_path):
    noise = SumOfNoises(parts=(WHITE, JUMPS))
    device = IDEAL.replace(programming=RULE, read_noise=noise, faults=RandomFaults(stuck_off=0.05))
    found = fit(reads=draw_reads(device, TARGETS, BURST, 14))
    save(found, tmp_path / "out" / "my.toml")
    loaded = Device.load(tmp_path / "out" / "my.toml")
    assert loaded == found.device
    assert unsourced(loaded) == []
    check_device(loaded)
    draws = load_draws(tmp_path / "out" / "my.toml")
    assert [draw.name for draw in draws] == ["my-000", "my-001", "my-002"]
    assert len({draw.g_max for draw in draws}) == 3
    assert record(found)["tables"]["reads"] == {"file": "reads.csv", "rows": 48000, "cells": 240}


def test_the_same_seed_gives_the_same_fit(fit):
    columns = draw_reads(IDEAL.replace(read_noise=WHITE), TARGETS, ((1.0, 20, 1e-3),), 15)
    first, again, other = (fit(QUICK.replace(seed=seed), reads=columns) for seed in (0, 0, 1))
    assert first.numbers == again.numbers
    assert first.draws == again.draws
    assert [n.value for n in first.numbers] == [n.value for n in other.numbers]
    assert first.numbers != other.numbers


def test_what_cannot_be_fitted_is_refused(fit, tmp_path):
    flat = {"device": ["a"] * 9, "cycle": [1] * 9, "voltage_V": [0.1, 0.2, 0.1] * 3, "current_A": list(range(9))}
    columns = {name: np.array(values) for name, values in flat.items()} | {"current_A": 1e-6 * np.arange(1, 10.0)}
    with pytest.raises(DataError, match="branches of at least 5 points"):
        fit(sweeps=columns)
    found = fit(reads=draw_reads(IDEAL.replace(read_noise=WHITE), TARGETS, ((1.0, 20, 1e-3),), 16))
    with pytest.raises(ConfigurationError, match=r"must be a \.toml file"):
        save(found, tmp_path / "my.json")
