"""The text format of TUDataset: a zip archive with one file for edges, one for graphs, one for labels.

``NAME_A.txt`` holds a line ``row, column`` per directed edge, ``NAME_graph_indicator.txt`` the graph of each node,
``NAME_graph_labels.txt`` the class of each graph and, for some sets, ``NAME_node_labels.txt`` the label of each node;
nodes and graphs are counted from one. Format: C. Morris et al., TUDataset, arXiv 2007.08663 (2020), appendix.
"""

from __future__ import annotations

import hashlib
import os
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Literal

import numpy as np
from pydantic import Field, PositiveInt
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from ohmloom.data.archives import opened, unpacking
from ohmloom.data.formats import Format, Location, PlainFile, Provenance, Sha256, check_count
from ohmloom.data.graphs import Fold, FoldSets, Graphs, Numbers
from ohmloom.data.places import cache_root
from ohmloom.errors import DataError, message

CHUNK = 1 << 24  # bytes of text parsed at a time
LARGE = 1 << 24  # bytes of text from which on the parsed edges are kept in the user's cache


class TUDataset(Format):
    """An archive of TUDataset's form, and the fold files of the papers that follow GIN beside it, if they are there.

    ``prefix`` begins the names in the archive. ``folds`` names folders with ``train_idx-K.txt`` and
    ``test_idx-K.txt`` (graph numbers from zero). Copies of one set differ in the order of their graphs, and folds
    fit one order only: ``order`` is the SHA-256 of the graph labels in that order (64-bit, little-endian), and folds
    that lie beside an archive of another order are refused.
    """

    kind: Literal["tudataset"] = "tudataset"
    archive: PlainFile
    prefix: str
    graphs: PositiveInt
    nodes: PositiveInt
    edges: PositiveInt  # lines of NAME_A.txt
    class_values: tuple[int, ...]  # the labels in the file that mean class 0, 1, …
    class_names: tuple[str, ...]
    node_label_names: tuple[str, ...] = ()  # of labels 0, 1, …; none: the set has no node labels
    folds: dict[str, str] = Field(default_factory=dict[str, str])
    order: Sha256 | None = None

    @property
    def files(self) -> tuple[PlainFile, ...]:
        return (self.archive,)

    @property
    def counts(self) -> dict[str, int]:
        return {"graphs": self.graphs}

    def read(self, folder: Location, about: Provenance, *, remedy: str) -> Graphs:
        path = folder.joinpath(self.archive.file)
        label = str(path)
        content = self.archive.content(path, label=label, remedy=remedy)
        with opened(path, label, remedy) as archive:
            text = _Text(archive, self.prefix, label, remedy)
            labels = self._classes(text)
            graph_of = text.numbers("graph_indicator") - 1
            node_labels = text.numbers("node_labels") if self.node_label_names else None
            edges = self._edges(text, content)
        for found, wanted, what in (
            (len(labels), self.graphs, "graphs"),
            (len(graph_of), self.nodes, "nodes"),
            (edges.shape[1], self.edges, "directed edges"),
        ):
            check_count(found, wanted, what, label=label, remedy=remedy)
        folds = self._folds(folder, labels, remedy)
        try:
            return Graphs(
                about.name, edges, graph_of, labels, self.class_names, about.origin, about.source, about.licence,
                node_labels, self.node_label_names, folds,
            )  # fmt: skip
        except DataError as error:
            raise DataError(f"{label}: {error}") from None

    def _classes(self, text: _Text) -> Numbers:
        values = text.numbers("graph_labels")
        strange = np.setdiff1d(values, self.class_values)
        if len(strange):
            rule = f"graph labels must be among {', '.join(map(str, self.class_values))}"
            raise DataError(message(text.label, rule, strange[0], text.remedy))
        order = np.argsort(self.class_values)
        return order[np.searchsorted(np.asarray(self.class_values)[order], values)]

    def _edges(self, text: _Text, content: bytes) -> Numbers:
        """The edges, shape (2, E), counted from zero; those of a large set are parsed once and kept in the cache."""
        if text.size("A") < LARGE:
            return text.pairs("A") - 1
        digest = hashlib.sha256(content).hexdigest()
        kept = cache_root() / "parsed" / f"{self.prefix}-{digest[:16]}.npz"
        with suppress(OSError, ValueError, KeyError, zipfile.BadZipFile), np.load(kept, allow_pickle=False) as stored:
            return stored["edges"].astype(np.int64)
        edges = text.pairs("A") - 1
        with suppress(OSError):  # a cache that cannot be written costs time, nothing else
            _keep(kept, edges)
        return edges

    def _folds(self, folder: Location, labels: Numbers, remedy: str) -> FoldSets:
        present = {name: path for name, path in self.folds.items() if folder.joinpath(path).is_dir()}
        digest = hashlib.sha256(labels.astype("<i8").tobytes()).hexdigest()
        if present and self.order not in (None, digest):
            path = folder.joinpath(next(iter(present.values())))
            rule = f"folds belong to another order of the graphs than that of {self.archive.file}"
            raise DataError(message(str(path), rule, "both", "Remove the folds, or use the archive that they fit."))
        return FoldSets({name: _read_folds(folder.joinpath(path), remedy) for name, path in present.items()})


class _Text:
    """The text files of one opened archive."""

    def __init__(self, archive: zipfile.ZipFile, prefix: str, label: str, remedy: str) -> None:
        self.archive, self.prefix, self.label, self.remedy = archive, prefix, label, remedy

    def size(self, what: str) -> int:
        """How many bytes one of the files has, unpacked."""
        return self._entry(what).file_size

    def numbers(self, what: str) -> Numbers:
        """The whole numbers of a file, one a line."""
        return np.concatenate([np.zeros(0, np.int64), *self._parsed(what)])

    def pairs(self, what: str) -> Numbers:
        """The whole numbers of a file with two a line, shape (2, lines)."""
        numbers = self.numbers(what)
        if len(numbers) % 2:
            given = f"{len(numbers)} numbers"
            raise DataError(message(self.label, f"{self.prefix}_{what}.txt must hold pairs", given, self.remedy))
        return numbers.reshape(-1, 2).T

    def _entry(self, what: str) -> zipfile.ZipInfo:
        name = f"{self.prefix}_{what}.txt"
        for entry in self.archive.infolist():
            if entry.filename.rpartition("/")[2] == name:
                return entry
        raise DataError(message(self.label, f"must hold {name}", "an archive without it", self.remedy))

    def _parsed(self, what: str) -> Iterator[Numbers]:
        entry = self._entry(what)
        columns = TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn()
        show = entry.file_size >= LARGE
        with (
            Progress(*columns, console=Console(stderr=True), transient=True, disable=not show) as progress,
            unpacking(self.label, self.remedy),
            self.archive.open(entry) as stream,
        ):
            task = progress.add_task(f"reading {self.prefix}_{what}.txt", total=entry.file_size)
            for lines in _lines(stream):
                progress.advance(task, len(lines))
                yield _parse(lines, f"{self.label}: {self.prefix}_{what}.txt", self.remedy)


def _lines(stream: IO[bytes]) -> Iterator[bytes]:
    """The text in pieces of whole lines."""
    rest = b""
    while chunk := stream.read(CHUNK):
        whole, newline, rest = (rest + chunk).rpartition(b"\n")
        yield whole + newline
    yield rest


def _parse(text: bytes, label: str, remedy: str) -> Numbers:
    """The whole numbers in ``text``, separated by commas or white space."""
    words = text.replace(b",", b" ")
    if not words.strip():
        return np.zeros(0, np.int64)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", DeprecationWarning)  # numpy's word for text that is not numbers
            return np.fromstring(words.decode("ascii"), np.int64, sep=" ")
    except (DeprecationWarning, ValueError) as error:
        raise DataError(message(label, "must hold whole numbers only", error, remedy)) from None


def _read_folds(folder: Location, remedy: str) -> tuple[Fold, ...]:
    """The folds of a folder with ``train_idx-1.txt``, ``test_idx-1.txt`` and so on."""
    count = sum(entry.name.startswith("test_idx-") for entry in folder.iterdir())
    if not count:
        raise DataError(message(str(folder), "must hold test_idx-1.txt and so on", "none of them", remedy))
    numbers = range(1, count + 1)
    return tuple(
        Fold(*(_indices(folder.joinpath(f"{p}_idx-{k}.txt"), remedy) for p in ("train", "test"))) for k in numbers
    )


def _indices(path: Location, remedy: str) -> Numbers:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(message(str(path), "must be a readable file", error, remedy)) from None
    return _parse(content, str(path), remedy)


def _keep(path: Path, edges: Numbers) -> None:
    """Store the edges, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=path.parent, prefix=".parsing-") as temporary:
        np.savez(Path(temporary) / path.name, edges=edges.astype(np.int32))
        os.replace(Path(temporary) / path.name, path)
