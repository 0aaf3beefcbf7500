"""The twin's truth, its measures, and its baselines' ignorance of time."""

import numpy as np
import pytest
import torch

from ohmloom.systems.twin import truth
from ohmloom.systems.twin.baselines import ResidualNet
from ohmloom.systems.twin.measures import coverage, relative_error, warped_distance


def test_the_truth_does_not_depend_on_its_sampling():
    drives = (truth.PUBLISHED, truth.Drive("triangle", 1.0, 3.6))
    coarse, fine = truth.states(drives, 250), truth.states(drives, 500)
    torch.testing.assert_close(coarse, fine[::2], rtol=0, atol=2e-3)


def test_charge_alone_moves_the_state():
    """dq = ∫ i dt: a whole period of a sine of no net charge brings the state back to where it was."""
    course = truth.states((truth.Drive("sine", 0.8, 4.0),))[:, 0, 0]
    assert float(course[250]) == pytest.approx(float(course[0]), abs=1e-3)
    assert float(course.max()) > 0.3


def test_wave_forms_keep_their_amplitude():
    for form in ("sine", "triangle", "rectangle"):
        assert float(truth.wave(truth.Drive(form, 0.7, 4.0)).abs().max()) == pytest.approx(0.7, abs=0.02)
    modulated = truth.wave(truth.Drive("modulated", 0.7, 4.0)).abs()
    assert 0.6 < float(modulated[:125].max()) < 0.7  # the first period is large, the second small
    assert float(modulated[125:250].max()) < 0.45


def test_every_drive_leaves_the_state_within_its_range():
    """Near x = 1 the device is a short circuit, and the truth would need much finer steps."""
    for drives in (truth.several(), truth.TESTS, truth.VALIDATION):
        course = truth.states(drives)
        assert float(course.min()) > 0.05
        assert float(course.max()) < 0.985


def test_warping_is_the_table_of_its_definition():
    generator = np.random.default_rng(0)
    found, wanted = generator.normal(size=9), generator.normal(size=7)
    table = np.full((10, 8), np.inf)
    table[0, 0] = 0
    for i in range(9):
        for j in range(7):
            table[i + 1, j + 1] = abs(found[i] - wanted[j]) + min(table[i, j + 1], table[i + 1, j], table[i, j])
    assert warped_distance(found, wanted) == pytest.approx(table[9, 7] / 7)


def test_relative_errors_are_of_each_drive():
    wanted = torch.tensor([[[1.0], [2.0]], [[1.0], [4.0]]])  # (samples, drives, 1)
    torch.testing.assert_close(relative_error(1.1 * wanted, wanted), torch.tensor([10.0, 10.0]))
    assert relative_error(wanted.unsqueeze(1).repeat(1, 3, 1, 1), wanted).shape == (3, 2)


def test_coverage_is_whole_of_itself_and_less_of_others():
    volts, states = torch.linspace(-1, 1, 200), torch.linspace(0, 1, 200)
    assert coverage(volts, states, volts, states) == 100
    assert coverage(volts, states, volts[:100], states[:100]) < 60


def test_a_residual_net_knows_no_time():
    net = ResidualNet((6,), 0.01, torch.Generator().manual_seed(0)).double()
    start = torch.tensor([[0.2]]).double()
    still = torch.full((40, 1, 1, 1), 0.5, dtype=torch.float64)
    coarse = net.predict(start, still[:20]).detach()
    as_far = net.predict(start, still).detach()[::2]
    told = net.predict(start, still, 0.5).detach()[::2]
    moved = float((coarse[-1] - start).abs())
    assert float((as_far[-1] - coarse[-1]).abs()) > 0.5 * moved
    assert float((told[-1] - coarse[-1]).abs()) < 0.1 * moved
