"""What noise, programming errors, other dies and wrong choices of edges leave of a trained network."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Literal, TypeVar

import torch
from torch import Tensor, nn

from ohmloom.codesign.edge_pruning import TrainedWeights, edges, move_edges, perturbed, switch_edges, weights
from ohmloom.nn import GaussianWeights, RelativeWeights

Value = TypeVar("Value")
Judge = Callable[[nn.Module], Value]  # how well a network does, such as its accuracy on some samples
Settle = Callable[[nn.Module], None]  # lets the batch norms see training data


def under_reads(network: nn.Module, judge: Judge[Value], deviation: float, draws: int, seed: int) -> list[Value]:
    """How well it does with relative read noise on every weight, fresh for each batch; one per draw."""
    if deviation == 0:
        return [judge(network)]
    with torch.random.fork_rng(devices=[]), perturbed(network, RelativeWeights(deviation=deviation)):
        torch.manual_seed(seed)
        return [judge(network) for _ in range(draws)]


def under_programming(
    network: nn.Module, judge: Judge[Value], error: float, draws: int, seed: int, workers: int = 2
) -> list[Value]:  # fmt: skip
    """How well trained weights do that were programmed once with additive errors, relative to each layer's largest
    weight; one per draw, as of so many dies, which compute side by side."""
    if error == 0:
        return [judge(network)]

    def on(draw: int) -> Value:
        generator = torch.Generator().manual_seed(1000 * seed + draw)
        written = copy.deepcopy(network)
        for part in weights(written):
            assert isinstance(part, TrainedWeights)
            part.values.data = GaussianWeights(deviation=error).perturb({"weight": part.values.data}, generator)[
                "weight"
            ]
        return judge(written)

    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(on, range(draws)))


def on_cells(network: nn.Module, judge: Judge[Value]) -> Value:
    """How well it does with products of the cells, switched as the edges are chosen."""
    held = copy.deepcopy(network)
    switch_edges(held)
    return judge(held)


def moved(
    network: nn.Module, judge: Judge[Value], dies: Sequence[int], signs: Literal["same", "new"],
    settle: Settle | None = None, workers: int = 2,
) -> list[Value]:  # fmt: skip
    """How well the learned edges do on the cells of other dies, which compute side by side.

    With ``settle`` the batch norms first see training data with the weights of the new die, as they are read there; no
    edge changes.
    """

    def on(die: int) -> Value:
        other = move_edges(network, die, signs=signs)
        if settle is not None:
            settle(other)
        return on_cells(other, judge)

    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(on, dies))


Choice = Callable[[Tensor, torch.Generator], Tensor]


def bottom_half(mask: Tensor, _generator: torch.Generator) -> Tensor:
    """What was pruned is kept, and the other way round."""
    return ~mask


def random_edges(mask: Tensor, generator: torch.Generator) -> Tensor:
    """As many edges as were chosen, anywhere."""
    return mask.flatten()[torch.randperm(mask.numel(), generator=generator)].view_as(mask)


def all_edges(mask: Tensor, _generator: torch.Generator) -> Tensor:
    """The dense random network."""
    return torch.ones_like(mask)


def no_edges(mask: Tensor, _generator: torch.Generator) -> Tensor:
    """Nothing but the residues of the off states."""
    return torch.zeros_like(mask)


WRONG: dict[str, Choice] = {
    "random edges": random_edges,
    "all edges kept": all_edges,
    "all edges pruned": no_edges,
    "bottom half kept": bottom_half,
}


def chosen_wrongly(network: nn.Module, choice: Choice, settle: Settle, judge: Judge[Value], seed: int) -> Value:
    """How well it does with other edges than those learned, batch norms settled on training data."""
    generator = torch.Generator().manual_seed(seed)
    other = copy.deepcopy(network)
    for part in edges(other).values():
        part.keep(choice(part.mask, generator))
    settle(other)
    return judge(other)


def crossing(errors: Sequence[float], falling: Sequence[float], level: float) -> float | None:
    """The error at which a falling line first goes below ``level``, between its points on a straight line; None if it
    stays above."""
    for index, value in enumerate(falling):
        if value < level:
            if index == 0:
                return errors[0]
            before, gap = falling[index - 1], errors[index] - errors[index - 1]
            return errors[index - 1] + gap * (before - level) / (before - value)
    return None
