"""The picture and the table of what a loop's nodes carry."""

from pathlib import Path
from typing import Any

import pytest
import torch

from ohmloom.chips import Mapping, store
from ohmloom.crossbars import Amplitude, Analogue, AnalogueReadout
from ohmloom.devices import Device
from ohmloom.dynamics import Circuit, Loop, Samples, Staircase, probe
from ohmloom.experiments import Findings, Result
from ohmloom.experiments.loops import POINTS, SHOWN, show_loop
from ohmloom.experiments.plots import Waveforms
from ohmloom.experiments.result import About
from ohmloom.random import Streams

WIDTH = 20  # hidden units: more than are drawn
MAPPING = Mapping(drive=Amplitude(), encoding=Analogue(layout="pair-rows"), readout=AnalogueReadout())


@pytest.fixture
def findings(tmp_path: Path) -> Findings:
    fields: dict[str, Any] = {"system": "toy", "tier": "smoke", "seeds": (0,), "status": "interrupted", "seconds": 0.0}
    about = About(title="t", summary="s", citation="c")
    return Findings(tmp_path, Result(command="x", about=about, settings={}, environment={}, **fields), {"seed": 0})


def looped(driven: int = 0, **parts: Any) -> Loop:
    device, generator = Device(name="test", g_min=20e-6, g_max=100e-6), torch.Generator().manual_seed(0)
    shapes = {"first": (WIDTH, 2 + driven), "last": (2, WIDTH)}
    matrices = tuple(store(torch.randn(*shape, generator=generator).double() / 4, MAPPING, device,
                           Streams(0).child(name), name=name) for name, shape in shapes.items())  # fmt: skip
    return Loop(
        matrices, Circuit(unit="0.1 V", clamp="20 mV", rail="1 V"), ("relu", "identity"), driven=driven, **parts
    )


def recorded(findings: Findings) -> tuple[Waveforms, dict[str, tuple[Any, ...]]]:
    (plot,), (table,) = findings.result.plots, findings.result.tables
    assert isinstance(plot, Waveforms)
    return plot, {str(row[0]): row[1:] for row in table.rows}


def test_a_driven_loop(findings: Findings) -> None:
    loop = looped(driven=2)
    times = torch.linspace(0, 1e-3, 2 * POINTS + 1, dtype=torch.float64)
    signal = Samples(times, torch.stack([0.1 * torch.sin(4e4 * times), torch.full_like(times, 0.1)], 1))
    volts = loop.run(torch.tensor([[0.1, -0.1]] * 3).double(), times, signal=signal, growth="accept").volts
    show_loop(findings, loop, volts, times, caption="c", signal=signal, channels=("wave", "constant"))
    plot, rows = recorded(findings)
    assert [track.title for track in plot.tracks] == [
        "driven lines", f"behind stage 1, {SHOWN} of {WIDTH}", "last array, over the resistance of a weight of one",
        "integrators",
    ]  # fmt: skip
    assert len(plot.times) <= POINTS + 1
    assert plot.time_axis == "time, ms"
    assert plot.times[-1] == pytest.approx(1.0, rel=1e-2)
    assert [trace.label for trace in plot.tracks[0].traces] == ["wave", "constant"]
    assert plot.tracks[1].bounds == (0.02,)  # a rectifier's output has no negative limit
    assert plot.tracks[3].bounds == (-1, 1)
    assert plot.tracks[3].traces[1].values[0] == -0.1
    stage = probe(loop, volts, times, signal=signal).stages[0]
    share = 100 * float((stage >= 0.02 * (1 - 1e-9)).double().mean())
    assert 1 < share < 99
    assert rows["behind stage 1"][0] == WIDTH
    assert rows["behind stage 1"][2:] == (0.02, "20 mV", pytest.approx(share, rel=1e-2))
    assert rows["last array, over the resistance of a weight of one"][3:] == ("none", None)


def test_staircases_and_multipliers(findings: Findings) -> None:
    loop = looped(added=((0, WIDTH), None))
    times = torch.linspace(0, 2e-5, 21, dtype=torch.float64)
    levels = Staircase(0.05 * torch.randn(20, WIDTH, generator=torch.Generator().manual_seed(1)).double(), 1e-6)
    gains = Staircase(torch.stack([torch.linspace(2, 0, 20), torch.linspace(1, 0, 20)], 1).double(), 1e-6)
    volts = loop.run(torch.tensor([[0.1, -0.1]]).double(), times, signal=levels, gains=gains, growth="accept").volts
    show_loop(findings, loop, volts, times, caption="c", signal=levels, gains=gains)
    plot, rows = recorded(findings)
    assert plot.time_axis == "time, µs"
    titles = {track.title.split(",")[0]: track for track in plot.tracks}
    assert [titles[name].held for name in ("converters", "multipliers", "integrators")] == [True, True, False]
    assert titles["multipliers"].axis == "factor"
    assert titles["multipliers"].traces[0].values[0] == 2.0
    assert "multipliers" not in rows  # those are no volts
    assert rows["converters, added before the rectifiers"][3] == "1 V"
