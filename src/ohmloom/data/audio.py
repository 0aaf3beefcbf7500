"""Speech as small pictures: log-mel spectrograms and mel-frequency cepstral coefficients of a clip.

Each frame (25 ms, every 10 ms, Hann window) gives its power spectrum P; triangular filters H_b, evenly spaced on the
mel scale m(f) = 2595 log10(1 + f / 700 Hz) from 0 to half the rate, gather it into bands, and

    L_b = 10 log10( Σ_f H_b(f) P(f) + floor )                              (decibels)
    C_k = s_k Σ_b L_b cos(π k (2 b + 1) / (2 B)),  s_0 = √(1/B), s_k = √(2/B)    (orthonormal DCT-II)

Method: S. B. Davis, P. Mermelstein, IEEE Transactions on Acoustics, Speech, and Signal Processing 28(4), 357-366
(1980), doi 10.1109/TASSP.1980.1163420; the mel formula is that of HTK. Frame lengths are the field's usual ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ohmloom.errors import ConfigurationError, DataError, message, unknown

Reals = NDArray[np.float64]
Kind = Literal["mfcc", "log-mel"]

WINDOW = 0.025  # s
HOP = 0.010  # s
FULL_SCALE = 32768  # of 16-bit samples
FLOOR = 1e-10  # of the power in a band, full scale being 1: silence is -100 dB and not minus infinity
ROUNDING = 1e-9  # differences below this share of the values are rounding, not sound
BANDS = 23  # rows of the published maps (specification of the edge-pruning chip: 23 x 20)
FRAMES = 20


def feature_maps(
    clips: Sequence[NDArray[np.int16]], rate: int, *, kind: Kind = "mfcc", bands: int = BANDS, frames: int = FRAMES
) -> Reals:
    """One map per clip in [0, 1], shape (n, bands, frames): rows are bands or coefficients, columns are time.

    Every clip's time is divided into ``frames`` equal stretches and averaged over each; then the map is scaled by its
    own smallest and largest value, so that no clip knows another (a map without any difference becomes zeros).

    >>> tone = (1000 * np.sin(np.arange(4000))).astype(np.int16)
    >>> feature_maps([tone, tone[:900]], 8000).shape
    (2, 23, 20)
    """
    if kind not in ("mfcc", "log-mel"):
        raise unknown("kind", str(kind), ("mfcc", "log-mel"))
    if frames < 1:
        raise ConfigurationError(message("frames", "must be at least 1", frames, "Ask for more."))
    spectra = (log_mel(clip, rate, bands=bands) for clip in clips)
    maps = [averaged(cepstrum(s) if kind == "mfcc" else s, frames) for s in spectra]
    return np.stack([_scaled(m) for m in maps]) if maps else np.zeros((0, bands, frames))


def log_mel(clip: NDArray[np.int16], rate: int, *, bands: int = BANDS) -> Reals:
    """The power of each band over time in decibels of full scale, shape (bands, frames of 10 ms).

    A clip shorter than a window is padded with silence. Raises DataError for an empty clip.
    """
    if clip.ndim != 1 or not len(clip):
        rule = "must be samples of one channel, at least one"
        raise DataError(message("clip", rule, f"shape {clip.shape}", "Leave it out."))
    length, hop = round(WINDOW * rate), round(HOP * rate)
    samples = np.pad(clip / FULL_SCALE, (0, max(0, length - len(clip))))
    framed = np.lib.stride_tricks.sliding_window_view(samples, length)[::hop]  # (frames, length)
    size = 1 << (length - 1).bit_length()
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)  # Hann, periodic
    power = np.abs(np.fft.rfft(framed * window, size)) ** 2 / np.sum(window) ** 2  # (frames, bins)
    return 10 * np.log10(mel_filters(bands, size, rate) @ power.T + FLOOR)


def mel_filters(bands: int, size: int, rate: int) -> Reals:
    """Triangles of height 1 over the bins of a spectrum of ``size`` samples, shape (bands, size // 2 + 1).

    Raises ConfigurationError if there are so many bands that one of them holds no bin.
    """
    edges = _hertz(np.linspace(0, _mel(rate / 2), bands + 2))
    bins = np.fft.rfftfreq(size, 1 / rate)
    low, centre, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    filters = np.clip(np.minimum((bins - low) / (centre - low), (high - bins) / (high - centre)), 0, None)
    if bands < 1 or not filters.any(1).all():
        rule = f"must be at least 1 and so few that each holds one of the {len(bins)} bins"
        raise ConfigurationError(message("bands", rule, bands, "Ask for another number."))
    return filters


def cepstrum(spectra: Reals) -> Reals:
    """The orthonormal DCT-II over the bands, shape (bands, frames) as given."""
    bands = len(spectra)
    k, b = np.arange(bands)[:, None], np.arange(bands)[None]
    basis = np.sqrt(2 / bands) * np.cos(np.pi * k * (2 * b + 1) / (2 * bands))
    basis[0] /= np.sqrt(2)
    return basis @ spectra


def averaged(values: Reals, frames: int) -> Reals:
    """The means over ``frames`` equal stretches of the last axis, which may cut a value in parts."""
    count = values.shape[-1]
    total = np.concatenate([np.zeros((*values.shape[:-1], 1)), np.cumsum(values, -1)], -1)  # integral up to each border
    place: Reals = np.linspace(0, count, frames + 1)
    below = np.minimum(place.astype(int), count - 1)
    integral: Reals = total[..., below] + (place - below) * values[..., below]
    return np.diff(integral) * frames / count


def _scaled(values: Reals) -> Reals:
    span = values.max() - values.min()
    flat = span <= ROUNDING * np.abs(values).max()
    return np.zeros_like(values) if flat else (values - values.min()) / span


def _mel(hertz: float) -> float:
    return 2595 * np.log10(1 + hertz / 700)


def _hertz(mel: Reals) -> Reals:
    return 700 * (10 ** (mel / 2595) - 1)
