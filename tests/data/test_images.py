"""Images as tensors: scale, shape, type; the validation split is a partition that depends on the seed alone."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ohmloom.data import Images
from ohmloom.errors import ConfigurationError, ShapeError, UnknownNameError


def numbered(n: int, **changes: np.ndarray) -> Images:
    """Images whose label and first pixel are their own number."""
    number = np.arange(n, dtype=np.uint8)
    pixels = np.zeros((n, 5, 4), np.uint8)
    pixels[:, 0, 0] = number
    arrays = {"training_images": pixels, "training_labels": number, "test_images": pixels, "test_labels": number}
    return Images(**(arrays | changes), name="n", origin="synthetic stand-in", source="counting", licence="none")


def test_tensors_are_scaled_to_one() -> None:
    pixels = np.array([0, 51, 255], np.uint8).reshape(3, 1, 1)
    images = numbered(3, test_images=pixels)
    part = images.tensors("test", dtype=torch.float64)
    assert part.images.shape == (3, 1, 1, 1)
    assert part.images.flatten().tolist() == [0.0, 0.2, 1.0]
    assert part.labels.dtype == torch.int64
    assert part.labels.tolist() == [0, 1, 2]
    assert images.tensors("training").images.dtype == torch.get_default_dtype()


@given(n=st.integers(2, 200), seed=st.integers(0, 1000), data=st.data())
def test_split_is_a_partition_in_order(n: int, seed: int, data: st.DataObject) -> None:
    size = data.draw(st.integers(1, n - 1))
    training, validation = numbered(n).split(size, seed=seed)
    assert len(validation.labels) == size
    assert sorted(training.labels.tolist() + validation.labels.tolist()) == list(range(n))
    for part in (training, validation):
        assert part.labels.tolist() == sorted(part.labels.tolist())
        torch.testing.assert_close(part.images[:, 0, 0, 0] * 255, part.labels.float())  # image and label stay together


def test_split_depends_on_the_seed_alone() -> None:
    torch.manual_seed(1)
    first = numbered(100).split(20, seed=3)[1].labels
    torch.manual_seed(2)
    assert torch.equal(first, numbered(100).split(20, seed=3)[1].labels)
    assert not torch.equal(first, numbered(100).split(20, seed=4)[1].labels)


@pytest.mark.parametrize("size", [0, -1, 10, 11])
def test_split_that_leaves_a_part_empty(size: int) -> None:
    with pytest.raises(ConfigurationError, match=f"between 1 and 9 .*got {size}"):
        numbered(10).split(size)


def test_arrays_are_read_only() -> None:
    mine = np.zeros((3, 5, 4), np.uint8)
    images = numbered(3, training_images=mine)
    with pytest.raises(ValueError, match="read-only"):
        images.training_images[0, 0, 0] = 1
    mine[0, 0, 0] = 1  # the caller's own array stays as it was


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        (
            {"training_images": np.zeros((3, 5, 4))},
            "n.training_images: must be unsigned bytes with 3 axes, got float64",
        ),
        ({"test_images": np.zeros((3, 20), np.uint8)}, r"n.test_images: .* 3 axes, got uint8 of shape \(3, 20\)"),
        ({"test_labels": np.zeros(2, np.uint8)}, "n.test_labels: must be one per image, got 2 labels for 3 images"),
    ],
)
def test_arrays_that_do_not_fit(changes: dict[str, np.ndarray], rule: str) -> None:
    with pytest.raises(ShapeError, match=rule):
        numbered(3, **changes)


def test_chosen_classes_get_new_labels_and_keep_their_images() -> None:
    chosen = numbered(9).only([7, 2])
    assert chosen.training_labels.tolist() == [1, 0]  # in the order of the images
    assert chosen.training_images[:, 0, 0].tolist() == [2, 7]
    assert (chosen.name, chosen.origin) == ("n", "synthetic stand-in")


def test_a_class_that_a_part_lacks_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"classes: must be among those of n's training part, .*got 12"):
        numbered(9).only([1, 12])
    fewer = numbered(9, test_labels=np.zeros(9, np.uint8))
    with pytest.raises(ConfigurationError, match=r"n's test part, \[0\], got 3"):
        fewer.only([0, 3])
    with pytest.raises(ConfigurationError, match="different classes"):
        numbered(9).only([1, 1])


def test_unknown_part() -> None:
    with pytest.raises(UnknownNameError, match="Known: test, training"):
        numbered(3).tensors("validation")  # type: ignore[arg-type]
