"""Spoken digits as a data set holds them: clips of one rate, with digit, speaker and take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ohmloom.data.formats import Origin
from ohmloom.data.graphs import Numbers
from ohmloom.errors import ConfigurationError, DataError, message, unknown

Clip = NDArray[np.int16]
OFFICIAL_TEST_TAKES = 5  # takes 0 to 4 of every speaker and digit


class Split(NamedTuple):
    """Numbers of the clips of each part, in order."""

    training: Numbers
    test: Numbers


@dataclass(frozen=True, eq=False)
class Recordings:
    """Clips of spoken digits, one channel, and where they came from.

    n clips: ``clips`` are int16 samples, each (samples,) and read-only; ``digits`` (n,) from 0 to 9; ``speakers`` (n,)
    number the entries of ``speaker_names``; ``takes`` (n,) count the repetitions of a digit by a speaker from 0;
    ``rate`` is in hertz. Raises DataError for an empty clip and for arrays that do not fit one another.
    """

    name: str
    clips: tuple[Clip, ...]
    digits: Numbers
    speakers: Numbers
    takes: Numbers
    speaker_names: tuple[str, ...]
    rate: int
    origin: Origin
    source: str
    licence: str

    def __post_init__(self) -> None:
        for field in ("digits", "speakers", "takes"):
            if getattr(self, field).shape != (len(self.clips),):
                given = f"shape {getattr(self, field).shape} for {len(self.clips)} clips"
                raise DataError(message(f"{self.name}.{field}", "must be one per clip", given, "Give as many."))
        for number, clip in enumerate(self.clips):
            if clip.dtype != np.int16 or clip.ndim != 1 or not len(clip):
                given = f"{clip.dtype} of shape {clip.shape}"
                rule = "must be 16-bit samples of one channel, at least one"
                raise DataError(message(f"{self.name}.clips[{number}]", rule, given, "Leave it out."))
            clip.flags.writeable = False

    def __len__(self) -> int:
        return len(self.clips)

    def random_split(self, test: float = 0.3, *, seed: int = 0) -> Split:
        """A share ``test`` of the clips drawn at random; speakers are in both parts. The same seed draws the same.

        Raises ConfigurationError unless both parts get a clip.
        """
        import torch  # slow to import

        from ohmloom.random import Streams

        count = round(len(self) * test)
        if not 0 < count < len(self):
            rule = f"must leave both parts a clip of {len(self)}"
            raise ConfigurationError(message("test", rule, test, "Choose another share."))
        generator = Streams(seed).child("data", self.name).generator("test")
        return self._split(
            np.isin(np.arange(len(self)), torch.randperm(len(self), generator=generator)[:count].numpy())
        )

    def official_split(self) -> Split:
        """Takes 0 to 4 of every speaker and digit are the test part; speakers are in both parts."""
        return self._split(self.takes < OFFICIAL_TEST_TAKES)

    def speaker_split(self, held_out: str) -> Split:
        """All clips of one speaker are the test part, so that no voice is in both. Raises UnknownNameError."""
        if held_out not in self.speaker_names:
            raise unknown("held_out", held_out, self.speaker_names)
        return self._split(self.speakers == self.speaker_names.index(held_out))

    def _split(self, test: NDArray[np.bool_]) -> Split:
        if test.all() or not test.any():
            rule = "must have clips of both parts for this split"
            raise ConfigurationError(
                message(self.name, rule, f"{int(test.sum())} of {len(self)} in the test part", "Choose another split.")
            )
        return Split(np.flatnonzero(~test), np.flatnonzero(test))
