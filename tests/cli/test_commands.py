"""The command line: what people and machines get, and how errors leave."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import ohmloom
from ohmloom import systems
from ohmloom.cli import app
from ohmloom.experiments import read_result
from tests.toy_system import Toy

ROOT = Path(__file__).parents[2]
ENVIRONMENT = os.environ | {"PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}", "OMP_NUM_THREADS": "1"}


@pytest.fixture(autouse=True)
def toy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(systems, "_entries", dict(systems._entries))
    systems.register("toy", Toy.title, Toy)
    monkeypatch.chdir(tmp_path)


def ask(*arguments: str, code: int = 0) -> Any:
    result = CliRunner().invoke(app, [str(a) for a in arguments])
    assert result.exit_code == code, result.output
    return result


def ask_json(*arguments: str, code: int = 0) -> Any:
    return json.loads(ask(*arguments, "--json", code=code).stdout)


def test_run_writes_the_folder_and_says_what_it_found(tmp_path: Path) -> None:
    text = ask("run", "toy", "--out", "here").stdout
    for wanted in ("not reproduced", "not comparable", "control: does not break", "failed", "here/report.html"):
        assert wanted in text
    names = {file.name for file in (tmp_path / "here").iterdir()}
    assert names == {"run.toml", "result.json", "report.html", "figures", "arms", ".lock"}


def test_run_for_machines() -> None:
    table = ask_json("run", "toy", "--out", "here", "--seed", "3")
    assert (table["status"], table["seeds"], table["folder"]) == ("complete", [3], "here")
    assert {c["name"]: c["verdict"] for c in table["claims"]}["holds"] == "reproduced"


def test_run_toml_repeats_a_run_in_a_new_folder(tmp_path: Path) -> None:
    first = ask_json("run", "toy", "--tier", "full", "--seed", "3", "--out", "here")
    again = ask_json("run", "here/run.toml")
    assert again["folder"].startswith("runs/toy-20")
    assert again["figures"] == first["figures"]
    file = tmp_path / "mine.toml"
    file.write_text((tmp_path / "here" / "run.toml").read_text().replace("dies = 3", "dies = 6"))
    assert len(ask_json("run", "mine.toml")["figures"]["accuracy"]["values"]) == 6


def test_report_makes_the_page_again(tmp_path: Path) -> None:
    ask("run", "toy", "--out", "here")
    page = tmp_path / "here" / "report.html"
    before = page.read_text()
    page.unlink()
    assert ask_json("report", "here") == {"report": "here/report.html"}
    assert page.read_text() == before


@pytest.mark.parametrize(
    ("arguments", "kind", "words"),
    [
        (("run", "tyo"), "UnknownNameError", "Did you mean 'toy'"),
        (("run", "toy", "--tier", "smok"), "UnknownNameError", "Did you mean 'smoke'"),
        (("run", "toy", "--seed", "-1"), "ConfigurationError", "seed"),
        (("run", "none.toml"), "UnknownNameError", "no such file"),
        (("run", "broken.toml"), "FormatError", "must be valid TOML"),
        (("run", "strange.toml"), "FormatError", "Did you mean 'tier'"),
        (("run", "bare.toml"), "ConfigurationError", "g_max"),
        (("run", "bare.toml", "--seed", "1"), "ConfigurationError", "its own tier and seed"),
        (("run", "toy", "--out", "full"), "OutputError", "other files"),
        (("run", "toy", "--out", "full/file"), "OutputError", "a file"),
        (("run", "toy", "--out", "full/file/below"), "OutputError", "must be writable"),
        (("report", "nowhere"), "FormatError", "none there"),
        (("cite", "tyo"), "UnknownNameError", "Did you mean 'toy'"),
        (("data", "get", "mnits"), "UnknownNameError", "Did you mean 'mnist'"),
        (("data", "where", "mnits"), "UnknownNameError", "Did you mean 'mnist'"),
    ],
)
def test_bad_input_is_one_clean_line_and_exit_code_2(
    arguments: tuple[str, ...], kind: str, words: str, tmp_path: Path
) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("")
    (tmp_path / "broken.toml").write_text("schema = ")
    (tmp_path / "strange.toml").write_text('schema = 1\nsystem = "toy"\nteir = "smoke"\n')
    (tmp_path / "bare.toml").write_text('schema = 1\nsystem = "toy"\n[settings]\ng_max = 4e-5\n')
    result = ask(*arguments, code=2)
    assert result.stdout == ""
    assert result.stderr.startswith("ohmloom: ")
    assert words in result.stderr
    assert result.stderr.count("\n") == 1
    error = ask_json(*arguments, code=2)["error"]
    assert error["kind"] == kind
    assert words in error["message"]


def test_lists() -> None:
    assert {"name": "toy", "title": Toy.title} in ask_json("list", "systems")["systems"]
    assert "toy" in ask("list", "systems").stdout
    assert any(row["name"] == "ideal" for row in ask_json("list", "devices")["devices"])
    assert any(row["name"] == "neurram" and row["summary"] for row in ask_json("list", "chips")["chips"])
    mnist = next(row for row in ask_json("list", "data")["data"] if row["name"] == "mnist")
    assert mnist["licence"] == "CC BY-SA 3.0"
    assert "training 60000" in mnist["counts"]


def test_data_where_names_every_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("OHMLOOM_DATA", str(tmp_path))
    places = ask_json("data", "where", "mnist")["places"]
    assert places[0] == {"place": str(tmp_path / "mnist"), "state": "absent"}
    assert str(tmp_path / "mnist") in ask("data", "where", "mnist").stdout


def test_cite() -> None:
    cited = ask_json("cite", "toy")
    assert cited["doi"] == "10.1000/loom"
    assert cited["bibtex"].startswith("@article{weaver1801,")
    assert "pages = {1--2}" in cited["bibtex"]
    assert cited["text"] in ask("cite", "toy").stdout


def test_doctor_finds_what_is_wrong(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("OHMLOOM_DATA", raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    checks = {check["what"]: check for check in ask_json("doctor")["checks"]}
    assert {"python", "torch", "machine", "data: mnist", "ngspice", "fonts", "this folder"} <= set(checks)
    assert checks["torch"]["state"] == "ok"
    monkeypatch.setenv("OHMLOOM_DATA", str(tmp_path / "nowhere"))
    monkeypatch.setenv("OMP_NUM_THREADS", "many")
    checks = {check["what"]: check for check in ask_json("doctor", code=1)["checks"]}
    assert checks["OHMLOOM_DATA"]["state"] == checks["OMP_NUM_THREADS"]["state"] == "broken"
    assert "nowhere" in ask("doctor", code=1).stdout


def test_version() -> None:
    assert ask("--version").stdout.strip() == ohmloom.__version__


def test_ctrl_c_in_an_arm(monkeypatch: pytest.MonkeyPatch) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Toy, "hook", staticmethod(stop))
        told = ask("run", "toy", "--out", "here", code=130).stderr
        assert ask_json("run", "toy", "--out", "there", code=130)["status"] == "interrupted"
    assert "The last complete state (1 figure) is in here; to go on: ohmloom run here/run.toml --out here" in told
    assert ask_json("run", "here/run.toml", "--out", "here")["status"] == "complete"


def test_a_real_sigint_leaves_a_whole_interrupted_state(tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text('schema = 1\nsystem = "toy"\n[settings]\nwait = 60.0\n')
    command = [sys.executable, str(ROOT / "tests" / "toy_system.py"), "run", "run.toml", "--out", "here"]
    with subprocess.Popen(
        command, cwd=tmp_path, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # jobs of a script's background ignore it
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == "in the second arm\n"
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "The last complete state" in told
    assert "Traceback" not in told
    result = read_result(tmp_path / "here")
    assert (result.status, result.stopped) == ("interrupted", "interrupted by the user")
    assert list(result.figures) == ["accuracy"]
    assert [file.name for file in (tmp_path / "here").rglob("*.part*")] == []


def test_a_run_that_is_killed_says_interrupted(tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text('schema = 1\nsystem = "toy"\n[settings]\nwait = 60.0\n')
    command = [sys.executable, str(ROOT / "tests" / "toy_system.py"), "run", "run.toml", "--out", "here"]
    with subprocess.Popen(command, cwd=tmp_path, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.kill()
    result = read_result(tmp_path / "here")
    assert (result.status, list(result.figures)) == ("interrupted", ["accuracy"])


def test_help_comes_at_once() -> None:
    code = (
        "import sys, ohmloom.cli; print(sorted({'torch', 'numpy', 'scipy', 'matplotlib', 'rich'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], env=ENVIRONMENT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    start = time.perf_counter()
    helped = subprocess.run([sys.executable, "-m", "ohmloom.cli", "--help"], env=ENVIRONMENT, capture_output=True)
    print(f"ohmloom --help: {time.perf_counter() - start:.2f} s")  # 0.2 s on a quiet machine; a limit is not asserted
    assert helped.returncode == 0
    assert b"evaluate" in helped.stdout
