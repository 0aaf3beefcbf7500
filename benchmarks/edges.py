"""One step of training edges, against the same step of training the same network's weights."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from benchmarks.timing import Result, compare, result
from ohmloom import Chip
from ohmloom.codesign.edge_pruning import prune_edges, trained_weights
from ohmloom.systems.edge_pruning.networks import Fashion, Spoken


def edges(pairs: int) -> list[Result]:
    """The published networks at their batches, SGD with momentum; both with the same input codes."""
    torch.manual_seed(0)
    chip, results = Chip.load("edge-pruning-40nm"), []
    for model, shape, bits in ((Fashion(), (60, 1, 14, 14), 4), (Spoken(), (30, 1, 23, 20), 3)):
        x, labels = torch.rand(shape), torch.randint(10, shape[:1])
        plain = _step(trained_weights(model, bits), x, labels)
        for limit, note in ((0.0, ""), (0.01, ", limiter on")):
            ours = _step(prune_edges(model, chip, input_bits=bits, limit=limit), x, labels)
            name = f"edge-pruning step, {type(model).__name__.lower()} network, batch {shape[0]}{note}"
            results.append(result(name, compare(ours, plain, pairs), "1.5", "the same step on the network's weights"))
    return results


def _step(network: nn.Module, x: torch.Tensor, labels: torch.Tensor) -> Callable[[], None]:
    optimiser = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9, weight_decay=5e-4)

    def step() -> None:
        optimiser.zero_grad()
        F.cross_entropy(network(x), labels).backward()
        optimiser.step()

    return step
