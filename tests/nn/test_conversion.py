"""Conversion: the user's own numbers in `Digital`, and on a chip every layer that was converted."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn
from torch.func import functional_call

import ohmloom as ol
from ohmloom import Chip, Event
from ohmloom.errors import BypassedError, ConversionError, LedgerError, StaleError
from tests.nn.helpers import frozen_weights, relative
from tests.nn.models import CASES, build

EXPECTED_LAYERS = {
    "mlp": 3,
    "neurram-cnn": 7,
    "resnet-20": 22,
    "depthwise-separable": 7,
    "transformer": 7,
    "one module used twice": 2,
    "one parameter in two modules": 2,
    "functional calls and control flow": 3,
}
both_precisions = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
every_network = pytest.mark.parametrize("name", CASES)


@every_network
@both_precisions
def test_digital_is_the_users_arithmetic_bit_for_bit(name: str, dtype: torch.dtype, ideal: Chip) -> None:
    model, x = build(name, dtype)
    hardware = ol.convert(model, ideal)
    assert len(ol.converted(hardware)) == EXPECTED_LAYERS[name]
    assert torch.equal(hardware(x), model(x))
    with torch.inference_mode():  # where torch takes its fused paths
        assert torch.equal(hardware(x), model(x))


@every_network
def test_digital_trains_bit_for_bit_batch_norm_included(name: str, ideal: Chip) -> None:
    model, x = build(name)
    hardware = ol.convert(model, ideal)
    for module in (model, hardware):
        module.train()
        optimizer = torch.optim.SGD(module.parameters(), lr=0.01, momentum=0.9)
        torch.manual_seed(3)
        for _ in range(2):
            optimizer.zero_grad()
            module(x).square().mean().backward()
            optimizer.step()
    ours, own = hardware.state_dict(), model.state_dict()
    assert ours.keys() == own.keys()
    assert all(torch.equal(ours[key], own[key]) for key in own)


@every_network
@both_precisions
def test_an_ideal_chip_agrees_to_rounding(name: str, dtype: torch.dtype, ideal: Chip) -> None:
    model, x = build(name, dtype)
    hardware = ol.convert(model, ideal)
    ol.program(hardware)
    with torch.no_grad():
        y = hardware(x)
    assert y.dtype == dtype
    assert relative(y, model(x)) < (1e-5 if dtype == torch.float32 else 1e-12)


@every_network
@pytest.mark.parametrize("chip_name", ["generic-40nm", "neurram"])
def test_every_converted_layer_computes_on_the_chip(name: str, chip_name: str) -> None:
    model, x = build(name)
    chip = Chip.load(chip_name)
    hardware = ol.convert(model, chip.replace(cores=chip.cores.replace(count=4096)))
    if name == "resnet-20" and chip_name == "neurram":
        pytest.skip("write-verify of 270,000 cells takes long; the other chip covers this network")
    ol.program(hardware)
    for inference in (torch.no_grad, torch.inference_mode):
        with inference(), ol.Ledger() as ledger:
            y = hardware(x)
        seen = {layer for _, layer, event in ledger.counts if event is Event.SAMPLE}
        assert seen == set(ol.matrices(hardware))
        assert all(layer.on_chip.calls > 0 for layer in ol.converted(hardware).values())
        assert ledger.total(Event.INFERENCE) == len(x)
        assert 1e-3 < relative(y, model(x)) < 2  # cells and converters were in the way; the network is still there


def test_a_module_used_twice_is_programmed_once_and_sends_two_vectors(ideal: Chip) -> None:
    model, x = build("one module used twice")
    hardware = ol.convert(model, ideal)
    ol.program(hardware)
    with ol.Ledger() as ledger:
        hardware(x)
    assert ledger.total(Event.SAMPLE, "cell") == 2 * len(x)
    assert ledger.total(Event.SAMPLE, "head") == len(x)


def test_a_shared_parameter_stays_shared(ideal: Chip) -> None:
    model, _ = build("one parameter in two modules")
    hardware = ol.convert(model, ideal)
    assert hardware.decoder.weight is hardware.encoder.weight
    assert hardware.encoder.weight is not model.encoder.weight
    assert len(list(hardware.parameters())) == len(list(model.parameters()))


def test_conversion_leaves_the_model_untouched(neurram: Chip) -> None:
    model, x = build("neurram-cnn")
    before, classes, y = frozen_weights(model), [type(m) for m in model.modules()], model(x)
    hardware = ol.convert(model, neurram)
    ol.program(hardware)
    with torch.no_grad():
        next(hardware.parameters()).zero_()
    assert [type(m) for m in model.modules()] == classes
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert torch.equal(model(x), y)


def test_modules_keep_their_types_and_names(ideal: Chip) -> None:
    model, _ = build("resnet-20")
    hardware = ol.convert(model, ideal)
    own = dict(model.named_modules())
    for name, module in hardware.named_modules():
        assert isinstance(module, type(own[name]))


def test_functional_call_on_the_hardware(ideal: Chip) -> None:
    model, x = build("functional calls and control flow")
    hardware = ol.convert(model, ideal)
    other = {name: value * 2 for name, value in model.named_parameters()}
    assert torch.equal(functional_call(hardware, other, (x,)), functional_call(model, other, (x,)))
    ol.program(hardware)
    own = dict(hardware.named_parameters())
    with torch.no_grad():
        assert relative(functional_call(hardware, own, (x,)), model(x)) < 1e-5
    with pytest.raises(StaleError, match="programmed"):  # cells cannot follow other weights
        functional_call(hardware, other, (x,))


@pytest.mark.parametrize("shape", [(12,), (1, 12), (2, 3, 12), (0, 12)])
def test_a_linear_layer_takes_any_leading_shape(shape: tuple[int, ...], ideal: Chip) -> None:
    model, _ = build("mlp")
    x = torch.randn(shape)
    hardware = ol.convert(model, ideal)
    ol.program(hardware)
    y = hardware(x)
    assert y.shape == model(x).shape
    torch.testing.assert_close(y, model(x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("mode", ["programmed", "quantised"])
@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.Conv2d(3, 4, 3, padding=1), (3, 6, 6)),
        (nn.Conv1d(3, 4, 3, padding=1), (3, 9)),
        (nn.Conv1d(4, 4, 2, stride=2, groups=4), (2, 4, 9)),
        (nn.Conv2d(4, 2, (2, 3), stride=(1, 2), padding=(2, 0), dilation=(2, 1)), (2, 4, 7, 8)),
        (nn.Conv2d(4, 4, 4, padding="same"), (2, 4, 5, 5)),  # an even kernel: torch pads one side more
        (nn.Conv1d(4, 4, 4, padding="same"), (2, 4, 9)),
    ],
)
def test_convolutions_of_every_geometry(layer: nn.Module, shape: tuple[int, ...], mode: str, ideal: Chip) -> None:
    hardware, x = ol.convert(layer, ideal), torch.randn(shape)
    ol.program(hardware)
    ol.mode(hardware, mode)
    torch.testing.assert_close(hardware(x), layer(x), rtol=1e-4, atol=1e-5)


def test_groups_share_arrays_as_far_as_they_fit(ideal: Chip) -> None:
    layer = nn.Conv2d(96, 96, 3, padding=1, groups=96)
    hardware, x = ol.convert(layer, ideal), torch.randn(1, 96, 5, 5)
    ol.program(hardware)
    per_array = ideal.cores.rows // 9
    assert len(ol.matrices(hardware)) == -(-96 // per_array)
    assert relative(hardware(x), layer(x)) < 1e-5


def test_a_root_that_is_itself_a_layer_can_be_converted(ideal: Chip) -> None:
    model, x = nn.Linear(6, 3), torch.randn(4, 6)
    hardware = ol.convert(model, ideal)
    ol.program(hardware)
    assert list(ol.matrices(hardware)) == ["model"]
    assert relative(hardware(x), model(x)) < 1e-5


def test_rules_keep_layers_digital_and_give_mappings(neurram: Chip) -> None:
    model, x = build("mlp")
    finer = neurram.mapping.replace(drive={"kind": "bit-serial", "bits": 8, "code": "signed"})
    hardware = ol.convert(model, neurram, {"4": {"digital": True}, "0": {"mapping": finer}})
    assert list(ol.converted(hardware)) == ["0", "2"]
    assert type(hardware[4]) is nn.Linear
    assert hardware.on_chip_state.digital == {"4": "a rule says so"}
    assert ol.converted(hardware)["0"].on_chip.mapping.drive.input_bits == 8
    ol.program(hardware)
    assert set(ol.matrices(hardware)) == {"0", "2"}
    assert hardware(x).shape == (5, 4)


def test_what_stays_digital_has_a_reason(ideal: Chip) -> None:
    class Odd(nn.Linear):
        pass

    model = nn.ModuleDict(
        {
            "lstm": nn.LSTM(4, 4), "table": nn.Embedding(5, 4), "up": nn.ConvTranspose2d(2, 2, 2), "odd": Odd(4, 4),
            "keyed": nn.MultiheadAttention(4, 2, add_bias_kv=True), "norm": nn.LayerNorm(4), "head": nn.Linear(4, 2),
        }
    )  # fmt: skip
    digital = ol.convert(model, ideal).on_chip_state.digital
    assert set(digital) == {"lstm", "table", "up", "odd", "keyed", "keyed.out_proj"}
    assert "subclass of Linear" in digital["odd"]
    assert "LSTM" in digital["lstm"]
    assert "bias_k" in digital["keyed"]


@pytest.mark.parametrize("name", ["mlp", "neurram-cnn", "transformer"])
@pytest.mark.parametrize("mode", ["digital", "quantised", "programmed"])
def test_a_copy_computes_alike_and_lives_its_own_life(name: str, mode: str, generic: Chip) -> None:
    model, x = build(name)
    hardware = ol.convert(model, generic)
    ol.program(hardware, dies=2)
    hardware(x)  # read noise now comes from running generators
    ol.mode(hardware, mode)
    twin = copy.deepcopy(hardware)
    with torch.no_grad():
        assert torch.equal(hardware(x), twin(x))  # the copy's noise goes on where the original's stood
        next(twin.parameters()).mul_(2)
        hardware(x)  # the original is not stale
    ol.program(twin)
    ol.select(twin, 0)
    with ol.Ledger() as ledger:
        twin(x)
    assert ol.cost(ledger, twin).energy_joule > 0
    with pytest.raises(LedgerError):  # a copy that was programmed anew is other hardware
        ol.cost(ledger, hardware)


def test_hardware_cannot_be_converted_again(ideal: Chip) -> None:
    """Converting hardware again is refused rather than nested."""
    hardware = ol.convert(build("mlp")[0], ideal)
    with pytest.raises(ConversionError, match="already"):
        ol.convert(nn.Sequential(hardware, nn.Linear(4, 2)), ideal)


def test_outside_digital_a_layer_that_is_passed_by_is_an_error(ideal: Chip) -> None:
    class PassesBy(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.used, self.borrowed = nn.Linear(4, 4), nn.Linear(4, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return nn.functional.linear(self.used(x), self.borrowed.weight)

    model, x = PassesBy(), torch.randn(3, 4)
    hardware = ol.convert(model, ideal)
    assert torch.equal(hardware(x), model(x))
    for mode in ("quantised", "programmed"):
        ol.program(hardware)
        ol.mode(hardware, mode)
        with pytest.raises(BypassedError, match="borrowed"):
            hardware(x)
    ol.mode(hardware, "digital")
    assert torch.equal(hardware(x), model(x))
    hardware = ol.convert(model, ideal, {"borrowed": {"digital": True}})
    ol.program(hardware)
    assert relative(hardware(x), model(x)) < 1e-5
