"""TUDataset archives: what is written is read back; odd graphs are legal; each way to break an archive is named."""

import hashlib
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest

from ohmloom import data
from ohmloom.data import Graphs, PlainFile, Provenance, TUDataset, tudataset
from ohmloom.errors import DataError

REAL = os.environ.get("OHMLOOM_DATA")
ABOUT = Provenance("t", "real", "a folder", "none")

# Graph 1: a path of three nodes, one with a self loop. Graph 2: one node. Graph 3: two nodes without an edge.
GOOD = {
    "A": "1, 2\n2, 1\n2, 3\n3, 2\n3, 3\n",
    "graph_indicator": "1\n1\n1\n2\n3\n3\n",
    "graph_labels": "1\n-1\n1\n",
    "node_labels": "0\n1\n1\n0\n0\n1\n",
}


def archive(folder: Path, method: int = zipfile.ZIP_DEFLATED, **changes: str | None) -> TUDataset:
    """Write T.zip with some files changed, or left out for None, and describe it."""
    with zipfile.ZipFile(folder / "T.zip", "w", method) as made:
        for name, text in (GOOD | changes).items():
            if text is not None:
                made.writestr(f"T/T_{name}.txt", text)
    return TUDataset(
        archive=PlainFile(file="T.zip"),
        prefix="T",
        graphs=3,
        nodes=6,
        edges=5,
        class_values=(1, -1),
        class_names=("yes", "no"),
        node_label_names=("C", "N"),
        folds={"mine": "folds"},
    )


def read(folder: Path, form: TUDataset) -> Graphs:
    return form.read(folder, ABOUT, remedy="Mend it.")


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA])
def test_archive_is_read_back(tmp_path: Path, method: int) -> None:
    graphs = read(tmp_path, archive(tmp_path, method))
    assert graphs.edges.tolist() == [[0, 1, 1, 2, 2], [1, 0, 2, 1, 2]]
    assert graphs.graph_of.tolist() == [0, 0, 0, 1, 2, 2]
    assert graphs.labels.tolist() == [0, 1, 0]  # by class_values: 1 is class 0
    assert graphs.node_labels is not None
    assert graphs.node_labels.tolist() == [0, 1, 1, 0, 0, 1]
    assert graphs.edge_counts.tolist() == [5, 0, 0]
    assert (graphs.source, graphs.folds) == ("a folder", {})


def test_text_is_parsed_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tudataset, "CHUNK", 7)  # cuts inside lines
    assert read(tmp_path, archive(tmp_path)).edges.shape == (2, 5)


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"node_labels": None}, r"T\.zip: must hold T_node_labels\.txt, got an archive without it"),
        ({"graph_indicator": None}, "must hold T_graph_indicator"),
        ({"node_labels": "0\n1\n"}, "node_labels: must be one per node, got 2 for 6 nodes"),
        ({"graph_labels": "1\n-1\n"}, "must hold 3 graphs, got 2"),
        ({"graph_indicator": "1\n1\n1\n2\n3\n"}, "must hold 6 nodes, got 5"),
        ({"graph_indicator": "1\n1\n1\n3\n3\n3\n"}, "each labelled graph a node"),
        ({"A": ""}, "must hold 5 directed edges, got 0"),
        ({"A": "1, 2\n2, 1\n2, 3\n3, 2\n4, 3\n"}, "must join nodes of one graph"),
        ({"A": "1, 2\n2, 1\n2, 3\n3, 2\n3, 1\n"}, "in both directions"),
        ({"A": "1, 2\n2, 1\n2, 3\n3, 2\n3, 9\n"}, "must join nodes from 0 to 5, got 8"),
        ({"A": "1, 2\n2, 1\n2\n"}, "must hold pairs, got 5 numbers"),
        ({"A": "1, 2\ntwo, 1\n"}, r"T_A\.txt: must hold whole numbers only"),
        ({"graph_labels": "1\n2\n1\n"}, "graph labels must be among 1, -1, got 2"),
        ({"graph_labels": "1\n<html>\n1\n"}, r"T_graph_labels\.txt: must hold whole numbers only"),
    ],
)
def test_broken_archives_are_named(tmp_path: Path, changes: dict[str, str | None], rule: str) -> None:
    with pytest.raises(DataError, match=rule) as caught:
        read(tmp_path, archive(tmp_path, **changes))
    assert str(tmp_path / "T.zip") in str(caught.value)


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA])
@pytest.mark.parametrize(
    "spoil", [lambda b: b[: len(b) // 2], lambda _: b"<html>", lambda b: b[:60] + b"\0\1\2" + b[63:]]
)
def test_truncated_or_changed_zip(tmp_path: Path, spoil, method: int) -> None:
    form = archive(tmp_path, method)
    path = tmp_path / "T.zip"
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(DataError, match=r"T\.zip: must be a whole zip archive.* Mend it\."):
        read(tmp_path, form)


def test_wrong_checksum_and_no_file(tmp_path: Path) -> None:
    form = archive(tmp_path)
    right = hashlib.sha256((tmp_path / "T.zip").read_bytes()).hexdigest()
    assert len(read(tmp_path, form.replace(archive=PlainFile(file="T.zip", sha256=right)))) == 3
    with pytest.raises(DataError, match=rf"T\.zip: must have the sha256 {'0' * 64}, got {right}"):
        read(tmp_path, form.replace(archive=PlainFile(file="T.zip", sha256="0" * 64)))
    with pytest.raises(DataError, match=r"U\.zip: must be a readable file"):
        read(tmp_path, form.replace(archive=PlainFile(file="U.zip")))


def folds(folder: Path, **files: str) -> None:
    (folder / "folds").mkdir()
    for name, text in files.items():
        (folder / "folds" / f"{name.replace('_', '_idx-')}.txt").write_text(text)


def test_folds_are_read_when_they_are_there(tmp_path: Path) -> None:
    form = archive(tmp_path)
    folds(tmp_path, train_1="0\n1\n", test_1="2\n", train_2="1\n2", test_2="0\n")
    graphs = read(tmp_path, form)
    assert [(f.training.tolist(), f.test.tolist()) for f in graphs.folds["mine"]] == [([0, 1], [2]), ([1, 2], [0])]
    assert graphs.describe_folds("mine") == "the 2 test sets hold 2 distinct items of 3: 0 in more than one, 1 in none"


@pytest.mark.parametrize(
    ("files", "rule"),
    [
        ({"train_1": "0\n1", "test_1": "1\n2"}, "must not test a graph that it trains with, got 1"),
        ({"train_1": "0\n1", "test_1": "3"}, "must hold numbers from 0 to 2"),
        ({"test_1": "3"}, r"train_idx-1\.txt: must be a readable file"),
        ({"train_1": "0\n1", "test_1": "last"}, r"test_idx-1\.txt: must hold whole numbers only"),
        ({}, r"folds: must hold test_idx-1\.txt"),
    ],
)
def test_broken_folds_are_named(tmp_path: Path, files: dict[str, str], rule: str) -> None:
    form = archive(tmp_path)
    folds(tmp_path, **files)
    with pytest.raises(DataError, match=rule):
        read(tmp_path, form)


def test_folds_of_another_order_are_refused(tmp_path: Path) -> None:
    form = archive(tmp_path)
    folds(tmp_path, train_1="0\n1", test_1="2")
    fitting = hashlib.sha256(np.array([0, 1, 0], "<i8").tobytes()).hexdigest()
    assert "mine" in read(tmp_path, form.replace(order=fitting)).folds
    with pytest.raises(DataError, match="folds belong to another order of the graphs"):
        read(tmp_path, form.replace(order="0" * 64))


def test_large_sets_are_parsed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tudataset, "LARGE", 1)
    form = archive(tmp_path)
    first = read(tmp_path, form)
    (kept,) = (tmp_path / "cache" / "ohmloom" / "parsed").iterdir()
    monkeypatch.setattr(tudataset._Text, "pairs", lambda *_: pytest.fail("parsed again"))
    np.testing.assert_array_equal(read(tmp_path, form).edges, first.edges)
    monkeypatch.undo()
    monkeypatch.setattr(tudataset, "LARGE", 1)
    monkeypatch.setattr("pooch.os_cache", lambda name: tmp_path / "cache" / name)
    kept.write_bytes(b"cut off")  # a spoilt cache costs time, nothing else
    np.testing.assert_array_equal(read(tmp_path, form).edges, first.edges)


def test_mutag(monkeypatch: pytest.MonkeyPatch) -> None:
    if not REAL or not (Path(REAL) / "mutag").is_dir():
        pytest.skip("needs the real data: OHMLOOM_DATA with a folder mutag")
    monkeypatch.setenv("OHMLOOM_DATA", REAL)
    graphs = data.load("mutag")
    assert np.bincount(graphs.labels).tolist() == [63, 125]
    assert graphs.node_labels is not None
    assert np.bincount(graphs.node_labels).tolist() == [2395, 345, 593, 12, 1, 23, 2]
    if "gin" in graphs.folds:  # the folds of GIN leave eight graphs out
        missing = np.setdiff1d(np.arange(188), np.concatenate([fold.test for fold in graphs.folds["gin"]]))
        assert missing.tolist() == [0, 13, 37, 114, 161, 163, 169, 187]
        assert "180 distinct items of 188: 0 in more than one, 8 in none" in graphs.describe_folds("gin")


@pytest.mark.slow
def test_collab(monkeypatch: pytest.MonkeyPatch) -> None:
    if not REAL or not (Path(REAL) / "collab").is_dir():
        pytest.skip("needs the real data: OHMLOOM_DATA with a folder collab")
    monkeypatch.setenv("OHMLOOM_DATA", REAL)
    graphs = data.load("collab")
    assert np.bincount(graphs.labels).tolist() == [2600, 775, 1625]
    assert (graphs.edges[0] == graphs.edges[1]).sum() == 2837
    assert graphs.node_counts.mean() == pytest.approx(74.49, abs=0.01)
    assert graphs.describe_folds("gin").endswith("5000 distinct items of 5000: a partition")
    np.testing.assert_array_equal(data.load("collab").edges, graphs.edges)  # from the cache
