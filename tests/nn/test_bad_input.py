"""What users get wrong, and what they are told; each where it enters, before anything changed."""

from __future__ import annotations

import re

import pytest
import torch
from torch import nn

import ohmloom as ol
from ohmloom import Chip
from ohmloom.errors import ConfigurationError, ConversionError, NotFiniteError, OhmloomError, PlacementError, ShapeError
from tests.nn.models import build


@pytest.mark.parametrize("model", [nn.ReLU(), nn.Sequential(), nn.LSTM(3, 3), nn.Sequential(nn.Embedding(3, 3))])
def test_a_model_with_nothing_to_convert(model: nn.Module, generic: Chip) -> None:
    with pytest.raises(ConversionError, match="model: must have a Linear, Conv1d, Conv2d or MultiheadAttention"):
        ol.convert(model, generic)


def test_rules_that_leave_nothing(generic: Chip) -> None:
    with pytest.raises(ConversionError, match="Check the rules"):
        ol.convert(nn.Linear(3, 3), generic, {"": {"digital": True}})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("where", ["0.weight", "4.bias"])
def test_weights_that_are_not_finite(value: float, where: str, generic: Chip) -> None:
    model, _ = build("mlp")
    hardware = ol.convert(model, generic)
    for module in (model, hardware):
        with torch.no_grad():
            module.get_parameter(where).view(-1)[2] = value
    with pytest.raises(NotFiniteError, match=rf"{where}: must be finite, got 1 NaN or inf"):
        ol.convert(model, generic)
    with pytest.raises(NotFiniteError, match="must be finite"):  # it came in after conversion
        ol.program(hardware)
    assert hardware.on_chip_state.dies == 0


def test_a_norm_that_is_not_finite(generic: Chip) -> None:
    model, _ = build("neurram-cnn")
    model[1].running_var[0] = float("nan")
    with pytest.raises(NotFiniteError, match=r"1\.running_var"):
        ol.convert(model, generic)


def test_a_negative_variance_does_not_travel_as_nan(generic: Chip) -> None:
    model, _ = build("neurram-cnn")
    hardware = ol.convert(model, generic)
    hardware[1].running_var[0] = -1.0
    with pytest.raises(NotFiniteError, match="must be finite"):
        ol.program(hardware)


@pytest.mark.parametrize("mode", ["quantised", "noisy", "programmed"])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("name", ["mlp", "neurram-cnn", "transformer"])
def test_inputs_that_are_not_finite(mode: str, value: float, name: str, generic: Chip) -> None:
    model, x = build(name)
    hardware = ol.convert(model, generic)
    ol.program(hardware)
    ol.mode(hardware, ol.Noisy(ol.GaussianWeights(deviation=0.1)) if mode == "noisy" else mode)
    x.view(-1)[3] = value
    with pytest.raises(NotFiniteError, match=r"\.x: must be finite"):
        hardware(x)


@pytest.mark.parametrize("mode", ["digital", "quantised", "programmed"])
def test_inputs_of_a_wrong_width(mode: str, generic: Chip) -> None:
    model, _ = build("mlp")
    hardware = ol.convert(model, generic)
    ol.program(hardware)
    ol.mode(hardware, mode)
    with pytest.raises(ShapeError if mode == "programmed" else RuntimeError):
        hardware(torch.randn(5, 13))


@pytest.mark.parametrize("shape", [(2, 3, 6, 6), (2, 8, 6, 6), (4, 6), (1, 2, 4, 6, 6)])
@pytest.mark.parametrize("mode", ["quantised", "programmed"])
def test_images_of_a_wrong_shape(shape: tuple[int, ...], mode: str, ideal: Chip) -> None:
    hardware = ol.convert(nn.Conv2d(4, 2, 3, groups=2), ideal)
    ol.program(hardware)
    ol.mode(hardware, mode)
    with pytest.raises(ShapeError, match=r"model\.x: must have 4 channels and 2 axes of space"):
        hardware(torch.randn(shape))


def test_a_layer_wider_than_the_chip_has_cores(neurram: Chip) -> None:
    with pytest.raises(PlacementError, match=r"must fit 48 cores.*Does not fit: model"):
        ol.convert(nn.Linear(4000, 4000), neurram)


def test_a_layer_that_no_core_can_hold(generic: Chip) -> None:
    tiny = generic.replace(cores=generic.cores.replace(columns=1, rows=4))
    with pytest.raises(OhmloomError, match="columns"):
        ol.convert(nn.Linear(4, 4), tiny)


def test_a_network_that_needs_more_cores_than_there_are(neurram: Chip) -> None:
    model = nn.Sequential(*(nn.Linear(512, 512) for _ in range(8)))
    with pytest.raises(PlacementError) as told:
        ol.convert(model, neurram)
    found = re.match(
        r"network: must fit 48 cores, got \d+ after merging\. Fits: ([\d, ]+)\. Does not fit: ([\d, ]+)\. "
        "Keep those layers digital",
        str(told.value),
    )
    assert found is not None
    fits, outside = (part.split(", ") for part in found.groups())
    assert sorted(fits + outside) == [str(index) for index in range(8)]
    hardware = ol.convert(model, neurram, {name: {"digital": True} for name in outside})
    assert ol.summary(hardware).placement.cores_used <= 48


def test_what_was_never_converted(generic: Chip) -> None:
    model, x = build("mlp")
    for call in (ol.summary, ol.program, lambda m: ol.mode(m, "digital"), lambda m: ol.calibrate(m, x), ol.matrices,
                 lambda m: ol.save(m, "nowhere"), lambda m: ol.over_dies(m, x), lambda m: ol.age(m, 1.0)):  # fmt: skip
        with pytest.raises(ConversionError, match=r"hardware: must come from ohmloom\.convert, got Sequential"):
            call(model)


def test_a_part_of_hardware_is_not_hardware(generic: Chip) -> None:
    hardware = ol.convert(build("transformer")[0], generic)
    with pytest.raises(ConversionError, match="must come from"):
        ol.program(hardware[0])


def test_a_mapping_rule_of_a_wrong_type(generic: Chip) -> None:
    with pytest.raises(ConfigurationError, match=r"rules\.0\.mapping: must be a Mapping, got str"):
        ol.convert(build("mlp")[0], generic, {"0": {"mapping": "fine"}})
