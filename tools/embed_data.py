"""Make the embedded data from the official files.

    OHMLOOM_DATA=folder python tools/embed_data.py

Writes files beside each data set's LICENCE.txt in ``src/ohmloom/data/embedded`` and prints the tables for
``src/ohmloom/data/sets``. Running it again gives the same data, and the same bytes with the same zlib.

- Images: 10,000 for training and 2,000 for testing: of each class the same number, spread evenly over the class in the
  official order (the second half of MNIST's test part is by other writers than the first, so a plain beginning would
  be easier), kept in that order.
- Recordings: six takes of every speaker and digit, spread over the takes; take 0 belongs to the official test part.
- Data sets that are held whole: the official files, byte for byte.
"""

from __future__ import annotations

import gzip
import hashlib
import zipfile
from pathlib import Path

import numpy as np

from ohmloom import data
from ohmloom.data import idx
from ohmloom.data.images import Bytes

EMBEDDED = Path(__file__).resolve().parents[1] / "src" / "ohmloom" / "data" / "embedded"
PER_CLASS = {"training": 1000, "test": 200}
TAKES = (0, 5, 16, 27, 38, 49)


def choose(labels: Bytes, per_class: int) -> np.ndarray:
    """The indices, in order, of ``per_class`` evenly spread images of each class."""
    members = [np.flatnonzero(labels == c) for c in np.unique(labels)]
    return np.sort(np.concatenate([m[np.arange(per_class) * len(m) // per_class] for m in members]))


def write(folder: Path, part: str, official: data.IdxFile, array: Bytes) -> str:
    """Write one idx file, named after the official one, and return its line for the data set's TOML file."""
    content = idx.encode(array)
    (folder / official.file).write_bytes(gzip.compress(content, compresslevel=9, mtime=0))
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    return f'{part} = {{ file = "{official.file}", shape = {list(array.shape)}, md5 = "{md5}" }}'


def embed_images(name: str, folder: Path) -> list[str]:
    """Write the embedded subset of a set of images into ``folder`` and return its table."""
    full, images = data.describe(name).full, data.load(name)
    assert isinstance(full, data.IdxImages)
    lines = ["[embedded]", f'kind = "{full.kind}"']
    for part, per_class in PER_CLASS.items():
        kept = choose(getattr(images, f"{part}_labels"), per_class)
        for field in (f"{part}_images", f"{part}_labels"):
            lines.append(write(folder, field, getattr(full, field), getattr(images, field)[kept]))
    return lines


def embed_recordings(name: str, folder: Path) -> list[str]:
    """Write the embedded subset of an archive of recordings into ``folder`` and return the lines that differ."""
    full = data.describe(name).full
    assert isinstance(full, data.WavRecordings)
    path = data.get(name) / full.archive.file
    found = full.archive.recordings(path, label=str(path), remedy="Get the official file.")
    kept = {wav: content for wav, content in found.items() if int(wav.rpartition("_")[2].removesuffix(".wav")) in TAKES}
    digest = hashlib.sha256()
    with zipfile.ZipFile(folder / full.archive.file, "w", zipfile.ZIP_LZMA) as archive:
        for wav, content in kept.items():
            archive.writestr(zipfile.ZipInfo(f"recordings/{wav}"), content, zipfile.ZIP_LZMA)
            digest.update(content)
    line = f'archive = {{ file = "{full.archive.file}", contents_sha256 = "{digest.hexdigest()}" }}'
    return ["[embedded]", f'kind = "{full.kind}"', line, f"clips = {len(kept)}"]


def embed_whole(name: str, folder: Path) -> list[str]:
    """Copy the official files of a data set, verified, into ``folder``."""
    official = data.get(name)
    for file in data.describe(name).full.files:
        file.verify(official / file.file, label=file.file, remedy="Get the official file.")
        (folder / file.file).write_bytes((official / file.file).read_bytes())
    return ["embedded_whole = true"]


def embed(name: str, folder: Path) -> list[str]:
    """Write what the package holds of a data set into ``folder``, and return the lines that say so."""
    dataset = data.describe(name)
    if dataset.embedded_whole:
        return embed_whole(name, folder)
    if dataset.embedded is None:
        return []
    return (embed_images if isinstance(dataset.full, data.IdxImages) else embed_recordings)(name, folder)


if __name__ == "__main__":
    for name in data.names():
        print(f"# {name}.toml", *embed(name, EMBEDDED / name), sep="\n")
