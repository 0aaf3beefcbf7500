"""The HP memristor: pinched hysteresis, its limits, flux alone, and a window that holds it."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from ohmloom.devices import HPMemristor
from ohmloom.errors import ConfigurationError


def swing(device: HPMemristor, frequency: float, amplitude: float = 1.0, start: float = 0.1, periods: int = 1):
    """x and i over ``periods`` of a sine: (times), (x), (v), (i)."""
    times = np.linspace(0, periods / frequency, 2001)

    def rate(t, x):
        volts = torch.tensor(amplitude * math.sin(2 * math.pi * frequency * t))
        return device.rate(torch.as_tensor(x), volts).numpy()

    found = solve_ivp(rate, (0, times[-1]), [start], t_eval=times, rtol=1e-8, atol=1e-10, max_step=times[-1] / 500)
    volts = torch.from_numpy(amplitude * np.sin(2 * np.pi * frequency * times))
    state = torch.from_numpy(found.y[0])
    return torch.from_numpy(times), state, volts, device.current(state, volts)


def test_the_loop_of_current_and_voltage_is_pinched_and_open():
    _, state, volts, current = swing(HPMemristor(), 4.0)
    assert float(state.max() - state.min()) > 0.6  # most of [0, 1]
    assert float(current[volts.abs() < 1e-12].abs().max()) < 1e-15
    rising, falling = current[250], current[750]  # both at the same voltage
    assert float(volts[250]) == pytest.approx(float(volts[750]))
    assert float(falling) > 1.5 * float(rising)


def test_the_textbook_mobility_hardly_moves_it():
    """1 V at 4 Hz with k = 1e4: a tenth of the swing of the default."""
    slow, fast = (swing(HPMemristor(mobility_factor=k), 4.0)[1] for k in (1e4, 9e4))
    assert float(slow.max() - slow.min()) < 0.1 * float(fast.max() - fast.min())


def test_the_loop_closes_at_high_frequency():
    """Hysteresis shrinks as 1 / frequency: the area between the two branches of current over voltage."""
    areas = []
    for frequency in (40.0, 80.0):
        _, _, volts, current = swing(HPMemristor(), frequency)
        half = slice(0, 1001)
        areas.append(float(torch.trapezoid(current[half], volts[half]).abs()))
    assert areas[0] / areas[1] == pytest.approx(2, rel=0.1)


def test_it_returns_after_a_whole_period():
    """x depends on ∫ v dt alone, which a whole period of a sine brings back to zero."""
    _, state, _, _ = swing(HPMemristor(), 4.0, periods=2)
    assert float(state[-1]) == pytest.approx(float(state[0]), abs=1e-4)


@given(state=st.floats(0, 1), voltage=st.floats(-3, 3))
def test_it_is_passive_and_its_window_holds_it(state, voltage):
    device, x, v = HPMemristor(), torch.tensor(state).double(), torch.tensor(voltage).double()
    assert 1 / 16e3 - 1e-12 <= float(device.conductance(x)) <= 1 / 100 + 1e-9
    assert float(device.current(x, v) * v) >= 0
    assert float(device.rate(x, v)) * voltage >= 0
    for end in (0.0, 1.0):
        assert float(device.rate(torch.tensor(end), v)) == 0


@given(beyond=st.floats(0, 1), voltage=st.floats(-3, 3))
def test_a_step_past_an_end_is_held_there(beyond, voltage):
    """A window taken literally changes its sign beyond the ends and pushes x on, and R vanishes at x = 1.006."""
    device, v = HPMemristor(), torch.tensor(voltage).double()
    for end, state in ((0.0, -beyond), (1.0, 1 + beyond)):
        held, past = torch.tensor(end).double(), torch.tensor(state).double()
        assert float(device.rate(past, v)) == 0
        assert float(device.current(past, v)) == float(device.current(held, v))


def test_coarse_steps_do_not_run_away():
    device, state = HPMemristor(), torch.tensor([0.1, 0.5, 0.9]).double()
    for number in range(200):
        state = state + 0.05 * device.rate(state, torch.tensor(2.0 if number % 40 < 20 else -2.0).double())
    assert bool(torch.isfinite(device.current(state, torch.tensor(1.0))).all())
    assert float(state.abs().max()) < 10


def test_resistances_in_the_wrong_order_are_refused():
    with pytest.raises(ConfigurationError, match="off: must exceed on"):
        HPMemristor(on="1 kohm", off="100 ohm")
