"""Loops: one map of units, fidelity by composition, ngspice, and bad input."""

import math
import warnings

import pytest
import torch

from ohmloom.crossbars.circuits.ngspice import available
from ohmloom.devices import OpenLoop
from ohmloom.dynamics import (
    Circuit,
    Loop,
    LoopNoise,
    Multipliers,
    Samples,
    Staircase,
    adjoint_gradient,
    loop_netlist,
    solve,
    solve_in_ngspice,
    solve_noisy,
    window_drives,
    windows,
)
from ohmloom.dynamics.stack import Drives, Layer, Stack
from ohmloom.errors import ConfigurationError, NotFiniteError, ShapeError
from ohmloom.ledger import Event, Ledger

spice = pytest.mark.skipif(available() is None, reason="ngspice is not installed")
FIRST = [[1.0, 0.6], [-0.7, 0.9], [0.5, -1.0], [-0.4, -0.8]]  # (4, state and signal)
LAST = [[-1.0, 0.8, -0.6, 0.9]]
BIAS = torch.tensor([0.3, 0.1, -0.2, 0.4])


@pytest.fixture
def loop(stored):
    def make(**circuit) -> Loop:
        fields = {"unit": "1 V", "capacitance": "10 nF"} | circuit
        matrices = (stored(FIRST, "first"), stored(LAST, "last"))
        return Loop(matrices, Circuit(**fields), ("relu", "identity"), (BIAS.double(), None), driven=1)

    return make


def sine(loop: Loop, count: int = 401) -> tuple[torch.Tensor, Samples]:
    times = torch.linspace(0, 6 * loop.units.time, count, dtype=torch.float64)
    return times, Samples(times, 0.8 * torch.sin(2 * math.pi * times / times[-1] * 2)[:, None])


def test_the_loop_is_the_network_in_other_units(loop):
    """x(s) of dx/ds = W2 relu(W1 [x, q] + b) is v(s C / g0) / unit: whatever the unit and the capacitor."""
    circuits = (loop(), loop(unit="0.1 V", capacitance="1 nF"))
    assert circuits[0].units.conductance == pytest.approx(80e-6)  # a weight of one: 100 - 20 uS
    assert circuits[0].units.time == pytest.approx(10e-9 / 80e-6)
    found = []
    for one in circuits:
        times, signal = sine(one)
        scaled = Samples(times, signal.values * one.units.voltage)
        found.append(
            one.units.network(one.run(one.units.volts(torch.tensor([[0.2]]).double()), times, signal=scaled).volts)
        )
    torch.testing.assert_close(found[0], found[1], rtol=0, atol=1e-12)
    first, last = (torch.tensor(w, dtype=torch.float64) for w in (FIRST, LAST))
    bias = BIAS.double()
    s = torch.linspace(0, 6, 401, dtype=torch.float64)
    fine = Samples(s, signal.values)
    nodes = (0.0, 0.5, 0.5, 1.0)
    driven = fine.stages(s[:-1, None] + s.diff()[:, None] * torch.tensor(nodes)) @ first[:, 1:].T
    plain = Stack((Layer(first[:, :1], bias, "relu"), Layer(last)))
    wanted = solve(plain, torch.tensor([[0.2]]).double(), s, drives=Drives((driven, None)), path="plain")
    torch.testing.assert_close(found[0][:, 0], wanted, rtol=0, atol=1e-9)


def test_a_leak_discharges_with_its_own_time_constant(stored):
    quiet = Loop((stored([[1e-9, 1.0], [1.0, 1e-9]]),), Circuit(leak="1 Mohm", capacitance="1 nF"), ("identity",))
    held = quiet.stack()._replace(output_gain=0.0)
    times = torch.linspace(0, 1e-3, 101).double()
    end = solve(held, torch.tensor([[0.1, -0.05]]).double(), times)[-1]
    assert float(end.flatten()[0]) == pytest.approx(0.1 * math.exp(-1), rel=1e-6)


def test_the_error_of_finite_amplifiers_is_linear_in_their_time_constant(loop):
    """Both forms: the exact poles, and the delay of first order, which comes near them."""
    ideal = loop()
    times, signal = sine(ideal, 201)
    start = torch.zeros(1, 1).double()
    truth = ideal.run(start, times, signal=signal).volts
    errors, gap = [], []
    for bandwidth in (4e5, 2e5):
        poles, delay = (loop(gain_bandwidth=bandwidth, lag=lag) for lag in ("poles", "delay"))
        with pytest.warns(UserWarning, match="exceed the fastest time constant"):
            exact = poles.run(start, times, signal=signal).volts
        errors.append(float((exact - truth).square().mean().sqrt()))
        gap.append(float((delay.run(start, times, signal=signal).volts - exact).square().mean().sqrt()))
    assert errors[1] / errors[0] == pytest.approx(2, abs=0.1)
    assert gap[0] < 0.5 * errors[0]


def test_offsets_differ_between_dies_and_shift_the_rest(stored):
    matrices = (stored([[-1.0, 0.1], [0.1, -1.0]], dies=5, programming=OpenLoop(deviation=(0.01,))),)
    ideal = Loop(matrices, Circuit(), ("identity",))
    times = torch.linspace(0, 20 * ideal.units.time, 401).double()
    rest = Loop(matrices, Circuit(offset="1 mV"), ("identity",)).run(torch.zeros(1, 2).double(), times).volts[-1]
    assert float(ideal.run(torch.zeros(1, 2).double(), times).volts.abs().max()) == 0
    assert rest.shape == (5, 1, 2)
    assert 0.3e-3 < float(rest.std()) < 20e-3


def test_multipliers_with_wrong_gains_change_the_rates_of_each_die_and_state(stored):
    """dv/dt = (1 + ε) a v / τ, in the loop and in the branch that feeds the state back: ln(v / v0) says ε."""
    one = stored([[-1.0, 1e-9], [1e-9, -1.0]], dies=200)
    times = torch.linspace(0, one_time := Loop((one,), Circuit(), ("identity",)).units.time, 41).double()
    loop = Loop((one,), Circuit(multipliers=Multipliers(gain=0.1)), ("identity",))
    start = torch.full((1, 2), 0.1).double()
    for output, state in ((1.0, 0.0), (0.0, 0.5)):
        gains = Staircase(torch.tensor([[output, state]]).double(), tick=one_time)
        ends = loop.run(start, times, gains=gains).volts[-1, :, 0]
        errors = (ends / 0.1).log() / (state - output) - 1  # (dies, states)
        assert float(errors.std()) == pytest.approx(0.1, rel=0.1)
        assert float(errors.mean()) == pytest.approx(0, abs=0.015)
        assert abs(float(torch.corrcoef(errors.T)[0, 1])) < 0.2
    assert torch.equal(ends, loop.run(start, times, gains=gains).volts[-1, :, 0])  # drawn once


def test_offsets_of_multipliers_shift_the_rest_by_their_sum(stored):
    one = stored([[-1.0]], dies=400)
    loop = Loop((one,), Circuit(multipliers=Multipliers(offset="1 mV")), ("identity",))
    times = torch.linspace(0, 20 * loop.units.time, 401).double()
    rest = loop.run(torch.zeros(1, 1).double(), times).volts[-1].flatten()
    assert float(rest.std()) == pytest.approx(math.sqrt(2) * 1e-3, rel=0.1)


def test_ideal_multipliers_change_nothing_and_noise_passes_wrong_ones(stored):
    one = stored([[-1.0, 0.2], [0.3, -1.0]], dies=3)
    times = torch.linspace(0, Loop((one,), Circuit(), ("identity",)).units.time, 41).double()
    start = torch.full((1, 2), 0.05).double()
    plain, ideal = (Loop((one,), Circuit(multipliers=m), ("identity",)).run(start, times).volts
                    for m in (None, Multipliers()))  # fmt: skip
    torch.testing.assert_close(ideal, plain, rtol=0, atol=1e-12)
    wrong = Loop((one,), Circuit(multipliers=Multipliers(gain=0.2)), ("identity",)).stack()
    noise, ends = LoopNoise(white=torch.full((3, 2, 2), 1e-9).double()), []
    for stack in (wrong, wrong._replace(factors=(2 * wrong.factors[0], wrong.factors[1]))):
        generator = torch.Generator().manual_seed(0)
        tiny = torch.linspace(0, 1e-9, 2).double()
        ends.append(solve_noisy(stack, noise, start, tiny, generator)[-1] - start)
    torch.testing.assert_close(ends[1], 2 * ends[0], rtol=1e-3, atol=0)


def test_integrator_seconds_are_counted(loop):
    one = loop()
    times, signal = sine(one, 51)
    with Ledger() as ledger:
        one.run(torch.zeros(3, 1).double(), times, signal=signal)
    assert ledger.total(Event.INTEGRATOR_SECOND) == pytest.approx(3 * float(times[-1]))


@spice
def test_ngspice_agrees_with_the_ideal_loop(loop):
    """10 MHz amplifiers: 1e-3 of the signal's span."""
    ideal, real = loop(), loop(gain_bandwidth="10 MHz")
    times, signal = sine(ideal)
    wanted = ideal.run(torch.tensor([[0.2]]).double(), times, signal=signal).volts[:, 0, 0]
    found = solve_in_ngspice(real, torch.tensor([0.2]), times, signal=signal)
    assert float((found - wanted).square().mean().sqrt()) < 1e-3 * float(wanted.max() - wanted.min())


@spice
def test_ngspice_agrees_with_the_saturating_loop_and_not_with_the_ideal_one(loop):
    """Hidden stages that clamp at 0.3 V: 1e-4 of the span."""
    ideal, bent = loop(), loop(clamp="0.3 V")
    times, signal = sine(ideal, 801)
    start = torch.tensor([[0.2]]).double()
    wanted = bent.run(start, times, signal=signal).volts[:, 0, 0]
    found = solve_in_ngspice(loop(clamp="0.3 V", gain_bandwidth="100 MHz"), start[0], times, signal=signal)
    span = float(wanted.max() - wanted.min())
    assert float((found - wanted).square().mean().sqrt()) < 1e-4 * span
    free = ideal.run(start, times, signal=signal).volts[:, 0, 0]
    assert float((found - free).square().mean().sqrt()) > 0.05 * span


@spice
def test_white_noise_in_ngspice_has_the_variance_and_autocorrelation_of_theory(stored):
    """A leaky loop, dv = -v/τ dt + √S/C dW: variance S τ / (2 C²), autocorrelation exp(-1) at τ; 400 τ, 4 states."""
    leaky = Loop((stored((-torch.eye(4)).tolist()),), Circuit(unit="1 V", gain_bandwidth="10 MHz"), ("identity",))
    tau, density = leaky.units.time, 1e-20
    times = torch.linspace(0, 400 * tau, 8001).double()
    found = solve_in_ngspice(leaky, torch.zeros(4), times, current_density=density, interval=tau / 20)[200:]
    theory = density * tau / (2 * leaky.circuit.capacitance**2)
    ratio = float(found.square().mean()) / theory
    assert ratio == pytest.approx(1, abs=3 * math.sqrt(2 / (4 * 195)))
    lag = float((found[20:] * found[:-20]).mean() / found.square().mean())
    assert lag == pytest.approx(math.exp(-1), abs=3 * 0.03)


def test_netlists_need_pairs_and_name_every_part(loop):
    times, signal = sine(loop(), 11)
    text = loop_netlist(loop(rail="2 V", leak="1 Mohm"), torch.tensor([0.1]), times, signal=signal)
    assert text.count("\nxa0_") == 4
    assert text.count("\nxs") == 1
    assert "bc0 s0 j1_0" in text
    with pytest.raises(ConfigurationError, match="multipliers: must be ideal to be written for SPICE"):
        loop_netlist(loop(multipliers=Multipliers(gain=0.1)), torch.tensor([0.1]), times, signal=signal)


def test_the_adjoint_agrees_with_the_gradient_of_the_discretisation():
    generator = torch.Generator().manual_seed(0)
    layers = tuple(
        Layer((torch.randn(o, i, generator=generator).double() / i**0.5).requires_grad_(),
              (0.1 * torch.randn(o, generator=generator).double()).requires_grad_(), kind)
        for i, o, kind in ((2, 8, "tanh"), (8, 2, "identity"))
    )  # fmt: skip
    stack, start = Stack(layers), (0.5 * torch.randn(3, 2, generator=generator)).double().requires_grad_()
    times = torch.linspace(0, 2, 81).double()
    pull = torch.randn(81, 3, 2, generator=generator).double()
    states = solve(stack, start, times)
    learned = [part for layer in layers for part in layer[:2]]
    wanted = torch.autograd.grad((states * pull).sum(), [start, *learned])
    by_start, by_learned = adjoint_gradient(stack, start.detach(), times, pull)
    for ours, theirs in zip((by_start, *by_learned), wanted, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)


def test_windows_are_parts_of_the_record_with_their_drives():
    record = torch.arange(20.0)[:, None]
    taken = windows(record, 5, torch.tensor([0, 7, 14]))
    assert taken.states.shape == (6, 3, 1)
    assert taken.states[:, 1, 0].tolist() == [7, 8, 9, 10, 11, 12]
    driven = torch.arange(19.0).view(19, 1, 1, 1).expand(19, 4, 1, 1)
    assert window_drives(driven, taken)[:, 0, 2, 0].tolist() == [14, 15, 16, 17, 18]
    with pytest.raises(ConfigurationError, match="must hold a window of 20 steps, got 20 samples"):
        windows(record, 20)
    with pytest.raises(NotFiniteError, match="record: must be finite"):
        windows(record / 0, 5)


def test_long_steps_are_subdivided_and_said_or_refused(loop):
    one = loop()
    times, signal = sine(one)
    coarse = times[::100]
    with pytest.warns(UserWarning, match=r"exceed the fastest time constant, .*: each is taken in 3"):
        course = one.run(torch.full((1, 1), 0.5).double(), coarse, signal=signal)
    assert course.substeps == 3
    with pytest.raises(ConfigurationError, match="must not be longer than the fastest time constant"):
        one.run(torch.full((1, 1), 0.5).double(), coarse, signal=signal, long_steps="refuse")


def test_an_unstable_loop_is_warned_of_with_its_eigenvalue(stored):
    growing = Loop((stored([[1.0]]),), Circuit(rail="1 V"), ("identity",))
    times = torch.linspace(0, 5 * growing.units.time, 101).double()
    with pytest.warns(UserWarning, match=r"unstable where it starts: eigenvalue 8000\+0j per second"):
        course = growing.run(torch.full((1, 1), 0.1).double(), times)
    assert float(course.volts.max()) == 1.0
    assert course.at_rail > 0.3
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        accepted = growing.run(torch.full((1, 1), 0.1).double(), times, growth="accept")
    torch.testing.assert_close(accepted.volts, course.volts, rtol=0, atol=0)


def test_bad_loops_and_signals_are_refused(loop, stored):
    times, signal = sine(loop())
    start = torch.zeros(1, 1).double()
    with pytest.raises(ConfigurationError, match="signal: must stay within the rails, 500 mV, got 800 mV"):
        loop(rail="0.5 V").run(start, times, signal=signal)
    with pytest.raises(ConfigurationError, match="start: must lie within the rails"):
        loop(rail="0.9 V").run(start + 2, times, signal=signal)
    with pytest.raises(ConfigurationError, match="signal: must be given"):
        loop().run(start, times)
    with pytest.raises(ConfigurationError, match="signal: must cover the whole run"):
        loop().run(start, times, signal=Staircase(torch.ones(2, 1), tick=1e-6))
    with pytest.raises(ConfigurationError, match="times: must increase"):
        loop().run(start, times.flip(0), signal=signal)
    with pytest.raises(ShapeError, match=r"loop.matrices: must follow one another"):
        Loop((stored(FIRST), stored(LAST)), Circuit(), ("relu", "identity"))
