"""Cost and summary of hardware: per inference, whatever the batch and the dies; what is placed, and why not."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import ohmloom as ol
from ohmloom import Chip, Event, Ledger
from ohmloom.errors import LedgerError
from tests.nn.models import build


def priced(hardware: nn.Module, *batches: torch.Tensor, dies: bool = False) -> tuple[ol.chips.Cost, Ledger]:
    with torch.no_grad(), Ledger() as ledger:
        for x in batches:
            ol.over_dies(hardware, x) if dies else hardware(x)
    return ol.cost(ledger, hardware), ledger


@pytest.mark.parametrize("chip_name", ["generic-40nm", "neurram"])
@pytest.mark.parametrize("name", ["mlp", "neurram-cnn", "transformer"])
def test_the_cost_of_an_inference_does_not_depend_on_the_batch(name: str, chip_name: str) -> None:
    model, x = build(name)
    hardware = ol.convert(model, Chip.load(chip_name))
    ol.program(hardware)
    once, _ = priced(hardware, x)
    for batches in ([x, x], [torch.cat([x, x])], [row.unsqueeze(0) for row in x]):
        again, ledger = priced(hardware, *batches)
        assert ledger.total(Event.INFERENCE) == sum(len(batch) for batch in batches)
        assert again.energy_joule == pytest.approx(once.energy_joule, rel=0.02)  # early stops see other read noise
        assert again.latency_second == pytest.approx(once.latency_second, rel=1e-6)
    assert once.per == "per inference"
    assert once.energy_joule == pytest.approx(sum(once.components.values()))
    assert once.energy_joule == pytest.approx(sum(once.layers.values()))


def test_inferences_count_once_per_sample_and_die(generic: Chip) -> None:
    model, x = build("mlp")
    hardware = ol.convert(model, generic)
    ol.program(hardware, dies=3)
    one, _ = priced(hardware, x)
    all_dies, ledger = priced(hardware, x, dies=True)
    assert [ledger.total(Event.INFERENCE, die=die) for die in range(3)] == [5, 5, 5]
    assert all_dies.energy_joule == pytest.approx(one.energy_joule, rel=0.1)
    assert len(all_dies.dies) == 3
    for die in (1, 2):
        ol.select(hardware, die)
        with Ledger() as own:
            hardware(x)
        assert own.total(Event.INFERENCE, die=die) == 5
        assert own.total(Event.INFERENCE) == 5


def test_what_is_not_run_costs_nothing(generic: Chip) -> None:
    """Data decide: a network that stops early is priced by what it did."""

    class StopsEarly(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.loop = nn.Linear(6, 6), nn.Linear(6, 6)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = self.loop(self.first(x))
            for _ in range(int(x[0, 0])):
                y = self.loop(y)
            return y

    hardware = ol.convert(StopsEarly(), generic)
    ol.program(hardware)
    short, long = (priced(hardware, torch.full((4, 6), float(steps)))[0] for steps in (1, 5))
    assert long.layers["loop"] == pytest.approx(3 * short.layers["loop"], rel=0.1)
    assert long.layers["first"] == pytest.approx(short.layers["first"], rel=0.1)


def test_calibration_is_not_an_inference(generic: Chip) -> None:
    """It counts its events, as it happened; nobody's inference is in it."""
    model, x = build("mlp")
    hardware = ol.convert(model, generic)
    ol.program(hardware)
    with Ledger() as ledger:
        ol.calibrate(hardware, x)
    assert ledger.total(Event.SAMPLE) > 0
    assert ledger.total(Event.INFERENCE) == 0


def test_programming_is_counted_in_pulses(neurram: Chip) -> None:
    hardware = ol.convert(build("mlp")[0], neurram)
    with Ledger() as ledger:
        report = ol.program(hardware, dies=2)
    for name, r in report.matrices.items():
        assert ledger.total(Event.PULSE, name) == pytest.approx(r.mean_pulses * r.cells, rel=1e-6)


def test_an_empty_ledger_and_one_of_other_hardware_are_refused(generic: Chip) -> None:
    model, x = build("mlp")
    ours, other = ol.convert(model, generic), ol.convert(model, generic)
    ol.program(ours)
    ol.program(other)
    with pytest.raises(LedgerError, match="empty"):
        ol.cost(Ledger(), ours)
    with Ledger() as ledger:
        other(x)
    with pytest.raises(LedgerError, match="other hardware"):
        ol.cost(ledger, ours)
    with Ledger() as both:
        ours(x)
        other(x)
        other(x)
    with Ledger() as alone:
        ours(x)
    assert ol.cost(both, ours).energy_joule == pytest.approx(ol.cost(alone, ours).energy_joule, rel=1e-6)


def test_the_digital_modes_cost_nothing_on_the_chip(generic: Chip) -> None:
    model, x = build("mlp")
    hardware = ol.convert(model, generic)
    ol.program(hardware)
    for mode in ("digital", "quantised"):
        ol.mode(hardware, mode)
        with Ledger() as ledger:
            hardware(x)
        assert ledger.total(Event.SAMPLE) == 0
        with pytest.raises(LedgerError):
            ol.cost(ledger, hardware)


def test_the_summary_before_and_after_programming(neurram: Chip) -> None:
    model, x = build("neurram-cnn")
    hardware = ol.convert(model, neurram, {"22": {"digital": True}})
    before = ol.summary(hardware)
    assert before.mode == "Digital"
    assert before.digital == {"22": "a rule says so"}
    assert [row.name for row in before.rows] == ["0", "3", "7", "10", "14", "17"]
    assert [row.shape for row in before.rows][:2] == [(8, 9), (8, 72)]
    assert {row.path for row in before.rows} == {"not programmed"}
    text = str(before)
    for piece in ("neurram (neurram-hfox)", "of 48 cores", "digital: 22 (a rule says so)", "not programmed",
                  "calibration: none"):  # fmt: skip
        assert piece in text
    ol.calibrate(hardware, x)
    ol.program(hardware, dies=2)
    ol.age(hardware, "1 h")
    after = ol.summary(hardware)
    assert after.mode == "Programmed"
    assert all("product" in row.path for row in after.rows)
    assert {row.bias for row in after.rows} == {"rows"}  # batch norm folded in: every layer has a bias
    assert "2 dies, 1 h after programming" in str(after)
    assert after.placement.cells == sum(row.cells for row in after.rows)


def test_the_summary_of_attention_and_groups(generic: Chip) -> None:
    attention = ol.summary(ol.convert(build("transformer")[0], generic))
    names = [row.name for row in attention.rows]
    assert names[:4] == [f"0.layers.0.self_attn.{part}" for part in ("query", "key", "value", "output")]
    assert all(row.shape == (16, 16) for row in attention.rows[:4])
    grouped = ol.summary(ol.convert(nn.Conv2d(96, 96, 3, groups=96), generic))
    assert [row.name for row in grouped.rows] == [f"model.groups{start}" for start in (0, 28, 56, 84)]
    assert all(row.kind == "Conv2d" for row in grouped.rows)
