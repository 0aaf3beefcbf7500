"""A run from end to end: what it leaves behind, whole at every moment, interrupted, taken up, repeated."""

from __future__ import annotations

import json
import os
import tomllib
from pathlib import Path
from typing import Any

import pytest

from ohmloom import atomic
from ohmloom.errors import ConfigurationError, FormatError, OutputError, UnknownNameError
from ohmloom.experiments import Findings, Progress, RunFile, Silent, check_system, read_result, run
from tests.toy_system import CLAIMS, CONTROLS, PLOTS, Toy, ToySettings


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> Toy:
    monkeypatch.setattr(Toy, "ran", [])
    return Toy()


def stop_in_the_second_arm(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def hook() -> None:
        raise error

    monkeypatch.setattr(Toy, "hook", staticmethod(hook))


def test_every_verdict_and_every_state_of_a_control(toy: Toy, tmp_path: Path) -> None:
    result = run(toy, out=tmp_path / "run")
    verdicts = {claim.name: claim.verdict for claim in result.claims}
    assert verdicts == {
        "holds": "reproduced",
        "holds within": "reproduced",
        "does not hold": "not reproduced",
        "other data": "not comparable",
        "objected to": "not comparable",
        "one seed only": "not comparable",
        "no figure": "not run",
        "no value": "not run",
    }
    states = {control.name: control.verdict for control in result.controls}
    assert states == {"breaks": "held", "does not break": "failed", "costs much": "held", "left out": "not run"}
    assert all(item.reason for item in (*result.claims, *result.controls))
    assert CLAIMS[0].verdict == "not run", "judging makes copies"
    assert CONTROLS[0].ours is None


def test_result_json_is_strict_has_the_schema_and_reads_back_equal(toy: Toy, tmp_path: Path) -> None:
    result = run(toy, out=tmp_path / "run", seed=3)

    def refuse(constant: str) -> None:
        pytest.fail(f"{constant} in result.json")

    table = json.loads((tmp_path / "run" / "result.json").read_text(), parse_constant=refuse)
    wanted = {"schema", "system", "tier", "seeds", "status", "seconds", "figures", "claims", "controls", "cost", "data"}
    assert wanted | {"environment", "settings", "command", "about", "plots", "tables"} <= set(table)
    assert (table["schema"], table["system"], table["tier"], table["seeds"]) == (1, "toy", "smoke", [3])
    assert table["status"] == "complete"
    assert table["stopped"] is None
    accuracy = table["figures"]["accuracy"]
    assert accuracy["spread_over"] == "dies"
    assert accuracy["interval"]["low"] < accuracy["value"] < accuracy["interval"]["high"]
    assert table["figures"]["undefined"]["value"] is None
    assert "nan" in table["figures"]["undefined"]["reason"]
    assert table["plots"][1]["lines"][0]["values"] == [2.0, None]
    assert {"python", "torch", "numpy", "platform", "processors", "ohmloom"} <= set(table["environment"])
    assert len(table["plots"]) == len(PLOTS)
    assert read_result(tmp_path / "run") == result
    assert read_result(tmp_path / "run" / "result.json") == result


def test_run_toml_says_what_was_asked_for(toy: Toy, tmp_path: Path) -> None:
    run(toy, tier="full", seed=7, out=tmp_path / "run")
    table = tomllib.loads((tmp_path / "run" / "run.toml").read_text())
    assert (table["system"], table["tier"], table["seed"]) == ("toy", "full", 7)
    assert table["settings"] == {"dies": 3, "g_max": "4e-05 S", "wait": 0.0}
    assert read_result(tmp_path / "run").seeds == (7, 8, 9, 10, 11)


def test_a_run_toml_repeats_the_run(toy: Toy, tmp_path: Path) -> None:
    settings = ToySettings(dies=5)
    first = run(toy, seed=4, settings=settings, out=tmp_path / "first")
    ask = RunFile.read(tmp_path / "first" / "run.toml")
    again = run(toy, tier=ask.tier, seed=ask.seed, settings=ask.settings, out=tmp_path / "again")
    assert again.figures == first.figures
    assert len(again.figures["accuracy"].values) == 5
    assert "run.toml" in first.command, "a plain command would not repeat other settings"
    assert run(toy, seed=5, out=tmp_path / "other").figures != first.figures


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"dyes": 3}, "Did you mean 'dies'"),
        ({"g_max": 4e-5}, "g_max"),
        ({"g_max": "40 uV"}, "g_max"),
        (Silent(), "must be a"),
    ],
)
def test_settings_are_checked_before_any_work(settings: Any, match: str, toy: Toy, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=match):
        run(toy, settings=settings, out=tmp_path / "run")
    assert toy.ran == []
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("error", "stopped"),
    [(KeyboardInterrupt(), "interrupted by the user"), (ValueError("wrong wool"), "ValueError: wrong wool")],
)
def test_a_stopped_run_leaves_what_it_had_found(
    error: BaseException, stopped: str, toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop_in_the_second_arm(monkeypatch, error)
    with pytest.raises(type(error)):
        run(toy, out=tmp_path / "run")
    result = read_result(tmp_path / "run")
    assert (result.status, result.stopped) == ("interrupted", stopped)
    assert list(result.figures) == ["accuracy"]
    assert next(c for c in result.claims if c.name == "holds").verdict == "reproduced"
    assert next(c for c in result.controls if c.name == "breaks").verdict == "not run"


def test_a_run_is_taken_up_after_its_last_finished_arm(
    toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = run(toy, out=tmp_path / "whole")
    toy.ran.clear()
    with monkeypatch.context() as patch:
        stop_in_the_second_arm(patch, KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            run(toy, out=tmp_path / "run")
    assert toy.ran == ["first", "second"]
    toy.ran.clear()
    result = run(toy, out=tmp_path / "run")
    assert toy.ran == ["second"]
    assert result.status == "complete"
    assert result.figures == whole.figures
    assert result.claims == whole.claims


def test_a_second_interruption_loses_nothing(toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stop_in_the_second_arm(monkeypatch, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        run(toy, out=tmp_path / "run")
    first = read_result(tmp_path / "run")

    def at_once(_self: Toy, _context: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Toy, "run", at_once)
    with pytest.raises(KeyboardInterrupt):
        run(toy, out=tmp_path / "run")
    second = read_result(tmp_path / "run")
    assert second.figures == first.figures
    assert second.seconds >= first.seconds


@pytest.mark.parametrize("changes", [{"seed": 1}, {"tier": "full"}, {"settings": ToySettings(dies=4)}])
def test_a_folder_with_another_run_is_refused(
    changes: dict[str, Any], toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop_in_the_second_arm(monkeypatch, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        run(toy, out=tmp_path / "run")
    before = (tmp_path / "run" / "result.json").read_text()
    with pytest.raises(OutputError, match=r"got (a run|the same run with other settings) .*--out"):
        run(toy, out=tmp_path / "run", **changes)
    assert (tmp_path / "run" / "result.json").read_text() == before


def test_folders_that_cannot_take_a_run(toy: Toy, tmp_path: Path) -> None:
    run(toy, out=tmp_path / "complete")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.txt").write_text("years of work")
    (tmp_path / "file").write_text("a file")
    toy.ran.clear()
    for folder, given in (("complete", "complete"), ("other", "other files"), ("file", "a file")):
        with pytest.raises(OutputError, match=f"got .*{given}.* Give another folder"):
            run(toy, out=tmp_path / folder)
    for unwritable in (tmp_path / "file" / "below", Path("/proc/ohmloom")):
        with pytest.raises(OutputError, match="must be writable"):
            run(toy, out=unwritable)
    assert toy.ran == []
    assert list((tmp_path / "other").iterdir()) == [tmp_path / "other" / "thesis.txt"]


def test_a_folder_that_a_run_writes_to_is_refused(toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While it runs, and not when it has been interrupted."""

    def again() -> None:
        monkeypatch.setattr(Toy, "hook", staticmethod(lambda: None))
        with pytest.raises(OutputError, match=r"in use by one process at a time.*Wait"):
            run(Toy(), out=tmp_path / "run")
        raise KeyboardInterrupt

    monkeypatch.setattr(Toy, "hook", staticmethod(again))
    with pytest.raises(KeyboardInterrupt):
        run(toy, out=tmp_path / "run")
    assert run(Toy(), out=tmp_path / "run").status == "complete"


def test_an_empty_folder_is_as_good_as_a_new_one(toy: Toy, tmp_path: Path) -> None:
    assert run(toy, out=tmp_path).status == "complete"


def test_the_default_folder_is_new_each_time(toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for _ in range(3):
        run(toy)
    folders = list((tmp_path / "runs").iterdir())
    assert len(folders) == 3
    assert all(folder.name.startswith("toy-20") for folder in folders)


def test_unknown_tiers_offer_near_names(toy: Toy, tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'smoke'"):
        run(toy, tier="smokey", out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt(), MemoryError()])
def test_a_write_that_fails_leaves_the_old_file_whole(
    error: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "result.json"
    atomic.write_text(file, "old")

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OutputError if isinstance(error, OSError) else type(error)):
        atomic.write_text(file, "new " * 10000)
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file], "nothing half-written stays"


def test_a_reader_never_sees_a_running_run_as_complete(toy: Toy, tmp_path: Path) -> None:
    seen: list[str] = []
    original = Findings._save

    def spy(findings: Findings, **changes: Any) -> None:
        original(findings, **changes)
        seen.append(read_result(tmp_path / "run").status)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Findings, "_save", spy)
        run(toy, out=tmp_path / "run")
    assert len(seen) > 10
    assert seen[-1] == "complete"
    assert set(seen[:-1]) == {"interrupted"}


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ('{"schema": 1, "sys', "must be strict JSON"),
        ('{"schema": 1, "seconds": NaN}', "NaN is not JSON"),
        ('{"schema": 2}', "must be a result of schema 1"),
        ("[]", "must be a result of schema 1"),
        ('{"schema": 1}', "must be given"),
    ],
)
def test_a_broken_result_is_refused(text: str, match: str, tmp_path: Path) -> None:
    (tmp_path / "result.json").write_text(text)
    with pytest.raises(FormatError, match=match):
        read_result(tmp_path)


def test_a_folder_without_a_result_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="none there"):
        read_result(tmp_path)


def test_progress_is_told_what_was_taken_up(toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(Silent, "say", lambda _self, text: said.append(text))
    with monkeypatch.context() as patch:
        stop_in_the_second_arm(patch, KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            run(toy, out=tmp_path / "run")
    assert said == []
    progress: Progress = Silent()
    run(toy, out=tmp_path / "run", progress=progress)
    assert [line.split(":")[0] for line in said] == ["seed-0/first"]


def test_the_contract_of_a_system(monkeypatch: pytest.MonkeyPatch) -> None:
    check_system(Toy())
    monkeypatch.setattr(Toy, "claims", (CLAIMS[0], CLAIMS[0]))
    with pytest.raises(ConfigurationError, match="'holds' twice"):
        check_system(Toy())
    monkeypatch.setattr(Toy, "tiers", {"tiny": Toy.tiers["smoke"]})
    with pytest.raises(ConfigurationError, match=r"must be some of .*tiny"):
        check_system(Toy())
    monkeypatch.delattr(Toy, "paper")
    with pytest.raises(ConfigurationError, match="none of paper"):
        check_system(Toy())
