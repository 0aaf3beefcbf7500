"""Quantisers with gradients, and the search for the best clip."""

from __future__ import annotations

from contextlib import nullcontext
from unittest import mock

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ohmloom.crossbars import Amplitude, AnalogueReadout, BitSerial, Drive, Uniform, conversion
from ohmloom.nn.quantisers import best_limit, quantise_input, quantise_output

DRIVES = [
    Amplitude(bits=4),
    Amplitude(bits=4, negative=False),
    BitSerial(bits=4, code="signed"),
    BitSerial(bits=3, code="unsigned"),
]


@given(seed=st.integers(0, 999), drive=st.sampled_from(DRIVES), limit=st.floats(0.1, 10))
def test_inputs_become_what_the_drive_sends(seed: int, drive: Drive, limit: float) -> None:
    x = 4 * torch.randn(20, generator=torch.Generator().manual_seed(seed))
    top = torch.tensor(limit)
    codes = drive.encode(x, top).value()
    torch.testing.assert_close(quantise_input(x, drive, top), codes)
    soft = quantise_input(x.requires_grad_(), drive, top)
    torch.testing.assert_close(soft.detach(), codes)
    soft.sum().backward()
    lowest = -limit if drive.signed else 0.0
    inside = (x.detach() > lowest) & (x.detach() < limit)
    assert torch.equal(x.grad, inside.float())


@given(seed=st.integers(0, 999), bits=st.integers(2, 8), size=st.floats(1e-3, 1e3))
def test_rounding_is_within_half_a_step_where_nothing_clips(seed: int, bits: int, size: float) -> None:
    x = size * torch.rand(50, generator=torch.Generator().manual_seed(seed)) - size / 2
    y = quantise_input(x, Amplitude(bits=bits), x.abs().max())
    step = float(x.abs().max()) / max(2 ** (bits - 1) - 1, 1)
    assert float((y - x).abs().max()) <= step / 2 * (1 + 1e-4)


def test_outputs_are_rounded_to_the_converters_codes_and_pass_the_gradient() -> None:
    readout = AnalogueReadout(converter=Uniform(bits=4))
    y = torch.linspace(-2, 2, 41, requires_grad=True)
    rounded = quantise_output(y, readout, torch.tensor(1.4))
    steps = rounded.detach() / 0.2
    torch.testing.assert_close(steps, steps.round())
    assert float(rounded.max().detach()) == pytest.approx(1.4)
    rounded.sum().backward()
    assert torch.equal(y.grad, torch.ones(41))
    widest = quantise_output(y, readout, None)  # without a range: one that just holds everything
    assert float(widest.max().detach()) == pytest.approx(2.0)
    assert quantise_output(y, AnalogueReadout(), None) is y


@given(st.integers(1, 127))
def test_numbers_that_fill_their_steps_keep_the_full_range(steps: int) -> None:
    """Exactly representable numbers: any smaller clip or other step only adds error."""
    values = torch.arange(-steps, steps + 1) / steps * 3.0
    assert float(best_limit(values, steps)) == pytest.approx(3.0)


def test_a_single_outlier_is_cut_off() -> None:
    values = torch.cat([torch.rand(100_000), torch.tensor([9.0])])
    assert float(best_limit(values, 7)) == pytest.approx(1.0, rel=0.35)
    assert float(best_limit(values, 1e6)) == pytest.approx(9.0)  # with fine steps nothing is gained by clipping


def test_the_best_clip_of_a_normal_variable_is_the_known_one() -> None:
    """Uniform quantisers of a unit normal, mid-tread with 7 levels: the best clip lies near 2.2 deviations."""
    values = torch.randn(200_000, generator=torch.Generator().manual_seed(1))
    grid = torch.linspace(1.0, 4.0, 61)
    step = grid / 3
    errors = [((values / s).round().clamp(-3, 3) * s - values).square().mean() for s in step]
    known = float(grid[torch.stack(errors).argmin()])
    assert float(best_limit(values, 3)) == pytest.approx(known, abs=0.12)  # its grid has 40 steps of the largest |x|


def test_all_zero_values_get_a_range() -> None:
    assert float(best_limit(torch.zeros(10), 7)) == 1.0


@pytest.mark.parametrize("negative", [True, False])
def test_the_gradient_in_one_pass_is_that_of_the_plain_expressions(negative: bool) -> None:
    drive, x = Amplitude(bits=4, negative=negative), torch.randn(128, 300)
    gradient, found = torch.randn(128, 300), []
    for plain in (False, True):
        held, limit = x.clone().requires_grad_(), torch.tensor(1.2, requires_grad=True)
        with mock.patch.object(conversion, "suits", return_value=False) if plain else nullcontext():
            quantise_input(held, drive, limit).backward(gradient)
        assert held.grad is not None
        assert limit.grad is not None
        found.append((held.grad, limit.grad))
    (fast, fast_limit), (slow, slow_limit) = found
    assert torch.equal(fast, slow)
    assert 0 < int((fast == 0).sum()) < fast.numel()  # some were cut off
    torch.testing.assert_close(fast_limit, slow_limit, rtol=1e-4, atol=1e-3)
