"""Converted models among torch's own machinery: pickle, autocast, torch.compile, DistributedDataParallel."""

from __future__ import annotations

import copy
import io
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import ohmloom as ol
from ohmloom import Chip

NOISY = ol.Noisy(ol.RelativeWeights(deviation=0.1))


def programmed(chip: Chip) -> tuple[Any, Tensor]:
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(64, 5)).eval()
    hardware, x = ol.convert(model, chip), torch.randn(3, 1, 6, 6)
    ol.program(hardware, dies=2)
    ol.calibrate(hardware, x)
    return hardware, x


@pytest.mark.parametrize("mode", ["digital", "quantised", "programmed"])
def test_pickle_keeps_cells_modes_and_noise(mode: str, generic: Chip) -> None:
    hardware, x = programmed(generic)
    ol.mode(hardware, mode)
    hardware(x)  # read noise now comes from running generators
    file = io.BytesIO()
    torch.save(hardware, file)
    file.seek(0)
    twins = [pickle.loads(pickle.dumps(hardware)), torch.load(file, weights_only=False)]
    with torch.no_grad():
        expected = hardware(x)
        for twin in twins:
            assert torch.equal(twin(x), expected)
    assert str(ol.summary(twins[0])) == str(ol.summary(hardware))


@pytest.mark.parametrize("mode", ["digital", "quantised", "programmed"])
def test_autocast_changes_rounding_only(mode: str, ideal: Chip) -> None:
    hardware, x = programmed(ideal)
    ol.mode(hardware, mode)
    with torch.no_grad():
        plain = hardware(x)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            rounded = hardware(x)
    torch.testing.assert_close(rounded.float(), plain, rtol=0.05, atol=0.05)


@pytest.mark.parametrize("mode", ["digital", pytest.param("programmed", marks=pytest.mark.slow)])
def test_compiled_hardware_computes_what_it_computes_without(mode: str, generic: Chip) -> None:
    """The compiler breaks its graph at what it cannot follow; cells and their noise are the same."""
    hardware, x = programmed(generic)
    ol.mode(hardware, mode)
    twin = copy.deepcopy(hardware)
    compiled = torch.compile(twin, backend="eager")
    try:
        with torch.no_grad():
            for _ in range(2):
                assert torch.equal(compiled(x), hardware(x))
    finally:
        torch._dynamo.reset()


@pytest.fixture
def one_process(tmp_path: Path) -> Iterator[None]:
    from torch import distributed

    if not distributed.is_available():
        pytest.skip("this torch has no distributed package")
    distributed.init_process_group("gloo", init_method=f"file://{tmp_path / 'store'}", rank=0, world_size=1)
    yield
    distributed.destroy_process_group()


@pytest.mark.usefixtures("one_process")
@pytest.mark.parametrize("mode", ["digital", "quantised", NOISY, ol.Programmed(weight_gradient=True)])
def test_gradients_are_those_of_one_process_under_ddp(mode: Any, ideal: Chip) -> None:
    hardware, x = programmed(ideal)
    ol.mode(hardware, mode)
    alone = copy.deepcopy(hardware)
    torch.manual_seed(3)
    nn.parallel.DistributedDataParallel(hardware)(x).square().sum().backward()
    torch.manual_seed(3)
    alone(x).square().sum().backward()
    for mine, theirs in zip(hardware.parameters(), alone.parameters(), strict=True):
        assert (mine.grad is None) == (theirs.grad is None)
        if mine.grad is not None and theirs.grad is not None:
            torch.testing.assert_close(mine.grad, theirs.grad)


def test_what_no_chip_takes_stays_digital_and_the_summary_says_so(ideal: Chip) -> None:
    others = {
        "lstm": nn.LSTM(4, 4), "gru": nn.GRU(4, 4), "table": nn.Embedding(5, 4), "up1": nn.ConvTranspose1d(2, 2, 2),
        "up2": nn.ConvTranspose2d(2, 2, 2), "up3": nn.ConvTranspose3d(2, 2, 2), "volume": nn.Conv3d(2, 2, 2),
    }  # fmt: skip
    said = str(ol.summary(ol.convert(nn.ModuleDict({**others, "head": nn.Linear(4, 2)}), ideal)))
    for name, layer in others.items():
        assert f"digital: {name} ({type(layer).__name__} is not converted)" in said
