"""Named random streams: one independent generator per purpose, die and layer.

A stream's seed is a hash of *names*, so what one die or layer draws never depends on which others are drawn with it,
in which order, or in how many threads.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Streams:
    """A tree of named random streams under one seed.

    >>> a = Streams(0).child("conv1").generator("programming", die=3)
    >>> b = Streams(0).child("conv1").generator("programming", die=3)
    >>> bool(torch.equal(torch.rand(4, generator=a), torch.rand(4, generator=b)))
    True
    """

    seed: int
    path: tuple[str, ...] = ()

    def child(self, *names: str) -> Streams:
        """The streams below this one: of a layer, an arm of an experiment, a trial."""
        return Streams(self.seed, (*self.path, *names))

    def key(self, purpose: str, die: int = 0) -> int:
        """The 32-bit seed of one stream (torch's CPU generator keeps no more)."""
        text = "\x1f".join((str(self.seed), *self.path, purpose, str(die)))
        return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=4).digest(), "big")

    def generator(self, purpose: str, die: int = 0, device: torch.device | str = "cpu") -> torch.Generator:
        """A fresh generator for ``purpose`` on die number ``die``."""
        return torch.Generator(device).manual_seed(self.key(purpose, die))
