"""Noise in time: exact theory of linear loops, both readings of a stochastic integral, the mistake that must fail."""

import math

import pytest
import torch

from ohmloom.devices import FlickerNoise, RelativeNoise, SumOfNoises
from ohmloom.dynamics import (
    Circuit,
    Euler,
    Heun,
    Layer,
    Loop,
    LoopNoise,
    RungeKutta4,
    SlowProcess,
    Stack,
    slow_processes,
    solve,
    solve_noisy,
)
from ohmloom.dynamics.noise import advance, begin
from ohmloom.errors import ConfigurationError

COUNT = 20_000  # trajectories: a variance is known to 3 %, three deviations
LEAKY = Stack((Layer(torch.zeros(1, 1).double(), torch.ones(1).double()), Layer(torch.zeros(1, 1).double())), 1.0, -1.0)
WHITE = LoopNoise(white=torch.full((1, 1, 1), 0.3).double())  # u = 1: σ² = 0.3


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("method", [Euler(), Heun()], ids=lambda m: m.kind)
def test_a_leaky_integrator_follows_the_theory_of_ornstein_and_uhlenbeck(method):
    """Mean e^-t, variance σ²/2 (1 - e^-2t), covariance with the value at t = 1: e^-(t-1) of the variance there."""
    times = torch.linspace(0, 2, 101).double()
    found = solve_noisy(LEAKY, WHITE, torch.ones(COUNT, 1).double(), times, generator(), method=method)[:, 0, :, 0]
    bias = 0.012 if isinstance(method, Euler) else 1e-4  # Euler's own error of first order in the mean
    assert float(found[-1].mean()) == pytest.approx(math.exp(-2), abs=3 * 0.39 / COUNT**0.5 + bias)
    variance = [0.15 * (1 - math.exp(-2 * t)) for t in (1, 2)]
    tolerance = 3 * math.sqrt(2 / COUNT) + 2 * bias
    assert float(found[-1].var()) == pytest.approx(variance[1], rel=tolerance)
    together = torch.cov(torch.stack([found[50], found[-1]]))[0, 1]
    assert float(together) == pytest.approx(variance[0] * math.exp(-1), rel=0.09)


def test_halving_the_step_changes_neither_mean_nor_variance_and_fixed_noise_for_each_step_fails():
    start = torch.ones(COUNT, 1).double()
    ends, wrong = [], []
    for count in (40, 80):
        times = torch.linspace(0, 2, count + 1).double()
        ends.append(solve_noisy(LEAKY, WHITE, start, times, generator(count))[-1].flatten())
        drawn = 0.1 * torch.randn(count, COUNT, 1, generator=generator(count)).double()  # the usual mistake
        wrong.append(solve(LEAKY, start, times, increments=drawn)[-1].flatten())
    interval = 3 * math.sqrt(2 / COUNT) * math.sqrt(2)
    assert float(ends[0].mean() - ends[1].mean()) == pytest.approx(0, abs=3 * 0.38 * math.sqrt(2 / COUNT))
    assert float(ends[0].var() / ends[1].var()) == pytest.approx(1, abs=interval)
    assert float(wrong[1].var() / wrong[0].var()) == pytest.approx(
        2, abs=0.15
    )  # the control: twice the steps, twice it


@pytest.mark.parametrize("method", [Euler(), Heun()], ids=lambda m: m.kind)
@pytest.mark.parametrize("reading", ["ito", "stratonovich"])
def test_multiplicative_noise_has_the_mean_of_its_reading(method, reading):
    """dv = σ v dW: the mean stays (Ito) or grows as exp(σ² t / 2) (Stratonovich), whatever the method."""
    one = torch.ones(1, 1).double()
    stack = Stack((Layer(one), Layer(0 * one)))
    noise = LoopNoise(white=torch.full((1, 1, 1), 0.25).double())
    times = torch.linspace(0, 1, 101).double()
    end = solve_noisy(
        stack, noise, torch.ones(4 * COUNT, 1).double(), times, generator(), method=method, reading=reading
    )
    wanted = 1.0 if reading == "ito" else math.exp(0.125)
    assert float(end[-1].mean()) == pytest.approx(wanted, abs=4 * 0.6 / (4 * COUNT) ** 0.5)


def test_hidden_noise_is_rectified_with_the_stages_own_bandwidth():
    """u = relu(n), n normal with S/(2τ): its mean is sqrt(var / 2π), which white noise cannot express."""
    zero = torch.zeros(1, 1).double()
    stack = Stack((Layer(zero, torch.ones(1).double()), Layer(zero, None, "relu"), Layer(zero + 1)))
    pole = torch.full((1, 1, 1), 0.05).double()
    noise = LoopNoise(hidden=(None, torch.full((1, 1, 1), 0.02).double()), poles=(pole, pole))
    times = torch.linspace(0, 1, 51).double()
    end = solve_noisy(stack, noise, zero.expand(2000, 1), times, generator())[-1].flatten()
    mean = math.sqrt(0.02 / (2 * 0.05) / (2 * math.pi))
    assert float(end.mean()) == pytest.approx(mean, abs=4 * float(end.std()) / 2000**0.5)
    with pytest.raises(ConfigurationError, match=r"must resolve the poles of noisy stages, 0.05 s, got steps of 0.1 s"):
        solve_noisy(stack, noise, zero, torch.linspace(0, 1, 11).double(), generator())


@pytest.mark.parametrize("kind", ["normal", "telegraph"])
@pytest.mark.parametrize("step", [0.1, 2.0])
def test_slow_processes_keep_their_variance_and_correlation_over_any_step(kind, step):
    process = SlowProcess(0, torch.full((1, 1, 1), 0.04).double(), 1.0, kind)
    first = begin(process, COUNT, generator())
    second = advance(process, first, step, generator(1))
    assert float(second.var()) == pytest.approx(0.04, rel=0.04)
    assert float((first * second).mean()) == pytest.approx(0.04 * math.exp(-step), abs=5 * 0.04 / COUNT**0.5)


def test_the_noise_of_a_loop_is_that_of_its_matrices(stored):
    """White at 1 MHz, and 1/f below it as processes that together have its variance."""
    slow = FlickerNoise(deviation=0.02, slowest="1 Hz", fastest="10 kHz")
    white = RelativeNoise(deviation=0.01, read_time="1 us")
    matrix = stored([[-1.0, 0.5], [0.3, -1.0]], read_noise=SumOfNoises(parts=(white, slow)))
    loop = Loop((matrix,), Circuit(), ("identity",))
    noise = loop.noise(1e6)
    torch.testing.assert_close(noise.white, matrix.noise_density(1e6) / 2)
    processes = slow_processes(matrix, 0, 1.0, 1e4)
    assert len(processes) == 8
    variance = slow.variance(matrix.conductance(), None)[:, 0].sum(1)  # both cells of a pair
    total = sum(process.variance for process in processes)
    wanted = matrix.segments.unfold(variance).transpose(-1, -2) * (matrix.scale / matrix.unit) ** 2
    torch.testing.assert_close(total, wanted, rtol=1e-6, atol=0)
    course = loop.run(torch.full((50, 2), 0.1).double(), torch.linspace(0, loop.units.time, 21).double(),
                      noise=noise._replace(slow=processes), generator=generator())  # fmt: skip
    assert float(course.volts[-1].std(1).min()) > 0


def test_noise_that_cannot_be_solved_is_refused(stored):
    noisy = {"read_noise": RelativeNoise(deviation=0.01, read_time="1 us")}
    layers = (stored([[1.0]], "first", **noisy), stored([[-1.0]], "last"))
    with pytest.raises(ConfigurationError, match="gain_bandwidth: must be given where hidden layers are noisy"):
        Loop(layers, Circuit(), ("relu", "identity")).noise()
    with pytest.raises(ConfigurationError, match="method: must be euler or heun"):
        solve_noisy(LEAKY, WHITE, torch.ones(1, 1).double(), torch.tensor([0.0, 0.1]).double(), generator(),
                    method=RungeKutta4())  # fmt: skip
    with pytest.raises(ConfigurationError, match="must be positive and increase"):
        slow_processes(layers[0], 0, 10.0, 1.0)
