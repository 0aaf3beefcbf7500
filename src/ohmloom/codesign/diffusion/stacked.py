"""Score networks of equal sizes as one: their numbers side by side, so that one call computes a step of all of them.

A step of a network of a few hundred weights takes the time of calling its operations, not that of their arithmetic.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from ohmloom.codesign.diffusion.network import Passed, ScoreNetwork
from ohmloom.errors import ConfigurationError, message
from ohmloom.nn import Perturbation


class StackedNetworks:
    """``values`` (networks, parameters) are copies of all parameters; `write_back` gives such numbers to the networks.

    Raises ConfigurationError for networks of different sizes, and for none.
    """

    def __init__(self, networks: Sequence[ScoreNetwork]) -> None:
        shapes = [{name: held.shape for name, held in network.named_parameters()} for network in networks]
        if not networks or any(of_one != shapes[0] for of_one in shapes) or len({n.gain for n in networks}) > 1:
            rule = "must be at least one, all of the same sizes, classes and gain"
            given = [tuple(network.layers[0].weight.shape) for network in networks]  # type: ignore[union-attr]
            raise ConfigurationError(message("networks", rule, given, "Train them in groups that are alike."))
        self.networks, self.shapes = tuple(networks), shapes[0]
        self.values = torch.stack([nn.utils.parameters_to_vector(n.parameters()) for n in networks]).detach()
        self.values.requires_grad_()

    def named(self, values: Tensor) -> dict[str, Tensor]:
        """Parts of ``values`` by parameter: (networks, *shape)."""
        parts = values.split([shape.numel() for shape in self.shapes.values()], -1)
        return {
            name: part.view(len(part), *shape) for part, (name, shape) in zip(parts, self.shapes.items(), strict=True)
        }

    def layers(self, named: Mapping[str, Tensor]) -> list[tuple[Tensor, Tensor]]:
        """Weights (networks, out, in) and biases (networks, out) of the arrays."""
        return [
            (named[f"layers.{number}.weight"], named[f"layers.{number}.bias"])
            for number in range(len(self.networks[0].layers))
        ]

    def class_signals(self, named: Mapping[str, Tensor], chosen: Tensor) -> Tensor:
        """e(c) for ``chosen`` (networks, points, classes), one for the class and zero elsewhere."""
        first, second = (
            (named[f"embedding.{number}.weight"], named[f"embedding.{number}.bias"].unsqueeze(-2)) for number in (0, 2)
        )
        hidden = nn.functional.gelu(first[0].mT + first[1])  # (networks, classes, width)
        return chosen @ (hidden @ second[0].mT + second[1])

    def passed(self, values: Tensor, x: Tensor, signals: Tensor, chosen: Tensor | None) -> Passed:
        """What the networks with ``values`` make of points (networks, points, states) and signals (..., width)."""
        named = self.named(values)
        signals = signals if chosen is None else signals + self.class_signals(named, chosen)
        return self.networks[0].passed(x, signals, self.layers(named))

    @torch.no_grad()
    def write_back(self, values: Tensor) -> None:
        """Give the networks their numbers, (networks, parameters)."""
        named = self.named(values)
        for number, network in enumerate(self.networks):
            for name, parameter in network.named_parameters():
                parameter.copy_(named[name][number])


class StepNoise:
    """Noise on the weights of stacked networks, each with its own kind of noise, or none, and its own generator.

    What does not depend on the weights is drawn for many steps at once.
    """

    def __init__(
        self, stacked: StackedNetworks, noises: Sequence[Perturbation | None], generators: Sequence[torch.Generator]
    ) -> None:
        self.stacked, self.noises, self.generators = stacked, noises, generators
        self._errors: Tensor | None = None  # (steps, networks, parameters)
        self._others: list[int] = []  # networks whose noise depends on their weights

    def draw(self, steps: int) -> None:
        """The noise of the next ``steps`` steps."""
        drawn = [self._drawn(number, steps) for number in range(len(self.noises))]
        self._others = [n for n, (of_one, noise) in enumerate(zip(drawn, self.noises, strict=True))
                        if of_one is None and noise is not None]  # fmt: skip
        known = next((of_one for of_one in drawn if of_one is not None), None)
        if known is not None:
            silent = torch.zeros_like(known)
            self._errors = torch.stack([silent if of_one is None else of_one for of_one in drawn], 1)

    def apply(self, values: Tensor, step: int) -> Tensor:
        """Noisy ``values`` (networks, parameters) for a step since the last draw; gradients reach them unchanged."""
        if self._errors is not None:
            values = torch.addcmul(values, values.detach(), self._errors[step])
        if not self._others:
            return values
        rows = list(values.unbind())
        for number in self._others:
            rows[number] = self._perturbed(rows[number], number)
        return torch.stack(rows)

    def _drawn(self, number: int, steps: int) -> Tensor | None:
        """Errors relative to each parameter, (steps, parameters); None without noise, or where it depends on them."""
        noise, shapes = self.noises[number], self.stacked.shapes
        parts: list[Tensor] = []
        for weight, bias in _pairs(shapes):
            sizes = {"weight": shapes[weight].numel(), "bias": shapes[bias].numel()}
            drawn = None if noise is None else noise.relative(sizes, steps, self.generators[number])
            if drawn is None:
                return None
            parts += [drawn["weight"], drawn["bias"]]
        still = sum(shape.numel() for shape in shapes.values()) - sum(part.shape[-1] for part in parts)
        return torch.cat([*parts, torch.zeros(steps, still)], -1)

    def _perturbed(self, row: Tensor, number: int) -> Tensor:
        noise, generator = self.noises[number], self.generators[number]
        assert noise is not None
        named = {name: part[0] for name, part in self.stacked.named(row.unsqueeze(0)).items()}
        for weight, bias in _pairs(named):
            noisy = noise.perturb({"weight": named[weight], "bias": named[bias]}, generator)
            named |= {weight: noisy["weight"], bias: noisy["bias"]}
        return torch.cat([part.flatten() for part in named.values()])


def _pairs(names: Mapping[str, object]) -> list[tuple[str, str]]:
    """Names of weight and bias of the arrays, which come before all other parameters."""
    return [(name, name.replace("weight", "bias")) for name in names if name.startswith("layers.") and "weight" in name]
