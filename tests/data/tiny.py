"""A tiny data set of known arrays with its files, and what a web server on this machine says of it."""

import gzip
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import tomli_w

from ohmloom.data import idx

FILES = {
    "training_images": "train-images-idx3-ubyte.gz",
    "training_labels": "train-labels-idx1-ubyte.gz",
    "test_images": "t10k-images-idx3-ubyte.gz",
    "test_labels": "t10k-labels-idx1-ubyte.gz",
}


@dataclass
class Tiny:
    """A data set of 20 + 6 images of 5 x 4 and the bytes of its four files."""

    arrays: dict[str, np.ndarray]
    folder: Path
    mirrors: list[str] = field(default_factory=list)

    @property
    def files(self) -> dict[str, bytes]:
        return {file: gzip.compress(idx.encode(self.arrays[part])) for part, file in FILES.items()}

    @property
    def toml(self) -> str:
        """The path of the description of the data set."""
        full = {
            part: {
                "file": file,
                "shape": list(self.arrays[part].shape),
                "md5": hashlib.md5(idx.encode(self.arrays[part])).hexdigest(),
            }
            for part, file in FILES.items()
        }
        head = {"name": "tiny", "licence": "none", "attribution": "nobody", "citation": "none", "classes": ["a", "b"]}
        path = self.folder / "tiny.toml"
        path.write_text(tomli_w.dumps(head | {"mirrors": self.mirrors, "full": {"kind": "idx"} | full}))
        return str(path)

    def write(self, folder: Path) -> Path:
        """Put the four files into ``folder``."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in self.files.items():
            (folder / name).write_bytes(content)
        return folder


@dataclass
class Server:
    """A web server on this machine. ``spoil[file]`` changes (declared length, bytes sent) of an answer."""

    address: str
    content: dict[str, bytes]
    spoil: dict[str, Callable[[bytes], tuple[int, bytes]]]
    asked: list[str]
