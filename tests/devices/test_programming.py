"""Ideal and open-loop programming, bad targets, absent cells, the report."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ohmloom.devices import Device, Fault, OpenLoop, RandomFaults, conductance, program, programming_report
from ohmloom.errors import ConfigurationError, NotFiniteError, ShapeError

IDEAL = Device.load("ideal")


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_ideal_cells_hold_their_targets_for_ever(generator, dtype):
    targets = torch.rand(3, 8, 5, generator=generator, dtype=dtype) * 40e-6
    written = program(IDEAL, targets, generator)
    for elapsed in (0.0, 1.0, 1e9):
        assert torch.equal(conductance(IDEAL, written.cells, elapsed), targets)
    assert torch.equal(written.read_back, targets)
    assert int(written.cells.pulses.sum()) == targets.numel()


@pytest.mark.parametrize("level", [0.0, 5e-6, 20e-6, 40e-6])
def test_open_loop_spread_is_the_stated_function_of_the_target(generator, level):
    """40,000 cells: 5 deviations of a sample deviation are 1.8 %."""
    rule = OpenLoop(deviation=(0.01, 0.02, 0.01))
    device = IDEAL.replace(programming=rule)
    x = level / 40e-6
    sigma = 40e-6 * (0.01 + 0.02 * x + 0.01 * x * x)
    found = program(device, torch.full((200, 200), level), generator).cells.written
    if level == 0:  # clamped at zero: a rectified Gaussian
        assert float(found.mean()) == pytest.approx(sigma / math.sqrt(2 * math.pi), rel=0.03)
    else:
        assert float(found.mean()) == pytest.approx(level, abs=5 * sigma / 200)
        assert float((found - level).square().mean().sqrt()) == pytest.approx(sigma, rel=0.018)


def test_generic_read_back_is_one_noisy_read(generator):
    device = Device.load("generic-rram")
    targets = torch.full((200, 200), 30e-6)
    written = program(device, targets, generator)
    works = written.cells.faults == Fault.NONE
    error = (written.read_back - written.cells.written)[works]
    stated = device.read_noise.variance(torch.tensor([30e-6]), device.read_time).sqrt()
    assert float(error.std()) == pytest.approx(float(stated), rel=0.03)
    assert not written.failed.any()


@pytest.mark.parametrize(
    ("value", "kind", "words"),
    [
        (math.nan, NotFiniteError, "targets: must be finite"),
        (math.inf, NotFiniteError, "targets: must be finite"),
        (-1e-6, ConfigurationError, "targets: must lie between 0 and g_max, 40 µS"),
        (41e-6, ConfigurationError, "targets: must lie between 0 and g_max, 40 µS"),
    ],
)
def test_targets_that_cannot_be_written_are_refused(generator, value, kind, words):
    targets = torch.full((2, 4, 4), 1e-6)
    targets[1, 2, 3] = value
    with pytest.raises(kind, match=words):
        program(IDEAL, targets, generator)


@pytest.mark.parametrize("targets", [torch.zeros(4), torch.zeros(4, 4, dtype=torch.int64), torch.zeros(0, 4)])
def test_targets_of_a_wrong_shape_are_refused(generator, targets):
    with pytest.raises(ShapeError, match="targets: must"):
        program(IDEAL, targets, generator)


def test_a_mask_of_a_wrong_shape_is_refused(generator):
    with pytest.raises(ShapeError, match=r"wanted: must be bool of the cells' shape \(4, 4\)"):
        program(IDEAL, torch.zeros(4, 4), generator, wanted=torch.ones(4, dtype=torch.bool))


@pytest.mark.parametrize("name", Device.names())
def test_there_is_nothing_where_no_cell_is_wanted(generator, name):
    device = Device.load(name)
    targets = torch.full((32, 32), device.g_max / 2)
    wanted = torch.rand(32, 32, generator=generator) < 0.5
    written = program(device, targets, generator, wanted=wanted)
    for leaf in (*written.cells, written.read_back, written.failed):
        assert not leaf[~wanted].any()
    assert not conductance(device, written.cells, 86400.0)[~wanted].any()
    assert bool(written.cells.written[wanted].any())


@given(st.floats(0, 0.4), st.floats(0, 0.3), st.floats(0, 0.3), st.integers(0, 10))
@settings(max_examples=20, deadline=None)
def test_faults_have_their_shares(on, off, unformed, seed):
    """10,000 cells: 5 deviations of a share are at most 0.025."""
    faults = RandomFaults(stuck_on=on, stuck_off=off, unformed=unformed)
    drawn = faults.draw((100, 100), torch.Generator().manual_seed(seed))
    for share, code in ((on, Fault.STUCK_ON), (off, Fault.STUCK_OFF), (unformed, Fault.UNFORMED)):
        assert float((drawn == code).double().mean()) == pytest.approx(share, abs=0.025)


def test_faulty_cells_stay_at_their_level(generator):
    device = IDEAL.replace(
        g_unformed="0.1 uS",
        faults=RandomFaults(stuck_on=0.3, stuck_off=0.3, unformed=0.3),
        retention={"kind": "power-law", "exponent": 0.1, "start": 1.0},
    )
    cells = program(device, torch.full((50, 50), 20e-6), generator).cells
    later = conductance(device, cells, 1e6)
    for code, level in ((Fault.STUCK_ON, 40e-6), (Fault.STUCK_OFF, 0.0), (Fault.UNFORMED, 0.1e-6)):
        torch.testing.assert_close(later[cells.faults == code], torch.full_like(later[cells.faults == code], level))
    assert bool((later[cells.faults == Fault.NONE] < 20e-6).all())


def test_shares_above_one_are_refused():
    with pytest.raises(ConfigurationError, match="shares must add up to at most 1"):
        RandomFaults(stuck_on=0.6, stuck_off=0.6)


def test_report_of_known_cells(generator):
    targets = torch.tensor([[0.0, 10e-6], [20e-6, 30e-6]])
    written = program(IDEAL, targets, generator)
    moved = written.cells.written + torch.tensor([[0.9e-6, 0.5e-6], [2e-6, 0.0]])
    written = written._replace(cells=written.cells._replace(written=moved), failed=targets == 20e-6)
    report = programming_report(targets, written, 1e-6, off_below=1e-6)
    assert (report.cells, report.mean_pulses) == (4, 1.0)
    assert (report.failed_share, report.true_share, report.read_back_share) == (0.25, 0.75, 1.0)
    assert report.rms_error == pytest.approx(math.sqrt((0.25 + 4) / 3) * 1e-6, rel=1e-5)
    assert report.histogram["1-2"] == 4
    assert "within ±1 µS in truth" in report.table()
    assert programming_report(targets, written, 1e-6, wanted=targets > 25e-6).cells == 1


def test_report_refuses_other_targets(generator):
    written = program(IDEAL, torch.zeros(4, 4), generator)
    with pytest.raises(ShapeError, match="targets: must have the shape of the cells"):
        programming_report(torch.zeros(4, 5), written, 1e-6)
    with pytest.raises(ShapeError, match="wanted: must hold at least one cell"):
        programming_report(torch.zeros(4, 4), written, 1e-6, wanted=torch.zeros(4, 4, dtype=torch.bool))


def test_a_programmer_of_few_levels_aims_at_the_nearest(generator):
    device = Device(name="test", g_min=20e-6, g_max=100e-6, programming=OpenLoop(deviation=(0.0,), levels=5))
    targets = torch.tensor([[0.0, 20e-6, 29e-6, 31e-6, 100e-6]], dtype=torch.float64)
    written = program(device, targets, generator).cells.written
    torch.testing.assert_close(written, torch.tensor([[0.0, 20e-6, 20e-6, 40e-6, 100e-6]], dtype=torch.float64))
