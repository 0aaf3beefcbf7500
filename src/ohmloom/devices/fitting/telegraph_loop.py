"""The inner loops of :mod:`ohmloom.devices.fitting.telegraph`, compiled: likelihoods of a series of reads, float64."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

LEAST = 1e-12  # relative: probabilities and variances are kept above it


@njit(cache=True, nogil=True, error_model="numpy")
def two_states(x, low, high, variance, rise, fall, rounds):  # type: ignore[no-untyped-def]
    """A hidden Markov model with two Gaussian states, by expectation maximisation (Baum and Welch) from a start.

    ``rise`` and ``fall`` are the chances to change state from one read to the next. Returns low, high, variance, log
    likelihood, and expected numbers: of reads in the lower and the upper state that have a successor, and of changes up
    and down.
    """
    n = len(x)
    forward, scale, log_likelihood = np.empty((n, 2)), np.empty(n), -np.inf
    stay_low, stay_high, ups, downs = 0.0, 0.0, 0.0, 0.0
    for _ in range(rounds):
        total, before = 0.0, log_likelihood
        share = rise / (rise + fall)
        prior_low, prior_high = 1 - share, share
        for t in range(n):
            distance_low, distance_high = (x[t] - low) ** 2, (x[t] - high) ** 2
            nearest = min(distance_low, distance_high)
            a = prior_low * math.exp(-(distance_low - nearest) / (2 * variance))
            b = prior_high * math.exp(-(distance_high - nearest) / (2 * variance))
            scale[t] = a + b
            forward[t, 0], forward[t, 1] = a / scale[t], b / scale[t]
            total += math.log(scale[t]) - nearest / (2 * variance)
            prior_low = forward[t, 0] * (1 - rise) + forward[t, 1] * fall
            prior_high = forward[t, 0] * rise + forward[t, 1] * (1 - fall)
        log_likelihood = total - n / 2 * math.log(2 * math.pi * variance)
        back_low, back_high = 1.0, 1.0
        weight_low, sum_low, sum_high, squares = 0.0, 0.0, 0.0, 0.0
        stay_low, stay_high, ups, downs = 0.0, 0.0, 0.0, 0.0
        for t in range(n - 1, -1, -1):
            in_low = forward[t, 0] * back_low
            in_high = forward[t, 1] * back_high
            in_low, in_high = in_low / (in_low + in_high), in_high / (in_low + in_high)
            weight_low += in_low
            sum_low += in_low * x[t]
            sum_high += in_high * x[t]
            squares += in_low * (x[t] - low) ** 2 + in_high * (x[t] - high) ** 2
            if t == 0:
                break
            distance_low, distance_high = (x[t] - low) ** 2, (x[t] - high) ** 2
            nearest = min(distance_low, distance_high)
            seen_low = math.exp(-(distance_low - nearest) / (2 * variance)) * back_low / scale[t]
            seen_high = math.exp(-(distance_high - nearest) / (2 * variance)) * back_high / scale[t]
            before_low, before_high = forward[t - 1, 0], forward[t - 1, 1]
            both = before_low * ((1 - rise) * seen_low + rise * seen_high) + before_high * (
                fall * seen_low + (1 - fall) * seen_high
            )
            stay_low += before_low * (1 - rise) * seen_low / both
            ups += before_low * rise * seen_high / both
            downs += before_high * fall * seen_low / both
            stay_high += before_high * (1 - fall) * seen_high / both
            back_low, back_high = (
                (1 - rise) * seen_low + rise * seen_high,
                fall * seen_low + (1 - fall) * seen_high,
            )
        weight_high = n - weight_low
        if weight_low < 1 or weight_high < 1:
            break
        low, high = sum_low / weight_low, sum_high / weight_high
        variance = max(squares / n, LEAST * (high - low) ** 2)
        rise = min(max(ups / max(ups + stay_low, LEAST), 1e-6), 0.999)
        fall = min(max(downs / max(downs + stay_high, LEAST), 1e-6), 0.999)
        if abs(log_likelihood - before) < 1e-4:
            break
    return low, high, variance, log_likelihood, stay_low + ups, stay_high + downs, ups, downs


@njit(cache=True, nogil=True, error_model="numpy")
def wandering(x, keep, share):  # type: ignore[no-untyped-def]
    """The log likelihood of white noise and an exponentially correlated Gaussian wander, by a Kalman filter.

    ``keep``: the correlation of the wander from read to read; ``share``: its share of the variance. The mean is the
    sample's, the variance the most likely one.
    """
    n = len(x)
    mean = x.mean()
    state, spread, squares, logs = 0.0, share, 0.0, 0.0
    for t in range(n):
        width = spread + 1 - share
        error = x[t] - mean - state
        squares += error * error / width
        logs += math.log(width)
        gain = spread / width
        state = keep * (state + gain * error)
        spread = keep * keep * spread * (1 - gain) + share * (1 - keep * keep)
    return -n / 2 * (math.log(2 * math.pi * squares / n) + 1) - logs / 2
