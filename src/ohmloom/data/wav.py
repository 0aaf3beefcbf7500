"""Zip archives of wav files named ``digit_speaker_take.wav``, as in the Free Spoken Digit Dataset."""

from __future__ import annotations

import hashlib
import io
import re
import wave
from typing import Literal

import numpy as np
from pydantic import PositiveInt

from ohmloom.data.archives import opened, unpacking
from ohmloom.data.formats import DataFile, Format, Location, Provenance, Sha256, check_count
from ohmloom.data.recordings import Clip, Recordings
from ohmloom.errors import DataError, message

_NAME = re.compile(r"(?:.*/)?recordings/((\d)_([A-Za-z0-9]+)_(\d+)\.wav)")


class WavArchive(DataFile):
    """A zip archive with a folder ``recordings`` of wav files, at its top or further down.

    The checksum is that of the wav files' bytes, one after the other in the order of their names, so that an archive
    of a whole repository is as good as one of this folder alone.
    """

    contents_sha256: Sha256

    @property
    def known(self) -> bool:
        return True

    def verify(self, path: Location, *, label: str, remedy: str) -> None:
        self.recordings(path, label=label, remedy=remedy)

    def recordings(self, path: Location, *, label: str, remedy: str) -> dict[str, bytes]:
        """The bytes of each wav file by its name, in the order of the names, verified."""
        with opened(path, label, remedy) as archive, unpacking(label, remedy):
            named = ((_NAME.fullmatch(entry.filename), entry) for entry in archive.infolist())
            found = {match[1]: archive.read(entry) for match, entry in named if match}
        digest = hashlib.sha256()
        for name in sorted(found):
            digest.update(found[name])
        if digest.hexdigest() != self.contents_sha256:
            rule = f"must hold recordings with the sha256 {self.contents_sha256}"
            raise DataError(message(label, rule, f"{len(found)} with {digest.hexdigest()}", remedy))
        return {name: found[name] for name in sorted(found)}


class WavRecordings(Format):
    """An archive of recordings of one rate."""

    kind: Literal["wav"] = "wav"
    archive: WavArchive
    clips: PositiveInt
    rate: PositiveInt  # Hz
    speakers: tuple[str, ...]

    @property
    def files(self) -> tuple[WavArchive, ...]:
        return (self.archive,)

    @property
    def counts(self) -> dict[str, int]:
        return {"clips": self.clips}

    def read(self, folder: Location, about: Provenance, *, remedy: str) -> Recordings:
        path = folder.joinpath(self.archive.file)
        found = self.archive.recordings(path, label=str(path), remedy=remedy)
        check_count(len(found), self.clips, "recordings", label=str(path), remedy=remedy)
        clips = [decode(content, self.rate, label=f"{path}: {name}", remedy=remedy) for name, content in found.items()]
        fields = [name.removesuffix(".wav").split("_") for name in found]
        strange = sorted({speaker for _, speaker, _ in fields} - set(self.speakers))
        if strange:
            rule = f"speakers must be among {', '.join(self.speakers)}"
            raise DataError(message(str(path), rule, strange[0], remedy))
        return Recordings(
            about.name,
            tuple(clips),
            np.array([int(digit) for digit, _, _ in fields]),
            np.array([self.speakers.index(speaker) for _, speaker, _ in fields]),
            np.array([int(take) for _, _, take in fields]),
            self.speakers,
            self.rate,
            about.origin,
            about.source,
            about.licence,
        )


def decode(content: bytes, rate: int, *, label: str, remedy: str) -> Clip:
    """The samples of a wav file of one channel with 16 bits at ``rate`` hertz; anything else is a DataError."""
    try:
        with wave.open(io.BytesIO(content)) as file:
            given = file.getframerate(), file.getnchannels(), file.getsampwidth() * 8
            samples = np.frombuffer(file.readframes(file.getnframes()), "<i2") if given[1:] == (1, 16) else None
            declared = file.getnframes()
    except (wave.Error, EOFError, ValueError) as error:
        raise DataError(message(label, "must be a whole wav file", error, remedy)) from None
    if samples is None or given != (rate, 1, 16):
        form = "{} Hz, {} channel(s), {} bits"
        raise DataError(message(label, f"must be {form.format(rate, 1, 16)}", form.format(*given), remedy))
    if not declared or len(samples) != declared:
        rule = "must hold the samples that it declares, at least one"
        raise DataError(message(label, rule, f"{len(samples)} of {declared}", remedy))
    return samples.astype(np.int16)
