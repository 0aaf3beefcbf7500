"""Photographs of the retina made ready for a network: grey, stretched, equalised by regions, brightened.

The steps are those that vessel segmentation on DRIVE commonly takes: grey levels 0.299 R + 0.587 G + 0.114 B;
standardisation by the set's mean and deviation and a stretch of each image to 0 … 255 (the stretch undoes the
standardisation exactly, so only the stretch is computed here); contrast-limited adaptive histogram equalisation
(CLAHE) on 8 x 8 tiles with a clip limit of 2; a gamma of 1.2; scaling to [0, 1].
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ohmloom.data.images import Bytes
from ohmloom.errors import ConfigurationError, ShapeError, message

Reals = NDArray[np.float64]
LEVELS = 256
LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601
GAMMA = 1.2
TILES = 8
CLIP_LIMIT = 2.0


def prepared(images: Bytes) -> Reals:
    """Colour photographs (n, rows, columns, 3) as grey levels in [0, 1], shape (n, rows, columns); see the module.

    Each image depends on itself alone. Raises ShapeError for anything else than colour photographs.
    """
    if images.ndim != 4 or images.shape[3] != 3 or images.dtype != np.uint8:
        rule = "must be unsigned bytes of shape (n, rows, columns, 3)"
        raise ShapeError(message("images", rule, f"{images.dtype} of {images.shape}", "Convert them."))
    grey = (_stretched(image @ np.array(LUMA)) for image in images)
    levels = np.stack([equalised(image) for image in grey])
    return (levels / (LEVELS - 1)) ** (1 / GAMMA)


def equalised(image: Bytes, *, tiles: int = TILES, clip_limit: float = CLIP_LIMIT) -> Bytes:
    """Contrast-limited adaptive histogram equalisation of grey levels, shape (rows, columns).

    The image is divided into ``tiles`` x ``tiles`` regions (padded by reflection if they do not divide it). Each has
    its histogram cut at ``clip_limit`` times the mean count of a level, and what was cut spread evenly over all
    levels; its cumulative sum maps levels to levels. A pixel's level is mapped by the four nearest regions, weighted
    bilinearly by the distances to their centres. Written here because the libraries that have it (scikit-image,
    OpenCV) bring in far more than these lines.

    Source: K. Zuiderveld, Contrast limited adaptive histogram equalization, Graphics Gems IV, 474-485 (1994).
    Raises ConfigurationError for a clip limit below 1 or less than one tile or more tiles than rows or columns.
    """
    rows, columns = image.shape
    if not 1 <= tiles <= min(rows, columns):
        rule = f"must be from 1 to {min(rows, columns)}, the pixels of the shorter side"
        raise ConfigurationError(message("tiles", rule, tiles, "Choose another number."))
    if not clip_limit >= 1:
        rule = "must be at least 1, at which every level is as frequent as any other"
        raise ConfigurationError(message("clip_limit", rule, clip_limit, "Raise it."))
    padded = np.pad(image, [(0, -side % tiles) for side in image.shape], mode="symmetric")
    height, width = padded.shape[0] // tiles, padded.shape[1] // tiles
    regions = padded.reshape(tiles, height, tiles, width).swapaxes(1, 2).reshape(tiles, tiles, -1)
    maps = np.array([[_level_map(region, clip_limit) for region in row] for row in regions])  # (tiles, tiles, levels)
    above, below, down = _neighbours(rows, height, tiles)
    left, right, across = _neighbours(columns, width, tiles)
    upper = maps[above[:, None], left, image] * (1 - across) + maps[above[:, None], right, image] * across
    lower = maps[below[:, None], left, image] * (1 - across) + maps[below[:, None], right, image] * across
    return np.rint(upper * (1 - down[:, None]) + lower * down[:, None]).astype(np.uint8)


def _stretched(grey: Reals) -> Bytes:
    """Grey levels so that the darkest pixel is 0 and the brightest 255."""
    span = grey.max() - grey.min()
    return np.rint((grey - grey.min()) * ((LEVELS - 1) / span if span > 0 else 0)).astype(np.uint8)


def _level_map(region: Bytes, clip_limit: float) -> Reals:
    """What each level becomes by the cut histogram of a region, shape (levels,)."""
    counts = np.bincount(region, minlength=LEVELS).astype(float)
    cut = np.minimum(counts, clip_limit * region.size / LEVELS)
    cut += (counts.sum() - cut.sum()) / LEVELS
    return np.cumsum(cut) * ((LEVELS - 1) / region.size)


def _neighbours(pixels: int, size: int, tiles: int) -> tuple[NDArray[np.int64], NDArray[np.int64], Reals]:
    """For each pixel of a side: the regions whose centres are before and after it, and the weight of the second."""
    place = (np.arange(pixels) + 0.5) / size - 0.5  # in regions, from the centre of the first
    first = np.floor(place).astype(np.int64)
    return np.clip(first, 0, tiles - 1), np.clip(first + 1, 0, tiles - 1), place - first
