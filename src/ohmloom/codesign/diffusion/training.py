"""Denoising score matching, with signals kept within the circuit's range and with weights as noisy as cells."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from pydantic import Field
from torch import Tensor

from ohmloom.codesign.diffusion.network import Passed, ScoreNetwork, perturbed
from ohmloom.codesign.diffusion.schedule import VariancePreserving
from ohmloom.descriptions import Choice, Description
from ohmloom.errors import ConfigurationError, NotFiniteError, ShapeError, message
from ohmloom.nn import Perturbation

AHEAD = 100  # steps


class ScoreRecipe(Description):
    """How a score network is trained: Adam, one batch of fresh noise and times per step.

    ``decay``: weight decay, which keeps weights, and with them conductances, small. ``clip``: largest norm of the
    gradient. ``saturation`` times the sum of all hidden activations above ``limit`` is added to the loss, so that
    signals stay within the rails. ``noise``: drawn on the weights afresh in each step (absent: none).
    ``dropped``: share of samples whose class is hidden from the network. The defaults are those of the released
    unconditional notebook; its number of steps is about 200,000. It keeps a running mean of the weights, too, but
    never samples with it, so that there is none here. ``falling``: the rate falls to nothing as a cosine does, which
    takes far fewer steps; released: constant.
    """

    steps: int = Field(default=200_000, ge=1)
    batch: int = Field(default=512, ge=1)
    rate: float = Field(default=2e-4, gt=0)
    falling: bool = False
    decay: float = Field(default=3e-5, ge=0)
    clip: float = Field(default=0.1, gt=0)
    saturation: float = Field(default=1e-7, ge=0)
    limit: float = Field(default=1.5, gt=0)
    earliest: float = Field(default=1e-5, gt=0, lt=1)
    dropped: float = Field(default=0.1, ge=0, lt=1)
    noise: Choice[Perturbation] | None = None


def matching_loss(passed: Passed, deviation: Tensor, z: Tensor) -> Tensor:
    """Mean of (s(x_t, t) s_t + z)², with ``deviation`` s_t (points) and the noise ``z`` (points, states)."""
    return (passed.score * deviation.unsqueeze(-1) + z).square().mean()


def saturation_penalty(hidden: tuple[Tensor, ...], limit: float) -> Tensor:
    """Sum of all activations above ``limit``."""
    return torch.stack([torch.nn.functional.threshold(layer, limit, 0.0).sum() for layer in hidden]).sum()


def train_score(
    network: ScoreNetwork,
    schedule: VariancePreserving,
    data: Tensor,
    recipe: ScoreRecipe,
    *,
    seed: int = 0,
    labels: Tensor | None = None,
    tell: Callable[[float], None] = lambda _share: None,
) -> float:
    """Train in place on ``data`` (samples, states), with their classes if there are any; the mean loss of the last
    hundredth of all steps.

    Raises ShapeError for data of other states, ConfigurationError for labels that lack one of the network's classes,
    and NotFiniteError where a loss is not finite.
    """
    _check(network, data, labels)
    generator = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.Adam(network.parameters(), lr=recipe.rate, weight_decay=recipe.decay, fused=True)
    last, counted = torch.zeros(()), max(recipe.steps // 100, 1)
    for step, batch in enumerate(_batches(network, schedule, data, labels, recipe, generator)):
        if recipe.falling:
            optimiser.param_groups[0]["lr"] = recipe.rate * (1 + math.cos(math.pi * step / recipe.steps)) / 2
        loss = _loss(network, batch, recipe, generator)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), recipe.clip)
        optimiser.step()
        if step >= recipe.steps - counted:
            last += loss.detach()
        if step % AHEAD == 0:
            _check_loss(loss, step)
            tell(step / recipe.steps)
    _check_loss(last, recipe.steps)
    return float(last) / counted


class _Batch(NamedTuple):
    """Diffused points (batch, states), the noise in them, its deviation, the signals of their times, and classes."""

    x: Tensor
    z: Tensor
    deviation: Tensor
    signals: Tensor
    labels: Tensor | None


def _batches(
    network: ScoreNetwork, schedule: VariancePreserving, data: Tensor, labels: Tensor | None, recipe: ScoreRecipe,
    generator: torch.Generator,
) -> Iterator[_Batch]:  # fmt: skip
    """One fresh batch per step, drawn `AHEAD` at a time: what does not depend on weights is cheap together."""
    for done in range(0, recipe.steps, AHEAD):
        size = (min(AHEAD, recipe.steps - done), recipe.batch)
        chosen = torch.randint(len(data), size, generator=generator)
        t = recipe.earliest + (1 - recipe.earliest) * torch.rand(size, generator=generator)
        z = torch.randn(*size, data.shape[1], generator=generator)
        x, deviation, signals = schedule.diffuse(data[chosen], t, z), schedule.deviation(t), network.time_signals(t)
        shown = None
        if labels is not None:
            hidden = torch.rand(size, generator=generator) < recipe.dropped
            shown = labels[chosen].masked_fill(hidden, -1)
        for i in range(size[0]):
            yield _Batch(x[i], z[i], deviation[i], signals[i], None if shown is None else shown[i])


def _loss(network: ScoreNetwork, batch: _Batch, recipe: ScoreRecipe, generator: torch.Generator) -> Tensor:
    matrices = None if recipe.noise is None else perturbed(network, recipe.noise, generator)
    signals = batch.signals if batch.labels is None else batch.signals + network.class_signals(batch.labels)
    passed = network.passed(batch.x, signals, matrices)
    loss = matching_loss(passed, batch.deviation, batch.z)
    return loss + recipe.saturation * saturation_penalty(passed.hidden, recipe.limit) if recipe.saturation else loss


def _check(network: ScoreNetwork, data: Tensor, labels: Tensor | None) -> None:
    if data.dim() != 2 or data.shape[1] != network.states or not len(data):
        rule = f"must be (samples, {network.states})"
        raise ShapeError(message("data", rule, tuple(data.shape), "Give the network's states."))
    if not bool(torch.isfinite(data).all()):
        raise NotFiniteError(message("data", "must be finite", "NaN or inf", "Leave such samples out."))
    if labels is not None and labels.shape != data.shape[:1]:
        rule = f"must be one for each of {len(data)} samples"
        raise ShapeError(message("labels", rule, tuple(labels.shape), "Give (samples)."))
    if labels is not None:
        check_classes(labels, network.classes)


def _check_loss(loss: Tensor, step: int) -> None:
    if not bool(torch.isfinite(loss.detach())):
        raise NotFiniteError(message("loss", "must be finite", f"{float(loss):g} at step {step}", "Lower the rate."))


def check_classes(labels: Tensor, classes: int | None = None) -> int:
    """How many classes there are. Raises ConfigurationError unless there are samples of each."""
    found = set(labels.unique().tolist())
    wanted = max(found, default=-1) + 1 if classes is None else classes
    missing = sorted(set(range(max(wanted, 1))) - found)
    if missing:
        rule = f"must hold samples of each of {max(wanted, 1)} classes"
        remedy = "Add samples of them, or number the classes without gaps."
        raise ConfigurationError(message("labels", rule, f"none of class {missing[0]}", remedy))
    return wanted
