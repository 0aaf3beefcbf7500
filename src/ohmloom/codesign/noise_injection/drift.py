"""Accuracy under perturbed parameters: many draws of all parameters at once."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from ohmloom.errors import ConfigurationError, message
from ohmloom.nn import Perturbation, perturbed_parameters

CHUNK = 2_000  # samples at a time: what is held is draws x samples x width


@torch.no_grad()
def accuracy_under(
    model: nn.Module, inputs: Tensor, labels: Tensor, perturbation: Perturbation, *, draws: int,
    generator: torch.Generator,
) -> list[float]:  # fmt: skip
    """Accuracy of each of ``draws`` perturbed copies of ``model``, in ``eval``, per cent.

    ``inputs`` (samples, …), ``labels`` (samples,). The model keeps its parameters and its mode.
    Raises ConfigurationError without draws or samples.
    """
    if draws < 1 or len(inputs) < 1:
        given = f"{draws} draws, {len(inputs)} samples"
        raise ConfigurationError(message("draws", "must be at least 1, and so must samples", given, "Give more."))
    training = model.training
    model.eval()
    each = [perturbed_parameters(model, perturbation, generator=generator) for _ in range(draws)]
    stacked = {name: torch.stack([one[name] for one in each]) for name in each[0]}

    def classes(parameters: dict[str, Tensor], some: Tensor) -> Tensor:
        return functional_call(model, parameters, (some,)).argmax(-1)

    hits = torch.zeros(draws)
    for some, right in zip(inputs.split(CHUNK), labels.split(CHUNK), strict=True):
        found = vmap(classes, in_dims=(0, None))(stacked, some)  # (draws, samples)
        hits += (found == right).sum(-1)
    model.train(training)
    return (100 * hits / len(inputs)).tolist()
