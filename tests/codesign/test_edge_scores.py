"""Scores: exactly the kept number is kept, the gradient is that of the relaxed mask, the limiter only holds back."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from ohmloom.codesign.edge_pruning.quantising import between_extremes
from ohmloom.codesign.edge_pruning.scores import Chosen, held_back, initial_scores, kept_count, largest
from ohmloom.errors import ConfigurationError, NotFiniteError

few_values = st.lists(st.integers(0, 4), min_size=1, max_size=40)  # many ties


@given(values=few_values, share=st.floats(0, 1))
def test_exactly_so_many_are_kept_and_none_outside_is_larger(values: list[int], share: float) -> None:
    magnitude = torch.tensor(values, dtype=torch.float32)
    count = round(share * len(values))
    chosen = largest(magnitude, count)
    assert int(chosen.sum()) == count
    if 0 < count < len(values):
        assert magnitude[chosen].min() >= magnitude[~chosen].max()


@given(seed=st.integers(0, 1000), share=st.floats(0.01, 1))
def test_the_choice_does_not_depend_on_signs_or_scale(seed: int, share: float) -> None:
    scores = torch.randn(7, 11, generator=torch.Generator().manual_seed(seed))
    count = max(round(share * 77), 1)
    assert torch.equal(largest(scores.abs(), count), largest((-4 * scores).abs(), count))


def test_initial_scores_are_kaiming_uniform_with_a_of_root_five() -> None:
    ours = initial_scores((200, 300), 300, torch.Generator().manual_seed(0))
    theirs = nn.init.kaiming_uniform_(torch.empty(200, 300), a=5**0.5)
    assert float(ours.abs().max()) == pytest.approx(300**-0.5, rel=1e-3)
    assert float(ours.std()) == pytest.approx(float(theirs.std()), rel=0.01)
    assert abs(float(ours.mean())) < 5 * float(ours.std()) / 60_000**0.5


def test_the_gradient_is_the_finite_difference_of_the_relaxed_loss() -> None:
    """dL/d|score| = dL/dm for L((1 - m) off + m on), every edge, float64, to 1e-6."""
    torch.manual_seed(0)
    on, off = torch.randn(4, 6).double(), 0.1 * torch.randn(4, 6).double()
    x, wanted = torch.randn(9, 6).double(), torch.randn(9, 4).double()
    scores = torch.randn(4, 6).double().requires_grad_()
    mask = largest(scores.detach().abs(), 12)

    def loss(weight: torch.Tensor) -> torch.Tensor:
        return (torch.tanh(x @ weight.T) - wanted).square().mean()

    loss(Chosen.apply(scores, mask, on, off, None, None)).backward()
    assert scores.grad is not None
    relaxed, h = mask.double(), 1e-6
    for row in range(4):
        for column in range(6):
            step = torch.zeros(4, 6).double()
            step[row, column] = h
            up, down = (loss(m * on + (1 - m) * off) for m in (relaxed + step, relaxed - step))
            slope = float((up - down) / (2 * h)) * float(scores.detach()[row, column].sign())
            assert float(scores.grad[row, column]) == pytest.approx(slope, abs=1e-6)


def test_cells_that_read_differently_do_so_without_a_gradient() -> None:
    scores = torch.tensor([[1.0, -2.0]], requires_grad=True)
    on, off, mask = torch.tensor([[3.0, 5.0]]), torch.zeros(1, 2), torch.tensor([[True, True]])
    weight = Chosen.apply(scores, mask, on, off, torch.tensor([1]), torch.tensor([1.1]))
    assert torch.allclose(weight, torch.tensor([[3.0, 5.5]]))
    weight.sum().backward()
    assert torch.equal(scores.grad, torch.tensor([[3.0, -5.0]]))
    assert torch.equal(on, torch.tensor([[3.0, 5.0]]))


@given(seed=st.integers(0, 1000), limit=st.floats(0, 0.9))
def test_the_limiter_lets_only_clear_changes_through(seed: int, limit: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    last, magnitude = torch.rand(50, generator=generator), torch.rand(50, generator=generator)
    mask, wanted = torch.rand(50, generator=generator) < 0.5, torch.rand(50, generator=generator) < 0.5
    held = held_back(wanted, mask, magnitude, last, limit)
    still = (magnitude - last).abs() < limit * last
    assert torch.equal(held[still], mask[still])
    assert torch.equal(held[~still], wanted[~still])
    assert int((held ^ mask).sum()) <= int((wanted ^ mask).sum())


@given(bits=st.integers(1, 8), seed=st.integers(0, 1000))
def test_codes_lie_on_a_grid_between_the_extremes(bits: int, seed: int) -> None:
    x = torch.randn(6, 5, generator=torch.Generator().manual_seed(seed)).double().requires_grad_()
    coded = between_extremes(x, bits)
    low, high = x.min(), x.max()
    code = (coded - low) / (high - low) * (2**bits - 1)
    assert torch.allclose(code, code.round(), atol=1e-9)
    assert float((coded - x).detach().abs().max()) <= float((high - low).detach()) / (2**bits - 1) / 2 + 1e-12
    assert torch.allclose(between_extremes(coded.detach(), bits), coded)  # a code is its own code
    coded.sum().backward()
    assert torch.equal(x.grad, torch.ones_like(x))


def test_codes_of_a_constant_and_of_what_is_not_finite() -> None:
    assert torch.equal(between_extremes(torch.full((3,), 2.0), 4), torch.full((3,), 2.0))
    assert between_extremes(torch.zeros(0, 3), 4).shape == (0, 3)
    with pytest.raises(NotFiniteError, match=r"x: must be finite"):
        between_extremes(torch.tensor([1.0, float("nan")]), 4)


@pytest.mark.parametrize("kept", [0.0, -0.5, 1.5])
def test_a_share_that_keeps_nothing_or_more_than_all_is_refused(kept: float) -> None:
    with pytest.raises(ConfigurationError, match="kept: must be a fraction above 0 and at most 1"):
        kept_count(kept, 100, "layer")


def test_a_share_that_leaves_a_small_layer_without_edges_is_refused() -> None:
    assert kept_count(1.0, 100, "layer") == 100
    with pytest.raises(ConfigurationError, match="must leave each layer an edge, and head has 10"):
        kept_count(0.01, 10, "head")
