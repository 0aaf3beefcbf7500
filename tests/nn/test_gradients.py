"""Gradients and training: what reaches weights, clips and inputs in each mode, in both precisions."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

import ohmloom as ol
from ohmloom import Chip, GaussianWeights, Noisy, Programmed, Quantised
from ohmloom.errors import NotProgrammedError, StaleError
from tests.nn.helpers import noiseless, relative
from tests.nn.models import build

OPTIMISERS = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.2, momentum=0.5),
    "adam": lambda p: torch.optim.Adam(p, lr=0.02),
    "lbfgs": lambda p: torch.optim.LBFGS(p, lr=0.5, max_iter=5, line_search_fn="strong_wolfe"),
}
MODES = {
    "digital": ol.Digital(),
    "quantised": Quantised(),
    "noisy": Noisy(GaussianWeights(deviation=0.05)),
}
both_precisions = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])


def task(dtype: torch.dtype = torch.float32) -> tuple[nn.Module, torch.Tensor, torch.Tensor]:
    """A small network, inputs, and labels that a linear rule gives."""
    torch.manual_seed(8)
    model = nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 3)).to(dtype)
    x = torch.randn(96, 8, dtype=dtype)
    return model, x, (x @ torch.randn(8, 3, dtype=dtype)).argmax(1)


@pytest.mark.parametrize("optimiser", OPTIMISERS)
@pytest.mark.parametrize("mode", MODES)
@both_precisions
def test_any_optimiser_trains_in_every_mode(optimiser: str, mode: str, dtype: torch.dtype, generic: Chip) -> None:
    model, x, labels = task(dtype)
    hardware = ol.convert(model, generic)
    ol.calibrate(hardware, x)
    ol.mode(hardware, MODES[mode])
    steps = OPTIMISERS[optimiser](hardware.parameters())
    losses = []

    def closure() -> torch.Tensor:
        steps.zero_grad()
        loss = nn.functional.cross_entropy(hardware(x), labels)
        loss.backward()
        losses.append(float(loss.detach()))
        return loss

    for _ in range(6 if optimiser == "lbfgs" else 25):
        steps.step(closure)
    assert losses[-1] < 0.6 * losses[0]
    assert all(p.dtype == dtype for p in hardware.parameters())


@pytest.mark.parametrize("mode", ["quantised", "noisy"])
def test_training_modes_give_the_straight_through_gradient(mode: str, generic: Chip) -> None:
    """One layer, nothing clipped, no noise: the gradient is that of the user's own arithmetic on the codes."""
    layer, x = nn.Linear(6, 3), torch.randn(5, 6)
    hardware = ol.convert(layer, generic)
    ol.mode(hardware, Quantised() if mode == "quantised" else Noisy(GaussianWeights(deviation=0.0)))
    inputs = x.clone().requires_grad_()
    hardware(inputs).sum().backward()
    codes = generic.mapping.drive.encode(x).value()
    torch.testing.assert_close(hardware.weight.grad, codes.sum(0).expand(3, 6))
    torch.testing.assert_close(hardware.bias.grad, torch.full((3,), 5.0))
    torch.testing.assert_close(inputs.grad, layer.weight.sum(0).expand(5, 6))


def test_learned_clips_get_the_pact_gradient(generic: Chip) -> None:
    """d y / d clip is the weight where an input is cut off above, minus it where it is cut off below, else zero."""
    layer = nn.Linear(3, 1, bias=False)
    hardware = ol.convert(layer, generic)
    ol.calibrate(hardware, torch.linspace(-1, 1, 30).view(10, 3))
    (clip,) = ol.learn_clips(hardware)
    ol.mode(hardware, "quantised")
    hardware(torch.tensor([[2.0, 0.1, -3.0]])).backward()
    weight = hardware.weight.detach()[0]
    assert float(clip.grad) == pytest.approx(float(weight[0] - weight[2]), rel=1e-5)
    hardware.zero_grad()
    hardware(torch.tensor([[0.2, 0.1, -0.3]])).backward()
    assert float(clip.grad) == 0
    inputs = torch.tensor([[2.0, 0.1, -3.0]], requires_grad=True)
    hardware(inputs).backward()
    torch.testing.assert_close(inputs.grad, weight * torch.tensor([[0.0, 1.0, 0.0]]))


def test_learned_clips_find_the_range_of_the_data(generic: Chip) -> None:
    """Clips far too large round everything away; training brings them down and the loss with them."""
    coarse = generic.mapping.replace(drive={"kind": "amplitude", "bits": 3})
    layer, x = nn.Linear(8, 2), torch.rand(256, 8)
    hardware = ol.convert(layer, generic.replace(mapping=coarse))
    ol.calibrate(hardware, 6 * x)
    clips = ol.learn_clips(hardware)
    ol.mode(hardware, Quantised(converter=False))
    before = float((hardware(x) - layer(x)).square().mean().detach())
    optimiser = torch.optim.Adam(clips, lr=0.1)
    for _ in range(150):
        optimiser.zero_grad()
        (hardware(x) - layer(x)).square().mean().backward()
        # PACT's gradient sees only what is cut off; the pull towards small clips is a decay, as in its paper
        for clip in clips:
            clip.grad += 0.002 * clip.detach()
        optimiser.step()
    assert 0.5 < float(clips[0].detach()) < 1.5
    assert float((hardware(x) - layer(x)).square().mean().detach()) < before / 10


@both_precisions
def test_programmed_the_gradient_reaches_the_input_through_the_cells(dtype: torch.dtype, generic: Chip) -> None:
    model, x = build("mlp", dtype)
    hardware = ol.convert(model, noiseless(generic))
    ol.program(hardware)
    inputs = x.clone().requires_grad_()
    hardware(inputs).sum().backward()
    wanted = x.clone().requires_grad_()
    model(wanted).sum().backward()
    assert inputs.grad is not None
    assert inputs.grad.dtype == dtype
    assert relative(inputs.grad, wanted.grad) < 0.1
    assert all(p.grad is None for n, p in hardware.named_parameters() if n.endswith("weight"))


def test_programmed_the_gradient_is_that_of_the_effective_matrix(generic: Chip) -> None:
    layer, x = nn.Linear(6, 4), torch.randn(3, 6, requires_grad=True)
    hardware = ol.convert(layer, generic)
    ol.program(hardware)
    sent_back = torch.randn(3, 4)
    (hardware(x) * sent_back).sum().backward()
    effective = ol.matrices(hardware)["model"].effective()[0]
    torch.testing.assert_close(x.grad, sent_back @ effective)
    assert relative(effective, layer.weight) > 1e-3


def test_programmed_the_weight_gets_a_straight_through_gradient_on_request(generic: Chip) -> None:
    model, x = build("mlp")
    hardware = ol.convert(model, generic)
    ol.program(hardware)
    ol.mode(hardware, Programmed(weight_gradient=True))
    with torch.no_grad():
        assert relative(hardware(x), model(x)) > 1e-3  # the value is the cells', not the weights'
    hardware(x).sum().backward()
    model(x).sum().backward()
    own = dict(model.named_parameters())
    for name, parameter in hardware.named_parameters():
        assert parameter.grad is not None, name
        assert relative(parameter.grad, own[name].grad) < 0.2


def test_hardware_in_the_loop_training_goes_stale_and_on(generic: Chip) -> None:
    model, x, labels = task()
    hardware = ol.convert(model, generic)
    steps = torch.optim.SGD(hardware.parameters(), lr=0.5)
    losses = []
    hardware.eval()
    for seed in range(25):
        ol.program(hardware, seed=seed)
        ol.mode(hardware, Programmed(weight_gradient=True))
        steps.zero_grad()
        loss = nn.functional.cross_entropy(hardware(x), labels)
        loss.backward()
        steps.step()
        losses.append(float(loss.detach()))
        with pytest.raises(StaleError, match="program again"):
            hardware(x)
    assert losses[-1] < 0.8 * losses[0]


@pytest.mark.parametrize("mode", ["digital", "quantised", "programmed"])
def test_train_and_eval_never_change_the_mode(mode: str, generic: Chip) -> None:
    hardware = ol.convert(build("neurram-cnn")[0], generic)
    ol.program(hardware)
    ol.mode(hardware, mode)
    chosen = hardware.on_chip_state.mode
    for change in (hardware.train, hardware.eval, lambda: hardware.train(False), hardware[0].train):
        change()
        assert hardware.on_chip_state.mode is chosen
        assert all(layer.on_chip.mode is chosen for layer in ol.converted(hardware).values())


def test_changing_precision_after_programming_keeps_the_cells(generic: Chip) -> None:
    """Cells are what they are: the numbers around them change their type."""
    model, x = build("neurram-cnn")
    hardware = ol.convert(model, noiseless(generic))
    ol.calibrate(hardware, x)
    ol.program(hardware)
    ol.calibrate(hardware, x)
    single = hardware(x)
    cells = {name: m.cells.written for name, m in ol.matrices(hardware).items()}
    hardware.double()
    double = hardware(x.double())
    assert double.dtype == torch.float64
    assert relative(double.float(), single) < 0.02  # single codes may move by one step
    assert all(torch.equal(m.cells.written, cells[name].double()) for name, m in ol.matrices(hardware).items())
    hardware.float()
    assert torch.equal(hardware(x), single)


@pytest.mark.parametrize("mode", ["quantised", "noisy"])
def test_changing_precision_in_training_modes(mode: str, generic: Chip) -> None:
    model, x = build("mlp")
    hardware = ol.convert(model, generic)
    ol.calibrate(hardware, x)
    ol.learn_clips(hardware)
    ol.mode(hardware, MODES[mode])
    hardware.to(torch.float64)
    y = hardware(x.double())
    y.sum().backward()
    assert y.dtype == torch.float64
    assert all(p.grad is not None and p.grad.dtype == torch.float64 for p in hardware.parameters())


def test_calibrated_ranges_follow_the_precision(generic: Chip) -> None:
    model, x = build("mlp")
    hardware = ol.convert(model, generic)
    ol.calibrate(hardware, x)
    hardware.double()
    ol.mode(hardware, "quantised")
    assert hardware(x.double()).dtype == torch.float64
    ol.program(hardware)
    assert hardware(x.double()).dtype == torch.float64


def test_weights_rounded_to_single_precision_are_not_stale(generic: Chip) -> None:
    model, x = build("neurram-cnn", torch.float64)
    hardware = ol.convert(model, noiseless(generic))
    ol.program(hardware)
    double = hardware(x)
    assert relative(hardware.float()(x.float()).double(), double) < 0.02


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_keeps_its_cells_in_single(dtype: torch.dtype, generic: Chip) -> None:
    model, x = build("mlp")
    hardware = ol.convert(model, noiseless(generic)).to(dtype)
    ol.calibrate(hardware, x.to(dtype))
    ol.program(hardware)
    y = hardware(x.to(dtype))
    assert y.dtype == dtype
    assert relative(y.float(), model(x)) < 0.1
    assert all(matrix.cells.written.dtype == torch.float32 for matrix in ol.matrices(hardware).values())


def test_weights_of_a_copy_can_be_trained_apart(generic: Chip) -> None:
    model, x, labels = task()
    hardware = ol.convert(model, generic)
    ol.calibrate(hardware, x)
    ol.learn_clips(hardware)
    twin = copy.deepcopy(hardware)
    ol.mode(twin, Noisy(GaussianWeights(deviation=0.1)))
    assert isinstance(hardware.on_chip_state.mode, ol.Digital)
    before = {n: p.clone() for n, p in hardware.named_parameters()}
    nn.functional.cross_entropy(twin(x), labels).backward()
    torch.optim.SGD(twin.parameters(), lr=1.0).step()
    assert all(torch.equal(p, before[n]) for n, p in hardware.named_parameters())
    assert any(not torch.equal(p, before[n]) for n, p in twin.named_parameters())


def test_programmed_needs_cells(generic: Chip) -> None:
    hardware = ol.convert(build("mlp")[0], generic)
    for wanted in ("programmed", Programmed(weight_gradient=True)):
        with pytest.raises(NotProgrammedError, match=r"ohmloom\.program"):
            ol.mode(hardware, wanted)
    assert isinstance(hardware.on_chip_state.mode, ol.Digital)
