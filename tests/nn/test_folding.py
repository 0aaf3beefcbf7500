"""Batch norms: folded into cells where that is exact, left alone elsewhere, and never changed by it."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

import ohmloom as ol
from ohmloom import Chip
from ohmloom.errors import ShapeError, StaleError
from ohmloom.nn.folding import norm_pairs
from tests.nn.helpers import frozen_weights, relative


def seen_data(norm: nn.Module) -> nn.Module:
    """A norm whose statistics and parameters are not the initial ones."""
    if norm.running_mean is not None:
        nn.init.normal_(norm.running_mean)
        nn.init.uniform_(norm.running_var, 0.2, 3.0)
    if norm.affine:
        nn.init.uniform_(norm.weight, -1.5, 1.5)
        nn.init.normal_(norm.bias)
    return norm


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(
    ("layer", "norm", "shape"),
    [
        (lambda bias: nn.Linear(6, 4, bias=bias), nn.BatchNorm1d, (5, 6)),
        (lambda bias: nn.Conv1d(3, 4, 3, bias=bias), nn.BatchNorm1d, (5, 3, 8)),
        (lambda bias: nn.Conv2d(3, 4, 3, groups=1, bias=bias), nn.BatchNorm2d, (5, 3, 6, 6)),
        (lambda bias: nn.Conv2d(4, 4, 3, groups=2, bias=bias), nn.BatchNorm2d, (5, 4, 6, 6)),
    ],
)
def test_programmed_cells_hold_layer_and_norm(layer, norm, shape, bias: bool, affine: bool, ideal: Chip) -> None:
    model = nn.Sequential(layer(bias), seen_data(norm(4, affine=affine))).eval()
    hardware = ol.convert(model, ideal)
    x, before = torch.randn(shape), frozen_weights(hardware)
    ol.program(hardware)
    assert relative(hardware(x), model(x)) < 1e-5
    assert torch.equal(hardware[1](x.new_ones(2, 4, 3, 3) if norm is nn.BatchNorm2d else x.new_ones(2, 4)).unique(),
                       torch.ones(1))  # the norm itself lets its input through  # fmt: skip
    assert all(torch.equal(value, before[key]) for key, value in hardware.state_dict().items())
    ol.mode(hardware, "digital")
    assert torch.equal(hardware(x), model(x))


def test_a_programmed_norm_stays_folded_in_training(ideal: Chip) -> None:
    """Cells do not follow batches: in `Programmed` the running statistics count, and stay as they are."""
    model = nn.Sequential(nn.Linear(6, 4), seen_data(nn.BatchNorm1d(4)))
    hardware, x = ol.convert(model, ideal), torch.randn(9, 6)
    ol.program(hardware)
    before = frozen_weights(hardware)
    y = hardware.train()(x)
    assert relative(y, model.eval()(x)) < 1e-5
    assert all(torch.equal(value, before[key]) for key, value in hardware.state_dict().items())


def test_training_modes_keep_the_norm_alive(generic: Chip) -> None:
    model = nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4))
    hardware = ol.convert(model, generic)
    for mode in ("quantised", ol.Noisy(ol.GaussianWeights(deviation=0.1))):
        ol.mode(hardware, mode)
        before = int(hardware[1].num_batches_tracked)
        y = hardware.train()(5 + 3 * torch.randn(400, 6))
        assert int(hardware[1].num_batches_tracked) == before + 1
        torch.testing.assert_close(y.mean(0), torch.zeros(4), atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    "reason", ["no statistics", "another user", "two calls", "an activation between", "wrong kind"]
)
def test_what_cannot_be_folded_stays_live(reason: str, ideal: Chip) -> None:
    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Conv2d(2, 2, 3, padding=1)
            self.norm = seen_data(nn.BatchNorm2d(2, track_running_stats=reason != "no statistics"))
            if reason == "wrong kind":
                self.norm = nn.GroupNorm(1, 2)

        def forward(self, x: Tensor) -> Tensor:
            y = self.layer(x)
            if reason == "another user":
                return self.norm(y) + y
            if reason == "two calls":
                return self.norm(self.layer(self.norm(y)))
            return self.norm(torch.relu(y)) if reason == "an activation between" else self.norm(y)

    model, x = Model().eval(), torch.randn(3, 2, 5, 5)
    assert norm_pairs(model) == {}
    hardware = ol.convert(model, ideal)
    ol.program(hardware)
    assert relative(hardware(x), model(x)) < 1e-5
    assert type(hardware.norm) is type(model.norm)


def test_a_norm_shared_by_two_layers_stays_live(ideal: Chip) -> None:
    norm = seen_data(nn.BatchNorm1d(4))
    model = nn.Sequential(nn.Linear(4, 4), norm, nn.ReLU(), nn.Linear(4, 4), norm).eval()
    hardware, x = ol.convert(model, ideal), torch.randn(5, 4)
    assert not any(layer.on_chip.folded for layer in ol.converted(hardware).values())
    ol.program(hardware)
    assert relative(hardware(x), model(x)) < 1e-5


@pytest.mark.parametrize("outputs", [4, 7])
def test_a_norm_over_another_axis_than_the_layers_outputs_is_not_folded(outputs: int, ideal: Chip) -> None:
    """(batch, channels, features): a Linear layer works on the last axis, BatchNorm1d on the second."""
    model = nn.Sequential(nn.Linear(6, outputs), seen_data(nn.BatchNorm1d(4))).eval()
    x = torch.randn(5, 4, 6)
    if outputs == 4:  # as many outputs as channels: only the input's shape tells
        hardware = ol.convert(model, ideal)
        ol.program(hardware)
        with pytest.raises(ShapeError, match=r'rules=\{"0": \{"fold": False\}\}'):
            hardware(x)
    hardware = ol.convert(model, ideal, {"0": {"fold": False}} if outputs == 4 else {})
    ol.program(hardware)
    assert relative(hardware(x), model(x)) < 1e-5


def test_models_that_cannot_be_traced_fold_inside_sequentials(ideal: Chip) -> None:
    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.trunk = nn.Sequential(nn.Linear(6, 4), seen_data(nn.BatchNorm1d(4)), nn.ReLU())
            self.head = nn.Linear(4, 2)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.trunk(x)) if float(x.sum()) > -1e9 else x

    model, x = Model().eval(), torch.randn(5, 6)
    hardware = ol.convert(model, ideal)
    assert hardware.trunk[0].on_chip.folded == [hardware.trunk[1]]
    ol.program(hardware)
    assert relative(hardware(x), model(x)) < 1e-5


def test_a_changed_norm_makes_cells_stale(ideal: Chip) -> None:
    model = nn.Sequential(nn.Linear(6, 4), seen_data(nn.BatchNorm1d(4))).eval()
    hardware, x = ol.convert(model, ideal), torch.randn(5, 6)
    for change in (
        lambda norm: norm.running_mean.add_(1),
        lambda norm: norm.running_var.mul_(2),
        lambda norm: norm.weight.data.mul_(2),
        lambda norm: norm.bias.data.add_(1),
    ):
        ol.program(hardware)
        hardware(x)
        change(hardware[1])
        with pytest.raises(StaleError, match="program again"):
            hardware(x)


def test_a_norm_kept_by_a_rule_stays_live(ideal: Chip) -> None:
    model = nn.Sequential(nn.Linear(6, 4), seen_data(nn.BatchNorm1d(4)), nn.Linear(4, 2)).eval()
    hardware, x = ol.convert(model, ideal, {"0": {"digital": True}}), torch.randn(5, 6)
    assert type(hardware[1]) is nn.BatchNorm1d
    ol.program(hardware)
    assert relative(hardware(x), model(x)) < 1e-5


def test_a_copy_folds_its_own_norm(ideal: Chip) -> None:
    model = nn.Sequential(nn.Linear(6, 4), seen_data(nn.BatchNorm1d(4))).eval()
    hardware = ol.convert(model, ideal)
    twin, x = copy.deepcopy(hardware), torch.randn(5, 6)
    ol.program(twin)
    with torch.no_grad():
        hardware[1].weight.zero_()
    assert relative(twin(x), model(x)) < 1e-5
    assert float(hardware(x).detach().std(0).max()) == 0
