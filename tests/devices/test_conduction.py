"""Conduction: the current through a cell."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ohmloom.devices import HyperbolicSine, Ohmic


@given(st.floats(-2, 2), st.floats(0.05, 2), st.floats(0, 1e-4))
def test_sinh_is_its_formula(v, scale, g):
    conductance, voltage = torch.tensor([g, v], dtype=torch.float64)
    current = HyperbolicSine(scale=scale).current(conductance, voltage)
    assert math.isclose(float(current), g * scale * math.sinh(v / scale), rel_tol=1e-9, abs_tol=1e-30)


def test_sinh_becomes_ohmic_at_low_voltage_and_conducts_more_above():
    """The excess is (V / v0)^2 / 6: a hundred times less at a tenth of the voltage."""
    v = torch.tensor([0.01, 0.1], dtype=torch.float64)
    excess = HyperbolicSine(scale=0.5).effective_voltage(v) / v - 1
    torch.testing.assert_close(excess, (v / 0.5) ** 2 / 6, rtol=0.01, atol=0)
    assert Ohmic().ohmic
    assert not HyperbolicSine(scale=0.5).ohmic
    assert torch.equal(Ohmic().current(torch.tensor(2.0), v), 2 * v)


def test_conduction_is_differentiable():
    v = torch.linspace(-1, 1, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(HyperbolicSine(scale=0.3).effective_voltage, (v,))


def test_slope_is_the_derivative():
    v = torch.linspace(-1, 1, 5, dtype=torch.float64, requires_grad=True)
    for law in (Ohmic(), HyperbolicSine(scale=0.3)):
        (gradient,) = torch.autograd.grad(law.effective_voltage(v).sum(), v)
        effective, slope = law.with_slope(v.detach())
        torch.testing.assert_close(slope, gradient, rtol=1e-12, atol=0)
        torch.testing.assert_close(effective, law.effective_voltage(v.detach()), rtol=1e-14, atol=0)


@pytest.mark.parametrize("largest", [1e-9, 0.5, 3.0, 30.0, 700.0])
def test_compiled_sinh_and_cosh_are_those_of_the_library(largest):
    """Relative to each number, within what the rounding of the angle does to it; odd; beyond the range inf."""
    angle = largest * torch.linspace(-1, 1, 1501, dtype=torch.float64)
    sine, slope = HyperbolicSine(scale=1.0).with_slope(angle)
    bound = 1e-15 * max(largest, 1)
    assert torch.allclose(sine, angle.sinh(), rtol=bound, atol=0)
    assert torch.allclose(slope, angle.cosh(), rtol=bound, atol=0)
    assert torch.equal(sine, -HyperbolicSine(scale=1.0).with_slope(-angle)[0])
    beyond = torch.tensor([0.0, 800.0, -800.0, math.inf, math.nan], dtype=torch.float64)
    sine, slope = HyperbolicSine(scale=1.0).with_slope(beyond)
    assert sine[:4].tolist() == [0.0, math.inf, -math.inf, math.inf]
    assert slope[:4].tolist() == [1.0, math.inf, math.inf, math.inf]
    assert sine[4].isnan()
