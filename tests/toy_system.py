"""A tiny system that has one of everything: each verdict, controls that hold, fail and do not run, each kind of plot.

As a program it runs the command line with itself registered: ``python tests/toy_system.py run toy …``.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from ohmloom import systems
from ohmloom.descriptions import Description
from ohmloom.experiments import Claim, Context, Control, Cost, CostShare, Figure, Paper, System, Tier
from ohmloom.quantities import Siemens

PAPER = Paper(
    key="weaver1801",
    authors=("J. M. Jacquard", "A. Lovelace"),
    title="On <looms> & numbers",
    journal="Weaving",
    year=1801,
    volume="1",
    pages="1-2",
    doi="10.1000/loom",
)
EXACT: dict[str, Any] = {"version": "journal", "source": "10.1000/loom", "unit": "%"}
CLAIMS = (
    Claim(name="holds", published=90.0, direction="at_least", figure="accuracy", **EXACT),
    Claim(
        name="holds within",
        published=90.5,
        direction="within",
        tolerance=1.0,
        tolerance_source="the test",
        figure="accuracy",
        **EXACT,
    ),
    Claim(name="does not hold", published=80.0, direction="at_most", figure="accuracy", **EXACT),
    Claim(name="other data", published=90.0, direction="at_least", figure="accuracy", data="digits", **EXACT),
    Claim(name="objected to", published=90.0, direction="at_least", figure="accuracy", **EXACT),
    Claim(name="one seed only", published=90.0, direction="at_least", figure="accuracy", least_seeds=5, **EXACT),
    Claim(name="no figure", published=90.0, direction="at_least", figure="acuracy", **EXACT),
    Claim(name="no value", published=90.0, direction="at_least", figure="undefined", **EXACT),
)
CONTROLS = (
    Control(name="breaks", expectation="It breaks.", figure="broken", rule="at_most", bound=20, unit="%"),
    Control(name="does not break", expectation="It breaks.", figure="accuracy", rule="at_most", bound=20, unit="%"),
    Control(
        name="costs much",
        expectation="It costs much.",
        figure="accuracy",
        against="broken",
        rule="at_least",
        bound=50,
        unit="points",
    ),
    Control(name="left out", expectation="It breaks.", figure="undefined", rule="at_most", bound=20, unit="%"),
)


class ToySettings(Description):
    """Settings of the toy."""

    dies: int = 3
    g_max: Siemens = 40e-6
    wait: float = 0.0  # seconds in the last arm


class Toy(System[ToySettings]):
    """The toy; ``hook`` is called in its second arm, ``ran`` notes the arms that were computed."""

    name = "toy"
    title = "A toy loom"
    summary = "Weaves <b>nothing</b> & reports it."
    paper = PAPER
    tiers = {  # noqa: RUF012
        "smoke": Tier(summary="Quick.", budget=60, settings=ToySettings()),
        "full": Tier(summary="Seeds.", budget=3600, settings=ToySettings(), seeds=5),
    }
    claims = CLAIMS
    controls = CONTROLS
    hook: Callable[[], object] = staticmethod(lambda: None)
    ran: list[str] = []  # noqa: RUF012

    def run(self, context: Context[ToySettings]) -> None:
        findings = context.findings
        findings.data("digits", "embedded", "Six digits.")
        first = findings.arm("seed-0/first", lambda: self._arm("first", context))
        findings.figure(Figure.over("accuracy", first["accuracy"], "%", "dies"))
        second = findings.arm("seed-0/second", lambda: self._arm("second", context))
        findings.figure(Figure.of("broken", second["accuracy"][0] - 80, "%"))
        findings.figure(Figure.of("undefined", float("nan"), "%"))
        findings.not_comparable("objected to", "the network is another one")
        describe(context)

    def _arm(self, name: str, context: Context[ToySettings]) -> dict[str, Any]:
        self.ran.append(name)
        if name == "second":
            type(self).hook()
            print("in the second arm", flush=True)
            time.sleep(context.settings.wait)
        generator = np.random.default_rng(context.seed)
        return {"accuracy": 91 + generator.random(context.settings.dies), "loss": np.float32("nan")}


def describe(context: Context[ToySettings]) -> None:
    """Everything but figures."""
    findings = context.findings
    for plot in PLOTS:
        findings.plot(**plot)
    part = CostShare(energy_joule=1e-12, latency_second=1e-6, area_square_metre=5e-7)
    findings.cost(
        Cost(
            energy_joule=2e-12,
            latency_second=2e-6,
            area_square_metre=1e-6,
            components={"neurons": part, "cells": part},
            layers={"first": part, "second": part},
            basis="invented for the test",
            schedule="one after another",
        )
    )
    findings.table("Layers", ["layer", "cells", "share"], [["first", 12, 0.5], ["second", 12, None]], caption="All.")
    findings.assumption("Cells are made of wool.", "assumed")
    findings.reference("Another paper", "10.1000/other")


BAND = {"low": [1.0, 2.0], "high": [3.0, 4.0]}
EDGES = np.linspace(0, 4e-5, 11)
PLOTS: list[dict[str, Any]] = [
    {"kind": "accuracy_over_ages", "ages": ["written", "1 day"], "lines": [{"label": "a", "values": [2, 3.0], **BAND}]},
    {"kind": "noise_curves", "noise": [0, 5.0], "lines": [{"label": "a", "values": np.array([2, np.nan]), **BAND}]},
    {"kind": "noise_grid", "train": [0, 10], "test": [0, 5], "accuracy": np.array([[99.0, 50.0], [98.0, np.nan]])},
    {"kind": "effect_waterfall", "steps": ["software", "chip"], "values": [99.0, 98.0]},
    {"kind": "ablation_bars", "labels": ["all", "none"], "values": [99.0, None], "references": {"chance": 10.0}},
    {"kind": "level_histograms", "ages": ["now"], "levels": [1e-5], "edges": EDGES, "counts": np.ones((1, 1, 10))},
    {"kind": "pulse_histogram", "counts": [0, 5, 3], "references": {"mean": 1.4}},
    {
        "kind": "published_and_ours",
        "positions": [1, 2.0],
        "pairs": [{"label": "a", "published": [1, None], "ours": np.array([1, np.nan]), "predicted": [2, 3]}],
        "doubtful": [2],
        "position_axis": "bits",
        "axis": "TOPS",
    },
    {"kind": "cost_bars", "labels": ["a"], "values": [1e-12]},
    {"kind": "segmentations", "panels": [{"title": "a", "file": "arms/a.npz"}], "marks": ["found", "missed"]},
    {
        "kind": "courses",
        "panels": [
            {"title": "a loop", "x_axis": "v", "y_axis": "i", "lines": [{"label": "a", "x": [0, 1, 0], "y": [0, 1, 2]}]}
        ],
    },
    {"kind": "point_clouds", "span": 1, "clouds": [{"title": "a", "x": [0.0, 2.0], "y": [0.5, 0.0]}] * 2},
    {"kind": "image_grid", "rows": [{"title": "a", "images": np.eye(3)[None]}]},
    {
        "kind": "waveforms",
        "times": [0.0, 1.0, 2.0],
        "time_axis": "time, µs",
        "tracks": [
            {"title": "a", "axis": "V", "traces": [{"label": "x", "values": [0, 1, 2]}] * 2, "bounds": [-2, 2]},
            {"title": "b", "axis": "factor", "traces": [{"label": "y", "values": [2, 1, 0]}], "held": True},
        ],
    },
    {"kind": "vector_fields", "span": 1, "clouds": [{"title": "a", "x": [0], "y": [0], "u": [1], "v": [0]}]},
    {"kind": "array_maps", "panels": [{"title": "a", "values": np.array([[1.0, 2.0], [3.0, np.nan]])}]},
    {
        "kind": "floor_plan",
        "cores": 3,
        "core_rows": 8,
        "core_columns": 8,
        "rectangles": [
            {"core": 0, "row_start": 0, "row_stop": 4, "column_start": 0, "column_stop": 8, "layer": "<first>"}
        ],
    },
]
for plot in PLOTS:
    plot["caption"] = f"A caption of {plot['kind']} with <angles> & -1 uS."

if __name__ == "__main__":
    from ohmloom.cli import main

    systems.register(Toy.name, Toy.title, Toy)
    main()
