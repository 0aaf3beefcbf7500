"""Calibration: better afterwards, per die, never over what was learned, and all or nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

import ohmloom as ol
from ohmloom import Chip
from ohmloom.errors import ConfigurationError, NotFiniteError, ShapeError
from ohmloom.nn import permuted, random_like
from ohmloom.nn.calibration import _some
from tests.nn.helpers import noiseless, relative
from tests.nn.models import build


def over_dies_error(hardware: nn.Module, x: Tensor, wanted: Tensor) -> Tensor:
    with torch.no_grad():
        return torch.tensor([relative(y, wanted) for y in ol.over_dies(hardware, x)])


@pytest.mark.parametrize("name", ["mlp", "neurram-cnn", "transformer"])
@pytest.mark.parametrize("mode", ["digital", "quantised", "programmed"])
def test_calibration_is_legal_in_every_mode_and_changes_none(name: str, mode: str, neurram: Chip) -> None:
    model, x = build(name)
    hardware = ol.convert(model, neurram)
    if mode == "programmed":
        ol.program(hardware, dies=2)
        ol.select(hardware, 1)
    ol.mode(hardware, mode)
    weights = {key: value.clone() for key, value in hardware.state_dict().items()}
    hardware.train()
    hardware[0].eval()
    settings = [module.training for module in hardware.modules()]
    ol.calibrate(hardware, x)
    assert [module.training for module in hardware.modules()] == settings
    assert type(hardware.on_chip_state.mode).__name__.lower() == mode
    assert all(torch.equal(value, weights[key]) for key, value in hardware.state_dict().items())
    assert hardware.on_chip_state.calibration != "none"
    for layer in ol.converted(hardware).values():
        assert layer.on_chip.visitor is None
        assert layer.on_chip.die == (1 if mode == "programmed" else 0)
        if mode == "programmed":
            assert all(torch.isfinite(m.calibration.full_range).all() for m in layer.on_chip.matrices.values())
        else:
            assert set(layer.on_chip.limits) == {layer.range_of(part) for part in layer.parts()}
    hardware.eval()(x)


def test_each_step_brings_the_chip_closer(neurram: Chip, capsys: pytest.CaptureFixture[str]) -> None:
    """NeuRRAM: default ranges that never clip waste the converter; ranges, then slopes and offsets, win it back."""
    torch.manual_seed(5)
    model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    train, test = torch.rand(400, 64), torch.rand(200, 64)
    finer = neurram.mapping.replace(drive={"kind": "bit-serial", "bits": 6, "code": "signed"})
    hardware = ol.convert(model, neurram.replace(mapping=finer))
    ol.calibrate(hardware, train)
    ol.program(hardware, dies=3)
    ol.age(hardware, "1 day")
    wanted = model(test)
    before = over_dies_error(hardware, test, wanted)
    ol.calibrate(hardware, train, corrections=False)
    ranges = over_dies_error(hardware, test, wanted)
    ol.calibrate(hardware, train)
    both = over_dies_error(hardware, test, wanted)
    with capsys.disabled():
        steps = zip(("default", "ranges", "ranges and columns"), (before, ranges, both), strict=True)
        print("\nrelative error of a small net, mean of 3 dies:", {n: round(float(e.mean()), 3) for n, e in steps})
    assert (both < before).all()
    assert float(ranges.mean()) < float(before.mean())
    assert float(both.mean()) < 0.8 * float(ranges.mean())


def test_controls_do_worse_than_the_real_thing(neurram: Chip) -> None:
    """Shuffled targets must fail; random vectors must not beat activations."""
    model, _ = build("mlp")
    train, test = torch.rand(500, 12), torch.rand(100, 12)
    errors = {}
    for name, pairs in (("real", None), ("shuffled", permuted), ("random", random_like)):
        hardware = ol.convert(model, neurram)
        ol.calibrate(hardware, train)
        ol.program(hardware, dies=3)
        ol.calibrate(hardware, train, pairs=pairs)
        errors[name] = float(over_dies_error(hardware, test, model(test)).mean())
    assert errors["shuffled"] > 1.5 * errors["real"]
    assert errors["random"] > 0.95 * errors["real"]


def test_corrections_are_least_squares_of_each_die(generic: Chip) -> None:
    """With noiseless reads the fitted columns leave no slope and no mean behind, on every die, each with its own."""
    chip = generic.replace(device=generic.device.replace(read_noise={"kind": "none"}))
    layer, x = nn.Linear(40, 6, bias=False), torch.rand(500, 40)
    hardware = ol.convert(layer, chip)
    ol.program(hardware, dies=3)
    ol.calibrate(hardware, x, ranges=False)
    matrix = ol.matrices(hardware)["model"]
    assert matrix.calibration.slope.shape == (3, 1, 1, 6)
    assert not torch.equal(matrix.calibration.slope[0], matrix.calibration.slope[1])
    limit = x.abs().amax(1, keepdim=True)  # uncalibrated inputs: each vector is its own unit
    wanted = chip.mapping.drive.encode(x).value() @ layer.weight.detach().T / limit
    with torch.no_grad():
        for die in range(3):
            ol.select(hardware, die)
            residue = (wanted - hardware(x) / limit) / wanted.std()
            measured = hardware(x) / limit
            centred = measured - measured.mean(0)
            assert float(residue.mean(0).abs().max()) < 1e-4
            assert float((residue * centred).mean(0).abs().max()) < 1e-4


def test_cells_without_errors_need_no_correction(ideal: Chip) -> None:
    layer, x = nn.Linear(20, 6), torch.rand(300, 20)
    hardware = ol.convert(layer, ideal)
    ol.program(hardware)
    ol.calibrate(hardware, x)
    calibration = ol.matrices(hardware)["model"].calibration
    torch.testing.assert_close(calibration.slope, torch.ones(1, 1, 1, 6), rtol=1e-4, atol=0)
    torch.testing.assert_close(calibration.offset, torch.zeros(1, 1, 1, 6), rtol=0, atol=1e-4)
    assert calibration.full_range is None  # there is no converter


def test_learned_clips_are_never_overwritten(generic: Chip) -> None:
    model, x = build("mlp")
    hardware = ol.convert(model, generic)
    ol.calibrate(hardware, x)
    ol.learn_clips(hardware)
    with torch.no_grad():
        for layer in ol.converted(hardware).values():
            layer.clips.matrix.fill_(0.123)
    for mode in ("digital", "quantised", "programmed"):
        ol.program(hardware)
        ol.mode(hardware, mode)
        ol.calibrate(hardware, 10 * x)
        assert all(
            float(layer.limit("matrix").detach()) == pytest.approx(0.123) for layer in ol.converted(hardware).values()
        )
    assert float(ol.matrices(hardware)["0"].calibration.limit) == pytest.approx(0.123)


def test_clips_need_ranges_first(generic: Chip) -> None:
    hardware = ol.convert(build("mlp")[0], generic)
    with pytest.raises(ConfigurationError, match=r"0\.limits: must be calibrated before they are learned"):
        ol.learn_clips(hardware)
    assert all(getattr(layer, "clips", None) is None for layer in ol.converted(hardware).values())


def test_before_calibration_nothing_clips(neurram: Chip) -> None:
    model, _ = build("mlp")
    hardware = ol.convert(model, noiseless(neurram))
    ol.program(hardware)
    for size in (1e-3, 1.0, 1e4):
        hardware(size * torch.randn(50, 12))
    for matrix in ol.matrices(hardware).values():
        assert (float(matrix.clips.drive), float(matrix.clips.saturation), float(matrix.clips.converter)) == (0, 0, 0)


def test_data_come_in_any_usual_form(generic: Chip) -> None:
    model, _ = build("mlp")
    x, labels = torch.rand(50, 12), torch.zeros(50)

    def batches() -> Iterator[tuple[Tensor, Tensor]]:
        yield x[:20], labels[:20]
        yield x[20:], labels[20:]

    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, labels), batch_size=7)
    limits = []
    for data in (x, [x], [x[:30], x[30:]], batches(), loader, torch.cat([x, 100 * x])):
        hardware = ol.convert(model, generic)
        ol.calibrate(hardware, data, samples=50)
        limits.append([float(layer.on_chip.limits["matrix"]) for layer in ol.converted(hardware).values()])
    assert all(limit == limits[0] for limit in limits)


@pytest.mark.parametrize(
    ("data", "error", "says"),
    [
        (torch.rand(5, 11), ShapeError, r"batches: must be inputs of Sequential, got \(5, 11\)"),
        ([], ShapeError, "at least one batch"),
        ([torch.rand(0, 12)], ShapeError, "must hold tensors of inputs"),
        (torch.tensor(3.0), ShapeError, "must hold tensors"),
        ([1.0, 2.0], ShapeError, "must hold tensors of inputs"),
        ([torch.rand(5, 12), torch.rand(5, 13)], ShapeError, "inputs of one shape"),
        (torch.full((5, 12), torch.nan), NotFiniteError, "batches: must be finite"),
        (torch.full((5, 12), torch.inf), NotFiniteError, "batches: must be finite"),
    ],
)
@pytest.mark.parametrize("programmed", [True, False])
def test_data_that_do_not_fit_are_refused_and_change_nothing(data, error, says, programmed, generic: Chip) -> None:
    model, x = build("mlp")
    hardware = ol.convert(model, noiseless(generic))
    ol.calibrate(hardware, x)
    if programmed:
        ol.program(hardware, dies=2)
        ol.calibrate(hardware, x)
    y, text = hardware(x), str(ol.summary(hardware))
    with pytest.raises(error, match=says):
        ol.calibrate(hardware, data)
    assert str(ol.summary(hardware)) == text
    assert torch.equal(hardware(x), y)


@pytest.mark.parametrize("programmed", [True, False])
def test_an_interrupted_calibration_changes_nothing(
    programmed: bool, generic: Chip, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, x = build("mlp")
    hardware = ol.convert(model, noiseless(generic))
    if programmed:
        ol.program(hardware, dies=3)
    else:
        ol.mode(hardware, "quantised")
    y, text = hardware(x), str(ol.summary(hardware))
    real, count = ol.nn.calibration.best_limit, 0

    def interrupted(*given: object, **named: object) -> object:
        nonlocal count
        count += 1
        if count == 4:
            raise KeyboardInterrupt
        return real(*given, **named)

    monkeypatch.setattr("ohmloom.nn.calibration.best_limit", interrupted)
    with pytest.raises(KeyboardInterrupt):
        ol.calibrate(hardware, x)
    monkeypatch.undo()
    assert str(ol.summary(hardware)) == text
    assert torch.equal(hardware(x), y)
    ol.calibrate(hardware, x)


def test_programming_anew_forgets_the_columns_but_not_the_ranges(neurram: Chip) -> None:
    model, x = build("mlp")
    hardware = ol.convert(model, neurram)
    ol.calibrate(hardware, x)
    ol.program(hardware)
    limit = ol.matrices(hardware)["0"].calibration.limit.clone()
    ol.calibrate(hardware, x)
    assert ol.matrices(hardware)["0"].calibration.slope is not None
    assert "read-outs on 5 samples" in str(ol.summary(hardware))
    ol.program(hardware, seed=1)
    assert ol.matrices(hardware)["0"].calibration.slope is None
    assert torch.equal(ol.matrices(hardware)["0"].calibration.limit, limit)
    assert "read-outs" not in str(ol.summary(hardware))
    assert "input ranges on 5 samples" in str(ol.summary(hardware))


def test_samples_are_picked_from_all_columns_of_an_image() -> None:
    """Even steps through 1024 images of 32 x 32 would see a single column."""
    columns = torch.arange(32.0).expand(1024, 32, 32).flatten()
    picked = _some(columns, 32768)
    assert len(picked) == 32768
    counts = torch.bincount(picked.long(), minlength=32)
    assert int(counts.min()) > 800  # 1024 expected, deviation 31
    assert torch.equal(_some(columns, 32768), picked)
    assert _some(columns, 10**9) is columns
