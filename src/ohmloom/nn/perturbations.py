"""Perturbations: functions of named weights, for noise training and published robustness tests.

A perturbation is not a device: it knows no cells and no time. It works on any module.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.func import functional_call

from ohmloom.crossbars import standard_normal
from ohmloom.descriptions import Part


class Perturbation(Part, ABC):
    """Abstract: new values for the weights of one layer.

    With ``every_parameter`` the scales and shifts of layers without a matrix, such as norms, are perturbed too.
    """

    every_parameter: ClassVar[bool] = False

    @abstractmethod
    def perturb(self, weights: Mapping[str, Tensor], generator: torch.Generator | None = None) -> dict[str, Tensor]:
        """Perturbed copies of ``weights`` (name → tensor, such as ``weight`` and ``bias`` of one layer), each drawn
        afresh; gradients reach the originals unchanged."""

    def relative(
        self, sizes: Mapping[str, int], count: int, generator: torch.Generator | None = None
    ) -> dict[str, Tensor] | None:
        """``count`` draws of ε by name, (count, size) each, where `perturb` gives W (1 + ε) with an ε that does not
        depend on W and with the gradient of W; None where it does something else.

        For trainings: the noise of many steps is drawn at once.
        """
        return None


class GaussianWeights(Perturbation):
    """W + N(0, (deviation · r)²), with r the largest |weight| of the layer (``max``) or its root mean square (``rms``).

    The bias is perturbed with the *weight's* r, as in the training code released with NeuRRAM (Wan et al. 2022,
    doi:10.1038/s41586-022-04992-8).
    """

    kind: Literal["gaussian-weights"] = "gaussian-weights"
    deviation: float = Field(ge=0)
    relative_to: Literal["max", "rms"] = "max"
    bias: bool = True

    def perturb(self, weights: Mapping[str, Tensor], generator: torch.Generator | None = None) -> dict[str, Tensor]:
        weight = weights["weight"].detach()
        if self.relative_to == "max":
            low, high = weight.aminmax()
            size = max(-float(low), float(high))
        else:
            size = float(weight.square().mean().sqrt())
        changed = [name for name in weights if name == "weight" or self.bias]
        return dict(weights) | {name: _noisy(weights[name], self.deviation * size, generator) for name in changed}


class RelativeWeights(Perturbation):
    """W (1 + N(0, deviation²)): noise in proportion to each weight, as relative read noise of single cells gives."""

    kind: Literal["relative-weights"] = "relative-weights"
    deviation: float = Field(ge=0)

    def perturb(self, weights: Mapping[str, Tensor], generator: torch.Generator | None = None) -> dict[str, Tensor]:
        weight = weights["weight"]
        noise = standard_normal(weight.shape, generator, dtype=weight.dtype, device=weight.device)
        return dict(weights) | {"weight": weight + noise.mul_(weight.detach()).mul_(self.deviation)}

    def relative(
        self, sizes: Mapping[str, int], count: int, generator: torch.Generator | None = None
    ) -> dict[str, Tensor]:
        errors = {name: torch.zeros(count, size) for name, size in sizes.items()}
        noise = standard_normal((count, sizes["weight"]), generator)
        return errors | {"weight": noise.mul_(self.deviation)}


class BoundedRelativeWeights(Perturbation):
    """W (1 + ε) on weights and biases alike: ε ~ N(0, deviation²), and uniform within ±bound where that lies beyond.

    As in the training code released with the analogue diffusion solver (yangjc97/memristor-sde-diffusion).
    """

    kind: Literal["bounded-relative-weights"] = "bounded-relative-weights"
    deviation: float = Field(ge=0)
    bound: float = Field(gt=0)

    def perturb(self, weights: Mapping[str, Tensor], generator: torch.Generator | None = None) -> dict[str, Tensor]:
        sizes = [value.numel() for value in weights.values()]
        like = next(iter(weights.values()))
        errors = self._errors(sum(sizes), generator, like.dtype, like.device).split(sizes)
        return {
            name: value + value.detach() * error.view_as(value)
            for (name, value), error in zip(weights.items(), errors, strict=True)
        }

    def relative(
        self, sizes: Mapping[str, int], count: int, generator: torch.Generator | None = None
    ) -> dict[str, Tensor]:
        errors = self._errors(count * sum(sizes.values()), generator).view(count, -1).split(list(sizes.values()), -1)
        return dict(zip(sizes, errors, strict=True))

    def _errors(
        self, count: int, generator: torch.Generator | None, dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> Tensor:  # fmt: skip
        errors = standard_normal((count,), generator, dtype=dtype, device=device).mul_(self.deviation)
        uniform = torch.rand(count, generator=generator, dtype=dtype, device=device)
        return torch.where(errors.abs() > self.bound, uniform.mul_(2 * self.bound).sub_(self.bound), errors)


class LogNormalDrift(Perturbation):
    """θ' = θ exp(N(0, deviation²)), independently for every parameter: weights, biases, and those of norms.

    Signs stay and zeros stay zero; the mean of θ' is θ exp(deviation²/2). The published robustness test of BayesFT
    (arXiv 2210.01795) and of what followed it (doi:10.1038/s44172-023-00074-3, arXiv 2412.02779).
    """

    every_parameter: ClassVar[bool] = True

    kind: Literal["log-normal-drift"] = "log-normal-drift"
    deviation: float = Field(ge=0)

    def perturb(self, weights: Mapping[str, Tensor], generator: torch.Generator | None = None) -> dict[str, Tensor]:
        return {name: value * self._factors(value, generator) for name, value in weights.items()}

    def _factors(self, like: Tensor, generator: torch.Generator | None) -> Tensor:
        noise = standard_normal(like.shape, generator, dtype=like.dtype, device=like.device)
        return noise.mul_(self.deviation).exp_()


def perturbed_call(
    module: nn.Module, perturbation: Perturbation, *inputs: Tensor, generator: torch.Generator | None = None
) -> Tensor:
    """One forward of any module with all its layers' weights perturbed; the module keeps its own.

    >>> layer = nn.Linear(4, 2)
    >>> same = perturbed_call(layer, GaussianWeights(deviation=0.0), torch.ones(1, 4))
    >>> bool(torch.equal(same, layer(torch.ones(1, 4))))
    True
    """
    return functional_call(module, perturbed_parameters(module, perturbation, generator=generator), inputs)


def perturbed_parameters(
    module: nn.Module, perturbation: Perturbation, *, generator: torch.Generator | None = None
) -> dict[str, Tensor]:
    """The perturbed parameters of a module by their full names; those that the perturbation leaves alone are absent."""
    changed: dict[str, Tensor] = {}
    for prefix, layer in module.named_modules():
        own = {name: value for name, value in layer.named_parameters(recurse=False) if value is not None}
        for name in own:
            if "weight" in name and own[name].dim() >= 2:  # also attention's in_proj_weight, recurrent weight_hh_l0
                pair = {"weight": name, "bias": name.replace("weight", "bias")}
                named = {role: own[held] for role, held in pair.items() if held in own}
                drawn = perturbation.perturb(named, generator)
                changed |= {f"{prefix}.{pair[role]}".lstrip("."): value for role, value in drawn.items()}
        if perturbation.every_parameter:
            rest = {name: value for name, value in own.items() if f"{prefix}.{name}".lstrip(".") not in changed}
            drawn = perturbation.perturb(rest, generator)
            changed |= {f"{prefix}.{name}".lstrip("."): value for name, value in drawn.items()}
    return changed


def _noisy(value: Tensor, size: float, generator: torch.Generator | None) -> Tensor:
    noise = standard_normal(value.shape, generator, dtype=value.dtype, device=value.device)
    return torch.add(value, noise, alpha=size)
