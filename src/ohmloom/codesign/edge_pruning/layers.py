"""Layers whose weights come from :class:`Weights` and whose inputs are codes of a few bits."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from ohmloom.codesign.edge_pruning.quantising import between_extremes, codes_of
from ohmloom.codesign.edge_pruning.weights import Weights
from ohmloom.errors import ConfigurationError, ShapeError, message

Make = Callable[[str, Tensor], Weights]  # name and the user's weight (out, ...) → where the layer's come from


class WeighedLinear(nn.Module):
    """(..., in) → (..., out); the user's bias, if any, stays digital and trained."""

    def __init__(self, layer: nn.Linear, name: str, make: Make, bits: int) -> None:
        super().__init__()
        self.weights, self.bits, self.bias = make(name, layer.weight), bits, layer.bias

    def forward(self, input: Tensor) -> Tensor:
        y = self.weights.linear()(between_extremes(input, self.bits))
        return y if self.bias is None else y + self.bias


class WeighedConv2d(nn.Module):
    """(batch, channels, rows, columns); padding is part of what is coded.

    Images lie with their channels last in memory if the user's weights do (`model.to(memory_format=channels_last)`),
    which is much faster for several channels on a processor.
    """

    def __init__(self, layer: nn.Conv2d, name: str, make: Make, bits: int) -> None:
        super().__init__()
        if layer.groups != 1:
            remedy = "Leave it out of `layers`."
            raise ConfigurationError(message(f"{name}.groups", "must be 1 to hold edges", layer.groups, remedy))
        self.weights, self.bits, self.bias = make(name, layer.weight), bits, layer.bias
        self.kernel, self.stride, self.dilation = layer.weight.shape[1:], layer.stride, layer.dilation
        self.padding = list(layer._reversed_padding_repeated_twice)
        self.padding_mode = "constant" if layer.padding_mode == "zeros" else layer.padding_mode
        last = layer.weight.is_contiguous(memory_format=torch.channels_last) and not layer.weight.is_contiguous()
        self.order = torch.channels_last if last else torch.contiguous_format
        self.name = name

    def forward(self, input: Tensor) -> Tensor:
        if input.dim() != 4 or input.shape[1] != self.kernel[0]:
            rule = f"must be (batch, {self.kernel[0]}, rows, columns)"
            raise ShapeError(message(f"{self.name}.x", rule, tuple(input.shape), "Reshape the input."))
        images = input.contiguous(memory_format=self.order)
        zeros = any(self.padding) and self.padding_mode == "constant"
        codes = codes_of(images, self.bits, and_zero=zeros)
        images, around = codes.of(images), codes.of_zero()
        if zeros and around == 0 and self._even and not self.weights.on_cells:
            return self._convolved(images, (self.padding[2], self.padding[0]))
        if any(self.padding):
            images = F.pad(images, self.padding, mode=self.padding_mode, value=around if zeros else None)
        return self._by_patches(images) if self.weights.on_cells else self._convolved(images, (0, 0))

    @property
    def _even(self) -> bool:
        """True if opposite sides are padded alike."""
        left, right, top, bottom = self.padding
        return left == right and top == bottom

    def _convolved(self, images: Tensor, padding: tuple[int, int]) -> Tensor:
        weight = self.weights.weight().view(-1, *self.kernel)
        return F.conv2d(images, weight, self.bias, self.stride, padding, self.dilation)

    def _by_patches(self, images: Tensor) -> Tensor:
        """Each patch of the images is one vector."""
        size = [
            (images.shape[axis + 2] - self.dilation[axis] * (self.kernel[axis + 1] - 1) - 1) // self.stride[axis] + 1
            for axis in (0, 1)
        ]
        kernel = (self.kernel[1], self.kernel[2])
        patches = F.unfold(images, kernel, dilation=self.dilation, stride=self.stride).transpose(1, 2)
        y = self.weights.linear()(patches).transpose(1, 2).unflatten(2, size)
        return y if self.bias is None else y + self.bias.view(-1, 1, 1)


class WeighedRNN(nn.Module):
    """One recurrent layer, h_t = f(W x_t + U h_{t-1} + b), with both matrices from :class:`Weights`; as `nn.RNN`."""

    def __init__(self, layer: nn.RNN, name: str, make: Make, bits: int) -> None:
        super().__init__()
        if layer.num_layers != 1 or layer.bidirectional:
            given = f"{layer.num_layers} layers{', bidirectional' * layer.bidirectional}"
            raise ConfigurationError(message(name, "must be one layer in one direction", given, "Build single layers."))
        own = dict(layer.named_parameters())
        self.input = make(f"{name}.input", own["weight_ih_l0"])
        self.hidden = make(f"{name}.hidden", own["weight_hh_l0"])
        biases = (own["bias_ih_l0"] + own["bias_hh_l0"]).detach() if layer.bias else None
        self.bias = None if biases is None else nn.Parameter(biases)
        self.bits, self.batch_first, self.size = bits, layer.batch_first, layer.hidden_size
        self.bend = torch.relu if layer.nonlinearity == "relu" else torch.tanh

    def forward(self, input: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        steps = input.transpose(0, 1) if self.batch_first else input  # (steps, batch, features)
        hidden = steps.new_zeros(steps.shape[1], self.size) if state is None else state[0]
        own, fed_back = self.input.linear(), self.hidden.linear()
        outputs = []
        for x in steps:
            total = own(between_extremes(x, self.bits)) + fed_back(between_extremes(hidden, self.bits))
            hidden = self.bend(total if self.bias is None else total + self.bias)
            outputs.append(hidden)
        along = torch.stack(outputs, 1 if self.batch_first else 0)
        return along, hidden.unsqueeze(0)


KINDS: dict[type[nn.Module], Callable[..., nn.Module]] = {
    nn.Linear: WeighedLinear,
    nn.Conv2d: WeighedConv2d,
    nn.RNN: WeighedRNN,
}
