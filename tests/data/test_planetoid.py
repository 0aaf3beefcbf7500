"""Planetoid files: Cora as published, gaps in the test index, and pickles that ask for more than arrays."""

import os
import pickle
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse

from ohmloom import data
from ohmloom.data import CitationGraph, PlainFile, Planetoid, Provenance
from ohmloom.errors import ConfigurationError, DataError

NAMES = ("x", "y", "tx", "ty", "allx", "ally", "graph")
ABOUT = Provenance("p", "real", "a folder", "none")

# Nodes 0-3 are known (0 trains), nodes 6, 4 and 7 are the test part in that order, node 5 is isolated. The features
# of a node are its number.
PARTS: dict[str, object] = {
    "x": sparse.csr_matrix(np.array([[0.0, 1]])),
    "y": np.eye(3, dtype=np.int32)[[0]],
    "tx": sparse.csr_matrix(np.array([[6.0, 1], [4, 1], [7, 1]])),
    "ty": np.eye(3, dtype=np.int32)[[2, 1, 0]],
    "allx": sparse.csr_matrix(np.array([[0.0, 1], [1, 1], [2, 1], [3, 1]])),
    "ally": np.eye(3, dtype=np.int32)[[0, 1, 2, 0]],
    "graph": defaultdict(list, {0: [1, 1, 4], 1: [0], 4: [0], 6: [6], 7: [2], 2: [7]}),
}


def write(folder: Path, index: str = "6\n4\n7\n", **changes: object) -> Planetoid:
    for name, part in (PARTS | changes).items():
        (folder / name).write_bytes(part if isinstance(part, bytes) else pickle.dumps(part, protocol=3))
    (folder / "index").write_text(index)
    files = {name: PlainFile(file=name) for name in NAMES}
    return Planetoid(**files, test_index=PlainFile(file="index"), nodes=8, class_names=("a", "b", "c"))


def read(folder: Path, form: Planetoid) -> CitationGraph:
    return form.read(folder, ABOUT, remedy="Mend it.")


def test_nodes_stand_at_their_numbers(tmp_path: Path) -> None:
    graph = read(tmp_path, write(tmp_path))
    assert graph.features.toarray()[:, 0].tolist() == [0, 1, 2, 3, 4, 0, 6, 7]
    assert graph.features.toarray()[:, 1].tolist() == [1, 1, 1, 1, 1, 0, 1, 1]  # node 5 has no features
    assert graph.labels.tolist() == [0, 1, 2, 0, 1, -1, 2, 0]  # nor a class
    assert graph.public.training.tolist() == [0]
    assert graph.public.test.tolist() == [4, 6, 7]
    # an edge listed twice, in one direction or both, and a self loop: each direction once
    assert graph.edges.T.tolist() == [[0, 1], [0, 4], [1, 0], [2, 7], [4, 0], [6, 6], [7, 2]]
    with pytest.raises(ConfigurationError, match="more than 1000 nodes for this split, got 8"):
        graph.complete_split()


class Danger:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("exit 1",)


@pytest.mark.parametrize("content", [Danger(), np.array([Danger()], object), {0: [Danger()]}])
def test_pickles_cannot_call_anything(tmp_path: Path, content: object) -> None:
    with pytest.raises(DataError, match=r"graph: must be a whole pickle .* asks for (posix|nt)\.system"):
        read(tmp_path, write(tmp_path, graph=content))


def test_pickle_of_another_object_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"asks for fractions\.Fraction"):
        read(tmp_path, write(tmp_path, tx=__import__("fractions").Fraction(1, 2)))


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"tx": pickle.dumps(PARTS["tx"], protocol=3)[:-20]}, "tx: must be a whole pickle"),
        ({"tx": b""}, "tx: must be a whole pickle"),
        ({"tx": np.eye(2)}, "tx: must hold a sparse matrix"),
        ({"ty": np.eye(3, dtype=np.int32)[:2]}, "tx and ty must hold as many nodes, got 3 and 2"),
        ({"ty": np.eye(4, dtype=np.int32)[:3]}, r"ty: must hold rows for 3 classes, got \(3, 4\)"),
        ({"graph": [1, 2]}, "graph must hold a dictionary, got list"),
        ({"graph": {0: [8]}}, "graph must join nodes from 0 to 7, got 8"),
        ({"index": "6\n4\n"}, "test.index must name each node of tx, got 2 and 3"),
        ({"index": "6\n4\n6\n"}, "index: must name each test node once"),
        ({"index": "6\n4\nseven\n"}, "index: must hold whole numbers only"),
        ({"index": "6\n4\n8\n"}, "must hold 8 nodes, got 9"),
        ({"index": "6\n3\n7\n"}, "test.index must name nodes after those of allx"),
    ],
)
def test_broken_files_are_named(tmp_path: Path, changes: dict[str, object], rule: str) -> None:
    with pytest.raises(DataError, match=rule):
        read(tmp_path, write(tmp_path, **changes))  # type: ignore[arg-type]


@pytest.mark.parametrize("subset", ["full", "embedded"])
def test_cora(subset: data.Subset) -> None:
    cora = data.load("cora", subset=subset)
    assert (cora.origin, cora.source) == ("real" if subset == "full" else "embedded", "embedded in ohmloom")
    assert cora.features.shape == (2708, 1433)
    assert set(cora.features.data) == {1.0}
    assert cora.edges.shape == (2, 2 * 5278)
    assert not (cora.edges[0] == cora.edges[1]).any()
    assert np.bincount(cora.labels).tolist() == [351, 217, 418, 818, 426, 298, 180]
    assert [len(part) for part in cora.public] == [140, 500, 1000]
    assert np.bincount(cora.labels[cora.public.training]).tolist() == [20] * 7
    assert [len(part) for part in cora.complete_split()] == [1708, 500, 500]
    assert np.concatenate(cora.complete_split()).tolist() == list(range(2708))


def test_neighbours_in_cora_share_their_class() -> None:
    # Features, edges and labels in one numbering: 81 % of the edges join papers of one field (homophily as published
    # by J. Zhu et al., arXiv 2006.11468, table 2), and 18 % would if the numberings were apart.
    cora = data.load("cora", subset="embedded")
    assert (cora.labels[cora.edges[0]] == cora.labels[cora.edges[1]]).mean() == pytest.approx(0.81, abs=0.005)
    words = cora.features.multiply(1 / cora.features.sum(1)).tocsr()
    alike = np.asarray(words[cora.edges[0]].multiply(words[cora.edges[1]]).sum(1)).mean()
    apart = np.asarray(words[cora.edges[0]].multiply(words[cora.edges[1][::-1]]).sum(1)).mean()
    assert alike > 2 * apart
