"""Edge pruning of whole networks: only scores train, cells follow the choice, and a choice can move to another die."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import ohmloom as ol
from ohmloom.chips import cost
from ohmloom.codesign.edge_pruning import (
    edges,
    flips_per_edge,
    hold_back,
    installed,
    leave_cells,
    move_edges,
    perturbed,
    prune_edges,
    switch_edges,
    trained_weights,
)
from ohmloom.codesign.edge_pruning.quantising import between_extremes
from ohmloom.devices import Fault, Quiet
from ohmloom.errors import ConfigurationError, PlacementError, ShapeError, StaleError, UnknownNameError
from ohmloom.ledger import Event, Ledger

CHIP = ol.Chip.load("edge-pruning-40nm")
STEADY = CHIP.device.forming.replace(cycle_spread=0.0, off_spread=0.0)
EXACT = CHIP.replace(
    device=CHIP.device.replace(read_noise=Quiet(), forming=STEADY),
    mapping=CHIP.mapping.replace(readout=CHIP.mapping.readout.replace(converter={"kind": "none"})),
)  # fmt: skip


class Small(nn.Module):
    """A convolution, a recurrent layer and a dense one."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 6, (3, 2), stride=(2, 1), padding=1, bias=False)
        self.norm = nn.BatchNorm2d(6, affine=False)
        self.rnn = nn.RNN(6, 12, nonlinearity="relu", bias=False, batch_first=True)
        self.head = nn.Linear(12, 3, bias=False)

    def forward(self, images: Tensor) -> Tensor:
        maps = torch.relu(self.norm(self.conv(images)))
        outputs, _ = self.rnn(maps.mean(3).transpose(1, 2))
        return self.head(outputs.mean(1))


def dense() -> nn.Module:
    """Wide enough that chance averages out over the edges of a die."""
    return nn.Sequential(nn.Flatten(), nn.Linear(40, 160, bias=False), nn.ReLU(), nn.Linear(160, 3, bias=False))


def task(count: int = 90, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Images (count, 1, 8, 5) whose class is which third of the rows is bright."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(3, (count,), generator=generator)
    images = 0.4 * torch.rand(count, 1, 8, 5, generator=generator)
    for image, label in zip(images, labels.tolist(), strict=True):
        image[:, 2 * label : 2 * label + 3] += 0.6
    return images, labels


def train(network: nn.Module, steps: int = 40, rate: float = 0.1) -> float:
    """Accuracy in per cent after so many steps on the whole task."""
    images, labels = task()
    optimiser = torch.optim.SGD(network.parameters(), lr=rate, momentum=0.9)
    network.train()
    for _ in range(steps):
        optimiser.zero_grad()
        nn.functional.cross_entropy(network(images), labels).backward()
        optimiser.step()
    return accuracy(network)


@torch.no_grad()
def accuracy(network: nn.Module) -> float:
    network.eval()
    images, labels = task(300, seed=1)
    return 100 * float((network(images).argmax(1) == labels).float().mean())


@pytest.fixture(scope="module")
def learned() -> nn.Module:
    torch.manual_seed(0)
    network = prune_edges(Small(), CHIP, seed=0)
    train(network)
    return network


@pytest.fixture(scope="module")
def wide() -> nn.Module:
    network = prune_edges(dense(), CHIP, seed=0)
    train(network)
    return network


def test_choosing_edges_learns_and_weights_stay_as_the_device_made_them(learned: nn.Module) -> None:
    fresh = prune_edges(Small(), CHIP, seed=0)
    for name, part in edges(learned).items():
        assert torch.equal(part.on, edges(fresh)[name].on)
        assert int(part.mask.sum()) == round(0.5 * part.mask.numel())
        assert not torch.equal(part.mask, edges(fresh)[name].mask)
    assert accuracy(learned) > 85
    assert accuracy(fresh) < 60
    assert {name.split(".")[-1] for name, _ in learned.named_parameters()} == {"scores"}


@pytest.mark.parametrize("order", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("least", [0.0, 0.3, -0.8])
@pytest.mark.parametrize(
    "options",
    [
        {"padding": 1},
        {"padding": (0, 2), "stride": 2},
        {"padding": "same"},
        {"padding": 1, "padding_mode": "reflect"},
        {},
    ],
)
def test_a_convolution_codes_its_padding_as_the_rest(
    options: dict[str, Any], least: float, order: torch.memory_format
) -> None:
    """The plain way: pad, code the whole with one range, convolve."""
    torch.manual_seed(0)
    layer = nn.Conv2d(3, 4, (3, 2) if options.get("padding") == "same" else 3, bias=False, **options)
    x = least + torch.rand(2, 3, 7, 6)
    weighed = trained_weights(layer.to(memory_format=order), 3)  # type: ignore[call-overload]
    assert weighed(x).is_contiguous(memory_format=order)
    mode = "reflect" if "padding_mode" in options else "constant"
    padded = nn.functional.pad(x, layer._reversed_padding_repeated_twice, mode=mode)
    plain = nn.functional.conv2d(between_extremes(padded, 3), layer.weight, stride=layer.stride)
    assert torch.allclose(weighed(x), plain, atol=1e-6)


def test_the_users_model_is_untouched_and_seeds_repeat() -> None:
    model = Small()
    before = copy.deepcopy(model.state_dict())
    first, second, other = (prune_edges(model, CHIP, seed=seed) for seed in (3, 3, 4))
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    for name, part in edges(first).items():
        assert torch.equal(part.on, edges(second)[name].on)
        assert torch.equal(part.scores, edges(second)[name].scores)
        assert not torch.equal(part.on, edges(other)[name].on)


def test_kept_magnitudes_have_the_spread_of_a_rectifier_network() -> None:
    part = edges(prune_edges(nn.Linear(400, 128, bias=False), CHIP, kept=0.25))[""]
    assert float(part.on.abs().mean()) == pytest.approx((2 / (400 * 0.25)) ** 0.5, rel=1e-4)
    assert float(part.off.abs().mean()) < 0.06 * float(part.on.abs().mean())  # a pruned edge is not zero


def test_without_noise_cells_compute_what_training_saw() -> None:
    network = prune_edges(Small(), EXACT, seed=1)
    train(network, steps=5)
    network.eval()
    images, _ = task(20)
    with torch.no_grad():
        seen = network(images)
        switch_edges(network)
        held = network(images)
        assert torch.allclose(held, seen, atol=2e-3 * float(seen.abs().max()))
        leave_cells(network)
        assert torch.equal(network(images), seen)


def test_switching_counts_what_must_change_and_the_chip_can_compute(learned: nn.Module) -> None:
    network = copy.deepcopy(learned)
    with Ledger() as ledger:
        flips = switch_edges(network)
    for name, part in edges(network).items():
        sound = (part.matrix.cells.faults == Fault.NONE).any(2)[0, 0]  # segments, rows, columns
        formed = part.matrix.segments.unfold(sound.float()).T.bool()
        assert flips[name] == int((~part.mask & formed).sum())
    assert ledger.total(Event.PULSE) == sum(flips.values())
    assert sum(switch_edges(network).values()) == 0
    assert accuracy(network) > accuracy(learned) - 5


def test_other_edges_than_those_on_the_cells_are_stale(learned: nn.Module) -> None:
    network = copy.deepcopy(learned)
    switch_edges(network)
    part = edges(network)["head"]
    part.keep(~part.mask)
    with pytest.raises(StaleError, match=r"head\.edges: must be the ones that its cells were switched to"):
        network(task(4)[0])
    with pytest.raises(ShapeError, match=r"head\.mask"):
        part.keep(part.mask.float())


def test_cells_do_not_train(learned: nn.Module) -> None:
    network = copy.deepcopy(learned)
    switch_edges(network)
    network.train()
    with pytest.raises(ConfigurationError, match="must be in evaluation while its cells compute"):
        network(task(4)[0])
    leave_cells(network)
    assert train(network, steps=3) > 80


def test_a_checkpoint_brings_the_choice_back(learned: nn.Module) -> None:
    fresh = prune_edges(Small(), CHIP, seed=0)
    fresh.load_state_dict(learned.state_dict())
    images, _ = task(12)
    fresh.eval()
    with torch.no_grad():
        assert torch.equal(fresh(images), learned(images))
    assert flips_per_edge(fresh) == flips_per_edge(learned) > 0


def test_float64_computes_the_same(learned: nn.Module) -> None:
    images, _ = task(12)
    wide = copy.deepcopy(learned).double()
    with torch.no_grad():
        assert torch.allclose(wide(images.double()).float(), learned(images), atol=0.05)  # a code may differ by a step
        switch_edges(wide)
        assert wide(images.double()).dtype == torch.float64
    wide.train()
    leave_cells(wide)
    wide(images.double()).sum().backward()
    assert edges(wide)["head"].scores.grad.dtype == torch.float64


def test_a_choice_moves_with_its_signs_and_fails_with_others(wide: nn.Module) -> None:
    here = accuracy(wide)
    same = [accuracy(move_edges(wide, die)) for die in (1, 2)]
    new = [accuracy(move_edges(wide, die, signs="new")) for die in (1, 2, 3)]
    assert min(same) > here - 15
    assert sum(new) / 3 < 55
    moved = move_edges(wide, 1, signs="new")
    assert train(moved, steps=40) > 85  # retraining there recovers
    for name, part in edges(move_edges(wide, 1)).items():
        assert torch.equal(part.mask, edges(wide)[name].mask)
        assert not torch.equal(part.on, edges(wide)[name].on)
        formed = part.on.abs() > 0.3 * part.on.abs().mean()
        both = formed & (edges(wide)[name].on.abs() > 0.3 * part.on.abs().mean())
        assert torch.equal(part.on.sign()[both], edges(wide)[name].on.sign()[both])


def test_wrong_choices_compute_nothing_useful(wide: nn.Module) -> None:
    for change in (lambda m: ~m, torch.ones_like, torch.zeros_like):
        network = copy.deepcopy(wide)
        for part in edges(network).values():
            part.keep(change(part.mask))
        assert accuracy(network) < 65


def test_signs_may_come_from_the_cell_that_forms() -> None:
    network = prune_edges(Small(), CHIP, seed=0, signs="formed")
    part = edges(network)["rnn.hidden"]
    formed = (part.matrix.cells.faults == Fault.NONE).sum(2)
    assert int(formed.max()) == 1
    assert 0.3 < float((part.on > 0).float().mean()) < 0.7
    with pytest.raises(ConfigurationError, match="signs: must be new where the cells of a die choose them"):
        move_edges(network, 1)
    assert not torch.equal(edges(move_edges(network, 1, signs="new"))["rnn.hidden"].on.sign(), part.on.sign())
    assert train(network) > 85


def test_a_limit_of_zero_is_the_plain_method_bit_for_bit_and_a_limit_saves_flips() -> None:
    runs = {}
    for limit in (None, 0.0, 0.02):
        torch.manual_seed(0)
        network = prune_edges(Small(), CHIP, seed=0)
        if limit is not None:
            hold_back(network, limit)
        train(network, steps=25)
        runs[limit] = network
    for name, value in runs[None].state_dict().items():
        assert torch.equal(value, runs[0.0].state_dict()[name]), name
    assert 0 < flips_per_edge(runs[0.02]) < 0.7 * flips_per_edge(runs[0.0])
    with pytest.raises(ConfigurationError, match="limit: must lie between 0 and 1"):
        hold_back(runs[0.0], 1.0)


def test_flips_are_counted_when_a_choice_changes_and_not_in_evaluation() -> None:
    network = prune_edges(nn.Linear(10, 4, bias=False), CHIP)
    part = edges(network)[""]
    before = part.mask.clone()
    with torch.no_grad():
        part.scores.copy_(part.scores.flip(0))
    network.eval()
    network(torch.rand(3, 10))
    assert int(part.flips.sum()) == 0
    network.train()
    network(torch.rand(3, 10))
    assert torch.equal(part.mask, before.flip(0))
    assert torch.equal(part.flips.bool(), before ^ before.flip(0))
    assert flips_per_edge(network) == pytest.approx(float((before ^ before.flip(0)).float().mean()))


def test_all_edges_may_be_kept() -> None:
    network = prune_edges(nn.Linear(10, 4, bias=False), CHIP, kept=1.0)
    assert bool(edges(network)[""].mask.all())
    network(torch.rand(3, 10)).sum().backward()
    assert float(edges(network)[""].scores.grad.abs().sum()) > 0


def test_reads_tell_training_noisy_states() -> None:
    exact, once, often = (
        edges(prune_edges(nn.Linear(60, 40, bias=False), CHIP, reads=reads))[""] for reads in (None, 1, 100)
    )
    error = [(float((part.on / part.gain - exact.on / exact.gain).std())) for part in (once, often)]
    spread = 0.008 * float((exact.on / exact.gain).square().mean().sqrt())
    assert error[0] == pytest.approx(spread, rel=0.1)
    assert error[1] == pytest.approx(spread / 10, rel=0.1)


def test_trained_weights_have_the_same_codes_and_no_cells() -> None:
    torch.manual_seed(0)
    model = Small()
    twin = trained_weights(model, 4)
    assert sum(p.numel() for p in twin.parameters()) == sum(p.numel() for p in model.parameters())
    fine = trained_weights(model, 16)
    images, _ = task(8)
    assert torch.allclose(fine(images), model(images), atol=2e-3)  # codes of 16 bits hardly round
    assert not torch.allclose(twin(images), model(images), atol=2e-3)
    assert train(trained_weights(dense(), 4), rate=0.05) > 85
    with perturbed(twin, ol.RelativeWeights(deviation=0.5)):
        assert not torch.equal(twin(images), twin(images))
    assert torch.equal(twin(images), twin(images))


def test_biases_stay_digital_and_trained() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(2, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(12, 4))
    network = prune_edges(model, EXACT)
    assert {name.split(".")[-1] for name, _ in network.named_parameters()} == {"scores", "bias"}
    x = torch.rand(2, 2, 4, 4)
    network.eval()
    with torch.no_grad():
        seen = network(x)
        switch_edges(network)
        assert torch.allclose(network(x), seen, atol=1e-3)


def test_the_ledger_prices_a_network_of_edges(learned: nn.Module) -> None:
    network = copy.deepcopy(learned)
    switch_edges(network)
    with Ledger() as ledger, torch.no_grad():
        network.eval()
        network(task(5)[0])
    priced = cost(ledger, installed(network, CHIP), inferences=5)
    assert priced.energy_joule > 0
    assert sum(priced.layers.values()) == pytest.approx(priced.energy_joule)
    with pytest.raises(PlacementError):
        installed(network, CHIP.replace(cores=CHIP.cores.replace(count=1, rows=20, columns=20)))


def test_what_cannot_hold_edges_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="kept: must be a fraction above 0"):
        prune_edges(Small(), CHIP, kept=0.0)
    with pytest.raises(ConfigurationError, match="must be affine"):
        prune_edges(Small(), ol.Chip.load("generic-40nm"))
    with pytest.raises(ConfigurationError, match="needs a pair layout"):
        prune_edges(Small(), ol.Chip.load("random-resistor-40nm"))
    with pytest.raises(ConfigurationError, match="must be one layer in one direction"):
        prune_edges(nn.Sequential(nn.RNN(3, 4, num_layers=2)), CHIP)
    with pytest.raises(ConfigurationError, match="groups: must be 1"):
        prune_edges(nn.Conv2d(4, 4, 3, groups=2), CHIP)
    with pytest.raises(ConfigurationError, match="must have Linear, Conv2d or RNN"):
        prune_edges(nn.Sequential(nn.ReLU()), CHIP)
    with pytest.raises(ConfigurationError, match="must form cells"):
        prune_edges(nn.Linear(2, 2), EXACT.replace(device=EXACT.device.replace(g_unformed=0.0)), voltage=3.14)
    with pytest.raises(ConfigurationError, match="must lie where breakdown was measured"):
        prune_edges(Small(), CHIP, voltage=4.0)
    with pytest.raises(UnknownNameError, match="hed"):
        prune_edges(Small(), CHIP, layers=["hed"])
