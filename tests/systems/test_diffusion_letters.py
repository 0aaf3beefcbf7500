"""Letters: which images are taken, how they are shrunk, and what is counted of generated points."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from ohmloom.codesign.diffusion import ImageAutoencoder, ScoreNetwork, VariancePreserving
from ohmloom.data import describe
from ohmloom.errors import ConfigurationError, DataError
from ohmloom.random import Streams
from ohmloom.systems.diffusion.closed_loop import conditional, held
from ohmloom.systems.diffusion.letters import _changed
from ohmloom.systems.diffusion.letters_data import DIGITS, LETTERS, SCALE, corpus, latents, prepare, prepared
from ohmloom.systems.diffusion.letters_study import LetterStudy
from ohmloom.systems.diffusion.settings import LetterSettings


@pytest.fixture
def no_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OHMLOOM_DATA", str(tmp_path))
    monkeypatch.setattr("pooch.os_cache", lambda name: tmp_path / "cache" / name)
    return tmp_path


def test_letters_are_taken_where_their_official_files_are(no_folders: Path) -> None:
    assert corpus("full") == DIGITS
    assert "other data set" in DIGITS.note
    (no_folders / "emnist").mkdir()
    for file in describe("emnist").full.files:
        (no_folders / "emnist" / file.file).touch()
    assert corpus("full") == LETTERS
    assert corpus("embedded") == DIGITS
    assert [describe("emnist").classes[label] for label in LETTERS.labels] == ["H", "K", "U"]
    with pytest.raises(DataError, match="magic number"):
        prepare(no_folders / "x.safetensors", LETTERS, "full")  # the files are empty


def test_images_are_shrunk_and_cropped_and_their_classes_counted_from_0(tmp_path: Path) -> None:
    prepare(tmp_path / "images.safetensors", DIGITS, "embedded")
    images = prepared(tmp_path / "images.safetensors")
    assert images.training_images.shape == (3_000, 1, 12, 12)
    assert images.test_images.shape == (600, 1, 12, 12)
    assert torch.bincount(images.test_labels).tolist() == [200, 200, 200]
    assert 0 <= float(images.test_images.min()) < float(images.test_images.max()) <= 1
    zeros, ones = (images.test_images[images.test_labels == label].mean(0)[0] for label in (0, 1))
    assert float(ones[6, 6]) > 2 * float(zeros[6, 6])  # a stroke, and a hole


def test_a_class_that_the_data_lack_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"classes: must be among those of mnist's training part, .*got 17"):
        prepare(tmp_path / "x.safetensors", DIGITS._replace(labels=LETTERS.labels), "embedded")


class Painter:
    """Decodes a point to an image whose first pixel is its first latent."""

    def decode(self, points: torch.Tensor) -> torch.Tensor:
        images = torch.zeros(len(points), 1, 12, 12)
        images[:, 0, 0, 0] = points[:, 0]
        return images


def reader(images: torch.Tensor) -> torch.Tensor:
    """Sees the class in the first pixel: below 0, up to 1, above."""
    pixels = images[:, 0, 0, 0].contiguous()
    return torch.nn.functional.one_hot(torch.bucketize(pixels, torch.tensor([0.0, 1.0])), 3)


def counted(samples: int = 50) -> LetterStudy:
    """A study whose judge is the reader."""
    study = object.__new__(LetterStudy)
    study.coders, study.classes, study.streams = {0: Painter()}, 3, Streams(0)  # type: ignore[dict-item]
    study.judge = reader  # type: ignore[assignment]
    study._data = {0: [torch.randn(400, 2) * 0.1 for _ in range(3)]}
    study.schedule = VariancePreserving()
    study.settings = LetterSettings(samples=samples, steps=10)
    study.context = SimpleNamespace(seed=0)  # type: ignore[assignment]
    return study


def test_accuracy_counts_what_was_asked_for_and_a_shift_what_comes_next() -> None:
    study, points = counted(), torch.zeros(3, 4, 2)
    points[:, :, 0] = torch.tensor([-1.0, 0.5, 2.0]).unsqueeze(1) / SCALE
    assert study.answers(points, 0).tolist() == [[0] * 4, [1] * 4, [2] * 4]
    assert study.accuracy(points, 0) == 100
    assert study.accuracy(points, 0, shift=1) == 0
    assert study.accuracy(points.roll(-1, 0), 0, shift=1) == 100
    points[0, 0] = 2.0
    assert study.accuracy(points, 0) == pytest.approx(100 * 11 / 12)


def test_spread_is_that_of_the_data_and_divergence_grows_with_distance() -> None:
    study = counted()
    same, wide, away = (torch.stack([a * torch.randn(400, 2) * 0.1 + b for _ in range(3)])
                        for a, b in ((1.0, 0.0), (3.0, 0.0), (1.0, 0.5)))  # fmt: skip
    found = [study.measured(points, 0) for points in (same, wide, away)]
    assert found[0][3] == pytest.approx(1, rel=0.1)
    assert found[1][3] == pytest.approx(3, rel=0.1)
    assert found[0][1] < found[2][1]


def test_swapped_embeddings_are_those_of_the_next_class() -> None:
    network = ScoreNetwork(classes=3, seed=2).requires_grad_(False)
    swapped, x, t = _changed(network, "swapped", 0), torch.randn(5, 2), torch.tensor(0.3)
    for label in range(3):
        torch.testing.assert_close(conditional(swapped, label)(x, t), conditional(network, (label + 1) % 3)(x, t))
    study = counted(10)
    assert study.digital([conditional(network, label) for label in range(3)], study.flow).shape == (3, 10, 2)
    wild = held(conditional(_changed(network, "shuffled", 0), 0))
    torch.testing.assert_close(wild(torch.full((1, 2), 1e9), t), wild(torch.full((1, 2), 1e3), t))


def test_latents_are_draws_in_units_of_the_circuit() -> None:
    coder, images = ImageAutoencoder(seed=1).requires_grad_(False), torch.rand(1_500, 1, 12, 12)
    points = latents(coder, images, torch.Generator().manual_seed(0))
    coded = coder.encode(images)
    z = (SCALE * points - coded.mean) / (coded.log_variance / 2).exp()
    assert float(z.std()) == pytest.approx(1, abs=0.05)
    assert torch.equal(points, latents(coder, images, torch.Generator().manual_seed(0)))
