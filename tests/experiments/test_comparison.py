"""Runs side by side, the claims board, and what notebooks show."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from ohmloom.cli import app
from ohmloom.errors import ConfigurationError, FormatError
from ohmloom.experiments import read_result, run
from ohmloom.experiments.comparison import check_verdicts, compare
from ohmloom.reports.boards import read_board, runs_named, write_board, write_comparison
from tests.toy_system import Toy


@pytest.fixture(scope="module")
def folders(tmp_path_factory: Any) -> tuple[Path, Path]:
    place = tmp_path_factory.mktemp("runs")
    for seed in (0, 1):
        run(Toy(), seed=seed, out=place / f"seed-{seed}")
    return place / "seed-0", place / "seed-1"


def test_figures_and_settings_side_by_side(folders: tuple[Path, Path], tmp_path: Path) -> None:
    results = [read_result(folder) for folder in folders]
    found = compare(results, ["first", "second"])
    assert found.settings["seeds"] == ([0], [1])
    assert "tier" not in found.settings
    first = found.figures["accuracy"][0]
    assert first is not None
    assert first.value == results[0].figures["accuracy"].value
    page = write_comparison(found, tmp_path).read_text()
    assert "On" not in page or "<looms>" not in page  # escaped
    assert all(word in page for word in ("seeds", "accuracy", "first", "second", "<svg"))
    assert json.loads((tmp_path / "comparison.json").read_text())["runs"] == ["first", "second"]


def test_runs_that_cannot_be_compared(folders: tuple[Path, Path]) -> None:
    result = read_result(folders[0])
    with pytest.raises(ConfigurationError, match="at least two"):
        compare([result], ["only"])
    with pytest.raises(ConfigurationError, match="of one system, got toy and other"):
        compare([result, result.replace(system="other")], ["a", "b"])
    assert runs_named([Path("/a/x/result.json"), Path("/b/x")]) == ["a/x", "b/x"]


def test_the_board_shows_every_claim(folders: tuple[Path, Path], tmp_path: Path) -> None:
    other = tmp_path / "benchmarks.json"
    other.write_text(json.dumps({"torch": "2", "results": []}))
    board = read_board([folders[0] / "result.json", other])
    assert board.left_out == ("benchmarks.json",)
    page = write_board(board, tmp_path / "board.html").read_text()
    for claim in Toy.claims:
        assert claim.name in page
    assert "benchmarks.json" in page
    with pytest.raises(FormatError, match="at least one result"):
        read_board([other])


def test_a_result_changed_by_hand_is_refused(folders: tuple[Path, Path], tmp_path: Path) -> None:
    table = json.loads((folders[0] / "result.json").read_text())
    check_verdicts(read_result(folders[0]), "result.json")
    claim = next(one for one in table["claims"] if one["verdict"] == "not reproduced")
    claim["verdict"] = "reproduced"
    file = tmp_path / "result.json"
    file.write_text(json.dumps(table))
    with pytest.raises(FormatError, match="changed by hand"):
        read_board([file])
    table["figures"]["accuracy"]["value"] = "much"
    file.write_text(json.dumps(table))
    with pytest.raises(FormatError, match="accuracy"):
        read_board([file])


def test_commands(folders: tuple[Path, Path], tmp_path: Path) -> None:
    def call(*words: str) -> Any:
        return CliRunner().invoke(app, list(words))

    pair = [str(folder) for folder in folders]
    shown = call("compare", *pair, "--report", str(tmp_path / "page"))
    assert shown.exit_code == 0, shown.output
    assert "seed-0" in shown.stdout
    assert (tmp_path / "page" / "report.html").is_file()
    table = json.loads(call("compare", *pair, "--json").stdout)
    assert table["settings that differ"]["seeds"] == [[0], [1]]
    done = call("board", f"{pair[0]}/result.json", "--out", str(tmp_path / "board.html"))
    assert f"{len(Toy.claims)} claims of 1 runs" in done.stdout
    assert call("compare", pair[0]).exit_code == 2


def test_notebooks_show_results(folders: tuple[Path, Path]) -> None:
    html = read_result(folders[0])._repr_html_()
    assert "not reproduced" in html
    assert "<looms>" not in html
