"""The idx format: what is written is read back, and every way in which a file can be broken is named."""

import gzip
import hashlib
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from ohmloom.data import IdxFile, idx
from ohmloom.errors import DataError

IMAGES = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)


def describe(array: np.ndarray) -> IdxFile:
    return IdxFile(file="x.gz", shape=array.shape, md5=hashlib.md5(idx.encode(array)).hexdigest())


def read(path: Path, file: IdxFile) -> np.ndarray:
    return idx.read(path, file, label=str(path), remedy="Mend it.")


def test_known_bytes() -> None:
    # Written out from the definition of the format: magic number 0x00000803, three sizes, then the pixels.
    by_hand = struct.pack(">4I", 0x803, 2, 3, 4) + bytes(range(24))
    assert idx.encode(IMAGES) == by_hand
    assert idx.encode(IMAGES[:, 0, 0])[:8] == struct.pack(">2I", 0x801, 2)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(array=arrays(np.uint8, array_shapes(max_dims=3, max_side=6), elements=st.integers(0, 255)))
def test_round_trip(tmp_path: Path, array: np.ndarray) -> None:
    path = tmp_path / "x.gz"
    path.write_bytes(gzip.compress(idx.encode(array)))
    back = read(path, describe(array))
    np.testing.assert_array_equal(back, array)
    assert not back.flags.writeable


GOOD = idx.encode(IMAGES)
CHANGED = GOOD[:-1] + bytes([GOOD[-1] ^ 1])


@pytest.mark.parametrize(
    ("make", "rule"),
    [
        (lambda: gzip.compress(GOOD)[:-12], "whole gzip file"),
        (lambda: gzip.compress(GOOD)[:-6], "whole gzip file"),  # only gzip's own checksum is cut off
        (lambda: gzip.compress(GOOD)[:15] + b"\xff\xff" + gzip.compress(GOOD)[17:], "whole gzip file"),
        (lambda: b"<html>Sign in to this network</html>", "whole gzip file"),
        (lambda: b"", "magic number 0x00000803"),
        (lambda: gzip.compress(b"\0\0\x08\x01" + GOOD[4:]), "magic number 0x00000803 .*got 0x00000801"),
        (lambda: gzip.compress(struct.pack(">4I", 0x803, 9, 3, 4) + GOOD[16:]), "sizes 2 x 3 x 4, got 9 x 3 x 4"),
        (lambda: gzip.compress(GOOD[:10]), "sizes 2 x 3 x 4, got 2"),
        (lambda: gzip.compress(GOOD[:3]), "magic number 0x00000803 .*got 0x000008"),
        (lambda: gzip.compress(GOOD[:-1]), "must hold 40 bytes uncompressed, got 39"),
        (lambda: gzip.compress(GOOD + b"x"), "must hold 40 bytes uncompressed, got more"),
        (lambda: gzip.compress(CHANGED), f"md5 {hashlib.md5(GOOD).hexdigest()} uncompressed, got"),
    ],
)
def test_broken_file_is_named_with_its_rule(tmp_path: Path, make: Callable[[], bytes], rule: str) -> None:
    path = tmp_path / "broken.gz"
    path.write_bytes(make())
    with pytest.raises(DataError, match=rf"broken\.gz: .*{rule}") as caught:
        read(path, describe(IMAGES))
    assert str(caught.value).endswith("Mend it.")


def test_another_compression_of_the_same_bytes_is_as_good(tmp_path: Path) -> None:
    path = tmp_path / "x.gz"
    path.write_bytes(gzip.compress(GOOD, compresslevel=1, mtime=7))
    np.testing.assert_array_equal(read(path, describe(IMAGES)), IMAGES)


def test_without_a_checksum_the_sizes_decide(tmp_path: Path) -> None:
    path, unknown = tmp_path / "x.gz", IdxFile(file="x.gz", shape=IMAGES.shape)
    path.write_bytes(gzip.compress(CHANGED))
    assert read(path, unknown)[-1, -1, -1] == CHANGED[-1]
    assert not unknown.known
    path.write_bytes(gzip.compress(GOOD[:-1]))
    with pytest.raises(DataError, match="must hold 40 bytes"):
        read(path, unknown)


def test_file_that_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="readable file"):
        read(tmp_path / "absent.gz", describe(IMAGES))
