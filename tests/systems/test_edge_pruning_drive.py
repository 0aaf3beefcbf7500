"""Vessel segmentation: grades against scikit-learn, patches in the field of view, tiles that cover a photograph."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, average_precision_score, f1_score, roc_auc_score
from torch import nn

from ohmloom.codesign.edge_pruning import edges
from ohmloom.data.synthetic import vessel_images
from ohmloom.errors import ConfigurationError
from ohmloom.experiments import Context, System, Tier, run
from ohmloom.systems.edge_pruning import drive_claims as named
from ohmloom.systems.edge_pruning.drive_claims import CLAIMS, CONTROLS
from ohmloom.systems.edge_pruning.drive_study import Vessels, parts, study
from ohmloom.systems.edge_pruning.grades import areas, at_threshold, best_threshold, graded
from ohmloom.systems.edge_pruning.networks import UNet
from ohmloom.systems.edge_pruning.publication import PAPER
from ohmloom.systems.edge_pruning.settings import VESSELS, DriveSettings, Wanted
from ohmloom.systems.edge_pruning.training import untrained
from ohmloom.systems.edge_pruning.vessels import (
    Photographs,
    looked_through,
    patches,
    read_prepared,
    starts,
    write_prepared,
)
from tests.training_here import in_this_process

SMALL = DriveSettings(real=False, width=2, patch=32, patches=40, held_out=1)


def photographs(count: int = 3, rows: int = 60, columns: int = 50) -> Photographs:
    generator = torch.Generator().manual_seed(0)
    levels = torch.rand(count, rows, columns, generator=generator)
    fields = torch.zeros(count, rows, columns, dtype=torch.bool)
    fields[1:, 20:40, 15:35] = True  # none in the first
    return Photographs(levels, levels > 0.8, fields)


@given(levels=st.integers(1, 40), share=st.floats(0.05, 0.95), count=st.integers(10, 300), seed=st.integers(0, 10_000))
def test_grades_are_those_of_scikit_learn(levels: int, share: float, count: int, seed: int) -> None:
    draw = np.random.default_rng(seed)
    truth = draw.random(count) < share
    truth[:2] = True, False
    scores = draw.integers(0, levels, count) / levels  # with ties
    found = graded(scores, truth)
    assert found.precision_recall == pytest.approx(100 * average_precision_score(truth, scores))
    assert found.receiver == pytest.approx(100 * roc_auc_score(truth, scores))
    assert found.accuracy == pytest.approx(100 * accuracy_score(truth, scores > 0.5))
    assert found.f1 == pytest.approx(100 * f1_score(truth, scores > 0.5))


def test_areas_of_perfect_inverted_and_equal_scores() -> None:
    truth = np.arange(100) < 20
    assert areas(truth.astype(float), truth) == (1.0, 1.0)
    assert areas(-truth.astype(float), truth)[1] == 0.0
    assert areas(np.zeros(100), truth) == pytest.approx((0.2, 0.5))
    assert at_threshold(np.zeros(4, bool), np.zeros(4, bool)) == (1.0, 0.0)


def test_the_best_threshold_has_the_best_f1_of_all() -> None:
    random = np.random.default_rng(0)
    truth = random.random(400) < 0.1
    scores = np.round(random.normal(size=400) + truth, 1)  # with ties
    chosen = best_threshold(scores, truth)
    f1 = [at_threshold(scores > limit, truth)[1] for limit in np.unique(scores) - 0.01]
    assert at_threshold(scores > chosen, truth)[1] == max(f1)
    assert at_threshold(scores > 0.5, truth)[1] < max(f1)
    assert best_threshold(np.array([0.2, 0.4]), np.array([True, True])) < 0.2
    with pytest.raises(ConfigurationError, match="must hold vessels"):
        best_threshold(scores, truth & False)


@pytest.mark.parametrize("value", [True, False])
def test_one_class_alone_has_no_areas(value: bool) -> None:
    with pytest.raises(ConfigurationError, match="must hold vessels and ground, got"):
        areas(np.random.default_rng(0).random(5), np.full(5, value))


def test_patches_are_centred_in_the_field_of_view_and_carry_their_own_masks() -> None:
    found = patches(photographs(), 200, 17, seed=0)
    assert found.images.shape == (200, 1, 17, 17)
    assert torch.equal(found.labels.bool(), found.images[:, 0] > 0.8)
    whole = photographs()
    inside = {round(float(v), 6) for v in whole.levels[whole.fields]}
    assert all(round(float(image[0, 8, 8]), 6) in inside for image in found.images)
    assert torch.equal(patches(photographs(), 200, 17, seed=0).images, found.images)
    assert not torch.equal(patches(photographs(), 200, 17, seed=1).images, found.images)


def test_patches_near_a_border_are_moved_inside() -> None:
    whole = photographs()._replace(fields=torch.ones(3, 60, 50, dtype=torch.bool))
    assert patches(whole, 500, 48, seed=0).images.shape == (500, 1, 48, 48)
    with pytest.raises(ConfigurationError, match="patch: must be at most 50"):
        patches(whole, 1, 51, seed=0)
    with pytest.raises(ConfigurationError, match="fields: must have pixels"):
        patches(whole.part(slice(1))._replace(fields=torch.zeros(1, 60, 50, dtype=torch.bool)), 1, 16, seed=0)


@given(size=st.integers(1, 300), tile=st.integers(1, 100), stride=st.integers(1, 100))
def test_tiles_cover_every_pixel_and_stay_inside(size: int, tile: int, stride: int) -> None:
    stride = min(stride, tile)
    covered = np.zeros(size, int)
    for start in starts(size, tile, stride):
        assert start == 0 or start + tile <= size
        covered[start : start + tile] += 1
    assert covered.min() >= 1
    assert len(set(starts(size, tile, stride))) == len(starts(size, tile, stride))


class ByPixel(nn.Module):
    """Each pixel's level decides alone, so that tiles must not matter."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return torch.cat((torch.zeros_like(images), 5 * images), 1)


def test_a_photograph_looked_through_is_the_same_for_any_tiles() -> None:
    level = photographs().levels[0]
    for tile, stride in ((16, 16), (20, 7), (100, 50)):
        found = looked_through(ByPixel(), level, tile, stride)
        assert torch.allclose(found, torch.sigmoid(5 * level), atol=1e-6), (tile, stride)


def test_the_u_net_has_the_published_layers() -> None:
    network = untrained(Wanted(0, "edges"), Vessels(4), VESSELS).eval()
    assert len(edges(network)) == 19
    assert network(torch.rand(2, 1, 48, 37)).shape == (2, 2, 48, 37)
    trained = {name.split(".")[-1] for name, _ in network.named_parameters()}
    assert trained == {"scores", "weight", "bias"}  # the latter two of batch norms
    convolutions = [m for m in UNet().modules() if isinstance(m, nn.Conv2d)]
    assert len(convolutions) == 19
    assert all(layer.bias is None for layer in convolutions)


def test_parts_share_no_photograph(tmp_path: Path) -> None:
    images = vessel_images(training=3, test=1)
    file = tmp_path / "photographs.safetensors"
    write_prepared(images, file)
    found = parts(file, SMALL)
    assert found.training.images.shape == (40, 1, 32, 32)
    training = read_prepared(file, "training")
    held, rest = (set(training.levels[k].flatten().tolist()) for k in (slice(1), slice(1, None)))
    only_held, only_rest = held - rest, rest - held
    if only_held and only_rest:
        assert not only_held & set(found.training.images.flatten().tolist())
        assert not only_rest & set(found.validation.images.flatten().tolist())
    assert torch.equal(training.vessels, torch.tensor(images.training.vessels))
    assert training.second is None


class Small(System[DriveSettings]):
    """Two seeds of hardly any training."""

    name, title, summary, paper, claims, controls = "small", "Small", "Two seeds.", PAPER, CLAIMS, CONTROLS
    tiers = {  # noqa: RUF012
        "smoke": Tier(summary="", budget=60, seeds=2, settings=SMALL.replace(
            patches=64, epochs=1, control_epochs=1, recipe=VESSELS.replace(batch=16), errors=(0.0, 0.2),
            trained_errors=(0.2,), read_noises=(0.0, 0.2), draws=2, dies=2, few_images=1, cell_images=1, cell_side=32,
            shown=1))
    }  # fmt: skip

    def run(self, context: Context[DriveSettings]) -> None:
        study(context)


def test_figures_of_a_run_with_several_seeds_rest_on_all_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ohmloom.systems.edge_pruning.drive_study.trainings", in_this_process)
    result = run(Small(), out=tmp_path / "run")
    names = [f"{kind}, {grade}" for kind in (named.EDGES, named.WEIGHTS) for grade in (named.PR, named.ROC, "F1")]
    for name in (*names, named.GAP, named.gain(0.2), named.gain(0.2, area=named.ROC)):
        figure = result.figures[name]
        assert (len(figure.values), figure.spread_over) == (2, "seeds"), name
    assert result.figures[named.gain(0.2, named.NOISY)].spread_over == "dies", "programmings of the first seed alone"
    assert len(result.figures[named.LEFT].values) == 1
