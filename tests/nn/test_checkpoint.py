"""Checkpoints: the user's keys for weights, a folder for cells, and nothing half-written."""

from __future__ import annotations

import hashlib
import os
import tomllib
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

import ohmloom as ol
from ohmloom import Chip
from ohmloom.errors import FormatError, OutputError
from tests.nn.helpers import relative
from tests.nn.models import CASES, build


@pytest.fixture
def saved(tmp_path: Path, generic: Chip) -> tuple[nn.Module, nn.Module, torch.Tensor, Path]:
    """A model, its hardware (two dies, aged, calibrated, clips learned), an input, and the folder that holds it."""
    model, x = build("mlp")
    hardware = ol.convert(model, generic, {"4": {"digital": True}})
    ol.calibrate(hardware, x)
    ol.learn_clips(hardware)
    ol.program(hardware, seed=5, dies=2)
    ol.age(hardware, "1 h", extrapolate=True)
    ol.calibrate(hardware, x)
    return model, hardware, x, ol.save(hardware, tmp_path / "chip")


@pytest.mark.parametrize("name", CASES)
def test_a_checkpoint_of_the_users_loads_strictly_and_back(name: str, ideal: Chip) -> None:
    model, x = build(name)
    torch.manual_seed(99)
    other = CASES[name].build()
    other.train()(x)  # lazy layers take their shape
    hardware = ol.convert(other, ideal)
    hardware.load_state_dict(model.state_dict(), strict=True)
    assert torch.equal(hardware.eval()(x), model(x))
    ol.program(hardware)
    ol.calibrate(hardware, x)
    assert list(hardware.state_dict()) == list(model.state_dict())
    other.load_state_dict(hardware.state_dict(), strict=True)
    assert torch.equal(other.eval()(x), model(x))


def test_learned_clips_join_the_state_and_never_get_lost(generic: Chip) -> None:
    model, x = build("transformer")
    hardware = ol.convert(model, generic)
    ol.calibrate(hardware, x)
    ol.learn_clips(hardware)
    attention = "0.layers.0.self_attn"
    new = set(hardware.state_dict()) - set(model.state_dict())
    assert {f"{attention}.clips.{part}" for part in ("query", "key", "value", "output")} <= new
    assert all(".clips." in key for key in new)
    assert ol.digital_state(hardware).keys() == model.state_dict().keys()
    with torch.no_grad():
        for parameter in hardware.get_submodule(f"{attention}.clips").parameters():
            parameter.fill_(7.0)
    hardware.load_state_dict(model.state_dict(), strict=True)  # an ordinary checkpoint says nothing of clips
    assert all(p.item() == 7.0 for p in hardware.get_submodule(f"{attention}.clips").parameters())
    twin = ol.convert(model, generic)
    ol.calibrate(twin, x)
    ol.learn_clips(twin)
    twin.load_state_dict(hardware.state_dict(), strict=True)  # its own checkpoint does
    assert twin.get_submodule(f"{attention}.clips").query.item() == 7.0


def test_clips_do_not_hide_other_missing_keys(generic: Chip) -> None:
    model, x = build("mlp")
    hardware = ol.convert(model, generic)
    ol.calibrate(hardware, x)
    ol.learn_clips(hardware)
    state = dict(model.state_dict())
    held = set(state)
    del state["0.bias"]
    with pytest.raises(RuntimeError, match=r"0\.bias"):
        hardware.load_state_dict(state, strict=True)
    assert set(state) == held - {"0.bias"}  # the caller's dict is as it was
    with pytest.raises(RuntimeError, match=r"clips\.matrix"):
        ol.convert(model, generic).load_state_dict(hardware.state_dict(), strict=True)


def test_save_and_load_give_the_same_hardware(saved) -> None:
    model, hardware, x, folder = saved
    twin = ol.load(folder, model)
    ol.select(hardware, 1)
    ol.select(twin, 1)
    before = ol.load(folder, model)  # a third, to see that reads start at the beginning of their stream
    ol.select(before, 1)
    with torch.no_grad():
        first = before(x)
        assert torch.equal(twin(x), first)
        assert torch.equal(twin(x), before(x))
        assert not torch.equal(twin(x), first)
    assert str(ol.summary(twin)) == str(ol.summary(hardware))
    assert twin.state_dict().keys() == hardware.state_dict().keys()
    for name, matrix in ol.matrices(hardware).items():
        other = ol.matrices(twin)[name]
        assert all(torch.equal(a, b) for a, b in zip(matrix.cells, other.cells, strict=True))
        assert torch.equal(matrix.effective(), other.effective())
        assert (matrix.elapsed, matrix.extrapolate, matrix.streams) == (other.elapsed, other.extrapolate, other.streams)


def test_read_noise_of_loaded_hardware_is_that_of_fresh_hardware(tmp_path: Path, generic: Chip) -> None:
    model, x = build("neurram-cnn")
    hardware = ol.convert(model, generic)
    ol.program(hardware, seed=3)
    ol.save(hardware, tmp_path / "chip")
    twin = ol.load(tmp_path / "chip", model)
    with torch.no_grad():
        for _ in range(2):
            assert torch.equal(hardware(x), twin(x))


@pytest.mark.parametrize("name", CASES)
def test_every_network_can_be_saved(name: str, tmp_path: Path, generic: Chip) -> None:
    model, x = build(name)
    hardware = ol.convert(model, generic.replace(cores=generic.cores.replace(count=4096)))
    ol.program(hardware)
    ol.save(hardware, tmp_path / "chip")
    with torch.no_grad():
        assert torch.equal(ol.load(tmp_path / "chip", model)(x), hardware(x))


def test_bias_rows_and_double_precision_are_saved(tmp_path: Path, neurram: Chip) -> None:
    model, x = build("mlp", torch.float64)
    hardware = ol.convert(model, neurram)
    ol.calibrate(hardware, x)
    ol.program(hardware)
    assert any(matrix.segments.bias_rows for matrix in ol.matrices(hardware).values())
    ol.save(hardware, tmp_path / "chip")
    twin = ol.load(tmp_path / "chip", model)
    with torch.no_grad():
        y = hardware(x)
        assert y.dtype == torch.float64
        assert torch.equal(twin(x), y)


def test_hardware_without_cells_can_be_saved(tmp_path: Path, generic: Chip) -> None:
    model, x = build("mlp")
    hardware = ol.convert(model, generic)
    ol.calibrate(hardware, x)
    ol.mode(hardware, "quantised")
    ol.save(hardware, tmp_path / "chip")
    twin = ol.load(tmp_path / "chip", model)
    assert torch.equal(twin(x), model(x))
    ol.mode(twin, "quantised")
    assert torch.equal(twin(x), hardware(x))


def test_layers_of_different_age_and_seed_are_saved_as_they_are(tmp_path: Path, neurram: Chip) -> None:
    model, x = build("mlp")
    hardware = ol.convert(model, neurram)
    ol.program(hardware, seed=1, dies=2)
    ol.age(hardware, "1 day")
    ol.select(hardware, 1)
    ol.program(hardware, seed=2, dies=2, layers=["2"])
    assert {name: matrix.elapsed for name, matrix in ol.matrices(hardware).items()} == {"0": 86400, "2": 0, "4": 86400}
    assert {layer.on_chip.die for layer in ol.converted(hardware).values()} == {1}
    assert "0 s, 1 day" in str(ol.summary(hardware))
    twin = ol.load(ol.save(hardware, tmp_path / "chip"), model)
    ol.select(twin, 1)
    assert str(ol.summary(twin)) == str(ol.summary(hardware))
    with torch.no_grad():
        assert torch.equal(twin(x), hardware(x))


def test_a_seed_may_be_any_integer(tmp_path: Path, generic: Chip) -> None:
    model, x = build("mlp")
    hardware = ol.convert(model, generic)
    ol.program(hardware, seed=-3)
    with torch.no_grad():
        assert torch.equal(ol.load(ol.save(hardware, tmp_path / "chip"), model)(x), hardware(x))


def test_weights_stay_in_the_users_own_checkpoint(saved) -> None:
    *_, folder = saved
    assert sorted(file.name for file in folder.iterdir()) == ["cells.safetensors", "hardware.toml"]
    table = tomllib.loads((folder / "hardware.toml").read_text(encoding="utf-8"))
    assert table["format"] == 1
    assert "pickle" not in (folder / "hardware.toml").read_text(encoding="utf-8")


# --- what is refused ------------------------------------------------------------------------------------------------


def test_another_model_is_refused(saved) -> None:
    *_, folder = saved
    with pytest.raises(FormatError, match="model: must be built as"):
        ol.load(folder, build("transformer")[0])


def test_other_weights_are_refused(saved) -> None:
    model, _, _, folder = saved
    with torch.no_grad():
        model[0].weight[0, 0] += 0.01
    with pytest.raises(FormatError, match="weights: must be those that were programmed"):
        ol.load(folder, model)


def edit(folder: Path, old: str, new: str) -> None:
    """Exchange a piece of the folder's table."""
    file = folder / "hardware.toml"
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


def test_another_version_is_refused(saved) -> None:
    model, _, _, folder = saved
    edit(folder, "format = 1", "format = 2")
    with pytest.raises(FormatError, match=r"format: must be version 1, got 2"):
        ol.load(folder, model)


@pytest.mark.parametrize("file", ["cells.safetensors", "hardware.toml"])
@pytest.mark.parametrize("harm", ["truncated", "missing", "empty", "garbage", "other tensors"])
def test_a_damaged_folder_is_refused(saved, file: str, harm: str) -> None:
    model, _, _, folder = saved
    place = folder / file
    content = place.read_bytes()
    table = tomllib.loads((folder / "hardware.toml").read_text(encoding="utf-8"))
    if harm == "missing":
        place.unlink()
    elif harm == "other tensors":
        if file == "hardware.toml":
            place.write_text("format = 1\n", encoding="utf-8")
        else:
            save_file({"0/matrix/scale": torch.ones(())}, place)
            edit(folder, table["cells"], hashlib.sha256(place.read_bytes()).hexdigest())
    else:
        harmed = {"truncated": content[: len(content) // 2], "empty": b"", "garbage": b"\xff\x00 nonsense"}
        place.write_bytes(harmed[harm])
    with pytest.raises(FormatError, match="chip"):
        ol.load(folder, model)


def test_cells_of_another_save_are_refused(saved, tmp_path: Path) -> None:
    model, hardware, _, folder = saved
    ol.program(hardware, seed=6, dies=2)
    other = ol.save(hardware, tmp_path / "other")
    (other / "cells.safetensors").replace(folder / "cells.safetensors")
    with pytest.raises(FormatError, match="must be as it was saved"):
        ol.load(folder, model)


def test_a_folder_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"must hold hardware\.toml"):
        ol.load(tmp_path / "nowhere", build("mlp")[0])


def test_an_existing_folder_is_kept_unless_asked(saved) -> None:
    model, hardware, _, folder = saved
    before = (folder / "hardware.toml").read_bytes()
    ol.age(hardware, "2 h", extrapolate=True)
    with pytest.raises(OutputError, match="must not exist"):
        ol.save(hardware, folder)
    assert (folder / "hardware.toml").read_bytes() == before
    ol.save(hardware, folder, overwrite=True)
    assert {m.elapsed for m in ol.matrices(ol.load(folder, model)).values()} == {7200.0}


def test_only_a_saved_folder_is_ever_replaced(saved, tmp_path: Path) -> None:
    _, hardware, *_ = saved
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "one.jpg").write_bytes(b"dear")
    with pytest.raises(OutputError, match=r"must be one that ohmloom\.save wrote"):
        ol.save(hardware, tmp_path / "photos", overwrite=True)
    assert (tmp_path / "photos" / "one.jpg").read_bytes() == b"dear"


def test_a_file_in_the_way_is_an_output_error(saved, tmp_path: Path) -> None:
    _, hardware, *_ = saved
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    with pytest.raises(OutputError, match="must be writable"):
        ol.save(hardware, tmp_path / "file" / "chip")
    with pytest.raises(OutputError):
        ol.save(hardware, tmp_path / "file", overwrite=True)
    assert (tmp_path / "file").read_text(encoding="utf-8") == "mine"


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write everywhere")
def test_a_folder_without_permission_is_an_output_error(saved, tmp_path: Path) -> None:
    _, hardware, *_ = saved
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    with pytest.raises(OutputError, match="must be writable"):
        ol.save(hardware, closed / "chip")


@pytest.mark.parametrize("error", [OSError("No space left on device"), KeyboardInterrupt()])
@pytest.mark.parametrize("existing", [True, False])
def test_nothing_half_written_is_left(saved, monkeypatch, error: BaseException, existing: bool) -> None:
    model, hardware, x, folder = saved
    target = folder if existing else folder.with_name("other")
    before = sorted(folder.parent.iterdir())

    def fails(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("ohmloom.nn.checkpoint.tomli_w.dumps", fails)
    with pytest.raises(OutputError if isinstance(error, OSError) else KeyboardInterrupt):
        ol.save(hardware, target, overwrite=True)
    monkeypatch.undo()
    assert sorted(folder.parent.iterdir()) == before
    assert relative(ol.load(folder, model)(x), model(x)) < 0.5
