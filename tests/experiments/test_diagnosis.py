"""`diagnose`: planted faults are found, effects add up, and nothing is left changed."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

import ohmloom as ol
from ohmloom.chips.idealised import EFFECTS, idealised
from ohmloom.errors import DataError, NotFiniteError, NotProgrammedError, ShapeError, UnknownNameError
from ohmloom.experiments.diagnosis import Diagnosis, diagnose
from ohmloom.experiments.metrics import Metric, metric
from ohmloom.experiments.samples import samples
from ohmloom.nn import Digital, what_if

CLASSES = torch.randn(6, 24, generator=torch.Generator().manual_seed(0))


def data(count: int = 300) -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(1)
    labels = torch.randint(0, 6, (count,), generator=random)
    return CLASSES[labels] + 2.0 * torch.randn(count, 24, generator=random), labels


def network() -> nn.Module:
    """Matches templates, after a detour through random features that keep all of them."""
    torch.manual_seed(2)
    mixed, back = nn.Linear(24, 24, bias=False), nn.Linear(24, 24, bias=False)
    nn.init.orthogonal_(mixed.weight)
    head = nn.Linear(24, 6)
    with torch.no_grad():
        back.weight.copy_(mixed.weight.T)
        head.weight.copy_(CLASSES)
        head.bias.copy_(-CLASSES.square().sum(1) / 2)
    return nn.Sequential(mixed, back, head)


@pytest.fixture(scope="module")
def programmed() -> nn.Module:
    hardware = ol.convert(network(), ol.Chip.load("generic-40nm"))
    x, _ = data(600)
    ol.calibrate(hardware, x[300:])
    ol.program(hardware, dies=2)
    ol.age(hardware, "1 hour")
    ol.calibrate(hardware, x[300:])
    return hardware


def found(hardware: nn.Module) -> Diagnosis:
    return diagnose(hardware, data())


def worst(of: Diagnosis) -> tuple[str, str]:
    """The layer and the effect that the sentence names."""
    layer = next(one for one in of.layers if one.effect)
    assert f"layer '{layer.layer}'" in of.sentence
    return layer.layer, layer.effect


def test_losses_add_up_and_nothing_stays_changed(programmed: nn.Module) -> None:
    x, _ = data()
    state, before = programmed.on_chip_state, copy.deepcopy([m.calibration for m in ol.matrices(programmed).values()])
    found_now = found(programmed)
    for old, matrix in zip(before, ol.matrices(programmed).values(), strict=True):
        assert torch.equal(old.slope, matrix.calibration.slope)
        assert old.stamp == matrix.calibration.stamp
    assert type(state.mode).__name__ == "Programmed"
    assert {layer.on_chip.die for layer in ol.converted(programmed).values()} == {0}
    assert [step.effect for step in found_now.steps] == ["input codes", "programming", "age", "read noise", "converter"]
    added = sum(step.added.value or 0 for step in found_now.steps)
    assert added == pytest.approx(found_now.loss.value)
    alone = sum(step.alone.value or 0 for step in found_now.steps)
    assert alone + (found_now.rest.value or 0) == pytest.approx(found_now.loss.value)
    assert found_now.hardware.value == pytest.approx(found_now.software - (found_now.loss.value or 0))
    assert found_now.software == pytest.approx(100 * (network()(x).argmax(1) == data()[1]).double().mean().item())
    for text in ("input codes", "own SNR", "interaction", found_now.sentence):
        assert text in found_now.table()
    assert found_now.json()["effects"][1]["effect"] == "programming"


def narrow_range(hardware: nn.Module) -> None:
    matrix = ol.matrices(hardware)["1"]
    assert matrix.calibration.full_range is not None
    matrix.calibration.full_range *= 0.2
    matrix.refresh()


def stuck(hardware: nn.Module) -> None:
    matrix = ol.matrices(hardware)["1"]
    matrix.cells.written[:, :, 0, :, ::2] = matrix.device.g_max
    matrix.refresh()


def another_device(hardware: nn.Module) -> None:
    layer = ol.converted(hardware)["1"].on_chip
    noise = {"kind": "relative", "deviation": 0.5, "read_time": "1 us"}
    held = layer.matrices["matrix"]
    layer.matrices["matrix"] = replace(held, device=held.device.replace(read_noise=noise), _cache={}, _reads={})


@pytest.mark.parametrize(
    ("plant", "effect"), [(narrow_range, "converter"), (stuck, "programming"), (another_device, "read noise")]
)
def test_planted_faults_are_named(programmed: nn.Module, plant: Callable[[nn.Module], None], effect: str) -> None:
    faulty = copy.deepcopy(programmed)
    plant(faulty)
    of = found(faulty)
    assert worst(of) == ("1", effect)
    assert (of.loss.value or 0) > (found(programmed).loss.value or 0)
    if effect == "converter":
        shares = {one.layer: one.clipped for one in of.layers}
        assert shares["1"] > 0.05
        assert shares["1"] > 10 * shares["2"]


def test_any_metric_and_loader(programmed: nn.Module) -> None:
    x, labels = data()

    def margin(outputs: Tensor, targets: Tensor) -> Tensor:
        return outputs.gather(1, targets.unsqueeze(1)).mean()

    loader = list(zip(x.split(64), labels.split(64), strict=True))
    of = diagnose(programmed, loader, margin, most=128)
    assert of.metric == "margin"
    assert of.software == pytest.approx(float(margin(network()(x[:128]).detach(), labels[:128])), rel=1e-5)
    squared = diagnose(programmed, (x, network()(x).detach()), "mse")
    assert squared.software == 0
    assert (squared.loss.value or 0) > 0  # of an error, more is worse


def test_what_if_leaves_out_effects_and_puts_back(programmed: nn.Module) -> None:
    x, _ = data()
    soft, matrices = network()(x).detach(), dict(ol.matrices(programmed))
    with torch.no_grad(), what_if(programmed, dict.fromkeys(ol.converted(programmed), EFFECTS)):
        ol.calibrate(programmed, x, ranges=False)  # corrections fitted another case
        close = programmed(x)
    assert float((close - soft).norm() / soft.norm()) < 0.02  # codes are left
    with torch.no_grad(), what_if(programmed, dict.fromkeys(ol.converted(programmed), Digital())):
        assert torch.equal(programmed(x), soft)
    assert dict(ol.matrices(programmed)) == matrices
    with pytest.raises(UnknownNameError, match="layers"), what_if(programmed, {"tail": ()}):
        pass
    with pytest.raises(UnknownNameError, match="programming"):
        idealised(next(iter(matrices.values())), ("programing",))  # type: ignore[arg-type]


def test_bad_input(programmed: nn.Module) -> None:
    x, labels = data()
    with pytest.raises(NotProgrammedError):
        diagnose(ol.convert(network(), ol.Chip.load("generic-40nm")), (x, labels))
    with pytest.raises(DataError, match="at least one batch"):
        diagnose(programmed, iter(()))
    with pytest.raises(ShapeError, match="tuples of tensors"):
        diagnose(programmed, [x])
    with pytest.raises(NotFiniteError, match="metric nothing"):
        diagnose(programmed, (x, labels), Metric("nothing", lambda _y, _t: float("nan")))
    with pytest.raises(UnknownNameError, match="accuracy"):
        metric("acuracy")
    with pytest.raises(ShapeError, match="as many targets"):
        samples((x, labels[:3]))
