"""Preparing photographs: the equalisation against its definition, limits, and what may not change the result."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ohmloom.data import photographs, synthetic
from ohmloom.errors import ConfigurationError, ShapeError


def picture(seed: int, rows: int = 24, columns: int = 32) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (rows, columns), np.uint8) // 2


def slow(image: np.ndarray, tiles: int, clip_limit: float) -> np.ndarray:
    """The definition, pixel by pixel; sides must be divided by ``tiles``."""
    height, width = image.shape[0] // tiles, image.shape[1] // tiles
    maps = {}
    for a in range(tiles):
        for b in range(tiles):
            region = image[a * height : (a + 1) * height, b * width : (b + 1) * width]
            limit = clip_limit * region.size / 256
            counts = [float((region == level).sum()) for level in range(256)]
            excess = sum(max(0.0, count - limit) for count in counts)
            share = [min(count, limit) + excess / 256 for count in counts]
            maps[a, b] = [255 * sum(share[: level + 1]) / region.size for level in range(256)]
    out = np.zeros(image.shape)
    for r in range(image.shape[0]):
        for c in range(image.shape[1]):
            down, across = (r + 0.5) / height - 0.5, (c + 0.5) / width - 0.5
            for a in range(tiles):
                for b in range(tiles):
                    nearest = np.clip(down, 0, tiles - 1), np.clip(across, 0, tiles - 1)  # hats over the centres
                    weight = max(0, 1 - abs(nearest[0] - a)) * max(0, 1 - abs(nearest[1] - b))
                    out[r, c] += weight * maps[a, b][image[r, c]]
    return np.rint(out)


@pytest.mark.parametrize(("tiles", "clip_limit"), [(1, 1.5), (2, 2.0), (4, 3.0), (2, 1e9)])
def test_equalisation_agrees_with_its_definition(tiles: int, clip_limit: float) -> None:
    image = picture(0)
    fast = photographs.equalised(image, tiles=tiles, clip_limit=clip_limit)
    assert np.abs(fast - slow(image, tiles, clip_limit)).max() <= 1  # a level on the border of rounding


def test_one_tile_without_limit_is_plain_equalisation() -> None:
    image = picture(1)
    cumulative = np.array([(image <= level).mean() for level in range(256)])
    expected = np.rint(255 * cumulative[image])
    np.testing.assert_array_equal(photographs.equalised(image, tiles=1, clip_limit=256), expected)


def test_limit_of_one_leaves_the_image_nearly_as_it_is() -> None:
    # Where the limit is the mean count and all counts reach it the map is the identity, up to one level.
    image = np.tile(np.arange(256, dtype=np.uint8), (16, 1))
    assert np.abs(photographs.equalised(image, tiles=1, clip_limit=1).astype(int) - image).max() <= 1


@given(seed=st.integers(0, 50), rows=st.integers(8, 40), columns=st.integers(8, 40))
def test_order_of_levels_is_kept_within_a_pixel(seed: int, rows: int, columns: int) -> None:
    image = picture(seed, rows, columns)
    result = photographs.equalised(image, tiles=1).astype(int)
    order = np.argsort(image.ravel(), kind="stable")
    assert (np.diff(result.ravel()[order]) >= 0).all()
    assert photographs.equalised(image, tiles=8).shape == image.shape


def test_prepared_range_and_independence() -> None:
    images = synthetic.vessel_images(3, 1).training.images
    ready = photographs.prepared(images)
    assert ready.shape == images.shape[:3]
    assert 0 <= ready.min() < 0.1
    assert 0.9 < ready.max() <= 1
    np.testing.assert_array_equal(photographs.prepared(images[1:2])[0], ready[1])


def test_standardisation_before_the_stretch_changes_nothing() -> None:
    grey = synthetic.vessel_images(1, 1).training.images[0] @ np.array(photographs.LUMA)
    standard = (grey - 77.7) / 31.3  # any mean and deviation
    np.testing.assert_array_equal(photographs._stretched(standard), photographs._stretched(grey))


def test_preparation_brings_out_the_vessels() -> None:
    part = synthetic.vessel_images(2, 1).training
    ready, grey = photographs.prepared(part.images), part.images @ np.array(photographs.LUMA) / 255
    for place in range(2):
        vessel, other = part.vessels[place], part.fields[place] & ~part.vessels[place]
        assert ready[place][vessel].mean() < ready[place][other].mean()
        contrast = [a[place][other].mean() - a[place][vessel].mean() for a in (ready, grey)]
        assert contrast[0] > 1.5 * contrast[1]


def test_bad_input() -> None:
    for images in (np.zeros((2, 8, 8), np.uint8), np.zeros((2, 8, 8, 3))):
        with pytest.raises(ShapeError, match="must be unsigned bytes of shape"):
            photographs.prepared(images)  # type: ignore[arg-type]
    for tiles in (0, 25):
        with pytest.raises(ConfigurationError, match=f"tiles: must be from 1 to 24, .* got {tiles}"):
            photographs.equalised(picture(0), tiles=tiles)
    for limit in (0.5, float("nan")):
        with pytest.raises(ConfigurationError, match="clip_limit: must be at least 1"):
            photographs.equalised(picture(0), clip_limit=limit)
