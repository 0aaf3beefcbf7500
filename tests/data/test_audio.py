"""Speech as pictures: against independent formulas, tones in their bands, silence, and the shapes that are promised."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.fft import dct
from scipy.signal import stft

from ohmloom import data
from ohmloom.data import audio
from ohmloom.errors import ConfigurationError, DataError, UnknownNameError

RATE = 8000


def tone(hertz: float, seconds: float = 0.5, amplitude: float = 8000) -> np.ndarray:
    time = np.arange(round(seconds * RATE)) / RATE
    return (amplitude * np.sin(2 * np.pi * hertz * time)).astype(np.int16)


@pytest.mark.parametrize("hertz", [200, 500, 1000, 2000, 3500])
def test_tone_is_loudest_in_its_band(hertz: float) -> None:
    centres = np.linspace(0, 2595 * np.log10(1 + RATE / 2 / 700), 25)[1:-1]  # of the bands, in mel
    expected = np.abs(centres - 2595 * np.log10(1 + hertz / 700)).argmin()
    assert abs(int(audio.log_mel(tone(hertz), RATE).mean(1).argmax()) - expected) <= (hertz == 2000)  # between two
    # ten times the amplitude is 20 dB more in the loudest band
    louder, softer = (audio.log_mel(tone(hertz, amplitude=a), RATE).max() for a in (20000, 2000))
    assert louder - softer == pytest.approx(20, abs=0.1)


def test_spectrum_agrees_with_scipy() -> None:
    clip = np.random.default_rng(0).normal(0, 3000, 4000).astype(np.int16)
    _, _, transform = stft(
        clip / 32768, RATE, "hann", nperseg=200, noverlap=120, nfft=256, boundary=None, padded=False, scaling="spectrum"
    )
    power = np.abs(transform) ** 2
    expected = 10 * np.log10(audio.mel_filters(23, 256, RATE) @ power + audio.FLOOR)
    np.testing.assert_allclose(audio.log_mel(clip, RATE), expected, atol=1e-9)


def test_cepstrum_is_the_orthonormal_dct() -> None:
    spectra = np.random.default_rng(0).normal(size=(23, 7))
    np.testing.assert_allclose(audio.cepstrum(spectra), dct(spectra, type=2, axis=0, norm="ortho"), atol=1e-12)


def test_filters_overlap_to_one() -> None:
    filters = audio.mel_filters(23, 256, RATE)
    assert filters.shape == (23, 129)
    assert filters.min() >= 0
    peaks = filters.argmax(1)
    assert (np.diff(peaks) > 0).all()
    np.testing.assert_allclose(filters[:, peaks[0] : peaks[-1]].sum(0), 1, atol=1e-12)


@given(count=st.integers(1, 60), frames=st.integers(1, 40), seed=st.integers(0, 99))
def test_averages_are_those_of_every_value_repeated(count: int, frames: int, seed: int) -> None:
    values = np.random.default_rng(seed).normal(size=(3, count))
    slow = np.repeat(values, frames, 1).reshape(3, frames, count).mean(2)  # frames stretches of count pieces each
    np.testing.assert_allclose(audio.averaged(values, frames), slow, atol=1e-10)


@pytest.mark.parametrize("kind", ["mfcc", "log-mel"])
def test_maps_are_in_range_and_know_no_other_clip(kind: audio.Kind) -> None:
    clips = [tone(700), tone(300, 0.01), tone(1500, 2.0)]  # the second is shorter than a window
    maps = audio.feature_maps(clips, RATE, kind=kind)
    assert maps.shape == (3, 23, 20)
    assert (maps.min((1, 2)) == 0).all()
    assert (maps.max((1, 2)) == 1).all()
    for clip, whole in zip(clips, maps, strict=True):
        np.testing.assert_array_equal(audio.feature_maps([clip], RATE, kind=kind)[0], whole)
    assert audio.feature_maps([], RATE, kind=kind).shape == (0, 23, 20)


def test_silence_is_a_map_of_zeros() -> None:
    assert not audio.feature_maps([np.zeros(2000, np.int16)], RATE, kind="log-mel").any()


def test_bad_input() -> None:
    with pytest.raises(DataError, match="at least one"):
        audio.log_mel(np.zeros(0, np.int16), RATE)
    with pytest.raises(DataError, match="of one channel"):
        audio.log_mel(np.zeros((100, 2), np.int16), RATE)
    with pytest.raises(UnknownNameError, match="Known: log-mel, mfcc"):
        audio.feature_maps([tone(400)], RATE, kind="mel")  # type: ignore[arg-type]
    for bands in (0, 100):
        with pytest.raises(ConfigurationError, match=f"each holds one of the 129 bins, got {bands}"):
            audio.log_mel(tone(400), RATE, bands=bands)
    with pytest.raises(ConfigurationError, match="frames: must be at least 1"):
        audio.feature_maps([tone(400)], RATE, frames=0)


@pytest.mark.parametrize("kind", ["mfcc", "log-mel"])
def test_maps_tell_spoken_digits_apart(kind: audio.Kind) -> None:
    recordings = data.load("fsdd", subset="embedded")
    maps = audio.feature_maps(recordings.clips, recordings.rate, kind=kind).reshape(len(recordings), -1)
    training, test = recordings.official_split()
    distances = ((maps[test, None] - maps[None, training]) ** 2).sum(2)
    nearest = recordings.digits[training][distances.argmin(1)]
    assert (nearest == recordings.digits[test]).mean() > 0.7  # the nearest clip; chance is 0.1
