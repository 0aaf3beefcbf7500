"""Citation graphs in the eight files of Planetoid, read without trusting the pickles among them.

``x, tx, allx`` hold sparse features, ``y, ty, ally`` one-hot classes, ``graph`` a dictionary from a node to its
neighbours, ``test.index`` the numbers of the test nodes in the order of ``tx``. The nodes of ``allx`` come first (those
of ``x`` first of all: the training part of the public split); then the test nodes. A test number that
``test.index`` leaves out is an isolated node without features and class, as in CiteSeer.
Format: Z. Yang, W. Cohen, R. Salakhutdinov, Revisiting semi-supervised learning with graph embeddings, ICML 2016,
arXiv 1603.08861, and its repository.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# (scipy has no types: sparse matrices are Any in the functions below)

from __future__ import annotations

import io
import pickle
from collections import defaultdict
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from pydantic import PositiveInt
from scipy import sparse  # pyright: ignore[reportMissingTypeStubs]

from ohmloom.data.formats import Format, Location, Origin, PlainFile, Provenance, check_count
from ohmloom.data.graphs import Numbers
from ohmloom.errors import ConfigurationError, DataError, message

PUBLIC_VALIDATION = 500  # nodes after those of x, in the public split
COMPLETE_HELD_OUT = 500  # nodes of validation, and of test, in the complete split


class NodeSplit(NamedTuple):
    """Numbers of the nodes of each part."""

    training: Numbers
    validation: Numbers
    test: Numbers


@dataclass(frozen=True, eq=False)
class CitationGraph:
    """One undirected graph whose nodes have features and classes, and where it came from.

    N nodes, E directed edges, F features:

    - ``features`` (N, F), sparse rows (CSR) of float64, as in the file (not normalised);
    - ``edges`` (2, E): each edge in both directions and once, a self loop once; sorted by source, then target;
    - ``labels`` (N,): classes 0, 1, … of ``class_names``, and -1 for a node without a class;
    - ``public``: the public split.
    """

    name: str
    features: sparse.csr_matrix
    edges: Numbers
    labels: Numbers
    class_names: tuple[str, ...]
    public: NodeSplit
    origin: Origin
    source: str
    licence: str

    def __len__(self) -> int:
        return len(self.labels)

    def complete_split(self) -> NodeSplit:
        """The split "complete": the last 500 nodes test, the 500 before them validate, all others train.

        For Cora that is 1,708 + 500 + 500, as in the code of the echo-state graph network (S. Wang et al., Nature
        Machine Intelligence 5, 104-113 (2023)). Raises ConfigurationError for a graph of 1,000 nodes or fewer.
        """
        first = len(self) - 2 * COMPLETE_HELD_OUT
        if first < 1:
            rule = f"must have more than {2 * COMPLETE_HELD_OUT} nodes for this split"
            raise ConfigurationError(message(self.name, rule, len(self), "Use the public split."))
        nodes = np.arange(len(self))
        return NodeSplit(nodes[:first], nodes[first : first + COMPLETE_HELD_OUT], nodes[first + COMPLETE_HELD_OUT :])


class Planetoid(Format):
    """The eight files ``ind.NAME.*`` of a citation graph."""

    kind: Literal["planetoid"] = "planetoid"
    x: PlainFile
    y: PlainFile
    tx: PlainFile
    ty: PlainFile
    allx: PlainFile
    ally: PlainFile
    graph: PlainFile
    test_index: PlainFile
    nodes: PositiveInt
    class_names: tuple[str, ...]

    @property
    def files(self) -> tuple[PlainFile, ...]:
        return self.x, self.y, self.tx, self.ty, self.allx, self.ally, self.graph, self.test_index

    @property
    def counts(self) -> dict[str, int]:
        return {"nodes": self.nodes}

    def read(self, folder: Location, about: Provenance, *, remedy: str) -> CitationGraph:
        parts = [_unpickled(file, folder, remedy) for file in self.files[:-1]]
        index_path = folder.joinpath(self.test_index.file)
        test = _test_index(
            self.test_index.content(index_path, label=str(index_path), remedy=remedy), index_path, remedy
        )
        x, tx, allx = (_matrix(parts[k], self.files[k], folder, remedy) for k in (0, 2, 4))
        ty, ally = (_one_hot(parts[k], self.files[k], folder, remedy, len(self.class_names)) for k in (3, 5))
        label = str(folder)
        for rows, classes, names in ((tx, ty, "tx and ty"), (allx, ally, "allx and ally")):
            _same(rows.shape[0], len(classes), f"{names} must hold as many nodes", label, remedy)
        _same(len(test), tx.shape[0], "test.index must name each node of tx", label, remedy)
        nodes = max(int(test.max()) + 1, allx.shape[0])
        check_count(nodes, self.nodes, "nodes", label=label, remedy=remedy)
        _same(int(test.min()) >= allx.shape[0], True, "test.index must name nodes after those of allx", label, remedy)
        labels = np.full(nodes, -1)
        labels[: len(ally)], labels[test] = ally, ty
        training = x.shape[0]
        public = NodeSplit(np.arange(training), np.arange(training, training + PUBLIC_VALIDATION), np.sort(test))
        return CitationGraph(
            about.name, _stacked(allx, tx, test, nodes), _edges(parts[6], nodes, label, remedy), labels,
            self.class_names, public, about.origin, about.source, about.licence,
        )  # fmt: skip


class _Matrix:
    """Stands for a sparse matrix in a pickle: takes its state and does nothing."""

    def __init__(self, *_: object) -> None:
        self.state: dict[Any, Any] = {}

    def __setstate__(self, state: dict[Any, Any]) -> None:
        self.state = state


def _rebuilt(kind: type, _base: type, _state: object) -> object:
    """What ``copy_reg._reconstructor`` does, for the one class that we let it make."""
    if kind is not _Matrix:
        raise pickle.UnpicklingError("an object that is not a sparse matrix")
    return _Matrix()


_ARRAY = np.zeros(0).__reduce__()[0]  # numpy's own function that begins an array
_ALLOWED: dict[tuple[str, str], object] = {  # under the names of Python 2, which wrote the official files, and of 3
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("numpy.core.multiarray", "_reconstruct"): _ARRAY,
    ("numpy._core.multiarray", "_reconstruct"): _ARRAY,
    ("scipy.sparse.csr", "csr_matrix"): _Matrix,
    ("scipy.sparse._csr", "csr_matrix"): _Matrix,
    ("collections", "defaultdict"): defaultdict,
    ("__builtin__", "list"): list,
    ("builtins", "list"): list,
    ("__builtin__", "object"): object,
    ("builtins", "object"): object,
    ("copy_reg", "_reconstructor"): _rebuilt,
    ("copyreg", "_reconstructor"): _rebuilt,
}


class _Careful(pickle.Unpickler):
    """An unpickler that makes arrays, sparse matrices and dictionaries of lists, and calls nothing else."""

    def find_class(self, module_name: str, global_name: str, /) -> Any:
        try:
            return _ALLOWED[module_name, global_name]
        except KeyError:
            raise pickle.UnpicklingError(f"a pickle that asks for {module_name}.{global_name}") from None


def _unpickled(file: PlainFile, folder: Location, remedy: str) -> Any:
    label = str(folder.joinpath(file.file))
    content = file.content(folder.joinpath(file.file), label=label, remedy=remedy)
    try:
        return _Careful(io.BytesIO(content), encoding="latin1").load()
    except (pickle.UnpicklingError, EOFError, ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
        rule = "must be a whole pickle of arrays, sparse matrices and lists"
        raise DataError(message(label, rule, error, remedy)) from None


def _matrix(loaded: Any, file: PlainFile, folder: Location, remedy: str) -> Any:
    try:
        state = loaded.state
        shape = state.get("_shape", state.get("shape"))
        matrix = sparse.csr_matrix((state["data"], state["indices"], state["indptr"]), shape, dtype=np.float64)
        matrix.check_format()
    except (AttributeError, KeyError, ValueError, TypeError, IndexError) as error:
        label = str(folder.joinpath(file.file))
        raise DataError(message(label, "must hold a sparse matrix", error, remedy)) from None
    return matrix


def _one_hot(loaded: Any, file: PlainFile, folder: Location, remedy: str, classes: int) -> Numbers:
    """The classes of an array of one-hot rows; -1 for a row of zeros."""
    if not isinstance(loaded, np.ndarray) or loaded.ndim != 2 or loaded.shape[1] != classes:
        shape = loaded.shape if isinstance(loaded, np.ndarray) else type(loaded).__name__
        rule = f"must hold rows for {classes} classes"
        raise DataError(message(str(folder.joinpath(file.file)), rule, shape, remedy))
    rows = np.asarray(loaded, np.float64)
    return np.where(rows.any(1), rows.argmax(1), -1)


def _test_index(content: bytes, path: Location, remedy: str) -> Numbers:
    try:
        index = np.array(content.split(), dtype=np.int64)
    except ValueError as error:
        raise DataError(message(str(path), "must hold whole numbers only", error, remedy)) from None
    if not len(index) or len(np.unique(index)) != len(index):
        raise DataError(message(str(path), "must name each test node once", f"{len(index)} lines", remedy))
    return index


def _stacked(allx: Any, tx: Any, test: Numbers, nodes: int) -> sparse.csr_matrix:
    """The features of all nodes: ``allx`` first, row k of ``tx`` at place ``test[k]``, zeros elsewhere."""
    place: Any = sparse.csr_matrix((np.ones(len(test)), (test - allx.shape[0], np.arange(len(test)))))
    placed = place @ tx
    missing = nodes - allx.shape[0] - placed.shape[0]
    empty: Any = sparse.csr_matrix((missing, tx.shape[1]))
    return sparse.csr_matrix(sparse.vstack([allx, placed, empty]))


def _edges(graph: Any, nodes: int, label: str, remedy: str) -> Numbers:
    """Both directions of each edge of a dictionary from nodes to neighbours, once each, in order."""
    if not isinstance(graph, dict):
        raise DataError(message(label, "graph must hold a dictionary", type(graph).__name__, remedy))
    pairs = [(node, other) for node, others in graph.items() for other in others]
    array = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    if array.size and (array.min() < 0 or array.max() >= nodes):
        raise DataError(message(label, f"graph must join nodes from 0 to {nodes - 1}", array.max(), remedy))
    return np.unique(np.concatenate([array, array[:, ::-1]]), axis=0).T


def _same(found: int, wanted: int, rule: str, label: str, remedy: str) -> None:
    if found != wanted:
        raise DataError(message(label, rule, f"{found} and {wanted}", remedy))
