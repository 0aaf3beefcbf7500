"""Loading: the embedded subsets, the user's folder and its faults, the places, and the real data where present."""

import gzip
import os
import shutil
import subprocess
import sys
import time
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import tomli_w
import torch

from ohmloom import data
from ohmloom.errors import ConfigurationError, DataError, UnknownNameError
from tests.data.tiny import FILES, Tiny
from tools.embed_data import embed

REAL = os.environ.get("OHMLOOM_DATA")
EMBEDDED = Path(str(files("ohmloom.data"))) / "embedded"


@pytest.fixture(params=["mnist", "fashion-mnist"])
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def real(name: str, monkeypatch: pytest.MonkeyPatch) -> data.Images:
    if not REAL or not (Path(REAL) / name).is_dir():
        pytest.skip(f"needs the real data: OHMLOOM_DATA with a folder {name}")
    monkeypatch.setenv("OHMLOOM_DATA", REAL)
    return data.load(name)


def test_embedded_subset(name: str) -> None:
    start = time.perf_counter()
    images = data.load(name, subset="embedded")
    print(f"loaded in {time.perf_counter() - start:.2f} s")  # 0.1 s on a quiet machine; a limit is not asserted
    assert (images.origin, images.name) == ("embedded", name)
    assert images.training_images.shape == (10000, 28, 28)
    assert images.test_images.shape == (2000, 28, 28)
    np.testing.assert_array_equal(np.bincount(images.training_labels), [1000] * 10)
    np.testing.assert_array_equal(np.bincount(images.test_labels), [200] * 10)


def test_embedded_files_are_small() -> None:
    assert sum(file.stat().st_size for file in EMBEDDED.rglob("*")) <= 12e6  # of all data sets together


@pytest.mark.parametrize("name", sorted(folder.name for folder in EMBEDDED.iterdir()))
def test_embedded_files_name_their_licence_and_authors(name: str) -> None:
    licence = " ".join((EMBEDDED / name / "LICENCE.txt").read_text(encoding="utf-8").split())
    described = data.describe(name)
    for expected in (
        described.licence,
        described.attribution,
        described.citation.split()[-1],
        described.citation.split()[-2],
        "Changes:",
    ):
        assert expected in licence


def test_embedded_labels_belong_to_their_images(name: str) -> None:
    images = data.load(name, subset="embedded")
    training, test = images.tensors("training"), images.tensors("test")
    means = torch.stack([training.images[training.labels == c].mean(0).flatten() for c in range(10)])
    guess = torch.cdist(test.images.flatten(1), means).argmin(1)
    assert (guess == test.labels).float().mean() > 0.6  # the nearest class mean; chance is 0.1


def test_full_data_set(name: str, real: data.Images) -> None:
    assert real.origin == "real"
    assert data.describe(name).counts["training"] == len(real.training_images) == 60000
    assert data.describe(name).counts["test"] == len(real.test_images) == 10000
    # Mean and deviation of the training pixels as the field normalises with.
    published = {"mnist": (0.1307, 0.3081), "fashion-mnist": (0.2860, 0.3530)}[name]
    pixels = real.training_images / 255
    np.testing.assert_allclose((pixels.mean(), pixels.std()), published, atol=6e-5)


def test_embedded_subset_is_made_again_from_the_official_files(name: str, real: data.Images, tmp_path: Path) -> None:
    embed(name, tmp_path)
    embedded = data.describe(name).embedded
    assert embedded is not None
    for file in embedded.files:
        data.idx.read(tmp_path / file.file, file, label=file.file, remedy="")  # sizes and checksum are those on record
    subset = data.load(name, subset="embedded")
    for part in ("training", "test"):  # each image comes from its own part
        official = {image.tobytes() for image in getattr(real, f"{part}_images")}
        assert all(image.tobytes() in official for image in getattr(subset, f"{part}_images"))


@pytest.fixture
def own(tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OHMLOOM_DATA", str(tmp_path / "mine"))
    return tiny.write(tmp_path / "mine" / "tiny")


@pytest.mark.parametrize(
    ("spoil", "rule"),
    [
        (lambda content: content[:-9], "must be a whole gzip file"),
        (lambda _: b"not what it was", "must be a whole gzip file"),
    ],
)
def test_broken_file_of_the_user_is_named(tiny: Tiny, own: Path, spoil, rule: str) -> None:
    broken = own / FILES["test_labels"]
    broken.write_bytes(spoil(broken.read_bytes()))
    with pytest.raises(DataError) as caught:
        data.load(tiny.toml)
    assert str(caught.value).startswith(f"{broken}: {rule}")
    assert str(caught.value).endswith("Delete this file, then run `ohmloom data get tiny`.")


def test_files_that_were_exchanged(tiny: Tiny, own: Path) -> None:
    images, labels = own / FILES["test_images"], own / FILES["test_labels"]
    content = images.read_bytes()
    images.write_bytes(labels.read_bytes())
    labels.write_bytes(content)
    with pytest.raises(DataError, match=r"t10k-images.*magic number 0x00000803 .*got 0x00000801"):
        data.load(tiny.toml)


def test_where_lists_all_places_in_order(tiny: Tiny, own: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny.mirrors = ["http://127.0.0.1:1/"]
    (own / FILES["test_labels"]).unlink()
    tiny.write(cache)
    assert data.where(tiny.toml)[:2] == [(str(own), f"lacks {FILES['test_labels']}"), (str(cache), "complete")]
    assert data.where(tiny.toml)[2].place == "http://127.0.0.1:1/"
    assert data.get(tiny.toml) == cache  # an incomplete folder does not count
    monkeypatch.delenv("OHMLOOM_DATA")
    assert data.where(tiny.toml)[0] == ("$OHMLOOM_DATA/tiny", "OHMLOOM_DATA is not set")
    assert [state for _, state in data.where("mnist")][:2] == ["OHMLOOM_DATA is not set", "absent"]
    assert data.where("mnist")[-1].place == "embedded in ohmloom"


def test_unknown_names(tiny: Tiny) -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'fashion-mnist'"):
        data.load("fashion-mist")
    with pytest.raises(UnknownNameError, match="Known: embedded, full"):
        data.load("mnist", subset="half")  # type: ignore[arg-type]
    with pytest.raises(DataError, match="no embedded subset"):
        data.load(tiny.toml, subset="embedded")


@pytest.mark.parametrize("file", ["../../elsewhere.gz", "/etc/x.gz", ".gz", "plain"])
def test_file_names_stay_in_their_folder(file: str) -> None:
    with pytest.raises(ConfigurationError, match=r"IdxFile\.file"):
        data.IdxFile(file=file, shape=(1,), md5="0" * 32)


@pytest.mark.parametrize("name", data.names())
def test_descriptions_are_complete(name: str) -> None:
    described = data.describe(name)
    assert described.name == name
    assert described.mirrors or described.how or any(file.address for file in described.full.files)
    assert described.sources
    assert data.DataSet.parse(described.table(), file="again") == described


@pytest.mark.parametrize("name", [n for n in data.names() if data.describe(n).embedded_whole])
def test_sets_held_whole_are_the_official_files(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    embed(name, tmp_path)
    for file in data.describe(name).full.files:
        assert (tmp_path / file.file).read_bytes() == (EMBEDDED / name / file.file).read_bytes()
    assert ("embedded in ohmloom", "complete") in data.where(name)
    assert data.load(name).source == "embedded in ohmloom"  # in no folder, and still nothing to fetch
    monkeypatch.setenv("OHMLOOM_DATA", str(tmp_path / "mine"))
    (tmp_path / "mine").mkdir()
    shutil.copytree(EMBEDDED / name, tmp_path / "mine" / name)
    assert data.load(name).source == str(tmp_path / "mine" / name)  # the user's own folder comes first
    broken = tmp_path / "mine" / name / described_first(name)
    broken.write_bytes(broken.read_bytes() + b"x")
    with pytest.raises(DataError, match=f"{broken.name}: must have the sha256"):
        data.load(name)


def described_first(name: str) -> str:
    return data.describe(name).full.files[0].file


@pytest.mark.parametrize("name", [n for n in data.names() if data.describe(n).how and not data.describe(n).inside])
def test_sets_that_cannot_be_fetched_say_how_to_come_by_them(name: str) -> None:
    with pytest.raises(DataError, match=f"got no official source to ask. Put the official file .*{name}") as caught:
        data.get(name)
    assert str(caught.value).endswith(data.describe(name).how)
    assert ("by hand", data.describe(name).how) in data.where(name)


def test_files_without_a_checksum_are_never_fetched() -> None:
    table = data.describe("mutag").table() | {"mirrors": ["https://example.org/"]}
    with pytest.raises(
        ConfigurationError, match=r"must have a checksum, for it can be fetched, got none for MUTAG\.zip"
    ):
        data.DataSet.parse(table)


def test_looking_at_data_sets_does_not_import_torch() -> None:
    look = "import sys, ohmloom.data as d; [d.describe(n) and d.where(n) for n in d.names()]"
    code = f"{look}; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_emnist_is_read_the_right_way_up_and_never_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The official names and layout, with fewer images: a description of the user's own extends the catalogue's."""
    draw, arrays = np.random.default_rng(0), {}
    described = data.describe("emnist").full
    folder, full = tmp_path / "emnist", {"kind": "idx", "transposed": True}
    folder.mkdir()
    for part, count in (("training", 7), ("test", 3)):
        for what, shape in (("images", (count, 28, 28)), ("labels", (count,))):
            name = f"{part}_{what}"
            arrays[name] = draw.integers(0, 62, shape, np.uint8)
            file = getattr(described, name).file
            (folder / file).write_bytes(gzip.compress(data.idx.encode(arrays[name])))
            full[name] = {"file": file, "shape": list(shape)}
    about = {"name": "emnist", "licence": "none", "attribution": "nobody", "citation": "none", "full": full}
    (tmp_path / "few.toml").write_text(tomli_w.dumps(about))
    monkeypatch.setenv("OHMLOOM_DATA", str(tmp_path))
    images = data.load(str(tmp_path / "few.toml"))
    assert isinstance(images, data.Images)
    np.testing.assert_array_equal(images.training_images, arrays["training_images"].transpose(0, 2, 1))
    np.testing.assert_array_equal(images.test_labels, arrays["test_labels"])
    with pytest.raises(DataError, match="must hold the sizes 697932 x 28 x 28, got 7 x 28 x 28"):
        data.load("emnist")  # the names are those of the catalogue, the contents are not


def test_what_is_available_is_said_without_fetching(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not data.available("emnist")
    assert data.available("esgnn")  # embedded whole
    with pytest.raises(DataError, match=r"emnist-byclass-train-images-idx3-ubyte\.gz must be in one of .*gzip\.zip"):
        data.load("emnist")
    monkeypatch.setenv("OHMLOOM_DATA", str(tmp_path))
    for file in data.describe("emnist").full.files:
        (tmp_path / "emnist").mkdir(exist_ok=True)
        (tmp_path / "emnist" / file.file).touch()
    assert data.available("emnist")
    letters = data.describe("emnist").classes
    assert (letters[17], letters[20], letters[30], len(letters)) == ("H", "K", "U", 62)
