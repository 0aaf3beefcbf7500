"""The hyperbolic sine and its derivative in one compiled pass: torch's takes each number on its own.

Below 1 a Taylor series, above it exponentials, both for every number, so that the processor's vectors stay full:

    e^x = 2^k e^r  with  |r| <= ln 2 / 2        sinh x = (e^x - e^-x) / 2        cosh x = (e^x + e^-x) / 2
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

FAST = {"contract", "nsz"}
LARGEST = 709.0  # e^x beyond it is infinite
LOG2_E, LN2_HIGH, LN2_LOW = 1 / math.log(2), 0.693147180369123816490, 1.90821492927058770002e-10
EXPONENTIAL = tuple(1 / math.factorial(n) for n in range(13, -1, -1))  # the rest is below 5e-18 of the sum
SINE = tuple(1 / math.factorial(n) for n in range(19, 0, -2))
POWERS = 2.0 ** np.arange(0, 1024)


@njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def sine_and_cosine(x, sine, cosine):  # type: ignore[no-untyped-def]
    """sinh x and cosh x into ``sine`` and ``cosine``; all are float64 of one axis."""
    for i in range(len(x)):
        size = abs(x[i])
        held = min(size, LARGEST)
        whole = np.floor(held * LOG2_E + 0.5)
        rest = held - whole * LN2_HIGH - whole * LN2_LOW
        exponential = EXPONENTIAL[0]
        for n in range(1, 14):
            exponential = exponential * rest + EXPONENTIAL[n]
        exponential *= POWERS[np.int64(whole)]
        inverse = 1 / exponential
        square = held * held
        series = SINE[0]
        for n in range(1, 10):
            series = series * square + SINE[n]
        value = series * held if size < 1 else (exponential - inverse) / 2
        value = value if size <= LARGEST else np.inf if size > LARGEST else size
        sine[i] = value if x[i] >= 0 else -value
        cosine[i] = (exponential + inverse) / 2 if size <= LARGEST else value
