"""Random-telegraph noise: which cells jump between two states, how far, and how long they stay.

A cell is taken to jump if two sharp levels (a hidden Markov model) explain its reads decisively better than any
Gaussian noise that is white or wanders with an exponential correlation: by `DECISIVE` in BIC, as R. E. Kass and A. E.
Raftery, Journal of the American Statistical Association 90, 773 (1995), call very strong evidence.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ohmloom.devices.fitting.aspects import Aspect, Quantity, Ref
from ohmloom.devices.fitting.telegraph_loop import two_states, wandering
from ohmloom.devices.fitting.traces import Bursts

Numbers = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]

READS = 64  # of a burst in which jumps can be looked for
JUMPS = 4  # of a cell that is said to jump
APART = 2.0  # deviations of the noise between the two levels, at least
DECISIVE = 10.0  # difference of BIC
KEEPS = (0.5, 0.8, 0.9, 0.96, 0.99, 0.997)  # correlations from read to read of a wander
SHARES = (0.1, 0.3, 0.6, 0.9)
STARTS = (0.1, 0.5, 0.9)  # shares of the reads that are first taken to be in the lower state
ROUNDS = 60
TWO_STATES, WANDER, WHITE = 5, 4, 2  # numbers that each explanation chooses


@dataclass(frozen=True)
class Jumps:
    """The two-state explanation of each cell; entries (cells,), 0 where a cell was not looked at."""

    looked: Flags
    found: Flags
    burst: Integers  # the one looked at
    low: Numbers  # S
    high: Numbers
    reads_low: Numbers  # reads with a successor in each state
    reads_high: Numbers
    ups: Numbers
    downs: Numbers
    spacing: float  # s


def find_jumps(bursts: Bursts, cells: int, chosen: Flags) -> Jumps | None:
    """Look at the longest burst of each cell among the ``chosen`` ones; None if all are too short."""
    long = np.flatnonzero(chosen & (bursts.count >= READS))
    if not len(long):
        return None
    longest = np.full(cells, -1)
    for burst in long[np.argsort(bursts.count[long], kind="stable")]:
        longest[bursts.cell[burst]] = burst
    found = np.zeros(cells, bool)
    numbers = np.zeros((6, cells))
    for cell in np.flatnonzero(longest >= 0):
        found[cell], numbers[:, cell] = _look(bursts.read(int(longest[cell])))
    spacing = float(np.median(bursts.spacing[long]))
    low, high, reads_low, reads_high, ups, downs = numbers
    return Jumps(longest >= 0, found, longest, low, high, reads_low, reads_high, ups, downs, spacing)


def _look(reads: Numbers) -> tuple[bool, Numbers]:
    """Does a series of reads jump? And low, high, reads in each, jumps up and down."""
    scale = float(reads.std())
    if scale == 0:
        return False, np.zeros(6)
    x = np.ascontiguousarray((reads - reads.mean()) / scale)
    cuts = np.sort(x)[(np.array(STARTS) * (len(x) - 1)).astype(int)]
    best = max((two_states(x, *_start(x, float(cut)), ROUNDS) for cut in cuts), key=lambda found: found[3])
    low, high, variance, likelihood, reads_low, reads_high, ups, downs = best
    log_n = math.log(len(x))
    white = wandering(x, 0.0, 0.0) - WHITE / 2 * log_n
    wander = max(wandering(x, keep, share) for keep in KEEPS for share in SHARES) - WANDER / 2 * log_n
    gain = 2 * (likelihood - TWO_STATES / 2 * log_n - max(white, wander))
    jumps = bool(gain > DECISIVE and ups + downs >= JUMPS and abs(high - low) > APART * math.sqrt(variance))
    if high < low:
        low, high, reads_low, reads_high, ups, downs = high, low, reads_high, reads_low, downs, ups
    levels = reads.mean() + scale * np.array([low, high])
    return jumps, np.array([*levels, reads_low, reads_high, ups, downs])


def _start(x: Numbers, cut: float) -> tuple[float, float, float, float, float]:
    """Two states divided at ``cut``: low, high, variance, chances to rise and to fall. x has unit variance."""
    below = x <= cut
    share, sum_below = below.mean(), float(x[below].sum()) / len(x)
    if share == 1:
        return -1.0, 1.0, 1.0, 0.1, 0.1
    low, high = sum_below / share, -sum_below / (1 - share)  # the mean of x is zero
    variance = 1 - share * low**2 - (1 - share) * high**2
    changes = float((below[1:] != below[:-1]).mean()) / 2
    return low, high, max(float(variance), 1e-3), max(changes, 0.01), max(changes, 0.01)


@dataclass(frozen=True, eq=False, kw_only=True)
class Telegraph(Aspect):
    """The share of the cells that jump, their jumps over their mean conductance, and their dwell times."""

    jumps: Jumps
    relative: Numbers  # (cells,) jump over mean, 0 where none was found

    def estimate(self, weights: Numbers) -> Numbers:
        jumps = self.jumps
        each = weights * jumps.found
        looked, total = float((weights * jumps.looked).sum()), float(each.sum())
        if total == 0:  # a resample without any of the few cells that jump
            return np.array([0.0, math.nan, math.nan, math.nan])
        rise = float((each * jumps.ups).sum() / max((each * jumps.reads_low).sum(), 1e-12))
        fall = float((each * jumps.downs).sum() / max((each * jumps.reads_high).sum(), 1e-12))
        rate = -math.log(max(1 - rise - fall, 1e-9)) / jumps.spacing  # of relaxation: jumps between reads are counted
        amplitude = math.sqrt(float((each * self.relative**2).sum()) / total)
        return np.array([total / looked, amplitude, (rise + fall) / rise / rate, (rise + fall) / fall / rate])


def fit_telegraph(table: str, bursts: Bursts, jumps: Jumps) -> Telegraph | None:
    """What the cells that jump have in common; None if there are none."""
    if not jumps.found.any():
        return None
    counted = int(jumps.found.sum()), int(jumps.looked.sum())
    quantities = (
        Quantity("telegraph noise: share of cells", counted=counted),
        Quantity("telegraph noise: jump over conductance, rms"),
        Quantity("telegraph noise: dwell time in the lower state", "s"),
        Quantity("telegraph noise: dwell time in the upper state", "s"),
    )
    fields = ("share", "amplitude", "dwell_low", "dwell_high")
    part = {"kind": "telegraph"} | {f: Ref(q.name) for f, q in zip(fields, quantities, strict=True)}
    relative = np.where(jumps.found, (jumps.high - jumps.low) / bursts.mean[jumps.burst], 0.0)
    where = np.flatnonzero(jumps.found)
    shown = where[np.argsort(-relative[where])][:3]
    series = [(int(cell), bursts.read(int(jumps.burst[cell])), jumps.low[cell], jumps.high[cell]) for cell in shown]
    return Telegraph(
        table=table,
        quantities=quantities,
        noises=(part,),
        picture={"series": series, "spacing": jumps.spacing, "relative": relative[where]},
        jumps=jumps,
        relative=relative,
    )
