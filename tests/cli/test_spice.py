"""``ohmloom spice``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from ohmloom.cli import app
from ohmloom.crossbars import Wires, solve
from ohmloom.crossbars.circuits import ngspice

needs_ngspice = pytest.mark.skipif(ngspice.available() is None, reason="ngspice is not installed")
SMALL = ("spice", "check", "--rows", "5", "--columns", "4")


def ask(*arguments: str, code: int = 0) -> Any:
    result = CliRunner().invoke(app, list(arguments))
    assert result.exit_code == code, result.output
    return result


@needs_ngspice
@pytest.mark.parametrize(
    "more",
    [
        (),
        ("--sinh", "0.1 V", "--termination", "open"),
        ("--driver", "10 ohm", "--sense", "20 ohm", "--access", "5 kohm", "--rows-from", "both", "--columns-to", "top"),
        ("--row-resistance", "0 ohm", "--column-resistance", "0 ohm", "--inputs", "3", "--seed", "4"),
    ],
)
def test_check_agrees(more: tuple[str, ...]) -> None:
    table = json.loads(ask(*SMALL, *more, "--json").stdout)
    assert table["status"] == "agrees"
    assert [line["quantity"] for line in table["compared"]][1:4] == ["row nodes", "column nodes", "power"]
    assert all(line["difference"] < 1e-9 for line in table["compared"])
    assert "agrees with ngspice" in ask(*SMALL, *more).stdout


@needs_ngspice
def test_check_notices_a_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: a solver that exchanges the resistances is found out."""

    def wrong(conductance: Any, voltage: Any, wires: Wires, *more: Any) -> Any:
        return solve(conductance, voltage, wires.replace(row=wires.column, column=wires.row), *more)

    monkeypatch.setattr("ohmloom.crossbars.solve", wrong)
    assert "DIFFERS" in ask(*SMALL, code=1).stdout
    assert json.loads(ask(*SMALL, "--json", code=1).stdout)["status"] == "differs"


def test_check_keeps_the_netlist_and_skips_without_ngspice(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    file = tmp_path / "array.cir"
    result = ask(*SMALL, "--netlist", str(file))
    assert "nothing was compared" in result.stderr
    assert result.stdout == ""
    assert file.read_text().startswith("ohmloom: 5 x 4 cells")
    table = json.loads(ask(*SMALL, "--json").stdout)
    assert (table["status"], table["compared"]) == ("skipped", [])
    assert "apt-get install ngspice" in table["advice"]


@pytest.mark.parametrize(
    ("arguments", "kind", "words"),
    [
        (("--row-resistance", "1"), "ConfigurationError", "2.5 ohm"),
        (("--row-resistance", "1 mS"), "ConfigurationError", "2.5 ohm"),
        (("--row-resistance", "0 ohm"), "ConfigurationError", "both have some resistance"),
        (("--sinh", "0 V"), "ConfigurationError", "scale"),
        (("--termination", "up"), "ConfigurationError", "ground or open"),
        (("--seed", "-1"), "ConfigurationError", "--seed"),
        (("--netlist", "."), "OutputError", "must be writable"),
    ],
)
def test_bad_input(arguments: tuple[str, ...], kind: str, words: str, monkeypatch: Any, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    result = ask(*SMALL, *arguments, code=2)
    assert words in result.stderr
    assert result.stderr.count("\n") == 1
    assert json.loads(ask(*SMALL, *arguments, "--json", code=2).stdout)["error"]["kind"] == kind


def test_write_puts_a_programmed_layer_with_its_data_into_netlists(tmp_path: Path) -> None:
    own = ("--model", "tests.cli.models_for_tests:network", "--data", "tests.cli.models_for_tests:data")
    table = json.loads(ask("spice", "write", *own, "--out", str(tmp_path), "--age", "1 day", "--json").stdout)
    assert (table["matrix"], table["vectors"], len(table["files"])) == ("0", 1, 1)
    text = Path(table["files"][0]).read_text()
    assert text.startswith("ohmloom: ")
    assert text.count("\nvd") == 28  # 12 inputs and a bias on two rows, all as pairs
    assert "1 arrays" in ask("spice", "write", *own, "--out", str(tmp_path), "--chip", "generic-40nm").stdout
    assert "Known: 0" in ask("spice", "write", *own, "--out", str(tmp_path), "--matrix", "head", code=2).stderr
