"""Make the embedded subsets: 10,000 training and 2,000 test images of each data set, from the official files.

    OHMLOOM_DATA=folder python tools/embed_data.py

Writes idx files beside each data set's LICENCE.txt in ``src/ohmloom/data/embedded`` and prints the tables for
``src/ohmloom/data/sets``. The choice: of each class the same number of images, spread evenly over the class in the
official order (the second half of MNIST's test part is by other writers than the first, so a plain beginning would be
easier), kept in that order. Running it again gives the same arrays, and the same bytes with the same zlib.
"""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

import numpy as np

from ohmloom import data
from ohmloom.data import idx
from ohmloom.data.idx import Bytes

EMBEDDED = Path(__file__).resolve().parents[1] / "src" / "ohmloom" / "data" / "embedded"
PER_CLASS = {"training": 1000, "test": 200}


def choose(labels: Bytes, per_class: int) -> np.ndarray:
    """The indices, in order, of ``per_class`` evenly spread images of each class."""
    members = [np.flatnonzero(labels == c) for c in np.unique(labels)]
    return np.sort(np.concatenate([m[np.arange(per_class) * len(m) // per_class] for m in members]))


def write(folder: Path, part: str, official: data.DataFile, array: Bytes) -> str:
    """Write one idx file, named after the official one, and return its line for the data set's TOML file."""
    content = idx.encode(array)
    (folder / official.file).write_bytes(gzip.compress(content, compresslevel=9, mtime=0))
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    return f'{part} = {{ file = "{official.file}", shape = {list(array.shape)}, md5 = "{md5}" }}'


def embed(name: str, folder: Path) -> list[str]:
    """Write the embedded subset of a data set into ``folder`` and return its table."""
    full, images = data.describe(name).full, data.load(name)
    lines = ["[embedded]"]
    for part, per_class in PER_CLASS.items():
        kept = choose(getattr(images, f"{part}_labels"), per_class)
        for field in (f"{part}_images", f"{part}_labels"):
            lines.append(write(folder, field, getattr(full, field), getattr(images, field)[kept]))
    return lines


if __name__ == "__main__":
    for name in data.names():
        print(f"# {name}.toml", *embed(name, EMBEDDED / name), sep="\n")
