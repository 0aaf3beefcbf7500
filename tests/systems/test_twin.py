"""The twins' truths, their measures, and their baselines' sizes and ignorance of time."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp

from ohmloom.codesign.neural_ode import Shooting
from ohmloom.experiments import Silent, save_state
from ohmloom.random import Streams
from ohmloom.systems.twin import hp_truth as truth
from ohmloom.systems.twin import lorenz96_truth as lorenz96
from ohmloom.systems.twin.arrays import Trial, course_in_arrays, on_dies
from ohmloom.systems.twin.baselines import ResidualNet
from ohmloom.systems.twin.hp_networks import TASK
from ohmloom.systems.twin.lorenz96_settings import TASK as CHAOTIC
from ohmloom.systems.twin.lorenz96_settings import LorenzSettings, lesson, training
from ohmloom.systems.twin.measures import (
    coverage,
    histogram,
    relative_error,
    total_variation,
    valid_samples,
    warped_distance,
)
from ohmloom.systems.twin.networks import Wanted, build, course, preset, trained, weights_of
from ohmloom.systems.twin.settings import GRU, LSTM, RESIDUAL, RNN, TWIN


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
    net = ResidualNet(1, 1, (6,), 0.01, torch.Generator().manual_seed(0)).double()
    start = torch.tensor([[0.2]]).double()
    still = torch.full((40, 1, 1, 1), 0.5, dtype=torch.float64)
    coarse = net.predict(start, still[:20]).detach()
    as_far = net.predict(start, still).detach()[::2]
    told = net.predict(start, still, 0.5).detach()[::2]
    moved = float((coarse[-1] - start).abs())
    assert float((as_far[-1] - coarse[-1]).abs()) > 0.5 * moved
    assert float((told[-1] - coarse[-1]).abs()) < 0.1 * moved


@pytest.mark.parametrize("task", [TASK, CHAOTIC])
def test_baselines_have_about_as_many_weights(task):
    for model in (TWIN, RESIDUAL, RNN, GRU, LSTM):
        assert weights_of(build(task, model, torch.Generator())) == pytest.approx(task.weights, rel=0.05)


def test_every_network_starts_where_it_is_put():
    start, signal = torch.tensor([[0.2], [0.7]]), torch.rand(8, 2, 1)
    for model in (TWIN, RESIDUAL, RNN, GRU, LSTM):
        found = course(build(TASK, model, torch.Generator()), start, signal, TASK.step)
        assert found.shape == (8, 2, 1)
        assert torch.equal(found[0], start)


def test_networks_of_a_run_are_of_every_seed_or_of_the_first_alone(tmp_path):
    """From the files of an earlier run, so that nothing is trained."""
    (tmp_path / "networks").mkdir()
    for seed, model in ((3, TWIN), (4, TWIN), (3, RNN)):
        made = build(TASK, model, torch.Generator().manual_seed(seed))
        save_state(tmp_path / "networks" / Wanted(seed, model).file, made.state_dict())
    context = SimpleNamespace(seeds=(3, 4), settings=None, findings=SimpleNamespace(folder=tmp_path), progress=Silent())
    found = trained(context, TASK, (TWIN,), once=(RNN,))  # type: ignore[arg-type]
    assert {model: len(made) for model, made in found.items()} == {TWIN: 2, RNN: 1}
    wanted = build(TASK, TWIN, torch.Generator().manual_seed(4)).state_dict()
    assert all(torch.equal(value, wanted[name]) for name, value in found[TWIN][1].state_dict().items())


def test_lorenz96_is_the_equation_of_its_docstring():
    start = 8 + torch.arange(6.0).double().sin()

    def written_out(_: float, x: np.ndarray) -> list[float]:
        return [(x[(i + 1) % 6] - x[i - 2]) * x[i - 1] - x[i] + 8 for i in range(6)]

    wanted = solve_ivp(written_out, (0, 10 * lorenz96.INTERVAL), start.numpy(), rtol=1e-10, atol=1e-10).y[:, -1]
    np.testing.assert_allclose(lorenz96.advance(start, 10).numpy(), wanted, atol=1e-4)
    assert torch.equal(lorenz96.rate(torch.full((6,), 8.0)), torch.zeros(6))


def test_records_are_standardised_and_go_on_as_they_began():
    settings = LorenzSettings(plan=Shooting(), aware=Shooting(), records=30, length=20)
    states = lesson(settings, 0, TWIN).records.states
    assert states.shape == (21, 30, 6)
    assert float(states.mean()) == pytest.approx(0, abs=1e-5)
    assert float(states.std()) == pytest.approx(1, abs=1e-5)
    assert torch.equal(training(settings, 0, 25)[:21], training(settings, 0))
    assert not torch.equal(training(settings, 1), training(settings, 0))


def test_a_course_is_valid_until_its_error_first_exceeds_the_limit():
    wanted = torch.zeros(6, 2, 3)
    found = wanted.clone()
    found[3:, 0] = 0.5  # rms 0.5 from the fourth sample on
    assert valid_samples(found, wanted).tolist() == [3, 5]
    found[1, 1, 0] = float("nan")
    assert valid_samples(found, wanted).tolist() == [3, 1]
    assert valid_samples(found.unsqueeze(1), wanted).shape == (1, 2)


def test_histograms_sum_to_one_and_their_distance_is_what_must_move():
    first = histogram(torch.tensor([0.5, 1.5, 1.6, 9.0, float("nan")]), 0, 2, 2)
    torch.testing.assert_close(first, torch.tensor([0.2, 0.4, 0.4]).double())
    assert total_variation(first, first) == 0
    assert total_variation(first, torch.tensor([0.2, 0.0, 0.8]).double()) == pytest.approx(40)


def test_an_autonomous_twin_runs_in_arrays():
    """Cells of 64 levels without write noise follow the network in floating point, each die with its own errors."""
    model = build(CHAOTIC, TWIN, torch.Generator().manual_seed(0)).requires_grad_(False)
    start, signal = 0.3 * torch.ones(3, 6), torch.empty(6, 1, 0)
    trial = Trial(CHAOTIC, start, signal, lambda found: found[-1].mean((1, 2)), lambda model, what: model, "", "")
    exact, streams = course(model, start, signal, CHAOTIC.step), Streams(0)
    found = course_in_arrays(model, preset(0.0), trial, streams)[:, 0]
    torch.testing.assert_close(found, exact.double(), rtol=0, atol=0.05 * float((exact[-1] - exact[0]).abs().max()))
    dies = on_dies(model, preset(0.05), trial, streams, 3)
    assert len(set(dies)) == 3
