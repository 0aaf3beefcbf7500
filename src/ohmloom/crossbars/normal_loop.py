"""The inner loop of :mod:`ohmloom.crossbars.normal`, compiled: random bits to normal numbers.

Sources: xoshiro256++ by Blackman and Vigna, doi:10.1145/3460772; the tail by Marsaglia, Technometrics 6, 101 (1964).
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

LANE = np.uint64(0xFFFF)
ONES = np.uint64(0x0001_0001_0001_0001)  # one in every lane
TOPS = np.uint64(0x8000_8000_8000_8000)  # the highest bit of every lane


@njit(cache=True, inline="always")
def advance(s0, s1, s2, s3):  # type: ignore[no-untyped-def]
    """64 random bits, and the next state."""
    total = s0 + s3
    word = ((total << np.uint64(23)) | (total >> np.uint64(41))) + s0
    shifted = s1 << np.uint64(17)
    s2 ^= s0
    s3 ^= s1
    s1 ^= s2
    s0 ^= s3
    s2 ^= shifted
    s3 = (s3 << np.uint64(45)) | (s3 >> np.uint64(19))
    return word, s0, s1, s2, s3


@njit(cache=True)
def tail(edge, s0, s1, s2, s3):  # type: ignore[no-untyped-def]
    """A number beyond ``edge``: edge + x with x = -log(u)/edge, accepted where -2 log(v) > x²; and the next state."""
    while True:
        u, s0, s1, s2, s3 = advance(s0, s1, s2, s3)
        v, s0, s1, s2, s3 = advance(s0, s1, s2, s3)
        x = -math.log((u >> np.uint64(11)) * 2.0**-53 + 2.0**-54) / edge
        if -2 * math.log((v >> np.uint64(11)) * 2.0**-53 + 2.0**-54) > x * x:
            return edge + x, s0, s1, s2, s3


@njit(cache=True, inline="always")
def has_outer(word, outer):  # type: ignore[no-untyped-def]
    """True if any of four lanes is below ``outer`` (a power of two) or within as much of the top.

    Shifted by ``outer``, wrapping around, such a lane is below 2 · outer: its higher bits are all zero. The shift must
    not carry into the next lane, and a zero lane is one from which subtracting one borrows.
    """
    shifted = ((word & (TOPS - ONES)) + outer * ONES) ^ (word & TOPS)
    high = shifted & ~((np.uint64(2) * outer - np.uint64(1)) * ONES)
    return ((high - ONES) & ~high & TOPS) != np.uint64(0)


@njit(cache=True, nogil=True)
def fill(out, means, outer, edge, state):  # type: ignore[no-untyped-def]
    """Four numbers of each 64 bits into ``out``, whose size is a multiple of 4; and ``state`` moves on.

    One word in 512 has a lane in the tails; looking for it once per word is what makes the others fast.
    """
    s0, s1, s2, s3 = state[0], state[1], state[2], state[3]
    first, last = np.uint64(outer), np.uint64(len(means) - outer)
    for start in range(0, out.size, 4):
        word, s0, s1, s2, s3 = advance(s0, s1, s2, s3)
        for index in range(4):
            out[start + index] = means[(word >> np.uint64(16 * index)) & LANE]
        if has_outer(word, first):
            for index in range(4):
                lane = (word >> np.uint64(16 * index)) & LANE
                if lane < first or lane >= last:
                    far, s0, s1, s2, s3 = tail(edge, s0, s1, s2, s3)
                    out[start + index] = far if lane >= last else -far
    state[0], state[1], state[2], state[3] = s0, s1, s2, s3
