"""`ohmloom search` and `ohmloom sweep`, on a user's network and on a system."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from ohmloom.cli import app

EVALUATE = """
method = "random"
trials = 3
[evaluate]
model = "tests.cli.models_for_tests:network"
data = "tests.cli.models_for_tests:data"
chip = "generic-40nm"
dies = 1
age = "0 s"
[[variables]]
path = "chip.mapping.readout.converter.bits"
low = 3
high = 8
integer = true
[[variables]]
path = "chip.mapping.voltage"
low = 0.1
high = 0.3
unit = "V"
[[objectives]]
figure = "accuracy"
direction = "maximise"
[[objectives]]
figure = "energy_joule"
direction = "minimise"
"""


def call(*words: str) -> Any:
    return CliRunner().invoke(app, list(words))


def test_a_search_over_chips(tmp_path: Path) -> None:
    file, out = tmp_path / "search.toml", tmp_path / "out"
    file.write_text(EVALUATE)
    done = call("search", str(file), "--out", str(out), "--json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert [trial["state"] for trial in found["trials"]] == ["done"] * 3, found
    for trial in found["trials"]:
        kept = json.loads((out / "trials" / f"{trial['number']:04d}" / "trial.json").read_text())
        assert (
            kept["chip"]["mapping"]["readout"]["converter"]["bits"]
            == trial["values"]["chip.mapping.readout.converter.bits"]
        )
        assert kept["figures"]["energy_joule"] == trial["found"]["energy_joule"]
    page = (out / "report.html").read_text()
    assert all(word in page for word in ("The front", "energy_joule", "<svg"))
    again = call("search", str(file), "--out", str(out))
    assert "3 of 3 trials gave a result" in again.stdout


def test_a_search_without_any_result_says_so(tmp_path: Path) -> None:
    file = tmp_path / "search.toml"
    file.write_text(EVALUATE.replace("trials = 3", "trials = 1").replace(":data", ":no_data"))
    done = call("search", str(file), "--out", str(tmp_path / "out"))
    assert done.exit_code == 1, done.output
    assert "0 of 1 trials gave a result" in done.stdout
    assert "trial 0:" in done.stdout


def test_a_sweep_over_a_grid(tmp_path: Path) -> None:
    file = tmp_path / "search.toml"
    file.write_text(
        EVALUATE.replace("low = 0.1\nhigh = 0.3", "low = 0.1\nhigh = 0.3\nsteps = 1").replace("high = 8", "high = 4")
    )
    done = call("sweep", str(file), "--out", str(tmp_path / "out"), "--json")
    assert done.exit_code == 0, done.output
    assert len(json.loads(done.stdout)["trials"]) == 2


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("chip.mapping.voltage", "chip.mapping.volts.x", "must lead to a field; 'volts' does not"),
        ("chip.mapping.voltage", "voltage", "must begin with 'chip.', or be one of dies, age"),
        ("converter.bits", "converter.bit", "unknown field"),
        ("high = 8", "high = 2", "low must be below high"),
        ("direction = \"maximise\"", "direction = \"upward\"", "direction"),
        ("[evaluate]", "[evaluated]", "Did you mean 'evaluate'"),
        ("trials = 3", "trials = ", "must be valid TOML"),
    ],
)  # fmt: skip
def test_bad_files(old: str, new: str, words: str, tmp_path: Path) -> None:
    file = tmp_path / "search.toml"
    file.write_text(EVALUATE.replace(old, new, 1))
    done = call("search", str(file), "--out", str(tmp_path / "out"))
    assert done.exit_code == 2, done.output
    assert words in done.stderr.replace("\n", " ")
    assert call("search", str(tmp_path / "none.toml")).exit_code == 2


def test_a_scheduler_that_cannot_be_reached(tmp_path: Path) -> None:
    pytest.importorskip("distributed")
    file = tmp_path / "search.toml"
    file.write_text(EVALUATE)
    done = call("search", str(file), "--out", str(tmp_path / "out"), "--scheduler", "tcp://127.0.0.1:1")
    assert done.exit_code == 2
    assert "can be reached" in done.stderr
