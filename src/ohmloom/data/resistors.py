"""The measured random resistor arrays of the echo-state graph network, and the MUTAG graphs with its authors' folds.

Source: S. Wang et al., Echo state graph neural networks with analogue random resistive memory arrays, Nature Machine
Intelligence 5, 104-113 (2023), doi 10.1038/s42256-023-00609-5, and its repository (conductance maps of figure 1,
breakdown voltages of Extended Data figure 1, the file of the MUTAG task).
"""

# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false
# (scipy has no types: what it reads from a MATLAB file is Any)

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import PositiveInt

from ohmloom.data.formats import Format, Location, Origin, PlainFile, Provenance, check_count
from ohmloom.data.graphs import Fold, FoldSets, Graphs, Numbers
from ohmloom.errors import DataError, message

Reals = NDArray[np.float64]
MICRO = 1e-6  # the files give microsiemens
CLASSES = {-1: "not mutagenic", 1: "mutagenic"}
ATOMS = ("C", "N", "O", "F", "I", "Cl", "Br")  # rows of the labels in the .mat


@dataclass(frozen=True, eq=False)
class ResistorArrays:
    """Two measured arrays of cells that either broke down or did not, and the task that they were measured for.

    - ``input_cells`` (50, 8), S: hidden nodes by seven atom labels and a bias; zero is a cell that did not break down;
    - ``hidden_cells`` (50, 50), S;
    - ``breakdown_volts`` (400,), V: of 400 other cells;
    - ``graphs``: the 188 MUTAG graphs in the authors' order, with their folds: ``folds["authors"]``, ten of 169
      training and 19 test graphs; and for each of these ``folds["authors, nested 0"]`` … ``9``: ten divisions of its
      training part for the choice of a model (training, validation).

    Raises DataError for cells that are negative or not finite.
    """

    name: str
    input_cells: Reals
    hidden_cells: Reals
    breakdown_volts: Reals
    graphs: Graphs
    origin: Origin
    source: str
    licence: str

    def __post_init__(self) -> None:
        for field in ("input_cells", "hidden_cells", "breakdown_volts"):
            values: Reals = getattr(self, field)
            if not np.all(np.isfinite(values)) or np.any(values < 0):
                rule = "must be finite and not negative"
                raise DataError(message(f"{self.name}.{field}", rule, "other values", "Mend the file it comes from."))
            values.flags.writeable = False


class ResistorFiles(Format):
    """Two tables of conductances in microsiemens, a list of breakdown voltages, and the authors' file of the task."""

    kind: Literal["resistor arrays"] = "resistor arrays"
    input_cells: PlainFile
    hidden_cells: PlainFile
    breakdown_volts: PlainFile
    task: PlainFile
    hidden: PositiveInt  # rows of both tables
    inputs: PositiveInt  # columns of the first
    breakdowns: PositiveInt
    graphs: PositiveInt

    @property
    def files(self) -> tuple[PlainFile, ...]:
        return self.input_cells, self.hidden_cells, self.breakdown_volts, self.task

    @property
    def counts(self) -> dict[str, int]:
        return {"cells": self.hidden * (self.inputs + self.hidden), "graphs": self.graphs}

    def read(self, folder: Location, about: Provenance, *, remedy: str) -> ResistorArrays:
        inputs = _table(folder, self.input_cells, (self.hidden, self.inputs), remedy) * MICRO
        hidden = _table(folder, self.hidden_cells, (self.hidden, self.hidden), remedy) * MICRO
        volts = _table(folder, self.breakdown_volts, (self.breakdowns, 1), remedy)[:, 0].copy()
        path = folder.joinpath(self.task.file)
        content = self.task.content(path, label=str(path), remedy=remedy)
        graphs = _graphs(content, about, str(path), remedy)
        check_count(len(graphs), self.graphs, "graphs", label=str(path), remedy=remedy)
        return ResistorArrays(about.name, inputs, hidden, volts, graphs, about.origin, about.source, about.licence)


def _table(folder: Location, file: PlainFile, shape: tuple[int, int], remedy: str) -> Reals:
    path = folder.joinpath(file.file)
    text = file.content(path, label=str(path), remedy=remedy).decode("ascii", "replace")
    try:
        values = np.loadtxt(io.StringIO(text), delimiter=",", ndmin=2)
    except ValueError as error:
        raise DataError(message(str(path), "must hold numbers separated by commas", error, remedy)) from None
    if values.shape != shape:
        rule = f"must hold {shape[0]} x {shape[1]} numbers"
        raise DataError(message(str(path), rule, f"{values.shape[0]} x {values.shape[1]}", remedy))
    return values


def _graphs(content: bytes, about: Provenance, label: str, remedy: str) -> Graphs:
    """The graphs of a struct ``task``: ``data.input`` (adjacency, one-hot labels), ``data.target``, ``folds``."""
    from scipy.io import loadmat  # pyright: ignore[reportMissingTypeStubs] (imported here: slow)

    try:
        task = loadmat(io.BytesIO(content))["task"][0, 0]
        entries = [cell[0, 0] for cell in task["data"][0, 0]["input"][:, 0]]
        targets = np.asarray(task["data"][0, 0]["target"]).ravel().astype(np.int64)
        return Graphs(
            about.name, *_blocks(entries), _class_numbers(targets), tuple(CLASSES.values()),
            about.origin, about.source, about.licence, _atoms(entries), ATOMS, _folds(task["folds"][:, 0]),
        )  # fmt: skip
    except DataError as error:
        raise DataError(f"{label}: {error}") from None
    except Exception as error:  # a broken MATLAB file raises errors of many kinds, some of them bare
        rule = "must be a whole MATLAB 5 file with a struct `task`"
        raise DataError(message(label, rule, f"{type(error).__name__}: {error}", remedy)) from None


def _blocks(entries: list[Any]) -> tuple[Numbers, Numbers]:
    """The edges (2, E) and the graph of each node (N,)."""
    adjacencies = [entry["adjacency_matrix"].tocoo() for entry in entries]
    sizes = np.array([a.shape[0] for a in adjacencies])
    first = np.cumsum(sizes) - sizes
    edges = [np.stack([a.row, a.col]).astype(np.int64) + start for a, start in zip(adjacencies, first, strict=True)]
    return np.concatenate(edges, 1), np.repeat(np.arange(len(entries)), sizes)


def _atoms(entries: list[Any]) -> Numbers:
    """The label of each node from one-hot columns (labels, nodes of a graph)."""
    one_hot = np.concatenate([np.asarray(entry["labels"]) for entry in entries], 1)
    if np.any(one_hot.sum(0) != 1):
        raise DataError(message("labels", "must hold one label per node", "none or several", "Mend the file."))
    return one_hot.argmax(0)


def _class_numbers(targets: Numbers) -> Numbers:
    if not np.isin(targets, list(CLASSES)).all():
        raise DataError(message("target", "must be -1 or 1", np.unique(targets), "Mend the file."))
    return np.searchsorted(list(CLASSES), targets)


def _folds(cells: Any) -> FoldSets:
    """The folds of the file count from one."""
    structs = [cell[0, 0] for cell in cells]
    sets = FoldSets({"authors": tuple(Fold(_zero(s["training"]), _zero(s["test"])) for s in structs)})
    for number, struct in enumerate(structs):
        pairs = zip(struct["nestedtr"].ravel(), struct["validation"].ravel(), strict=True)
        sets[f"authors, nested {number}"] = tuple(Fold(_zero(training), _zero(held)) for training, held in pairs)
    return sets


def _zero(numbers: Any) -> Numbers:
    return np.asarray(numbers).ravel().astype(np.int64) - 1
