"""Pseudo-random bits: the registers are maximal, and what neurons see is fair and independent."""

import numpy as np
import pytest
import torch

from ohmloom.crossbars.random_bits import _TAPS, LENGTH, neuron_bits, shift_register

MAXIMAL = {4: (4, 3), 5: (5, 3), 6: (6, 5), 7: (7, 6), 8: (8, 6, 5, 4), 9: (9, 5), 10: (10, 7)}  # tabulated


def period(length: int, taps: tuple[int, ...], seed: int) -> int:
    """Clocks until the register's state comes back."""
    bits = shift_register(2 ** (length + 1), seed, length, taps)
    states = np.lib.stride_tricks.sliding_window_view(bits, length)
    return int(np.flatnonzero((states[1:] == states[0]).all(1))[0]) + 1


@pytest.mark.parametrize("length", MAXIMAL)
@pytest.mark.parametrize("seed", [0, 1, 7])
def test_small_registers_visit_every_state(length: int, seed: int) -> None:
    assert period(length, MAXIMAL[length], seed) == 2**length - 1


def test_other_taps_do_not() -> None:
    assert period(6, (6, 3), 1) < 2**6 - 1  # x⁶ + x³ + 1 is not primitive


def test_register_is_the_bitwise_recurrence() -> None:
    """Blocks of many bits at once are the clock-by-clock register."""
    bits = shift_register(2000, 5)
    for t in range(LENGTH, len(bits), 37):
        assert bits[t] == np.bitwise_xor.reduce([bits[t - tap] for tap in _TAPS])


def power_of_x(exponent: int, polynomial: int) -> int:
    """x^exponent modulo a polynomial over two elements, as bits of an integer."""
    degree, result = polynomial.bit_length() - 1, 1
    for bit in bin(exponent)[2:]:
        square = int("0".join(bin(result)[2:]), 2)  # squaring spreads the bits
        result = square << (bit == "1")
        while result.bit_length() > degree:
            result ^= polynomial << (result.bit_length() - 1 - degree)
    return result


def test_the_256_bit_polynomial_is_primitive() -> None:
    """x has order 2^256 - 1: the register runs through every state but zero."""
    polynomial = 1 | sum(1 << tap for tap in _TAPS)
    order = 2**256 - 1
    fermat = [3, 5, 17, 257, 65537, 641, 6700417, 274177, 67280421310721]
    fermat += [59649589127497217, 5704689200685129054721]
    assert np.prod([int(f) for f in fermat], dtype=object) == order  # 2^256 - 1 is the product of F0 … F7
    assert power_of_x(order, polynomial) == 1
    assert all(power_of_x(order // factor, polynomial) != 1 for factor in fermat)


def test_power_of_x_finds_a_polynomial_that_is_not_primitive() -> None:
    assert power_of_x(9, 0b1001001) == 1  # x⁶ + x³ + 1 divides x⁹ - 1
    assert power_of_x(7, 0b1011) == 1
    assert power_of_x(3, 0b1011) != 1


@pytest.fixture(scope="module")
def bits() -> torch.Tensor:
    return neuron_bits(100_000, 300, torch.Generator().manual_seed(1))


def test_bits_are_fair(bits: torch.Tensor) -> None:
    assert set(bits.unique().tolist()) == {0, 1}
    assert float((bits.double().mean(0) - 0.5).abs().max()) < 0.02


def test_bits_do_not_remember(bits: torch.Tensor) -> None:
    signs = bits[:, ::30].double() * 2 - 1
    for lag in (1, 2, 3, 8, 16, 100, 255, 256, 257, 1000):
        correlation = (signs[lag:] * signs[:-lag]).mean(0)
        assert float(correlation.abs().max()) < 0.02


def test_neurons_do_not_see_each_other(bits: torch.Tensor) -> None:
    """At the same clock, and at the shifts by which either chain alone would repeat itself at a neighbour."""
    signs = bits[:, :40].double() * 2 - 1
    for lag in (0, 1, 2, 5):
        product = signs[lag:].T @ signs[: len(signs) - lag] / (len(signs) - lag)
        if lag == 0:
            product.fill_diagonal_(0)
        assert float(product.abs().max()) < 0.02


def test_cores_have_chains_of_their_own(bits: torch.Tensor) -> None:
    signs = bits.double() * 2 - 1
    across = signs[:, :44].T @ signs[:, 256:300] / len(signs)
    assert float(across.abs().max()) < 0.02


def test_one_chain_alone_would_not_do(bits: torch.Tensor) -> None:
    """The control: in a single chain a neuron sees what its neighbour saw one clock before; the XOR hides it."""
    states = np.lib.stride_tricks.sliding_window_view(shift_register(10_000, 3), LENGTH)[:, ::-1]
    assert np.array_equal(states[1:, 1:], states[:-1, :-1])
    both = bits.double() * 2 - 1
    assert float((both[1:, 1:44] * both[:-1, :43]).mean(0).abs().max()) < 0.02


def test_a_seed_repeats() -> None:
    one, two = (neuron_bits(50, 20, torch.Generator().manual_seed(4)) for _ in range(2))
    assert torch.equal(one, two)
