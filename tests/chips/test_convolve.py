"""A stored matrix on the patches of images: as a convolution, and as products of unfolded vectors."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

import ohmloom as ol
from ohmloom.chips import Mapping, StoredMatrix, store
from ohmloom.crossbars.windows import Window
from ohmloom.devices import Device
from ohmloom.errors import NotFiniteError, ShapeError
from ohmloom.ledger import Ledger

WINDOW = Window((3, 3), padding=(1, 1))
QUIET = Device.load("ideal")
NOISY = Device.load("ideal").replace(read_noise={"kind": "relative", "deviation": 0.05, "read_time": "1 us"})


def held(device: Device = QUIET, dies: int = 1, front_end: str = "current", **more: Any) -> StoredMatrix:
    torch.manual_seed(0)
    layout = "pair-rows" if front_end == "voltage" else "pair-columns"
    fields: dict[str, Any] = {
        "drive": {"kind": "amplitude", "bits": 8},
        "encoding": {"kind": "analogue", "layout": layout},
        "readout": {"kind": "analogue", "front_end": {"kind": front_end}, "converter": {"kind": "uniform", "bits": 8}},
        "lowest": "1 uS",
    }
    mapping = Mapping(**(fields | more))
    weights = torch.randn(5, 27, dtype=torch.float64)
    weights = weights.abs() if "single" in str(mapping.encoding) else weights  # which holds no sign
    matrix = store(weights, mapping, device, ol.Streams(0), dies=dies)
    matrix.calibration.limit = torch.tensor(2.0, dtype=torch.float64)
    return matrix


def images(dies: int = 1) -> Tensor:
    return torch.randn(dies, 4, 3, 6, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def unfolded(matrix: StoredMatrix, x: Tensor, window: Window = WINDOW) -> Tensor:
    return matrix.product(window.patches(x).flatten(1, 2))


WAYS: list[dict[str, Any]] = [
    {},
    {"front_end": "voltage"},
    {"inputs": 10},  # three arrays, cut inside channels
    {"drive": {"kind": "bit-serial", "bits": 4}, "encoding": {"kind": "bits", "bits": 4}},
    {"encoding": {"kind": "analogue", "layout": "offset-column"}},
    {"encoding": {"kind": "analogue", "layout": "single"}},  # with a pedestal
]


@pytest.mark.parametrize("more", WAYS, ids=str)
@pytest.mark.parametrize("dies", [1, 2])
def test_noiseless_codes_are_those_of_vectors(more: dict[str, Any], dies: int) -> None:
    matrix, x = held(dies=dies, **more), images(dies)
    assert matrix._sends_patches(WINDOW)
    assert torch.allclose(matrix.convolve(x, WINDOW), unfolded(matrix, x), rtol=1e-12, atol=1e-12)
    if dies == 2:
        one = matrix.convolve(x[:1], WINDOW, dies=slice(1, 2))
        assert torch.allclose(one, matrix.product(WINDOW.patches(x[:1]).flatten(1, 2), dies=slice(1, 2)), atol=1e-12)


def test_blocks_of_images_are_put_together(monkeypatch: pytest.MonkeyPatch) -> None:
    matrix, x = held(), images()
    whole = matrix.convolve(x, WINDOW)
    monkeypatch.setattr("ohmloom.chips.analogue.BLOCK", 1)
    assert torch.allclose(matrix.convolve(x, WINDOW), whole, atol=1e-12)


@pytest.mark.parametrize("front_end", ["current", "voltage"])
def test_noise_has_the_moments_of_vectors(front_end: str) -> None:
    matrix, x = held(NOISY, front_end=front_end), images()[:, :1]
    convolved = torch.stack([matrix.convolve(x, WINDOW)[0] for _ in range(1500)])
    plain = torch.stack([unfolded(matrix, x)[0] for _ in range(1500)])
    error = (plain.var(0) / 1500).sqrt() * 2**0.5
    assert float(((convolved.mean(0) - plain.mean(0)).abs() / error.clamp(min=1e-9)).mean()) < 1.5
    assert float(convolved.var(0).mean() / plain.var(0).mean()) == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("more", WAYS[:3], ids=str)
def test_the_ledger_counts_the_same(more: dict[str, Any]) -> None:
    counted = []
    for way in (lambda m, x: m.convolve(x, WINDOW), unfolded):
        matrix, x = held(**more), images()
        with Ledger() as ledger:
            way(matrix, x)
        counted.append({(event, die): amount for _, event, die, amount in ledger.rows()})
    assert counted[0] == pytest.approx(counted[1], rel=1e-9)


def test_what_cannot_be_convolved_is_unfolded() -> None:
    affine, bipolar = {"kind": "affine", "bits": 4}, {"kind": "bit-serial", "bits": 4, "code": "two-phase"}
    for drive in (affine, bipolar):
        matrix, x = held(drive=drive), images().abs()
        assert not matrix._sends_patches(WINDOW)
        assert torch.allclose(matrix.convolve(x, WINDOW), unfolded(matrix, x), atol=1e-12)
    free, x = held(), images()
    free.calibration.limit = None  # every patch has its own range
    assert not free._sends_patches(WINDOW)
    assert torch.allclose(free.convolve(x, WINDOW), unfolded(free, x), atol=1e-12)


def test_gradient_is_that_of_the_noiseless_matrix() -> None:
    matrix, x = held(NOISY), images().requires_grad_()
    matrix.convolve(x, WINDOW).sum().backward()
    again = images().requires_grad_()
    (WINDOW.patches(again).flatten(1, 2) @ matrix.effective().mT).sum().backward()
    assert x.grad is not None
    assert again.grad is not None
    assert torch.allclose(x.grad, again.grad)


def test_bad_images() -> None:
    with pytest.raises(NotFiniteError):
        held().convolve(images() * float("nan"), WINDOW)
    with pytest.raises(ShapeError, match="must be"):
        held().convolve(images()[:, :, :2], WINDOW)
