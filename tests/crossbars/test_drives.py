"""Drives: linear decoding within half a step, exact zero, symmetry, clipping that is counted, limits."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from ohmloom.crossbars import Affine, Amplitude, BitSerial, Drive, Pulses
from ohmloom.errors import ConfigurationError, NotFiniteError

BITS = range(1, 9)
SIGNED = [Amplitude(bits=b) for b in (2, 3, 5, 8, 16)] + [BitSerial(bits=b) for b in (1, 2, 4, 8, 16)]
SIGNED += [BitSerial(bits=b, code="twos-complement") for b in (2, 4, 8, 16)]
UNSIGNED = [Amplitude(bits=b, negative=False) for b in (1, 2, 8, 16)]
UNSIGNED += [BitSerial(bits=b, code=code) for b in (1, 3, 8, 16) for code in ("unsigned", "two-phase")]

numbers = st.floats(-1e3, 1e3, allow_subnormal=False).map(lambda v: 0.0 if abs(v) < 1e-6 else v)
vectors = st.lists(numbers, min_size=1, max_size=12).map(lambda v: torch.tensor(v, dtype=torch.float64))


def steps(drive: Drive) -> int:
    """Codes above zero."""
    bits = drive.input_bits
    assert bits is not None
    return 2 ** max(bits - 1, 1) - 1 if drive.signed and bits > 1 else 1 if drive.signed else 2**bits - 1


@given(drive=st.sampled_from(SIGNED + UNSIGNED), x=vectors)
def test_decodes_within_half_a_step(drive: Drive, x: Tensor) -> None:
    x = x if drive.signed else x.abs()
    driven = drive.encode(x)
    half = float(x.abs().max()) / steps(drive) / 2
    assert float((driven.value() - x).abs().max()) <= half * (1 + 1e-9)
    assert int(driven.clipped) == 0  # its own largest magnitude never clips
    assert float(driven.levels.abs().max()) <= 1


@given(drive=st.sampled_from(SIGNED + UNSIGNED), x=vectors)
def test_decoding_is_the_linear_sum_of_phases(drive: Drive, x: Tensor) -> None:
    """x ≈ scale · Σ_k a_k d_k + offset, with levels that the drive says it can send, and as many as it says."""
    driven = drive.encode(x if drive.signed else x.abs())
    assert len(driven.levels) == len(driven.significance) == len(drive.significance)
    assert driven.significance.tolist() == list(drive.significance)
    by_hand = sum(a * level for a, level in zip(drive.significance, driven.levels, strict=True)) * driven.scale
    assert torch.allclose(driven.value(), by_hand)
    if drive.digits is not None:
        assert set(driven.levels.unique().tolist()) <= set(drive.digits)


@given(drive=st.sampled_from([Amplitude(), *SIGNED]), x=vectors)
def test_signs_are_symmetric_and_zero_is_exact(drive: Drive, x: Tensor) -> None:
    assert torch.equal(drive.encode(-x).value(), -drive.encode(x).value())
    assert torch.equal(drive.encode(torch.zeros(4)).value(), torch.zeros(4))
    if drive.lines_rest:
        assert not drive.encode(torch.zeros(4)).levels.any()


@given(bits=st.integers(1, 16), x=vectors)
def test_two_phases_send_the_same_numbers_as_unsigned_bits(bits: int, x: Tensor) -> None:
    plain, two = (BitSerial(bits=bits, code=code).encode(x.abs()) for code in ("unsigned", "two-phase"))
    assert torch.allclose(plain.value(), two.value(), rtol=1e-12)
    assert set(two.levels.unique().tolist()) <= {-1.0, 1.0}  # every row is driven in every phase
    assert not BitSerial(bits=bits, code="two-phase").lines_rest


@pytest.mark.parametrize("bits", [2, 4, 8, 16])
def test_twos_complement_reaches_one_step_further_below_zero(bits: int) -> None:
    top = 2.0 ** (bits - 1)
    x = torch.tensor([-top - 1, -top, 1 - top, -1.0, 0.0, top - 1, top], dtype=torch.float64)
    driven = BitSerial(bits=bits, code="twos-complement").encode(x, top - 1)
    assert driven.value().tolist() == [-top, -top, 1 - top, -1.0, 0.0, top - 1, top - 1]
    assert int(driven.clipped) == 2
    all_ones = driven.levels[:, 3]
    assert all_ones.tolist() == [1.0] * bits  # -1 is all ones


def test_twos_complement_of_one_bit_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="at least 2 bits"):
        BitSerial(bits=1, code="twos-complement")


@pytest.mark.parametrize("drive", [Amplitude(), *SIGNED, *UNSIGNED], ids=repr)
@pytest.mark.parametrize("limit", [2.0, torch.tensor(2.0)], ids=["number", "tensor"])
def test_what_exceeds_the_limit_clips_and_is_counted(drive: Drive, limit: Tensor | float) -> None:
    x = torch.tensor([[0.0, 2.0, 2.5], [0.5, 3.0, -7.0]])
    driven = drive.encode(x, limit)
    assert int(driven.clipped) == 3  # 2.5, 3 and -7, which an unsigned drive clips at zero
    value = driven.value()
    assert torch.allclose(value[0, 1:], torch.tensor([2.0, 2.0]))
    assert float(value.max()) <= 2.0 * (1 + 1e-6)
    below = 0.0 if not drive.signed else -2.0
    twos = isinstance(drive, BitSerial) and drive.code == "twos-complement"
    assert float(value[1, 2]) == pytest.approx(-2.0 * (1 + 1 / steps(drive)) if twos else below)


def test_limit_fixes_the_step_for_all_vectors() -> None:
    drive = BitSerial(bits=4)
    x = torch.tensor([[0.1, 0.2], [7.0, 1.0]])
    assert torch.equal(drive.encode(x, 7.0).value(), torch.tensor([[0.0, 0.0], [7.0, 1.0]]))
    assert torch.allclose(drive.encode(x).value()[0], torch.tensor([0.2 * 4 / 7, 0.2]))  # its own range: 0.1 → 3.5 → 4


@given(drive=st.sampled_from([*SIGNED, *UNSIGNED, Affine(bits=4)]), seed=st.integers(0, 999))
def test_vectors_do_not_depend_on_each_other(drive: Drive, seed: int) -> None:
    x = torch.randn(6, 5, generator=torch.Generator().manual_seed(seed))
    x = x if drive.signed else x.abs()
    together = drive.encode(x).value()
    alone = torch.stack([drive.encode(row).value() for row in x])
    assert torch.equal(together, alone)


@given(bits=st.integers(1, 12), x=vectors.filter(lambda v: len(v) > 1))
def test_affine_codes_lie_between_each_vectors_extremes(bits: int, x: Tensor) -> None:
    driven = Affine(bits=bits).encode(x)
    span = float(x.max() - x.min())
    assert float((driven.value() - x).abs().max()) <= span / (2**bits - 1) / 2 + 1e-9 * float(x.abs().max())
    assert set(driven.levels.unique().tolist()) <= {0.0, 1.0}
    assert int(driven.clipped) == 0
    assert float(driven.value().min()) == pytest.approx(float(x.min()), rel=1e-12, abs=1e-12)


def test_affine_sends_a_constant_vector_exactly() -> None:
    x = torch.full((3, 4), 0.7)
    assert torch.equal(Affine().encode(x).value(), x)


def test_exact_amplitudes_are_exact() -> None:
    x = torch.randn(5, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(Amplitude().encode(x).value(), x, rtol=1e-15)
    assert torch.allclose(Amplitude().encode(x, 10.0).value(), x, rtol=1e-15)


def test_spikes_are_sent_as_they_are() -> None:
    x = torch.tensor([[0.0, 1.0, 1.0]])
    assert torch.equal(Pulses().encode(x).value(), x)
    assert torch.equal(Pulses(code="bipolar").encode(-x).value(), -x)


@pytest.mark.parametrize(("code", "wrong"), [("binary", -1.0), ("binary", 0.5), ("bipolar", 2.0)])
def test_what_is_no_spike_is_refused(code: str, wrong: float) -> None:
    with pytest.raises(NotFiniteError, match=f"got {wrong}"):
        Pulses(code=code).encode(torch.tensor([0.0, wrong, 1.0]))


@pytest.mark.parametrize("drive", [*SIGNED, *UNSIGNED, Amplitude(), Affine()], ids=repr)
def test_float32_and_float64_stay_themselves(drive: Drive) -> None:
    for dtype in (torch.float32, torch.float64):
        driven = drive.encode(torch.rand(3, 4).to(dtype))
        assert driven.levels.dtype == driven.significance.dtype == driven.value().dtype == dtype
