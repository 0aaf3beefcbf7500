"""The measured resistor arrays: statistics as published, the MUTAG task with its folds, and files that do not fit."""

import os
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from ohmloom import data
from ohmloom.data import PlainFile, Provenance, ResistorArrays, ResistorFiles
from ohmloom.errors import DataError

REAL = os.environ.get("OHMLOOM_DATA")
ABOUT = Provenance("r", "real", "a folder", "none")


def test_cells_have_the_published_statistics() -> None:
    arrays = data.load("esgnn")
    cells = np.concatenate([arrays.input_cells.ravel(), arrays.hidden_cells.ravel()])
    assert (arrays.input_cells.shape, arrays.hidden_cells.shape) == ((50, 8), (50, 50))
    assert (cells == 0).mean() == pytest.approx(0.507, abs=0.001)
    broken = cells[cells > 0]  # S
    assert (broken.mean(), broken.std()) == (pytest.approx(12.34e-6, abs=1e-8), pytest.approx(1.84e-6, abs=1e-8))
    assert arrays.breakdown_volts.shape == (400,)
    assert arrays.breakdown_volts.mean() == pytest.approx(3.433, abs=1e-3)
    assert arrays.breakdown_volts.std() == pytest.approx(0.114, abs=1e-3)
    assert (arrays.origin, arrays.licence) == ("real", "MIT")


def test_graphs_are_those_of_mutag_with_the_authors_folds() -> None:
    graphs = data.load("esgnn", subset="embedded").graphs
    assert np.bincount(graphs.labels).tolist() == [63, 125]
    assert graphs.node_labels is not None
    assert np.bincount(graphs.node_labels).tolist() == [2395, 345, 593, 12, 1, 23, 2]
    assert graphs.edges.shape == (2, 7442)
    authors = graphs.folds["authors"]
    assert [(len(f.training), len(f.test)) for f in authors] == [(169, 19)] * 10
    assert "130 distinct items of 188: 52 in more than one, 58 in none" in graphs.describe_folds("authors")
    for number, fold in enumerate(authors):  # the nested ones choose a model without its test graphs
        for nested in graphs.folds[f"authors, nested {number}"]:
            assert not np.isin(np.concatenate(nested), fold.test).any()


def test_both_orders_hold_the_same_graphs(monkeypatch: pytest.MonkeyPatch) -> None:
    if not REAL or not (Path(REAL) / "mutag").is_dir():
        pytest.skip("needs the real data: OHMLOOM_DATA with a folder mutag")
    monkeypatch.setenv("OHMLOOM_DATA", REAL)

    def signatures(graphs: data.Graphs) -> list[tuple[int, ...]]:
        assert graphs.node_labels is not None
        atoms = np.zeros((len(graphs), 7), int)
        np.add.at(atoms, (graphs.graph_of, graphs.node_labels), 1)
        return [
            (int(c), int(e), *map(int, a)) for c, e, a in zip(graphs.labels, graphs.edge_counts, atoms, strict=True)
        ]

    ours, theirs = signatures(data.load("mutag")), signatures(data.load("esgnn").graphs)
    assert sorted(ours) == sorted(theirs)
    assert ours != theirs


def write(folder: Path, **changes: str | bytes) -> ResistorFiles:
    parts: dict[str, str | bytes] = {"inputs": "1,0\n0,2\n", "hidden": "0,1\n1,0\n", "volts": "3.1\n3.2\n3.3\n"}
    for name, content in (parts | changes).items():
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    if "task" not in changes:
        savemat(folder / "task", {"task": {"name": "not the task"}})
    (inputs, hidden, volts, task) = (PlainFile(file=f) for f in ("inputs", "hidden", "volts", "task"))
    return ResistorFiles(
        input_cells=inputs, hidden_cells=hidden, breakdown_volts=volts, task=task,
        hidden=2, inputs=2, breakdowns=3, graphs=1,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"inputs": "1,0\n"}, "inputs: must hold 2 x 2 numbers, got 1 x 2"),
        ({"hidden": "1,x\n1,0\n"}, "hidden: must hold numbers separated by commas"),
        ({"volts": "3.1\n"}, "volts: must hold 3 x 1 numbers, got 1 x 1"),
        ({}, "task: must be a whole MATLAB 5 file with a struct"),
        ({"task": b"<html>"}, "task: must be a whole MATLAB 5 file"),
        ({"task": b""}, "task: must be a whole MATLAB 5 file"),
    ],
)
def test_broken_files_are_named(tmp_path: Path, changes: dict[str, str | bytes], rule: str) -> None:
    with pytest.raises(DataError, match=rule):
        write(tmp_path, **changes).read(tmp_path, ABOUT, remedy="Mend it.")


@pytest.mark.parametrize("wrong", [-1e-6, np.nan, np.inf])
def test_cells_are_conductances(wrong: float) -> None:
    arrays = data.load("esgnn")
    cells = np.full((50, 8), wrong)
    with pytest.raises(DataError, match=r"esgnn\.input_cells: must be finite and not negative"):
        ResistorArrays(
            "esgnn", cells, arrays.hidden_cells, arrays.breakdown_volts, arrays.graphs, "real", "here", "none"
        )
