"""Patches of images against the vectors that they stand for."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ohmloom.crossbars.reads import add_phases
from ohmloom.crossbars.transfer import activity, through, vectors, weighted
from ohmloom.crossbars.windows import Patches, Window


def patches(
    window: Window, *, segments: int = 1, bias_rows: int = 0, phases: int = 2, dies: int = 1, channels: int = 3
) -> Patches:
    torch.manual_seed(0)
    length = -(-channels * window.kernel[0] * window.kernel[1] // segments)
    images = torch.randn(phases, dies, 2, 7, 6, channels, dtype=torch.float64).round()
    constant = torch.rand(phases, dtype=torch.float64) if bias_rows else None
    return Patches(images, window, segments, length, bias_rows, constant)


def lines(of: Patches, dies: int, channels: int = 1) -> torch.Tensor:
    """Rows that do not exist hold nothing, as in every array."""
    rows = of.window.kernel[0] * of.window.kernel[1] * of.images.shape[-1]
    held = torch.randn(dies, of.segments, channels, of.shape[-1], 4, dtype=torch.float64)
    exists = (torch.arange(of.segments * of.length) < rows).view(of.segments, of.length)
    held[..., : of.length, :] *= exists[:, None, :, None]
    return held


@given(
    kernel=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    stride=st.tuples(st.integers(1, 2), st.integers(1, 2)),
    padding=st.tuples(st.integers(0, 2), st.integers(0, 2)),
    dilation=st.tuples(st.integers(1, 2), st.integers(1, 2)),
    segments=st.integers(1, 3),
    bias_rows=st.integers(0, 2),
    dies=st.integers(1, 2),
    channels=st.integers(1, 2),
)
@settings(max_examples=60, deadline=None)
def test_a_product_is_that_of_the_unfolded_vectors(
    kernel: tuple[int, int], stride: tuple[int, int], padding: tuple[int, int], dilation: tuple[int, int],
    segments: int, bias_rows: int, dies: int, channels: int,
) -> None:  # fmt: skip
    own = patches(Window(kernel, stride, padding, dilation), segments=segments, bias_rows=bias_rows, dies=dies)
    held, rows = lines(own, dies, channels), vectors(own)
    assert rows.shape == own.shape
    assert torch.allclose(through(own, held), through(rows, held), rtol=1e-12, atol=1e-12)
    assert torch.allclose(through(own.square(), held), through(rows.square(), held), rtol=1e-12, atol=1e-12)
    weights = torch.tensor([1.0, -2.0], dtype=torch.float64)
    both = through(weighted(weights, own), held), through(weighted(weights, rows), held)
    assert torch.allclose(*both, rtol=1e-12, atol=1e-12)
    ours, plain = activity(own), activity(rows)
    assert torch.equal(ours.driven, plain.driven.double())
    assert torch.allclose(through(ours.squares, held).sum(4), through(plain.squares, held).sum(4), rtol=1e-12)


def test_one_set_of_images_meets_the_cells_of_every_die() -> None:
    own = patches(Window((2, 2)))
    held = lines(own, 3)
    assert torch.allclose(through(own, held), through(vectors(own), held))


def test_phases_are_chosen_and_added_as_those_of_vectors() -> None:
    own = patches(Window((3, 3), padding=(1, 1)), bias_rows=1, phases=3)
    assert torch.equal(vectors(own[1:]), vectors(own)[1:])
    weights = torch.tensor([4.0, 2.0, 1.0], dtype=torch.float64)
    added = weighted(weights, own)
    assert isinstance(added, Patches)
    assert torch.allclose(vectors(added), add_phases(weights, vectors(own)))


@pytest.mark.parametrize("window", [Window((3, 2), (2, 1), (1, 0), (1, 2)), Window((1, 1))])
def test_patches_are_those_of_a_convolution(window: Window) -> None:
    torch.manual_seed(1)
    images, kernels = torch.randn(2, 3, 7, 6), torch.randn(4, 3, *window.kernel)
    wanted = torch.nn.functional.conv2d(images, kernels, None, window.stride, window.padding, window.dilation)
    rows = window.patches(images) @ kernels.flatten(1).T
    assert window.positions(7, 6) == wanted.shape[2:]
    assert torch.allclose(rows.transpose(1, 2).view_as(wanted), wanted, atol=1e-5)
