"""Solvers: orders, oracles from outside, the compiled path against plain torch, rails, bad input."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from ohmloom.dynamics import (
    Drives,
    Euler,
    Heun,
    Layer,
    RungeKutta4,
    Samples,
    Stack,
    Staircase,
    refine,
    solve,
    stage_times,
)
from ohmloom.errors import ConfigurationError, NotFiniteError, ShapeError

METHODS = (Euler(), Heun(), RungeKutta4())


def network(sizes, activation="tanh", dtype=torch.float64, seed=0, **limits) -> tuple[Layer, ...]:
    generator = torch.Generator().manual_seed(seed)
    layers = []
    for number, (i, o) in enumerate(itertools.pairwise(sizes)):
        weight = torch.randn(o, i, generator=generator, dtype=dtype) / i**0.5
        bias = 0.1 * torch.randn(o, generator=generator, dtype=dtype)
        last = number == len(sizes) - 2
        layers.append(Layer(weight, bias, "identity" if last else activation, **({} if last else limits)))
    return tuple(layers)


@pytest.mark.parametrize("path", ["plain", "fused"])
def test_a_driven_network_agrees_with_scipy(path):
    layers = network((2, 14, 14, 1))
    times = torch.linspace(0, 2, 201, dtype=torch.float64)
    fine = torch.linspace(0, 2, 8001, dtype=torch.float64)
    wave = Samples(fine, torch.sin(3 * fine)[:, None])
    driven = wave.stages(stage_times(times, RungeKutta4().nodes)) @ layers[0].weight[:, 1:].T
    stack = Stack((layers[0]._replace(weight=layers[0].weight[:, :1]), *layers[1:]), 0.7, -0.3)
    ours = solve(stack, torch.tensor([[0.4]]).double(), times, drives=Drives((driven, None, None)), path=path)
    first, second, third = ((layer.weight.numpy(), layer.bias.numpy()) for layer in layers)

    def slope(t, v):
        held = np.tanh(first[0] @ np.array([v[0], np.sin(3 * t)]) + first[1])
        return 0.7 * (third[0] @ np.tanh(second[0] @ held + second[1]) + third[1]) - 0.3 * v

    wanted = solve_ivp(slope, (0, 2), [0.4], t_eval=times.numpy(), rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(ours[:, 0, 0].numpy(), wanted.y[0], atol=2e-7)  # the signal's straight lines


@pytest.mark.parametrize("method", METHODS, ids=lambda m: m.kind)
def test_the_error_falls_with_the_methods_order(method):
    """dv/dt = tanh(A v): each halving of the step divides the error by 2 to the order."""
    stack, start = Stack(network((3, 8, 3))), torch.tensor([[0.5, -0.3, 0.2]]).double()
    ends = [
        solve(stack, start, torch.linspace(0, 2, n + 1).double(), method=m)[-1]
        for n, m in ((16, method), (32, method), (2000, RungeKutta4()))
    ]
    ratio = (ends[0] - ends[2]).norm() / (ends[1] - ends[2]).norm()
    assert float(ratio.log2()) == pytest.approx(method.order, abs=0.35)


@settings(max_examples=15)
@given(
    seed=st.integers(0, 1000),
    widths=st.lists(st.integers(1, 9), min_size=0, max_size=3),
    activation=st.sampled_from(["relu", "tanh", "identity"]),
    method=st.sampled_from(METHODS),
    trajectories=st.sampled_from([1, 3, 66]),
    single=st.booleans(),
    rail=st.sampled_from([0.4, float("inf")]),
    wrong=st.booleans(),
)
def test_the_compiled_path_is_the_plain_one_to_rounding(
    seed, widths, activation, method, trajectories, single, rail, wrong
):
    kind = torch.float32 if single else torch.float64
    states, steps, stages = 2, 7, len(method.nodes)
    layers = network((states, *widths, states), activation, kind, seed, low=-0.8, high=0.8)
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape):
        return (0.2 * torch.randn(*shape, generator=generator, dtype=kind)).requires_grad_()

    driven = [draw(steps, stages, trajectories if n % 2 else 1, len(layer.weight)) for n, layer in enumerate(layers)]
    for layer in layers:
        layer.weight.requires_grad_()
        layer.bias.requires_grad_()
    offset, increments = draw(states), draw(steps, trajectories, states)
    start = (0.1 * torch.randn(trajectories, states, generator=generator, dtype=kind)).requires_grad_()
    gains = 1 + 0.1 * torch.rand(2, steps, stages, generator=generator, dtype=kind)
    drives = Drives((*driven[:-1], None), gains[0], gains[1])
    factors = tuple(1 + 0.2 * torch.randn(2, states, generator=generator, dtype=kind)) if wrong else None
    stack = Stack(layers, 1.3, -0.4, offset, max(rail, 1.01 * float(start.detach().abs().max())), factors=factors)
    shaping = [start, increments, offset, *driven[:-1], *(part for layer in layers for part in layer[:2])]
    found = []
    for path in ("plain", "fused"):
        states_over_time = solve(stack, start, torch.linspace(0, 1, steps + 1, dtype=kind), method=method,
                                 drives=drives, increments=increments, path=path)  # fmt: skip
        found.append((states_over_time, *torch.autograd.grad(states_over_time.sin().sum(), shaping)))
    for plain, fused in zip(*found, strict=True):
        torch.testing.assert_close(fused, plain, rtol=2e-5 if single else 1e-10, atol=2e-5 if single else 1e-10)
    assert float((found[0][0] - found[1][0]).detach().abs().max()) < 1e-6


def test_dies_run_side_by_side_as_they_would_alone():
    shared, own = network((3, 6, 3)), torch.randn(4, 6, 3, generator=torch.Generator().manual_seed(1)).double()
    start, times = torch.zeros(5, 3).double() + 0.1, torch.linspace(0, 1, 11).double()
    dies = Stack((shared[0]._replace(weight=own), shared[1]))
    for path in ("plain", "fused"):
        together = solve(dies, start, times, path=path)
        assert together.shape == (11, 4, 5, 3)
        alone = solve(Stack((shared[0]._replace(weight=own[2]), shared[1])), start, times, path="plain")
        torch.testing.assert_close(together[:, 2], alone)


def test_each_die_has_the_multipliers_of_its_own():
    layers, times = network((3, 6, 3)), torch.linspace(0, 1, 11).double()
    start, factors = torch.full((20, 3), 0.1).double(), 1 + 0.3 * torch.randn(2, 4, 1, 3).double()
    gains = torch.rand(2, 10, 2).double()
    stack = Stack(layers, 1.5, -0.3, factors=(factors[0], factors[1]))
    drives = Drives((None, None), gains[0], gains[1])
    plain, fused = (solve(stack, start, times, method=Heun(), drives=drives, path=path) for path in ("plain", "fused"))
    assert fused.shape == (11, 4, 20, 3)
    torch.testing.assert_close(fused, plain)
    assert float((fused[-1, 0] - fused[-1, 1]).abs().max()) > 1e-3


@pytest.mark.parametrize("path", ["plain", "fused"])
def test_a_saturated_integrator_stays_at_its_rail_and_leaves_it_at_once(path):
    """dv/dt = sign changes from +1 to -1 at t = 1; the rail is at 0.5: no memory of what it could not follow."""
    layer = Layer(torch.zeros(1, 1).double())
    times = torch.linspace(0, 2, 201).double()
    square = Staircase(torch.tensor([[1.0], [-1.0]]).double(), tick=1.0)
    drive = square.stages(stage_times(times, RungeKutta4().nodes))
    solved = solve(Stack((layer,), rail=0.5), torch.zeros(1, 1).double(), times, drives=Drives((drive,)), path=path)
    v = solved[:, 0, 0]
    assert float(v.max()) == 0.5
    assert float(v[100]) == 0.5
    assert float(v[150]) == pytest.approx(0.0, abs=1e-9)
    free = solve(Stack((layer,)), torch.zeros(1, 1).double(), times, drives=Drives((drive,)), path=path)
    assert float(free[150, 0, 0]) == pytest.approx(0.5, abs=1e-9)  # the control: without rails it comes back later


def test_steps_that_end_at_a_jump_do_not_see_it():
    """RK4 is exact for a staircase on its own ticks, and is not if the jump leaks into the step before."""
    stairs = Staircase(torch.tensor([[1.0], [3.0], [-2.0]]).double(), tick=0.1)
    times = torch.tensor([0, 0.1, 0.2, 0.3]).double()
    stages = stairs.stages(stage_times(times, RungeKutta4().nodes))[..., 0, 0]
    assert stages.tolist() == [[1.0] * 4, [3.0] * 4, [-2.0] * 4]
    assert stairs.at(times[1:2], before=True).item() == 1.0
    assert stairs.at(times[1:2]).item() == 3.0


def test_a_converter_rounds_to_its_codes():
    values = torch.linspace(-1, 1, 101)[:, None]
    levels = Staircase(values, 1.0, bits=4).levels
    assert len(levels.unique()) == 16
    assert float((levels[:, 0] - values).abs().max()) <= 1 / 15 + 1e-6


def test_refining_keeps_the_old_times():
    times = torch.tensor([0.0, 1.0, 4.0]).double()
    assert torch.equal(refine(times, 3)[::3], times)
    assert refine(times, 3).diff().tolist() == pytest.approx([1 / 3] * 3 + [1.0] * 3)


def test_torchdiffeq_takes_the_same_path():
    torchdiffeq = pytest.importorskip("torchdiffeq")
    layers = network((3, 16, 3))
    start, times = torch.tensor([[0.5, -0.3, 0.2], [0.1, 0.9, -0.4]]).double(), torch.linspace(0, 3, 61).double()

    def slope(_, x):
        return (x @ layers[0].weight.T + layers[0].bias).tanh() @ layers[1].weight.T + layers[1].bias

    wanted = torchdiffeq.odeint(slope, start, times, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(solve(Stack(layers), start, times), wanted, rtol=0, atol=1e-7)


STACK, START = Stack(network((2, 4, 2))), torch.zeros(1, 2).double()


@pytest.mark.parametrize(
    ("times", "start", "error", "words"),
    [
        ([0.0, 0.2, 0.1], START, ConfigurationError, "must increase, got 0.2 then 0.1"),
        ([0.0, 0.0], START, ConfigurationError, "must increase"),
        ([0.0], START, ConfigurationError, "at least two times"),
        ([0.0, float("nan")], START, NotFiniteError, "times: must be finite"),
        ([0.0, 1.0], torch.full((1, 2), float("nan")).double(), NotFiniteError, "start: must be finite"),
        ([0.0, 1.0], torch.zeros(1, 3).double(), ShapeError, r"must be \(trajectories, 2\)"),
    ],
)
def test_bad_grids_and_starts_are_refused(times, start, error, words):
    with pytest.raises(error, match=words):
        solve(STACK, start, torch.tensor(times).double())


def test_starts_beyond_the_rails_and_unfit_drives_are_refused():
    times = torch.linspace(0, 1, 3).double()
    with pytest.raises(ConfigurationError, match=r"must lie within the rails, 0.5, got 2"):
        solve(STACK._replace(rail=0.5), START + 2, times)
    with pytest.raises(ShapeError, match="one entry for each of the 2 layers"):
        solve(STACK, START, times, drives=Drives((None,)))
    with pytest.raises(ShapeError, match=r"must be sampled at \(2, 4\) stages"):
        solve(STACK, START, times, drives=Drives((torch.zeros(3, 4, 1, 4).double(), None)))
    with pytest.raises(ConfigurationError, match="substeps: must be at least 1, got 0"):
        solve(STACK, START, times, substeps=0)
    with pytest.raises(ConfigurationError, match="path: needs one of float32 and float64"):
        solve(STACK._replace(delay=0.1), START, times, path="fused")


def test_signals_with_gaps_or_too_short_are_refused():
    times = torch.linspace(0, 1, 5).double()
    values = torch.ones(5, 1).double()
    values[3] = float("nan")
    with pytest.raises(NotFiniteError, match="signal: must be finite, got NaN or inf at sample 3"):
        Samples(times, values)
    with pytest.raises(ConfigurationError, match="must cover the whole run, 0 s to 2 s, got 0 s to 1 s"):
        Samples(times, torch.ones(5, 1)).at(torch.tensor([0.0, 2.0]).double())
    with pytest.raises(ConfigurationError, match="within the converter's"):
        Staircase(torch.full((2, 1), 3.0), 1.0, bits=12)
