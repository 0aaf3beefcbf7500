"""Findings and arms on their own: what is refused, what is kept, what is computed anew."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ohmloom
from ohmloom import chips
from ohmloom.errors import ConfigurationError, UnknownNameError
from ohmloom.experiments import Cost, CostShare, Figure, Findings, Result
from ohmloom.experiments.arms import Arms
from ohmloom.experiments.result import About
from tests.toy_system import CLAIMS, PLOTS


@pytest.fixture
def findings(tmp_path: Path) -> Findings:
    about = About(title="t", summary="s", citation="c")
    fields: dict[str, Any] = {"system": "toy", "tier": "smoke", "seeds": (0,), "status": "interrupted", "seconds": 0.0}
    start = Result(command="x", about=about, settings={}, environment={}, claims=CLAIMS[:1], **fields)
    return Findings(tmp_path, start, {"seed": 0})


def test_figures_come_one_by_one_and_are_replaced_by_name(findings: Findings) -> None:
    findings.figure(Figure.over("accuracy", [80.0], "%", "dies"))
    assert findings.result.claims[0].verdict == "not reproduced"
    findings.figure(Figure.over("accuracy", [91.0, 92.0], "%", "dies"))
    assert findings.result.claims[0].verdict == "reproduced"
    assert len(findings.result.figures) == 1


def test_a_plot_of_an_unknown_kind_offers_near_names(findings: Findings) -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'noise_grid'"):
        findings.plot("noise_gird", caption="c")


@pytest.mark.parametrize(
    ("kind", "data", "match"),
    [
        ("noise_grid", {"train": [0, 1], "test": [0], "accuracy": [[1.0]]}, "each of the 2 training noises, got 1"),
        ("noise_grid", {"train": [0], "test": [0], "accuracy": [[1.0]], "tset": 1}, "unknown field"),
        ("accuracy_over_ages", {"ages": ["a"], "lines": [{"label": "x", "values": [1, 2]}]}, "line 'x' must have"),
        ("noise_curves", {"noise": [0], "lines": [{"label": "x", "values": [1], "low": [1, 2]}]}, "the band must have"),
        ("effect_waterfall", {"steps": ["a"], "values": [np.nan]}, "values"),
        ("cost_bars", {"labels": ["a"], "values": [1.0], "unit": "eV"}, "unit"),
        ("level_histograms", {"ages": ["a"], "levels": [1e-5], "edges": [0, 1e-6], "counts": [[[1, 2]]]}, "1 bins"),
        (
            "floor_plan",
            {"cores": 1, "core_rows": 4, "core_columns": 4}
            | {
                "rectangles": [
                    {"core": 0, "row_start": 0, "row_stop": 5, "column_start": 0, "column_stop": 1, "layer": "a"}
                ]
            },
            "must lie inside 1 cores of 4 x 4",
        ),
    ],
)
def test_plots_are_checked_where_they_enter(kind: str, data: dict[str, Any], match: str, findings: Findings) -> None:
    with pytest.raises(ConfigurationError, match=match):
        findings.plot(kind, caption="c", **data)


def test_two_kinds_of_plots_do_not_share_a_name(findings: Findings) -> None:
    findings.plot(**PLOTS[0], name="same")
    findings.plot(**PLOTS[0], name="same")
    assert len(findings.result.plots) == 1
    with pytest.raises(ConfigurationError, match="must not share a name"):
        findings.plot(**PLOTS[1], name="same")


def test_a_refused_entry_does_not_spoil_the_rest(findings: Findings) -> None:
    with pytest.raises(ConfigurationError, match="unit"):
        findings.figure(Figure.of("accuracy", 0.9, "points"))
    findings.figure(Figure.of("accuracy", 91.0, "%"))
    assert findings.close().status == "complete"


def test_names_like_a_missing_figure_are_guessed_once_the_run_has_ended(findings: Findings) -> None:
    findings.figure(Figure.of("accurracy", 91.0, "%"))
    assert "Did you mean" not in findings.result.claims[0].reason
    assert "Did you mean 'accurracy'?" in findings.close().claims[0].reason


def test_objections_name_a_claim(findings: Findings) -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'holds'"):
        findings.not_comparable("hold", "reason")


def test_tables_are_rectangular(findings: Findings) -> None:
    with pytest.raises(ConfigurationError, match="each row must have 2 cells"):
        findings.table("t", ["a", "b"], [[1]])


def test_the_parts_of_a_cost_sum_to_the_total() -> None:
    parts = {"a": CostShare(energy_joule=1e-12), "b": CostShare(energy_joule=2e-12)}
    fields: dict[str, Any] = {"latency_second": 1.0, "area_square_metre": 1.0, "basis": "b", "schedule": "s"}
    assert Cost(energy_joule=3e-12, components=parts, **fields)
    with pytest.raises(ConfigurationError, match="must sum to the total"):
        Cost(energy_joule=3.1e-12, components=parts, **fields)
    with pytest.raises(ConfigurationError, match="must say why"):
        Cost(energy_joule=None, components=parts, **fields)


def test_what_the_chips_floor_priced_and_placed_is_taken_as_it_is(findings: Findings) -> None:
    fields: dict[str, Any] = {"basis": "b", "schedule": "s", "per": "per inference", "interval_second": 1e-6}
    priced = chips.Cost(
        energy_joule=3e-12,
        latency_second=2e-6,
        area_square_metre=4e-7,
        components={"neurons": 1e-12, "cells": 2e-12},
        layers={"first": 3e-12},
        layer_seconds={"first": 2e-6},
        areas={"neurons": 3e-7, "drivers": 1e-7},
        operations=10,
        **fields,
    )
    findings.cost(Cost.priced(priced))
    cost = findings.result.cost
    assert cost is not None
    assert cost.components["drivers"] == CostShare(area_square_metre=1e-7)
    assert cost.layers["first"] == CostShare(energy_joule=3e-12, latency_second=2e-6)
    block = chips.Block("first", 0, 0, 0, core=1, row_start=0, row_stop=4, column_start=2, column_stop=6)
    findings.plot("floor_plan", caption="c", cores=2, core_rows=8, core_columns=8, rectangles=(block,))
    assert findings.result.plots[0].model_dump()["rectangles"][0]["column_stop"] == 6


def arm(folder: Path, run: dict[str, Any], settings: dict[str, Any]) -> tuple[Any, bool]:
    return Arms(folder, run).value("seed-0/plain", lambda: {"a": (1, np.float64(2.5), np.arange(2))}, settings)


def test_an_arm_returns_the_same_whether_it_ran_now_or_earlier(tmp_path: Path) -> None:
    now = arm(tmp_path, {"seed": 0}, {"epochs": 3})
    later = arm(tmp_path, {"seed": 0}, {"epochs": 3})
    assert now == ({"a": [1, 2.5, [0, 1]]}, False)
    assert later == ({"a": [1, 2.5, [0, 1]]}, True)


def test_an_arm_of_other_settings_is_computed_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arm(tmp_path, {"seed": 0}, {"epochs": 3})
    assert not arm(tmp_path, {"seed": 0}, {"epochs": 4})[1]
    assert not arm(tmp_path, {"seed": 1}, {"epochs": 4})[1]
    monkeypatch.setattr(ohmloom, "__version__", "0.0.0")
    assert not arm(tmp_path, {"seed": 1}, {"epochs": 4})[1]


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"fingerprint": "x", "value": 1}'])
def test_a_damaged_arm_is_computed_anew(damage: str, tmp_path: Path) -> None:
    arm(tmp_path, {}, {})
    (tmp_path / "seed-0" / "plain.json").write_text(damage)
    assert arm(tmp_path, {}, {}) == ({"a": [1, 2.5, [0, 1]]}, False)


@pytest.mark.parametrize("name", ["../escape", "/root", "a//b", "", "a b", ".hidden"])
def test_arms_stay_in_their_folder(name: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="arm"):
        Arms(tmp_path, {}).value(name, lambda: 1, {})


def test_two_arms_do_not_share_a_name(findings: Findings) -> None:
    findings.arm("plain", lambda: 1)
    with pytest.raises(ConfigurationError, match="once per run"):
        findings.arm("plain", lambda: 2)


def test_an_arm_that_returns_what_json_lacks_is_refused(findings: Findings) -> None:
    with pytest.raises(ConfigurationError, match="must return numbers"):
        findings.arm("plain", object)


def test_a_file_is_kept_whole_or_made_anew(tmp_path: Path) -> None:
    made: list[str] = []

    def make(path: Path) -> None:
        made.append("now")
        path.write_text("weights")

    def broken(path: Path) -> None:
        path.write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Arms(tmp_path, {}).file("net.safetensors", broken, {})
    assert list(tmp_path.iterdir()) == []
    assert Arms(tmp_path, {}).file("net.safetensors", make, {}) == (tmp_path / "net.safetensors", False)
    assert Arms(tmp_path, {}).file("net.safetensors", make, {})[1]
    assert not Arms(tmp_path, {}).file("net.safetensors", make, {"epochs": 2})[1]
    (tmp_path / "net.safetensors").unlink()
    assert not Arms(tmp_path, {}).file("net.safetensors", make, {"epochs": 2})[1]
    assert len(made) == 3
