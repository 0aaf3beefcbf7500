"""The edge-pruning systems: networks of the published sizes, honest splits, and what their arithmetic must give."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from ohmloom.codesign.edge_pruning import edges, flips_per_edge, weights
from ohmloom.data import Labelled
from ohmloom.experiments import Context, System, Tier, run
from ohmloom.systems.edge_pruning import claims as named
from ohmloom.systems.edge_pruning.claims import claims, controls
from ohmloom.systems.edge_pruning.evaluation import WRONG, crossing, moved, under_programming, under_reads
from ohmloom.systems.edge_pruning.programming import pulses_of_edges, pulses_of_weights
from ohmloom.systems.edge_pruning.programming_errors import gain, programmed_weights
from ohmloom.systems.edge_pruning.publication import PAPER
from ohmloom.systems.edge_pruning.settings import SPOKEN, EdgeSettings, Recipe, Wanted, wanted
from ohmloom.systems.edge_pruning.study import study
from ohmloom.systems.edge_pruning.tasks import TASKS
from ohmloom.systems.edge_pruning.training import (
    Limiter,
    accuracy,
    fit,
    restored,
    settle_norms,
    train_to,
    untrained,
)
from tests.training_here import in_this_process

SMALL = EdgeSettings(subset="embedded", training_samples=200, validation_samples=50, epochs=1, control_epochs=1)


@pytest.mark.parametrize(("task", "count", "shape"), [("fashion-mnist", 62_272, (14, 14)), ("fsdd", 68_480, (23, 20))])
def test_networks_have_the_published_number_of_weights(task: str, count: int, shape: tuple[int, int]) -> None:
    network = untrained(Wanted(0, "edges"), TASKS[task], Recipe())
    assert sum(part.scores.numel() for part in edges(network).values()) == count
    assert {name.split(".")[-1] for name, _ in network.named_parameters()} == {"scores"}
    assert network(torch.rand(2, 1, *shape)).shape == (2, 10)
    twin = untrained(Wanted(0, "weights"), TASKS[task], Recipe())
    assert sum(p.numel() for p in twin.parameters()) == count


@pytest.mark.parametrize("task", list(TASKS))
def test_parts_share_no_sample_and_fit_the_network(task: str) -> None:
    parts = TASKS[task].parts(SMALL)
    assert parts.origin == "embedded"
    assert len(parts.training.labels) == 200
    assert len(parts.validation.labels) == 50
    seen = {tuple(x.flatten().tolist()) for x in parts.training.images}
    assert not any(tuple(x.flatten().tolist()) in seen for x in parts.validation.images)
    assert not any(tuple(x.flatten().tolist()) in seen for x in parts.test.images[:200])


def test_a_held_out_speaker_is_in_no_other_part() -> None:
    apart = {name: Wanted(0, "edges", speaker=name).settings(SMALL) for name in ("george", "theo")}
    tests = {name: TASKS["fsdd"].parts(settings).test for name, settings in apart.items()}
    assert len(tests["george"].labels) == 60  # of 360 embedded clips of six speakers
    learnt = TASKS["fsdd"].parts(apart["george"]).training
    heard = {tuple(x.flatten().tolist()) for x in learnt.images}
    assert not any(tuple(x.flatten().tolist()) in heard for x in tests["george"].images)
    assert any(tuple(x.flatten().tolist()) in heard for x in tests["theo"].images)


def test_training_in_a_process_leaves_the_network_whole(tmp_path: Path) -> None:
    task, one = TASKS["fashion-mnist"], Wanted(0, "edges")
    train_to(str(tmp_path / one.file), one, "fashion-mnist", SMALL)
    assert [file.name for file in tmp_path.iterdir()] == [one.file]
    network = restored(one, task, SMALL.recipe, tmp_path)
    again = untrained(one, task, SMALL.recipe)
    parts = task.parts(SMALL)
    fit(again, one, parts.training, parts.validation, SMALL.recipe, SMALL.epochs)
    for name, value in again.state_dict().items():
        assert torch.equal(value, network.state_dict()[name]), name
    train_to(str(tmp_path / "retrained"), Wanted(0, "retrained"), "fashion-mnist", SMALL)
    assert all(part.perturbation is None for part in weights(network))
    assert flips_per_edge(network) > 0


def test_settled_norms_hold_the_mean_of_all_batches_and_nothing_of_before() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.BatchNorm2d(3, affine=False, momentum=0.2)).train()
    norm = cast("nn.BatchNorm2d", network[0])
    network(100 + torch.rand(8, 3, 2, 2))
    data = Labelled(torch.rand(40, 3, 2, 2), torch.zeros(40))
    settle_norms(network, data, batch=10, batches=3)
    seen = data.images[:30]
    assert norm.running_mean is not None
    assert torch.allclose(norm.running_mean, seen.mean((0, 2, 3)), atol=1e-6)
    assert not norm.training
    assert norm.momentum == 0.2


def test_other_dies_can_settle_their_norms_and_the_network_stays_as_it_is() -> None:
    network = untrained(Wanted(0, "edges"), TASKS["fashion-mnist"], Recipe()).eval()
    before = {name: value.clone() for name, value in network.state_dict().items()}

    def means(one: nn.Module) -> float:
        return float(sum(layer.running_mean.sum() for layer in one.modules() if isinstance(layer, nn.BatchNorm2d)))

    data = Labelled(torch.rand(60, 1, 14, 14), torch.zeros(60))
    settle = partial(settle_norms, data=data, batch=30, batches=2)
    as_trained = moved(network, means, [1, 2], "same")
    settled = moved(network, means, [1, 2], "same", settle)
    assert as_trained == [0.0, 0.0]
    assert settled[0] != settled[1] != 0.0, "each die has its own weights"
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_the_limiter_is_lowered_only_at_a_new_best() -> None:
    limiter = Limiter(Recipe(limits=(0.01, 0.007), limit_steps=3))
    limits = []
    for validated in (50.0, 60.0, 55.0, 61.0, 62.0, 70.0):
        limiter.see(validated)
        limits.append(limiter.limit)
    assert limits == pytest.approx([0.009, 0.008, 0.008, 0.007, 0.007, 0.007])


def test_every_network_of_a_run_has_a_file_of_its_own() -> None:
    all_of_them = [*wanted(EdgeSettings(speakers=("theo", "lucas")), (0, 1)), Wanted(0, "retrained")]
    assert len({one.file for one in all_of_them}) == len(all_of_them) == 19


def test_arms_that_the_verdicts_rest_on_are_trained_with_every_seed() -> None:
    networks = wanted(EdgeSettings(trained_errors=(0.1,), limit_factors=(2.0,)), (3, 4, 5))
    of_all = {(one.kind, one.error) for one in networks if one.seed == 5}
    assert of_all == {("edges", 0.0), ("weights", 0.0), ("weights", 0.1)}
    assert {one.kind for one in networks if one.seed == 3} == {"edges", "weights", "formed", "held", "shuffled"}


def test_a_gain_is_over_seeds_where_there_are_several_and_over_programmings_else() -> None:
    several = gain("gain", [90.0, 80.0], [[80.0, 82.0], [70.0, 90.0]])
    assert several.values == (9.0, 0.0)
    assert several.spread_over == "seeds"
    assert several.interval is not None
    one = gain("gain", [90.0, 80.0], [[80.0, 84.0]])  # of the first seed alone
    assert one.values == (10.0, 6.0)
    assert one.spread_over == "dies"


class Small(System[EdgeSettings]):
    """Two seeds of hardly any training."""

    name, title, summary, paper = "small", "Small", "Two seeds.", PAPER
    claims = claims(19.9, 15.0, (51.2, 67.9), "fsdd")
    controls = controls(91, 5, 15)
    tiers = {  # noqa: RUF012
        "smoke": Tier(summary="", budget=60, seeds=2, settings=SMALL.replace(
            training_samples=100, recipe=SPOKEN, limit_factors=(1.0,), errors=(0.0, 0.2), trained_errors=(0.2,),
            read_noises=(0.0, 0.2), draws=2, dies=2, test_samples=60, few_samples=60))
    }  # fmt: skip

    def run(self, context: Context[EdgeSettings]) -> None:
        study(context, "fsdd")


def test_figures_of_a_run_with_several_seeds_rest_on_all_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ohmloom.systems.edge_pruning.study.trainings", in_this_process)
    result = run(Small(), out=tmp_path / "run")
    for name in (named.EDGES, named.WEIGHTS, named.VALIDATED, named.GAP, named.CELLS, named.RETRAINED, named.gain(0.2),
                 named.gain(0.2, named.NOISY)):  # fmt: skip
        figure = result.figures[name]
        assert (len(figure.values), figure.spread_over) == (2, "seeds"), name
        assert figure.interval is not None, name
    for name in (named.FORMED, named.HELD, named.SHUFFLED):
        assert len(result.figures[name].values) == 1, name
    assert result.figures[named.MOVED_LOSS].spread_over == "dies"


@given(level=st.floats(0, 100), values=st.lists(st.floats(0, 100), min_size=2, max_size=6))
def test_a_crossing_lies_where_the_line_falls_below(level: float, values: list[float]) -> None:
    errors = [0.1 * index for index in range(len(values))]
    where = crossing(errors, values, level)
    below = [index for index, value in enumerate(values) if value < level]
    if not below:
        assert where is None
    elif below[0] == 0:
        assert where == errors[0]
    else:
        assert where is not None
        assert errors[below[0] - 1] - 1e-12 <= where <= errors[below[0]] + 1e-12


def test_a_crossing_is_found_on_a_straight_line() -> None:
    assert crossing([0.0, 0.1], [90.0, 70.0], 80.0) == pytest.approx(0.05)


def test_errors_are_drawn_once_and_reads_afresh() -> None:
    network = untrained(Wanted(0, "weights"), TASKS["fashion-mnist"], Recipe())
    data = Labelled(torch.rand(100, 1, 14, 14), torch.randint(10, (100,)))
    judge = partial(accuracy, data=data)
    before = [part.held().clone() for part in weights(network)]
    assert under_programming(network, judge, 0.0, 3, 0) == [accuracy(network, data)]
    drawn = under_programming(network, judge, 0.5, 3, 0)
    assert len(drawn) == 3
    assert drawn == under_programming(network, judge, 0.5, 3, 0)
    assert len(under_reads(network, judge, 0.3, 2, 0)) == 2
    assert all(torch.equal(part.held(), kept) for part, kept in zip(weights(network), before, strict=True))


def test_batch_norms_settle_on_a_copy_of_what_was_programmed() -> None:
    task, data = TASKS["fashion-mnist"], Labelled(torch.rand(60, 1, 14, 14), torch.randint(10, (60,)))
    context: Any = SimpleNamespace(
        settings=EdgeSettings(errors=(0.0, 0.3), trained_errors=(0.1,), draws=2),
        progress=SimpleNamespace(track=lambda todo, *_args, **_total: todo),
        findings=SimpleNamespace(arm=lambda _name, compute: compute()),
    )

    def network(seed: int, trained: float) -> nn.Module:
        return untrained(Wanted(seed, "weights", trained), task, Recipe())

    def means(network: nn.Module) -> list[float]:
        return [norm.running_mean.mean().item() for norm in network.modules() if isinstance(norm, nn.BatchNorm2d)]  # type: ignore[union-attr]

    settle = partial(settle_norms, data=data, batch=30, batches=2)
    found = programmed_weights(context, network, means, settle, {"plain": (0, 1), "noisy": (0,)})
    assert {(arm.training, error) for arm, error in found} == {("plain", 0.0), ("plain", 0.3), ("noisy", 0.1)}
    assert [len(draws) for draws in found[named.PLAIN, 0.3]] == [2, 2]
    assert all(set(draw) == {0.0} for draws in found[named.PLAIN, 0.3] for draw in draws)  # as they start
    settled = found[named.PLAIN_SETTLED, 0.3]
    assert all(0.0 not in draw for draws in settled for draw in draws)
    assert settled[0][0] != settled[0][1]


def test_wrong_choices_keep_what_they_say() -> None:
    mask = torch.rand(40, 50) < 0.5
    generator = torch.Generator().manual_seed(0)
    kept = {name: choice(mask, generator) for name, choice in WRONG.items()}
    assert int(kept["random edges"].sum()) == int(mask.sum())
    assert not torch.equal(kept["random edges"], mask)
    assert torch.equal(kept["bottom half kept"], ~mask)
    assert bool(kept["all edges kept"].all())
    assert not bool(kept["all edges pruned"].any())


def test_pulses_are_those_of_the_cells() -> None:
    task = TASKS["fashion-mnist"]
    before, learned = (untrained(Wanted(0, "edges"), task, Recipe()) for _ in range(2))
    for part in edges(learned).values():
        part.keep(~part.mask)
        part.flips += 1
    pulses = pulses_of_edges(learned, before, before)
    assert pulses["forming the cells"] == 1.0
    assert pulses["edges learned in software, switched once"] == pytest.approx(0.5, abs=0.02)
    assert pulses["edges learned on the chip"] == pytest.approx(1.5, abs=0.02)
    assert pulses["edges learned on the chip, limited"] == pytest.approx(0.5, abs=0.02)
    (written,) = pulses_of_weights(untrained(Wanted(0, "weights"), task, Recipe()), 0).values()
    assert written > 5
