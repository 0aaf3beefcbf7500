"""Diffusion on a loop: what is written, what the circuit integrates, what noise does, what a sample costs."""

from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from ohmloom.codesign.diffusion import Reverse, ScoreNetwork, ScoreRecipe, VariancePreserving, sample
from ohmloom.devices import RelativeNoise
from ohmloom.dynamics import Multipliers
from ohmloom.errors import ConfigurationError
from ohmloom.random import Streams
from ohmloom.systems.diffusion import loops
from ohmloom.systems.diffusion.closed_loop import conditional, path_error
from ohmloom.systems.diffusion.energy import POWER, loop_cost, processor
from ohmloom.systems.diffusion.loops import AnalogueSampler, analogue_sampler, written
from ohmloom.systems.diffusion.settings import CONSISTENT, RELEASED, Group, LoopSettings, RingSettings, Wanted
from ohmloom.systems.diffusion.training import of_width, restored_group, ring_training, shuffled, train_group

LOOP = LoopSettings(ticks=100)


@pytest.fixture(scope="module")
def network() -> ScoreNetwork:
    return ScoreNetwork(seed=3).requires_grad_(False)


def on_loop(network: ScoreNetwork, reverse: Reverse, loop: LoopSettings = LOOP, **changes: Any) -> AnalogueSampler:
    return analogue_sampler(network, written(0.0), reverse, loop, Streams(0), **changes)


def test_the_loop_integrates_the_reverse_equation(network: ScoreNetwork) -> None:
    """In volts and seconds, through cells, with staircases of 12 bits: the digital solver's points."""
    start = torch.randn(40, 2, generator=torch.Generator().manual_seed(0))
    reverse = Reverse(rate_factor=2, end=0)
    digital = sample(network, VariancePreserving(), reverse, start, steps=400, method="heun")
    ran = on_loop(network, reverse).run(start)
    assert ran.at_rail == 0
    torch.testing.assert_close(ran.points[-1, 0], digital, atol=5e-3, rtol=0)
    assert float((digital - start).abs().max()) > 0.1  # it moved
    coarse = on_loop(network, reverse, LOOP.replace(bits=3)).run(start).points[-1, 0]
    assert float((coarse - digital).abs().max()) > 5e-3  # converters matter


def test_a_multiplier_divides_what_arrays_put_out_by_the_deviation() -> None:
    """A schedule that ends at N(0, 1), and a network that puts out the noise: the loop follows the digital solver."""
    schedule, reverse = VariancePreserving(last=4), Reverse(end=0)
    network = ScoreNetwork(divided=schedule, gain=1.0, seed=3).requires_grad_(False)
    start = torch.randn(40, 2, generator=torch.Generator().manual_seed(0))
    ran = on_loop(network, reverse, LOOP.replace(ticks=400), schedule=schedule).run(start)
    digital = sample(network, schedule, reverse, start, steps=1600, method="heun")
    torch.testing.assert_close(ran.points[-1, 0], digital, atol=0.01 * float(digital.abs().max()), rtol=0)
    wrong = on_loop(ScoreNetwork(gain=1.0, seed=3).requires_grad_(False), reverse, schedule=schedule).run(start)
    assert float((wrong.points[-1, 0] - digital).abs().max()) > 0.05 * float(digital.abs().max())


def test_networks_of_a_width_are_trained_side_by_side_and_read_again(tmp_path: Path) -> None:
    settings = RingSettings(recipe=ScoreRecipe(steps=3, batch=16), samples=100, data=200)
    both, alone = (_trained(tmp_path / str(seeds), of_width(14, seeds), settings) for seeds in ((4, 5), (5,)))
    kinds = [("noisy", "released"), ("plain", "released"), ("noisy", "consistent")]
    assert set(both) == {Wanted(seed, kind, design) for seed in (4, 5) for kind, design in kinds}  # type: ignore[arg-type]
    for one, network in alone.items():
        for name, held in network.state_dict().items():
            torch.testing.assert_close(both[one].state_dict()[name], held)
    assert both[Wanted(4, "noisy", "consistent")].divided == CONSISTENT
    assert both[Wanted(4, "noisy")].divided is None


def _trained(folder: Path, group: Group, settings: RingSettings) -> dict[Wanted, ScoreNetwork]:
    folder.mkdir()
    train_group(str(folder / group.file), group, partial(ring_training, settings))
    return restored_group(group, folder)


def test_designs_are_compared_at_write_errors_that_the_released_one_has() -> None:
    with pytest.raises(ConfigurationError, match="must be some of errors"):
        RingSettings(errors=(0.0, 0.1), design_errors=(0.0, 0.2))


def test_a_loop_is_driven_for_a_class_on_the_same_cells() -> None:
    network = ScoreNetwork(classes=3, seed=1).requires_grad_(False)
    network.embedding[-1].bias += 1.0  # type: ignore[index,operator]  # larger than the time signals' scale
    start, reverse = torch.randn(40, 2, generator=torch.Generator().manual_seed(0)), Reverse(rate_factor=1.5, end=0)
    analogue, ends = on_loop(network, reverse), []
    for label in range(3):
        one = analogue.of_class(label)
        assert one.loop is analogue.loop
        score = conditional(network, label)
        digital = sample(score, VariancePreserving(), reverse, start, steps=400, method="heun")
        ends.append(one.run(start).points[-1, 0])
        torch.testing.assert_close(ends[-1], digital, atol=5e-3, rtol=0)
        assert path_error(one, start).error < 1
    assert float((ends[0] - ends[1]).abs().max()) > 0.02
    wrong = path_error(on_loop(network, reverse, LOOP.replace(clamp=0.05)).of_class(0), start)
    assert wrong.error > 2  # clamps that cut signals are found


def test_errors_of_multipliers_move_the_points_of_each_die_elsewhere(network: ScoreNetwork) -> None:
    start, ends = torch.randn(30, 2, generator=torch.Generator().manual_seed(0)), []
    exact = on_loop(network, RELEASED).run(start).points[-1, 0]
    for errors in (Multipliers(gain=0.05), Multipliers(offset=5e-3), Multipliers(gain=0.2)):
        wrong = analogue_sampler(network, written(0.0), RELEASED, LOOP, Streams(0), dies=3, multipliers=errors)
        ends.append(wrong.run(start).points[-1] - exact)
        assert float((ends[-1][0] - ends[-1][1]).abs().max()) > 1e-3
    torch.testing.assert_close(
        ends[1], ends[1][:, :1].expand_as(ends[1]), atol=0.05, rtol=0
    )  # an offset moves all alike
    assert float(ends[2].std()) > 2 * float(ends[0].std())


def test_rails_hold_what_would_pass_them(network: ScoreNetwork) -> None:
    ran = on_loop(network, Reverse(), LOOP.replace(rail=0.12)).run(torch.full((3, 2), 2.0))
    assert float(ran.points.abs().max()) <= 1.2 + 1e-6  # of 0.1 V each
    assert ran.at_rail > 0


def test_a_write_error_is_relative_and_each_die_s_own(network: ScoreNetwork) -> None:
    analogue = analogue_sampler(network, written(0.1), Reverse(), LOOP, Streams(1), dies=60)
    for matrix, (weight, _) in zip(analogue.loop.matrices, network.matrices, strict=True):
        errors = matrix.effective() / weight - 1
        assert float(errors.std()) == pytest.approx(0.1, rel=0.1)
        assert float(errors.mean()) == pytest.approx(0, abs=0.01)


def test_noise_of_the_loop_is_noise_per_time(network: ScoreNetwork) -> None:
    """Without a score the variance is known; noise of fixed size per step doubles with twice the steps."""
    silent = shuffled(network, 0)
    silent.layers[-1].weight.zero_()  # type: ignore[union-attr]
    silent.layers[-1].bias.zero_()  # type: ignore[union-attr]
    silent.layers[-1].weight[0, 0] = 1e-6  # type: ignore[union-attr,index]  # or nothing could be stored
    analogue = on_loop(silent, Reverse(stochastic=1))
    grown = 1 / float(VariancePreserving().mean(torch.tensor(1.0))) ** 2  # exp(B)

    def variance(substeps: int, fixed: bool) -> float:
        start = torch.zeros(4_000, 2)
        generator = torch.Generator().manual_seed(substeps)
        return float(analogue.run(start, generator, substeps=substeps, fixed_noise=fixed).points[-1].var())

    expected = grown - 1
    assert variance(1, False) == pytest.approx(expected, rel=0.06)
    assert variance(2, False) == pytest.approx(expected, rel=0.06)
    assert variance(2, True) == pytest.approx(2 * expected, rel=0.06)


def test_read_noise_moves_the_points_and_more_of_it_moves_them_more(network: ScoreNetwork) -> None:
    start, ends = torch.randn(30, 2, generator=torch.Generator().manual_seed(0)), []
    loop = LoopSettings(ticks=20, duration=2e-6)
    silent = analogue_sampler(network, written(0.0), Reverse(), loop, Streams(0), bandwidth=True)
    quiet = silent.run_with_poles(start).points[-1, 0]
    for noise in (0.05, 0.2):
        device = written(0.0).replace(read_noise=RelativeNoise(deviation=noise, read_time=1e-6))
        analogue = analogue_sampler(network, device, Reverse(), loop, Streams(0), bandwidth=True)
        noisy = analogue.run_with_poles(start, torch.Generator().manual_seed(1)).points[-1, 0]
        ends.append(float((noisy - quiet).std()))
    assert 0 < ends[0] < ends[1] < 1


def test_arrays_take_power_as_the_square_of_the_volts(network: ScoreNetwork) -> None:
    small, large = (on_loop(network, Reverse(), LOOP.replace(unit=unit, rail=10, clamp=10)) for unit in (0.1, 0.2))
    path = loops.Path(torch.randn(101, 1, 20, 2), at_rail=0.0)
    assert large.array_power(path) == pytest.approx(4 * small.array_power(path), rel=1e-4)
    assert 0 < small.array_power(path) < POWER


def test_costs_add_up(network: ScoreNetwork) -> None:
    cost = loop_cost(20e-6, 1e-3)
    assert cost.energy_joule == pytest.approx(7.2e-6)  # as published for one sample
    assert cost.components["arrays"].energy_joule == pytest.approx(2e-8)
    theirs = processor(network, 200)
    assert theirs.operations == 2 * 200 * (2 * 14 + 14 * 14 + 14 * 2)
    assert theirs.share_joule == pytest.approx(theirs.operations * 450 / 82.6e12)
    assert theirs.share_seconds == pytest.approx(theirs.operations / 82.6e12)
    assert theirs.joule == pytest.approx(450 * theirs.seconds)
    assert processor(network, 400).seconds == pytest.approx(2 * theirs.seconds)


def test_shuffling_keeps_the_weights_but_not_their_places(network: ScoreNetwork) -> None:
    other = shuffled(network, 0)
    for (mine, _), (its, _) in zip(network.matrices, other.matrices, strict=True):
        assert torch.equal(mine.flatten().sort().values, its.flatten().sort().values)
        assert not torch.equal(mine, its)
