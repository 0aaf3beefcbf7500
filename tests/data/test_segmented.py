"""Photographs with masks: both distributions of DRIVE, its human figure, and files that are missing or wrong."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ohmloom import data
from ohmloom.data import Provenance, Segmented, SegmentedFiles, SegmentedImages, segmented
from ohmloom.errors import DataError, ShapeError, UnknownNameError

REAL = os.environ.get("OHMLOOM_DATA")
ABOUT = Provenance("s", "real", "a folder", "none")
ROWS, COLUMNS = 12, 9
DRIVE = data.describe("drive").full
assert isinstance(DRIVE, SegmentedFiles)
SMALL = DRIVE.replace(training=(21, 22), test=(1,), rows=ROWS, columns=COLUMNS)


def write(folder: Path, distribution: int) -> dict[str, np.ndarray]:
    """Random photographs and masks under the names of one distribution, and what was drawn."""
    draw, drawn = np.random.default_rng(0), {}
    for name in SMALL._names(SMALL.distributions[distribution]):
        photograph = "image" in Path(name).name or name.endswith(".tif")
        drawn[name] = (
            draw.integers(0, 256, (ROWS, COLUMNS, 3), np.uint8) if photograph else draw.random((ROWS, COLUMNS)) < 0.5
        )
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(drawn[name] if photograph else drawn[name].astype(np.uint8) * 255).save(path)
    return drawn


def read(folder: Path) -> SegmentedImages:
    return SMALL.read(folder, ABOUT, remedy="Mend it.")


@pytest.mark.parametrize("distribution", [0, 1], ids=["official", "png"])
def test_both_distributions_are_read_back(tmp_path: Path, distribution: int) -> None:
    drawn = write(tmp_path, distribution)
    assert SMALL.lacking(tmp_path) == []
    images, names = read(tmp_path), SMALL.distributions[distribution]
    for part, layout, numbers in ((images.training, names.training, (21, 22)), (images.test, names.test, (1,))):
        for place, number in enumerate(numbers):
            for array, name in zip(part, layout.names(number), strict=False):
                assert array is not None
                np.testing.assert_array_equal(array[place], drawn[name])
    assert images.training.second is None
    assert images.part("test").second is not None
    with pytest.raises(ValueError, match="read-only"):
        images.test.images[0, 0, 0, 0] = 1


@pytest.mark.parametrize("distribution", [0, 1], ids=["official", "png"])
def test_images_without_masks_are_named(tmp_path: Path, distribution: int, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "drive", distribution)
    lost = SMALL.distributions[distribution].training.names(22)[1]
    (tmp_path / "drive" / lost).unlink()
    assert SMALL.lacking(tmp_path / "drive") == [lost]
    with pytest.raises(DataError, match=f"{lost}: must be there beside the other files, got no such file. Mend it."):
        read(tmp_path / "drive")
    monkeypatch.setenv("OHMLOOM_DATA", str(tmp_path))  # of the real set all others are missing as well
    with pytest.raises(
        DataError, match=r"drive: .*must be in one of the places looked at: .*lacks .* more\)"
    ) as caught:
        data.load("drive")
    assert "registration" in str(caught.value)


@pytest.mark.parametrize(
    ("spoil", "rule"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:40]), "must be a whole image file"),
        (lambda path: path.write_text("<html>"), "must be a whole image file"),
        (lambda path: Image.new("L", (5, 4)).save(path), "must have 12 x 9 pixels, got 4 x 5"),
    ],
    ids=["cut off", "page", "size"],
)
@pytest.mark.parametrize("file", ["train/21_image.png", "test/01_vessels.png"])
def test_broken_images_are_named(tmp_path: Path, spoil, rule: str, file: str) -> None:
    write(tmp_path, 1)
    spoil(tmp_path / file)
    with pytest.raises(DataError, match=rf"{file}: {rule}.* Mend it\."):
        read(tmp_path)


def part(**changes: object) -> Segmented:
    arrays = {"images": np.zeros((2, 4, 5, 3), np.uint8), "vessels": np.zeros((2, 4, 5), bool)}
    return Segmented(**(arrays | {"fields": np.ones((2, 4, 5), bool)} | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"images": np.zeros((2, 4, 5), np.uint8)}, r"s\.test\.images: must be unsigned bytes of shape"),
        ({"images": np.zeros((2, 4, 5, 3))}, r"s\.test\.images: .* got float64"),
        ({"vessels": np.zeros((1, 4, 5), bool)}, r"s\.test\.vessels: must be true or false, of shape \(2, 4, 5\)"),
        ({"fields": np.ones((2, 4, 5))}, r"s\.test\.fields: must be true or false, .* got float64"),
        ({"second": np.zeros((2, 5, 4), bool)}, r"s\.test\.second: must be true or false"),
    ],
)
def test_masks_that_do_not_fit(changes: dict[str, object], rule: str) -> None:
    with pytest.raises(ShapeError, match=rule):
        SegmentedImages("s", part(), part(**changes), "real", "here", "none")


def test_unknown_part() -> None:
    with pytest.raises(UnknownNameError, match="Known: test, training"):
        SegmentedImages("s", part(), part(), "real", "here", "none").part("validation")  # type: ignore[arg-type]


def test_names_stay_in_their_folder() -> None:
    layout = segmented.Layout(image="../{}.png", vessels="{}.png", field="{}.png")
    outside = SMALL.replace(distributions=(segmented.Distribution(training=layout, test=layout),))
    with pytest.raises(ValueError, match=r"PlainFile\.file"):
        _ = outside.files


def test_drive(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    if not REAL or not (Path(REAL) / "drive").is_dir():
        pytest.skip("needs the real data: OHMLOOM_DATA with a folder drive")
    monkeypatch.setenv("OHMLOOM_DATA", REAL)
    drive = data.load("drive")
    assert drive.training.images.shape == drive.test.images.shape == (20, 584, 565, 3)
    assert drive.test.second is not None
    agree = (drive.test.second == drive.test.vessels)[drive.test.fields].mean()
    assert agree == pytest.approx(0.9473, abs=5e-5)  # the published human accuracy, inside the field of view
    assert not drive.training.vessels[~drive.training.fields].mean() > 1e-3
    # the first image in the official names reads the same
    folder = tmp_path / "official"
    one = DRIVE.replace(training=(21,), test=(1,))
    for layout, number in (("training", 21), ("test", 1)):
        ours, theirs = (getattr(one.distributions[k], layout).names(number) for k in (1, 0))
        for source, target in zip(ours, theirs, strict=True):
            (folder / target).parent.mkdir(parents=True, exist_ok=True)
            Image.open(Path(REAL) / "drive" / source).save(folder / target)
    again = one.read(folder, ABOUT, remedy="")
    for array, whole in zip(again.test, drive.test, strict=True):
        assert array is not None
        assert whole is not None
        np.testing.assert_array_equal(array[0], whole[0])
    shutil.rmtree(folder)
