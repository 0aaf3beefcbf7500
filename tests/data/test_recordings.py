"""Recordings: the official clips and splits, the embedded ones, and every clip that is not what it should be."""

import hashlib
import io
import os
import wave
import zipfile
from pathlib import Path

import numpy as np
import pytest

from ohmloom import data
from ohmloom.data import Provenance, Recordings, WavArchive, WavRecordings
from ohmloom.errors import ConfigurationError, DataError, UnknownNameError
from tools.embed_data import embed

REAL = os.environ.get("OHMLOOM_DATA")
ABOUT = Provenance("w", "real", "a folder", "none")
SPEAKERS = ("ann", "bob")


def wav(samples: np.ndarray, *, rate: int = 8000, channels: int = 1, width: int = 2) -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setparams((channels, width, rate, 0, "NONE", ""))
        file.writeframes(samples.tobytes())
    return buffer.getvalue()


def clip(number: int) -> np.ndarray:
    return np.arange(number, number + 10, dtype=np.int16)


GOOD = {f"{digit}_{who}_{take}.wav": wav(clip(digit)) for digit in (0, 1) for who in SPEAKERS for take in (0, 4, 5)}


def archive(folder: Path, files: dict[str, bytes], top: str = "") -> WavRecordings:
    """Write w.zip with these files, and describe it."""
    digest = hashlib.sha256()
    with zipfile.ZipFile(folder / "w.zip", "w") as made:
        made.writestr(f"{top}README.md", "not a recording")
        for name, content in files.items():
            made.writestr(f"{top}recordings/{name}", content)
    for name in sorted(files):
        digest.update(files[name])
    known = WavArchive(file="w.zip", contents_sha256=digest.hexdigest())
    return WavRecordings(archive=known, clips=len(files), rate=8000, speakers=SPEAKERS)


def read(folder: Path, form: WavRecordings) -> Recordings:
    return form.read(folder, ABOUT, remedy="Mend it.")


@pytest.mark.parametrize("top", ["", "repository-26eb/"])
def test_clips_are_read_back_in_the_order_of_their_names(tmp_path: Path, top: str) -> None:
    recordings = read(tmp_path, archive(tmp_path, dict(reversed(GOOD.items())), top))
    assert recordings.digits.tolist() == [0] * 6 + [1] * 6
    assert recordings.speakers.tolist() == [0, 0, 0, 1, 1, 1] * 2
    assert recordings.takes.tolist() == [0, 4, 5] * 4
    for digit, samples in zip(recordings.digits, recordings.clips, strict=True):
        assert samples.tolist() == clip(int(digit)).tolist()
        with pytest.raises(ValueError, match="read-only"):
            samples[0] = 1


def test_splits(tmp_path: Path) -> None:
    recordings = read(tmp_path, archive(tmp_path, GOOD))
    official, bob = recordings.official_split(), recordings.speaker_split("bob")
    assert recordings.takes[official.test].tolist() == [0, 4] * 4
    assert recordings.takes[official.training].tolist() == [5] * 4
    assert set(recordings.speakers[bob.test]) == {1}
    assert set(recordings.speakers[bob.training]) == {0}
    drawn = recordings.random_split(0.25, seed=1)
    assert len(drawn.test) == 3
    for split in (official, bob, drawn):
        assert sorted([*split.training, *split.test]) == list(range(12))
        assert (np.diff(split.training) > 0).all()
    assert recordings.random_split(0.25, seed=1).test.tolist() == drawn.test.tolist()
    assert any(recordings.random_split(0.25, seed=s).test.tolist() != drawn.test.tolist() for s in range(2, 5))


def test_splits_that_leave_a_part_empty(tmp_path: Path) -> None:
    recordings = read(tmp_path, archive(tmp_path, {name: GOOD[name] for name in GOOD if "ann_5" in name}))
    with pytest.raises(UnknownNameError, match=r"Known: ann, bob"):
        recordings.speaker_split("cy")
    with pytest.raises(ConfigurationError, match="must have clips of both parts for this split, got 2 of 2"):
        recordings.speaker_split("ann")
    with pytest.raises(ConfigurationError, match="must have clips of both parts for this split, got 0 of 2"):
        recordings.official_split()
    for share in (0.0, 1.0, -0.5):
        with pytest.raises(ConfigurationError, match="must leave both parts a clip of 2"):
            recordings.random_split(share)


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (wav(clip(0), rate=16000), r"must be 8000 Hz, 1 channel\(s\), 16 bits, got 16000 Hz, 1 channel"),
        (wav(clip(0), channels=2), r".* got 8000 Hz, 2 channel\(s\), 16 bits"),
        (wav(clip(0).astype(np.uint8), width=1), r".* got 8000 Hz, 1 channel\(s\), 8 bits"),
        (wav(clip(0)[:0]), "must hold the samples that it declares, at least one, got 0 of 0"),
        (wav(clip(0))[:-4], "must hold the samples that it declares, at least one, got 8 of 10"),
        (b"", "must be a whole wav file"),
        (b"<html>", "must be a whole wav file"),
    ],
    ids=["rate", "channels", "bits", "empty", "cut off", "no bytes", "no wav"],
)
def test_wrong_audio_is_named(tmp_path: Path, content: bytes, rule: str) -> None:
    with pytest.raises(DataError, match=rf"w\.zip: 1_bob_4\.wav: {rule}.* Mend it\."):
        read(tmp_path, archive(tmp_path, GOOD | {"1_bob_4.wav": content}))


def test_wrong_archives_are_named(tmp_path: Path) -> None:
    form = archive(tmp_path, GOOD)
    path = tmp_path / "w.zip"
    whole = path.read_bytes()
    with pytest.raises(DataError, match=r"w\.zip: must hold 13 recordings, got 12"):
        read(tmp_path, form.replace(clips=13))
    with pytest.raises(DataError, match=r"speakers must be among ann, got bob"):
        read(tmp_path, form.replace(speakers=("ann",)))
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"w\.zip: must be a whole zip archive"):
        read(tmp_path, form)
    archive(tmp_path, GOOD | {"1_bob_4.wav": wav(clip(7))})
    with pytest.raises(DataError, match=r"w\.zip: must hold recordings with the sha256 .*, got 12 with"):
        read(tmp_path, form)


def test_arrays_that_do_not_fit() -> None:
    fields = ("w", (clip(0),), np.zeros(1, int), np.zeros(1, int))
    with pytest.raises(DataError, match=r"w\.takes: must be one per clip, got shape \(2,\) for 1 clips"):
        Recordings(*fields, np.zeros(2, int), ("a",), 8000, "real", "here", "none")
    with pytest.raises(DataError, match=r"w\.clips\[0\]: must be 16-bit samples of one channel"):
        Recordings("w", (clip(0)[:0],), *fields[2:], np.zeros(1, int), ("a",), 8000, "real", "here", "none")


def test_embedded_recordings_are_balanced() -> None:
    recordings = data.load("fsdd", subset="embedded")
    assert (len(recordings), recordings.rate, recordings.origin) == (360, 8000, "embedded")
    counts = np.zeros((10, 6), int)
    np.add.at(counts, (recordings.digits, recordings.speakers), 1)
    assert (counts == 6).all()
    assert [len(part) for part in recordings.official_split()] == [300, 60]


def test_official_recordings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    if not REAL or not (Path(REAL) / "fsdd").is_dir():
        pytest.skip("needs the real data: OHMLOOM_DATA with a folder fsdd")
    monkeypatch.setenv("OHMLOOM_DATA", REAL)
    recordings = data.load("fsdd")
    assert np.bincount(recordings.digits).tolist() == [300] * 10
    assert np.bincount(recordings.speakers).tolist() == [500] * 6
    lengths = [len(samples) for samples in recordings.clips]
    assert (min(lengths), max(lengths)) == (1148, 18262)
    assert [len(part) for part in recordings.official_split()] == [2700, 300]
    embed("fsdd", tmp_path)  # the embedded subset is made again
    subset = data.describe("fsdd").embedded
    assert subset is not None
    subset.files[0].verify(tmp_path / "recordings.zip", label="again", remedy="")
    official = {samples.tobytes() for samples in recordings.clips}
    assert all(samples.tobytes() in official for samples in data.load("fsdd", subset="embedded").clips)
