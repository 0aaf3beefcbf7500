"""Pseudo-random bits as a chip makes them: two linear-feedback shift registers, one above the neurons shifting right,
one below shifting left; neuron j sees the XOR of the two bits at its place.

Source of the structure: Wan et al. 2022, doi:10.1038/s41586-022-04992-8 (chains and XOR); the 256-bit feedback
polynomial x^256 + x^254 + x^251 + x^246 + 1 is a tabulated maximal-length one (assumed: the chip's is not published).
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

LENGTH = 256
_TAPS = (256, 254, 251, 246)


def shift_register(steps: int, seed: int, length: int = LENGTH, taps: tuple[int, ...] = _TAPS) -> np.ndarray:
    """Bits fed into a Fibonacci register: (length + steps,) uint8, of which the first ``length`` are the seed's.

    At time t the register holds the bits t … t + length - 1, the newest at place 0.
    """
    state = np.random.default_rng(seed).integers(0, 2, length, dtype=np.uint8)
    state[0] |= not state.any()  # the all-zero state would never leave
    bits = np.empty(length + steps, dtype=np.uint8)
    bits[:length] = state
    # b_t is the XOR of earlier bits at least min(taps) back: whole blocks of that length follow at once.
    block = min(taps)
    for start in range(length, length + steps, block):
        stop = min(start + block, length + steps)
        bits[start:stop] = np.bitwise_xor.reduce([bits[start - tap : stop - tap] for tap in taps])
    return bits


def neuron_bits(steps: int, neurons: int, generator: torch.Generator | None = None) -> Tensor:
    """Bits of ``neurons`` neurons at ``steps`` clocks: (steps, neurons), 0 or 1.

    Each group of 256 neurons is a core with chains of its own.
    """
    cores = -(-neurons // LENGTH)
    seeds = torch.randint(2**31, (cores, 2), generator=generator).tolist()
    return torch.cat([_core_bits(steps, *pair) for pair in seeds], dim=1)[:, :neurons]


def _core_bits(steps: int, above: int, below: int) -> Tensor:
    window = np.lib.stride_tricks.sliding_window_view
    right = window(shift_register(steps, above), LENGTH)[:steps, ::-1]  # newest bit at neuron 0
    left = window(shift_register(steps, below), LENGTH)[:steps]  # newest bit at the last neuron
    return torch.from_numpy(right ^ left)
