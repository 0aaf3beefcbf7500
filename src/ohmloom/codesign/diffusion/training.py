"""Denoising score matching, with signals kept within the circuit's range and with weights as noisy as cells."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import torch
from pydantic import Field
from torch import Tensor, nn

from ohmloom.codesign.diffusion.network import Passed, ScoreNetwork
from ohmloom.codesign.diffusion.schedule import VariancePreserving
from ohmloom.codesign.diffusion.stacked import StackedNetworks, StepNoise
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
    unconditional notebook; its number of steps is about 200,000. ``average``: the network ends with a running mean of
    its weights, m ← average · m + (1 - average) · w in each step; released: a mean of 0.95 is kept, but never sampled
    with, which is 0 here. ``falling``: the rate falls to nothing as a cosine does, which takes far fewer steps;
    released: constant.
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
    average: float = Field(default=0.0, ge=0, lt=1)
    noise: Choice[Perturbation] | None = None


def matching_loss(passed: Passed, deviation: Tensor, z: Tensor) -> Tensor:
    """Mean of (s(x_t, t) s_t + z)², with ``deviation`` s_t (..., points) over the network's divisor, and the noise
    ``z`` (..., points, states): (...)."""
    return (passed.output * deviation.unsqueeze(-1) + z).square().mean((-2, -1))


def saturation_penalty(hidden: tuple[Tensor, ...], limit: float) -> Tensor:
    """Sum of all activations above ``limit``, of each network: (..., points, width) to (...)."""
    return torch.stack([nn.functional.threshold(layer, limit, 0.0).sum((-2, -1)) for layer in hidden]).sum(0)


class ScoreTraining(NamedTuple):
    """One network to train on ``data`` (samples, states), with their classes if there are any."""

    network: ScoreNetwork
    schedule: VariancePreserving
    data: Tensor
    recipe: ScoreRecipe
    seed: int = 0
    labels: Tensor | None = None


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
    return train_scores([ScoreTraining(network, schedule, data, recipe, seed, labels)], tell=tell)[0]


def train_scores(
    trainings: Sequence[ScoreTraining], *, tell: Callable[[float], None] = lambda _share: None
) -> list[float]:
    """Train networks of equal sizes side by side, in little more time than one of them; the loss of each.

    Recipes may differ in their noise only. Each network has its own generator, gradient norm and loss, so that it
    becomes, to rounding, what it becomes alone. Raises as `train_score`, and ConfigurationError for networks or
    recipes that differ.
    """
    stacked, recipe = _checked(trainings)
    generators = [torch.Generator().manual_seed(training.seed) for training in trainings]
    noise = StepNoise(stacked, [training.recipe.noise for training in trainings], generators)
    optimiser = torch.optim.Adam([stacked.values], lr=recipe.rate, weight_decay=recipe.decay, fused=True)
    last, counted = torch.zeros(len(trainings)), max(recipe.steps // 100, 1)
    mean = stacked.values.detach().clone()
    for done in range(0, recipe.steps, AHEAD):
        steps = min(AHEAD, recipe.steps - done)
        batches = _batches(trainings, steps, generators)
        noise.draw(steps)
        for step, batch in enumerate(batches, done):
            if recipe.falling:
                optimiser.param_groups[0]["lr"] = recipe.rate * (1 + math.cos(math.pi * step / recipe.steps)) / 2
            values = noise.apply(stacked.values, step - done)
            losses = _losses(stacked.passed(values, batch.x, batch.signals, batch.chosen), batch, recipe)
            optimiser.zero_grad()
            losses.sum().backward()
            _clip(stacked.values, recipe.clip)
            optimiser.step()
            if recipe.average:
                mean.lerp_(stacked.values.detach(), 1 - recipe.average)
            if step >= recipe.steps - counted:
                last += losses.detach()
            if step == done:
                _check_losses(losses, step)
                tell(step / recipe.steps)
    _check_losses(last, recipe.steps)
    stacked.write_back(mean if recipe.average else stacked.values)
    return (last / counted).tolist()


class _Batch(NamedTuple):
    """Of each network: diffused points (networks, batch, states), the noise in them, its deviation over the network's
    divisor, the signals of their times, and their classes, one for the class and zero elsewhere."""

    x: Tensor
    z: Tensor
    deviation: Tensor
    signals: Tensor
    chosen: Tensor | None


def _batches(
    trainings: Sequence[ScoreTraining], steps: int, generators: Sequence[torch.Generator]
) -> Iterator[_Batch]:  # fmt: skip
    """Fresh batches of the next steps, drawn together: what does not depend on weights is cheap that way."""
    drawn = [_drawn(*of_one, steps) for of_one in zip(trainings, generators, strict=True)]
    *parts, chosen = (None if part[0] is None else torch.stack(part, 1) for part in zip(*drawn, strict=True))
    for i in range(steps):
        yield _Batch(*(part[i] for part in parts), None if chosen is None else chosen[i])  # type: ignore[index]


def _drawn(training: ScoreTraining, generator: torch.Generator, steps: int) -> _Batch:
    """Batches of one network: (steps, batch, ...)."""
    network, schedule, data, recipe = training.network, training.schedule, training.data, training.recipe
    size = (steps, recipe.batch)
    picked = torch.randint(len(data), size, generator=generator)
    t = recipe.earliest + (1 - recipe.earliest) * torch.rand(size, generator=generator)
    z = torch.randn(*size, data.shape[1], generator=generator)
    chosen = None
    if training.labels is not None:
        hidden = torch.rand(size, generator=generator) < recipe.dropped
        chosen = nn.functional.one_hot(training.labels[picked], network.classes).to(z) * ~hidden.unsqueeze(-1)
    deviation = schedule.deviation(t) / network.divisor(t)
    return _Batch(schedule.diffuse(data[picked], t, z), z, deviation, network.time_signals(t), chosen)


def _losses(passed: Passed, batch: _Batch, recipe: ScoreRecipe) -> Tensor:
    """Of each network: (networks)."""
    losses = matching_loss(passed, batch.deviation, batch.z)
    if not recipe.saturation:
        return losses
    return losses + recipe.saturation * saturation_penalty(passed.hidden, recipe.limit)


def _clip(values: Tensor, largest: float) -> None:
    """Scale the gradient of each network (networks, parameters) to at most the norm ``largest``."""
    gradient = values.grad
    assert gradient is not None
    gradient *= (largest / (gradient.norm(dim=-1, keepdim=True) + 1e-6)).clamp_max(1.0)


def _checked(trainings: Sequence[ScoreTraining]) -> tuple[StackedNetworks, ScoreRecipe]:
    """The networks as one, and their common recipe."""
    for training in trainings:
        _check(training.network, training.data, training.labels)
    stacked = StackedNetworks([training.network for training in trainings])
    recipes = [training.recipe.replace(noise=None) for training in trainings]
    differ = sum(recipe != recipes[0] for recipe in recipes)
    if differ or len({training.labels is None for training in trainings}) > 1:
        rule = "must be the same for all networks but for their noise, with classes for all or for none"
        raise ConfigurationError(message("recipe", rule, f"{differ} others", "Train them in groups."))
    return stacked, recipes[0]


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


def _check_losses(losses: Tensor, step: int) -> None:
    if not bool(torch.isfinite(losses.detach()).all()):
        worst = losses[~torch.isfinite(losses)][0].item()
        raise NotFiniteError(message("loss", "must be finite", f"{worst:g} at step {step}", "Lower the rate."))


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
