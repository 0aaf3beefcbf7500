"""Programming hardware: stale, unprogrammed, in parts, interrupted; dies, ages."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

import ohmloom as ol
from ohmloom import Chip
from ohmloom.devices import Device
from ohmloom.errors import ConfigurationError, NotProgrammedError, StaleError, UnknownNameError
from tests.nn.helpers import frozen_weights, noiseless, relative
from tests.nn.models import build


@pytest.mark.parametrize("name", ["mlp", "neurram-cnn", "transformer", "depthwise-separable"])
def test_every_layer_goes_stale_when_its_weight_changes(name: str, ideal: Chip) -> None:
    model, x = build(name)
    hardware = ol.convert(model, ideal)
    ol.program(hardware)
    hardware(x)
    for layer in ol.converted(hardware).values():
        for tensor in layer.watched():
            kept = tensor.detach().clone()
            with torch.no_grad():
                tensor.view(-1)[0] += 1
            with pytest.raises(StaleError, match=r"\.weight: must be as it was when its cells were programmed"):
                hardware(x)
            with torch.no_grad():
                tensor.copy_(kept)
            hardware(x)  # the same values again: not stale
    with torch.no_grad():
        next(hardware.parameters()).mul_(2)
    ol.program(hardware)
    ol.mode(hardware, "digital")
    wanted = hardware(x)
    ol.mode(hardware, "programmed")
    assert relative(hardware(x), wanted) < 1e-5


def test_an_optimiser_step_makes_cells_stale_and_loading_the_same_does_not(ideal: Chip) -> None:
    model, x = build("mlp")
    hardware = ol.convert(model, ideal)
    ol.program(hardware)
    hardware.load_state_dict(model.state_dict())
    assert relative(hardware(x), model(x)) < 1e-5
    hardware[0].weight = nn.Parameter(hardware[0].weight.detach().clone())
    assert relative(hardware(x), model(x)) < 1e-5
    ol.mode(hardware, "digital")
    hardware(x).sum().backward()
    torch.optim.SGD(hardware.parameters(), lr=0.1).step()
    hardware(x)
    ol.mode(hardware, "programmed")
    with pytest.raises(StaleError):
        hardware(x)
    hardware.load_state_dict(model.state_dict())
    assert relative(hardware(x), model(x)) < 1e-5


def test_weights_written_through_data_are_noticed(ideal: Chip) -> None:
    """``.data`` and numpy leave the version counter alone."""
    model, x = build("mlp")
    hardware = ol.convert(model, ideal)
    ol.program(hardware)
    hardware[0].weight.data.mul_(2)
    with pytest.raises(StaleError):
        hardware(x)


def test_layers_can_be_programmed_one_after_the_other(ideal: Chip) -> None:
    model, x = build("mlp")
    hardware = ol.convert(model, ideal)
    with pytest.raises(NotProgrammedError, match="Call"):
        ol.matrices(hardware)
    ol.program(hardware, layers=["0"], dies=2)
    with pytest.raises(NotProgrammedError, match="2: must be programmed before"):
        hardware(x)
    with pytest.raises(ConfigurationError, match="dies: must be the 2 of the layers programmed before, got 3"):
        ol.program(hardware, layers=["2"], dies=3)
    ol.program(hardware, layers=["2", "4"], dies=2)
    assert relative(hardware(x), model(x)) < 1e-5
    assert ol.over_dies(hardware, x).shape == (2, 5, 4)


def test_programming_one_layer_again_leaves_the_others_cells(neurram: Chip) -> None:
    hardware = ol.convert(build("mlp")[0], neurram)
    ol.program(hardware, dies=2)
    before = {name: matrix.cells.written for name, matrix in ol.matrices(hardware).items()}
    ol.program(hardware, seed=1, dies=2, layers=["2"])
    after = {name: matrix.cells.written for name, matrix in ol.matrices(hardware).items()}
    assert after["0"] is before["0"]
    assert after["4"] is before["4"]
    assert not torch.equal(after["2"], before["2"])


def test_what_a_layer_gets_does_not_depend_on_who_is_programmed_with_it(neurram: Chip) -> None:
    whole = ol.convert(build("mlp")[0], neurram)
    ol.program(whole, seed=4)
    parts = ol.convert(build("mlp")[0], neurram)
    for name in ("4", "0", "2"):
        ol.program(parts, seed=4, layers=[name])
    for name, matrix in ol.matrices(whole).items():
        assert torch.equal(matrix.cells.written, ol.matrices(parts)[name].cells.written)


def snapshot(hardware: nn.Module) -> dict[str, object]:
    """Everything that an interrupt must leave alone."""
    state = hardware.on_chip_state
    return {
        "mode": state.mode, "dies": state.dies, "installation": state.installation,
        "summary": str(ol.summary(hardware)),
        "layers": [(dict(layer.on_chip.matrices), layer.on_chip.die, layer.on_chip.fingerprint, layer.on_chip.mode,
                    set(layer.on_chip.bias_in_rows)) for layer in ol.converted(hardware).values()],
    }  # fmt: skip


@pytest.mark.parametrize("before", ["never", "programmed", "digital again"])
@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
@pytest.mark.parametrize("calls", [1, 3])
def test_an_interrupt_leaves_the_hardware_as_it_was(
    before: str, error: type[BaseException], calls: int, neurram: Chip, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, x = build("mlp")
    hardware = ol.convert(model, noiseless(neurram))
    if before != "never":
        ol.program(hardware, seed=1, dies=2)
        ol.select(hardware, 1)
    if before == "digital again":
        ol.mode(hardware, "digital")
    y, weights, held = hardware(x), frozen_weights(hardware), snapshot(hardware)
    real, count = ol.nn.hardware.store, 0

    def interrupted(*given: object, **named: object) -> object:
        nonlocal count
        count += 1
        if count == calls:
            raise error
        return real(*given, **named)

    monkeypatch.setattr("ohmloom.nn.hardware.store", interrupted)
    with pytest.raises(error):
        ol.program(hardware, seed=2, dies=3)
    monkeypatch.undo()
    assert snapshot(hardware) == held
    assert all(torch.equal(value, weights[key]) for key, value in hardware.state_dict().items())
    assert torch.equal(hardware(x), y)
    ol.program(hardware, seed=2, dies=3)
    assert hardware.on_chip_state.dies == 3


def test_hardware_that_does_not_fit_any_more_stays_as_it_was(neurram: Chip) -> None:
    """Bias rows need a range, which a calibration gives: only then the layer may outgrow its core."""
    model = nn.Linear(128, 4)
    nn.init.uniform_(model.weight, -1e-3, 1e-3)
    nn.init.constant_(model.bias, 100.0)
    hardware = ol.convert(model, neurram.replace(cores=neurram.cores.replace(count=1)))
    ol.program(hardware)
    held = snapshot(hardware)
    ol.mode(hardware, "digital")
    ol.calibrate(hardware, torch.rand(20, 128))
    ol.mode(hardware, "programmed")
    with pytest.raises(ol.OhmloomError):
        ol.program(hardware)
    after = snapshot(hardware)
    assert after["layers"] == held["layers"]
    assert after["installation"] is held["installation"]


def test_the_report_of_programming(neurram: Chip) -> None:
    hardware = ol.convert(build("mlp")[0], neurram)
    report = ol.program(hardware, dies=2)
    assert set(report.matrices) == {"0", "2", "4"}
    first = report.matrices["0"]
    assert first.cells == 2 * 2 * 12 * 16  # dies, pair, inputs, outputs: rows that do not exist are not cells
    assert 1 < first.mean_pulses < 30
    assert first.true_share <= first.read_back_share <= 1
    lines = report.table().splitlines()
    assert len(lines) == 4
    assert "mean pulses" in lines[0]


# --- dies and ages --------------------------------------------------------------------------------------------------


def test_a_die_is_the_same_however_many_are_drawn_with_it(neurram: Chip) -> None:
    model, _ = build("transformer")
    few, many = ol.convert(model, neurram), ol.convert(model, neurram)
    ol.program(few, seed=7, dies=2)
    ol.program(many, seed=7, dies=4)
    for name, matrix in ol.matrices(few).items():
        for ours, other in zip(matrix.cells, ol.matrices(many)[name].cells, strict=True):
            assert torch.equal(ours, other[:2])
        assert not torch.equal(matrix.cells.written[0], matrix.cells.written[1])


@pytest.mark.parametrize("name", ["mlp", "neurram-cnn", "transformer", "depthwise-separable"])
@pytest.mark.parametrize("chip_name", ["generic-40nm", "neurram"])
def test_dies_folded_into_the_batch_equal_a_loop(name: str, chip_name: str) -> None:
    chip = Chip.load(chip_name)
    chip = chip.replace(device=chip.device.replace(read_noise={"kind": "none"}))
    model, x = build(name)
    hardware = ol.convert(model, chip.replace(cores=chip.cores.replace(count=4096)))
    ol.program(hardware, dies=3)
    assert ol.nn.hardware.folds(hardware, x)
    with torch.no_grad():
        folded = ol.over_dies(hardware, x)
        for die in range(3):
            ol.select(hardware, die)
            torch.testing.assert_close(folded[die], hardware(x), rtol=1e-4, atol=1e-5)
    assert relative(folded[0], folded[1]) > 1e-3
    assert {layer.on_chip.die for layer in ol.converted(hardware).values()} == {2}


class CouplesItsBatch(nn.Module):
    """Each sample sees the mean of all: dies must not be folded into the batch."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(6, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.layer(x)
        return y - y.mean(0) + y.std(0)


class CentresItsBatch(nn.Module):
    """The same batch twice would not show this."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(6, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.layer(x)
        return y - y.mean(0)


class FixesItsBatch(nn.Module):
    """Works for five samples only."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(6, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x).view(5, 3)


class CouplesDistantSamples(nn.Module):
    """A sample sees the one before it."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(6, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.layer(x)
        return y + 0.5 * torch.cat([torch.zeros_like(y[:1]), y[:-1]])


KINDS = [CouplesItsBatch, CentresItsBatch, FixesItsBatch, CouplesDistantSamples, "batch norm in training"]


@pytest.mark.parametrize("kind", KINDS)
def test_models_that_couple_their_batch_run_die_by_die(kind: type[nn.Module] | str, generic: Chip) -> None:
    live = nn.Sequential(nn.ReLU(), nn.Linear(6, 3), nn.ReLU(), nn.BatchNorm1d(3))
    model = live if isinstance(kind, str) else kind()
    hardware = ol.convert(model, noiseless(generic).replace(device=spread(generic))).train()
    ol.program(hardware, dies=2)
    x = torch.randn(5, 6)
    assert not ol.nn.hardware.folds(hardware, x)
    statistics = frozen_weights(hardware)
    y = ol.over_dies(hardware, x)
    hardware.load_state_dict(statistics)
    ol.select(hardware, 1)
    torch.testing.assert_close(y[1], hardware(x))
    assert hardware.training


def spread(chip: Chip) -> Device:
    """The chip's device with its programming errors and without read noise."""
    return chip.device.replace(read_noise={"kind": "none"})


def test_the_probe_for_folding_leaves_no_trace(generic: Chip) -> None:
    model = nn.Sequential(nn.Linear(6, 3), nn.ReLU(), nn.BatchNorm1d(3), nn.Dropout(0.5))
    hardware, x = ol.convert(model, generic).train(), torch.randn(5, 6)
    ol.program(hardware, dies=2)
    before, state = frozen_weights(hardware), torch.random.get_rng_state()
    chosen = hardware.on_chip_state.mode
    ol.nn.hardware.folds(hardware, x)
    assert all(torch.equal(value, before[key]) for key, value in hardware.state_dict().items())
    assert torch.equal(torch.random.get_rng_state(), state)
    assert hardware.on_chip_state.mode is chosen


def test_token_inputs_are_folded_too(generic: Chip) -> None:
    model = nn.Sequential(nn.Embedding(10, 6), nn.Linear(6, 3))
    hardware, tokens = ol.convert(model, generic), torch.randint(10, (4, 5))
    ol.program(hardware, dies=2)
    assert ol.nn.hardware.folds(hardware, tokens)
    assert ol.over_dies(hardware, tokens).shape == (2, 4, 5, 3)


def test_several_inputs_go_through_all_dies(generic: Chip) -> None:
    layer = nn.Transformer(8, 2, 1, 1, 16, dropout=0.0, batch_first=True).eval()
    hardware = ol.convert(layer, generic)
    ol.program(hardware, dies=2)
    assert ol.over_dies(hardware, torch.randn(3, 5, 8), torch.randn(3, 4, 8)).shape == (2, 3, 4, 8)


@pytest.mark.parametrize("die", [-1, 2, 7])
def test_a_die_that_was_not_drawn_is_refused(die: int, generic: Chip) -> None:
    hardware = ol.convert(build("mlp")[0], generic)
    ol.program(hardware, dies=2)
    with pytest.raises(ConfigurationError, match=f"die: must be one of the 2 dies drawn, got {die}"):
        ol.select(hardware, die)


@pytest.mark.parametrize("dies", [0, -1])
def test_at_least_one_die_is_drawn(dies: int, generic: Chip) -> None:
    hardware = ol.convert(build("mlp")[0], generic)
    with pytest.raises(ConfigurationError, match="dies: must be at least 1"):
        ol.program(hardware, dies=dies)


def test_age_is_absolute(neurram: Chip) -> None:
    model, _ = build("mlp")
    hardware = ol.convert(model, neurram)
    ol.program(hardware)
    matrix = ol.matrices(hardware)["2"]
    fresh = matrix.conductance().clone()
    ol.age(hardware, "1 day")
    day = matrix.conductance().clone()
    ol.age(hardware, 86400)
    assert torch.equal(matrix.conductance(), day)
    ol.age(hardware, "30 min")
    assert not torch.equal(matrix.conductance(), day)
    ol.age(hardware, "24 h")
    assert torch.equal(matrix.conductance(), day)
    ol.age(hardware, 0)
    assert torch.equal(matrix.conductance(), fresh)
    assert not torch.equal(day, fresh)


def test_age_beyond_what_was_published_is_refused(neurram: Chip) -> None:
    hardware = ol.convert(build("mlp")[0], neurram)
    ol.program(hardware)
    ol.age(hardware, "2 days")
    with pytest.raises(ConfigurationError, match="extrapolate"):
        ol.age(hardware, "3 days")
    assert {matrix.elapsed for matrix in ol.matrices(hardware).values()} == {2 * 86400.0}
    ol.age(hardware, "3 days", extrapolate=True)
    assert {matrix.elapsed for matrix in ol.matrices(hardware).values()} == {3 * 86400.0}


@pytest.mark.parametrize("time", ["3 uS", "soon", "1", -1.0, float("nan"), float("inf"), "-1 h"])
def test_ages_that_are_no_times_are_refused(time: str | float, neurram: Chip) -> None:
    hardware = ol.convert(build("mlp")[0], neurram)
    ol.program(hardware)
    with pytest.raises(ConfigurationError, match=r"since_programming"):
        ol.age(hardware, time)
    assert {matrix.elapsed for matrix in ol.matrices(hardware).values()} == {0.0}


@pytest.mark.parametrize(
    "call",
    [
        lambda hardware: ol.age(hardware, "1 s"),
        lambda hardware: ol.over_dies(hardware, torch.ones(1, 12)),
        lambda hardware: ol.cost(ol.Ledger(), hardware),
        lambda hardware: ol.select(hardware, 0),
        ol.matrices,
    ],
)
def test_what_needs_cells_says_so(call, generic: Chip) -> None:
    hardware = ol.convert(build("mlp")[0], generic)
    with pytest.raises((NotProgrammedError, ConfigurationError), match=r"[Pp]rogram"):
        call(hardware)


def test_unknown_names_are_refused_with_near_ones(generic: Chip) -> None:
    hardware = ol.convert(build("mlp")[0], generic)
    with pytest.raises(UnknownNameError, match=r"layers: no such name, got '3'.*Known: 0, 2, 4"):
        ol.program(hardware, layers=["3"])
    with pytest.raises(UnknownNameError, match="Did you mean 'quantised'"):
        ol.mode(hardware, "quantized")
    with pytest.raises(UnknownNameError, match="rules"):
        ol.convert(build("mlp")[0], generic, {"head": {"digital": True}})
    with pytest.raises(UnknownNameError, match=r"rules\.0: no such name, got 'digitl'. Did you mean 'digital'"):
        ol.convert(build("mlp")[0], generic, {"0": {"digitl": True}})


def test_layers_can_have_modes_of_their_own(generic: Chip) -> None:
    """What chip-in-the-loop training needs: the first layer on the chip, the other in software."""
    model, x = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 4)), torch.randn(3, 6)
    hardware = ol.convert(model, generic)
    ol.program(hardware, layers=["0"])
    with pytest.raises(NotProgrammedError):
        hardware(x)
    ol.mode(hardware, "digital", layers=["2"])
    with torch.no_grad():
        hidden = copy.deepcopy(hardware)[0](x)
        assert torch.equal(hardware(x), model[2](torch.relu(hidden)))
    with pytest.raises(UnknownNameError, match="layers"):
        ol.mode(hardware, "digital", layers=["3"])
