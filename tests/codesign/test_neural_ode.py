"""Neural differential equations: the unit map, write noise, windows, and the way into arrays."""

import pytest
import torch

from ohmloom.codesign.neural_ode import (
    DrivenODE,
    Measured,
    Records,
    Shooting,
    fit,
    hold,
    place_loop,
    range_penalty,
    run_loop,
    sampled,
    trim,
    write_deviation,
    written,
)
from ohmloom.devices import Device
from ohmloom.dynamics import Circuit
from ohmloom.errors import ConfigurationError, NotFiniteError, ShapeError
from ohmloom.random import Streams

IDEAL = Device(name="ideal cells", g_min=20e-6, g_max=100e-6)
BLIND = IDEAL.replace(programming={"kind": "open-loop", "deviation": (0.0, 0.05)})


def network(seed: int = 0) -> DrivenODE:
    return DrivenODE(1, 1, (6,), torch.Generator().manual_seed(seed)).double()


def signal(samples: int = 60) -> torch.Tensor:
    return torch.sin(torch.linspace(0, 6, samples, dtype=torch.float64))[:, None, None].repeat(1, 2, 1)


START = torch.tensor([[0.1], [0.4]], dtype=torch.float64)


def test_the_equation_is_what_its_docstring_says():
    """Against Euler steps written out, in the limit of small steps."""
    net, volts = network(), signal(401)
    first, last = (weight.detach() for weight in net.weights)
    state, step = START, 1e-3
    for k in range(400):
        seen = torch.cat([state, volts[k], torch.ones(2, 1, dtype=torch.float64)], 1)
        state = state + step * (seen @ first.T).relu() @ last.T
    found = net.solve(START, sampled(volts), step).detach()
    torch.testing.assert_close(found[-1], state, rtol=0, atol=2e-3)


def test_arrays_of_ideal_cells_compute_the_learned_equation():
    net, volts = network(), signal()
    loop = place_loop(net, IDEAL, Circuit(), Streams(0))
    torch.testing.assert_close(
        run_loop(loop, START, volts, 0.02)[:, 0], net.solve(START, sampled(volts), 0.02).detach(), rtol=0, atol=1e-9
    )


def test_an_equation_without_signals_sees_the_constant_alone():
    net = DrivenODE(2, 0, (5,), torch.Generator().manual_seed(0)).double()
    start, none = torch.tensor([[0.1, 0.4]], dtype=torch.float64), torch.empty(30, 1, 0, dtype=torch.float64)
    found = net.solve(start, sampled(none), 0.02).detach()
    first, last = (weight.detach() for weight in net.weights)
    rate = torch.cat([start, torch.ones(1, 1, dtype=torch.float64)], 1) @ first.T
    torch.testing.assert_close((found[1] - start) / 0.02, rate.relu() @ last.T, rtol=0.1, atol=0.05)
    loop = place_loop(net, IDEAL, Circuit(), Streams(0))
    torch.testing.assert_close(run_loop(loop, start, none, 0.02)[:, 0], found, rtol=0, atol=1e-9)


def test_the_spread_that_training_draws_is_that_of_written_cells():
    weight = torch.linspace(-1, 1, 4 * 5, dtype=torch.float64).reshape(4, 5)
    net = network()
    net.weights = torch.nn.ParameterList([torch.nn.Parameter(weight[:, :3]), torch.nn.Parameter(weight[:1, :4])])
    held = place_loop(net, BLIND, Circuit(), Streams(1), dies=3000).matrices[0].effective()
    ratio = held.std(0) / write_deviation(weight[:, :3], BLIND)
    assert float(ratio.min()) > 0.93
    assert float(ratio.max()) < 1.07


def test_cells_in_parallel_err_less_by_their_root():
    net = network()
    one, four = (hold(net, BLIND, Circuit(), Streams(1), dies=800, cells=cells)[0] for cells in (1, 4))
    assert one.shape == four.shape == (800, *net.weights[0].shape)
    assert float(one.std(0).mean() / four.std(0).mean()) == pytest.approx(2, rel=0.05)
    exact = hold(net, IDEAL, Circuit(), Streams(1), cells=3)
    for found, weight in zip(exact, net.weights, strict=True):
        torch.testing.assert_close(found[0], weight.detach(), rtol=0, atol=1e-12)


def test_draws_are_fresh_and_pass_the_gradient_of_the_weights_and_of_their_spread():
    weight = torch.tensor([[0.5, -1.0], [0.2, 0.7], [-0.3, 0.9]], dtype=torch.float64, requires_grad=True)
    first, second = (written([weight], BLIND, 2, g)[0] for g in [torch.Generator().manual_seed(0)] * 2)
    assert first.shape == (2, 3, 2)
    assert not torch.equal(first, second)

    def draw(weight: torch.Tensor) -> torch.Tensor:
        return written([weight], BLIND, 2, torch.Generator().manual_seed(0))[0]

    assert torch.autograd.gradcheck(draw, weight)
    scale = torch.autograd.grad(draw(weight).square().sum(), weight)[0][0, 1]
    alone = torch.autograd.grad(draw(weight)[:, 0, 1].square().sum(), weight)[0][0, 1]
    assert not torch.isclose(scale, alone)  # the largest weight answers for the noise of all others


def test_the_range_is_free_up_to_its_limit():
    assert float(range_penalty([torch.tensor([[0.9, -1.0]])], 1.0)) == 0
    assert float(range_penalty([torch.tensor([[0.0, -3.0]])], 1.0)) == pytest.approx(2.0)


def test_verified_writing_has_no_such_spread():
    with pytest.raises(ConfigurationError, match="open-loop"):
        write_deviation(torch.ones(2, 2), IDEAL)


def test_shooting_recovers_a_known_equation():
    truth, net, volts = network(1), network(2), signal(120)
    stages = sampled(volts)
    records = Records(truth.solve(START, stages, 0.02).detach(), stages)

    def error() -> float:
        return float((net.solve(START, stages, 0.02) - records.states).abs().mean().detach())

    before, told, plan = error(), [], Shooting(length=20, windows=16, steps=150, whole=20)
    fit(net.parameters(), lambda start, seen: net.solve(start, seen, 0.02), records,
        plan, torch.Generator().manual_seed(0), tell=told.append)  # fmt: skip
    assert error() < before / 5
    assert told[-1] == 1.0


def test_relative_errors_favour_what_is_small():
    """One number for states of 1 and of 0.01, a quarter above or a quarter below: the small one is fitted instead."""
    wanted = torch.tensor([1.0, 0.01, 0.01]).reshape(1, 3, 1).repeat(6, 1, 1)
    records, found = Records(wanted, torch.zeros(5, 4, 3, 1)), {}
    for relative in (False, True):
        shift = torch.nn.Parameter(torch.tensor(0.0))
        plan = Shooting(length=5, windows=32, steps=200, whole=0, rate=2e-2, relative=relative)
        fit([shift], lambda start, _, s=shift: torch.where(start > 0.5, 0.8 + s, start * (1 + 2 * s)).repeat(6, 1, 1),
            records, plan, torch.Generator().manual_seed(0))  # fmt: skip
        found[relative] = float(shift.detach())
    assert found[False] == pytest.approx(0.2, abs=0.03)
    assert found[True] == pytest.approx(0.0, abs=0.03)


def test_relative_errors_need_states_that_are_never_zero():
    records = Records(torch.zeros(30, 2, 1), torch.zeros(29, 4, 2, 1))
    with pytest.raises(ConfigurationError, match=r"plan\.relative.*zero.*absolute"):
        fit(network().parameters(), lambda s, u: s, records, Shooting(relative=True), torch.Generator())


def test_trimming_finds_what_a_die_does_to_its_drive():
    """A die whose first array is 1.2 times too weak for its signal, and shifted by 0.05, wants the inverse of both."""
    net, volts = network(3), signal()[:, :1]
    exact = [weight.detach() for weight in net.weights]
    weak = exact[0].clone()
    weak[:, 2] += 0.05 * exact[0][:, 1]
    weak[:, 1] /= 1.2
    held = [torch.stack([exact[0], weak]), exact[1].expand(2, -1, -1)]
    states = net.solve(START[:1], sampled(volts), 0.05).detach()
    found = trim(net, held, Measured(volts, states, 0.05))
    torch.testing.assert_close(found.gain, torch.tensor([1.0, 1.2]).double(), rtol=0, atol=0.01)
    torch.testing.assert_close(found.offset, torch.tensor([0.0, -0.06]).double(), rtol=0, atol=0.01)


def test_bad_records_are_refused():
    net, stages = network(), sampled(signal())
    states = torch.zeros(60, 2, 1, dtype=torch.float64)
    learn = lambda records: fit(net.parameters(), lambda s, u: s, records, Shooting(), torch.Generator())  # noqa: E731
    with pytest.raises(ShapeError, match=r"records.*must be"):
        learn(Records(states[:-1], stages))
    with pytest.raises(NotFiniteError, match=r"records\.states"):
        learn(Records(states / 0, stages))
    with pytest.raises(ConfigurationError, match="window of 25"):
        learn(Records(states[:20], stages[:19]))
    with pytest.raises(ShapeError, match="channels"):
        net.solve(START, torch.cat([stages, stages], -1), 0.02)
