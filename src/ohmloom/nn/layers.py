"""Converted layers: the user's Linear, Conv and attention, computing in one of the four modes.

A converted layer is the user's own module with its class exchanged for a subclass, so its parameters, its place in the
model and every ``isinstance`` stay as they were.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from ohmloom.crossbars import AnalogueReadout
from ohmloom.crossbars.windows import Window
from ohmloom.errors import NotFiniteError, NotProgrammedError, ShapeError, StaleError, message
from ohmloom.nn.modes import Digital, Noisy, Programmed, Quantised
from ohmloom.nn.moving import move
from ohmloom.nn.quantisers import quantise_input, quantise_output
from ohmloom.nn.state import LayerState

MAIN = "matrix"  # the only part of most layers
Weighted = tuple[Tensor, Tensor | None]  # weight (out, in), bias (out,)


class Clips(nn.Module):
    """Learned input ranges of one layer: a parameter for each part, saved with the model's own once they exist."""

    def __init__(self, limits: dict[str, Tensor]) -> None:
        super().__init__()
        for part, limit in limits.items():
            self.register_parameter(part, nn.Parameter(limit.detach().clone()))

    def _load_from_state_dict(self, state_dict: dict[str, Tensor], prefix: str, *rest: object) -> None:  # type: ignore[override]
        own = {f"{prefix}{name}": value for name, value in self.named_parameters()}
        for key in own.keys() - state_dict.keys():  # an ordinary checkpoint of the user's has no clips
            state_dict[key] = own[key].detach().clone()
        super()._load_from_state_dict(state_dict, prefix, *rest)  # type: ignore[arg-type]


class OnChip:
    """Mixin of converted layers: the parts of its weights, and products with them."""

    on_chip: LayerState
    clips: Clips

    def parts(self) -> dict[str, Weighted]:
        """The real matrices that the layer's arithmetic consists of, batch norm folded in: part → (weight, bias)."""
        raise NotImplementedError

    def watched(self) -> Iterator[Tensor]:
        """The tensors that, if they change, make programmed cells stale."""
        yield from cast("nn.Module", self).parameters(recurse=False)
        learned = getattr(self, "clips", None)
        yield from () if learned is None else learned.parameters()
        for norm in self.on_chip.folded:
            yield from norm.parameters(recurse=False)
            yield from (b for name, b in norm.named_buffers(recurse=False) if name != "num_batches_tracked")

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Any:
        """What ``.to``, ``.double`` and ``.cuda`` call: the cells follow the weights."""
        moved = super()._apply(fn, recurse)  # type: ignore[misc]
        move(self.on_chip, fn)
        return moved

    def limit(self, part: str) -> Tensor | None:
        """The input range of a part: learned, calibrated, or None (each vector its own)."""
        learned = getattr(self, "clips", None)
        return (
            getattr(learned, self.range_of(part))
            if learned is not None
            else self.on_chip.limits.get(self.range_of(part))
        )

    def range_of(self, part: str) -> str:
        """The name under which a part's input range is kept: groups of one convolution share theirs."""
        return MAIN if part.startswith("groups") else part

    @property
    def computes_digitally(self) -> bool:
        """Counts the call; True if the user's own arithmetic is wanted."""
        self.on_chip.calls += 1
        return isinstance(self.on_chip.mode, Digital) and self.on_chip.visitor is None

    def soft(
        self,
        x: Tensor,
        weights: dict[str, Tensor],
        compute: Callable[[Tensor, dict[str, Tensor]], Tensor],
        part: str = MAIN,
    ) -> Tensor:
        """`Quantised` and `Noisy`: codes and perturbed weights in the layer's own arithmetic; x is (..., features)."""
        state, mode = self.on_chip, self.on_chip.mode
        if state.visitor is not None:
            state.visitor.see_input(self, x, part)
        if not isinstance(mode, Digital):
            if not math.isfinite(x.detach().sum().item()) and not bool(torch.isfinite(x).all()):
                remedy = "Find where it arises."
                raise NotFiniteError(message(f"{state.name}.x", "must be finite", "NaN or inf", remedy))
            x = quantise_input(x, state.mapping.drive, self.limit(part))
        if isinstance(mode, Noisy):
            weights = mode.perturbation.perturb(weights)
        y = compute(x, weights)
        if state.visitor is not None:
            state.visitor.see_output(self, y, part)
        readout = state.mapping.readout
        if isinstance(mode, Quantised | Noisy) and mode.converter and isinstance(readout, AnalogueReadout):
            y = quantise_output(y, readout, state.output_ranges.get(part))
        return y

    def hard(self, x: Tensor, part: str, weighted: Weighted) -> Tensor:
        """`Programmed`: (..., in) → (..., out) on the selected die, or with the dies folded into the first axis."""
        state = self.on_chip
        if part not in state.matrices:
            rule, remedy = "must be programmed before it computes with cells", "Call ohmloom.program(hardware)."
            raise NotProgrammedError(message(state.name, rule, "no cells", remedy))
        matrix = state.matrices[part]
        if x.numel() == 0:
            return x.new_zeros(*x.shape[:-1], matrix.shape[0])
        rows = x.reshape(matrix.dies if state.die is None else 1, -1, x.shape[-1])
        value = matrix.product(rows.to(matrix.scale.dtype), dies=self.chosen_dies)
        weight, bias = weighted
        if isinstance(state.mode, Programmed) and state.mode.weight_gradient and torch.is_grad_enabled():
            soft = F.linear(rows.detach(), weight)
            value = value + (soft - soft.detach())
        if bias is not None and part not in state.bias_in_rows:
            value = value + bias if torch.is_grad_enabled() else value.add_(bias)
        return value.reshape(*x.shape[:-1], value.shape[-1]).to(x.dtype)

    @property
    def chosen_dies(self) -> slice:
        """The selected die, or all of them."""
        die = self.on_chip.die
        return slice(None) if die is None else slice(die, die + 1)

    def check_fresh(self) -> None:
        """Raises StaleError if a weight changed after programming."""
        state = self.on_chip
        if state.fingerprint is not None and not state.fingerprint.matches(self.watched()):
            rule, remedy = "must be as it was when its cells were programmed", "Call ohmloom.program again."
            raise StaleError(message(f"{state.name}.weight", rule, "a changed weight", remedy))

    def product(self, x: Tensor, part: str, weighted: Weighted) -> Tensor:
        """A product in `Programmed`: (..., in) → (..., out); a visitor sees ``x`` first."""
        self.check_fresh()
        if self.on_chip.visitor is not None:
            self.on_chip.visitor.see_vectors(self, x, part, weighted)
        return self.hard(x, part, weighted)


def fold(weight: Tensor, bias: Tensor | None, folded: list[nn.Module]) -> Weighted:
    """(out, in) weight and bias with a batch norm's running statistics: γ/σ W and (b - μ) γ/σ + β."""
    if not folded:
        return weight, bias
    norm = cast("nn.BatchNorm2d", folded[0])
    assert norm.running_var is not None
    assert norm.running_mean is not None
    gain = torch.rsqrt(norm.running_var + norm.eps)
    gain = gain if norm.weight is None else gain * norm.weight
    shift = -norm.running_mean * gain if bias is None else (bias - norm.running_mean) * gain
    return weight * gain.unsqueeze(1), shift if norm.bias is None else shift + norm.bias


class ChipLinear(OnChip, nn.Linear):
    """A fully connected layer on a chip."""

    def parts(self) -> dict[str, Weighted]:
        return {MAIN: fold(self.weight, self.bias, self.on_chip.folded)}

    def forward(self, input: Tensor) -> Tensor:
        if self.computes_digitally:
            return super().forward(input)
        if not isinstance(self.on_chip.mode, Programmed):
            own = {"weight": self.weight} | ({} if self.bias is None else {"bias": self.bias})
            return self.soft(input, own, lambda x, w: F.linear(x, w["weight"], w.get("bias")))
        return self.product(input, MAIN, self.parts()[MAIN])


class _ChipConvolution(OnChip):
    """What converted convolutions share: (batch, channels, …) ↔ rows of patches, groups ↔ block-diagonal matrices."""

    def batched(self, input: Tensor) -> Tensor:
        """The input with a batch axis. Raises ShapeError for another number of axes or channels."""
        layer = cast("nn.Conv2d", self)
        axes = len(layer.kernel_size)
        images = input if input.dim() == axes + 2 else input.unsqueeze(0)
        if images.dim() != axes + 2 or images.shape[1] != layer.in_channels:
            rule = f"must have {layer.in_channels} channels and {axes} axes of space"
            raise ShapeError(message(f"{self.on_chip.name}.x", rule, tuple(input.shape), "Reshape the input."))
        return images

    def group_chunks(self) -> list[range]:
        """Groups that share a matrix: as many as fit the rows of one array, at least one."""
        layer = cast("nn.Conv2d", self)
        per_group = layer.weight[0].numel()
        mapping = self.on_chip.mapping
        limits = [limit for limit in (mapping.input_capacity, mapping.inputs) if limit is not None]
        size = max(min(limits) // per_group, 1) if limits else layer.groups
        return [range(start, min(start + size, layer.groups)) for start in range(0, layer.groups, size)]

    def parts(self) -> dict[str, Weighted]:
        layer = cast("nn.Conv2d", self)
        weight, bias = fold(layer.weight.flatten(1), layer.bias, self.on_chip.folded)
        if layer.groups == 1:
            return {MAIN: (weight, bias)}
        blocks = weight.unflatten(0, (layer.groups, -1))
        shares = None if bias is None else bias.unflatten(0, (layer.groups, -1))
        return {
            f"groups{chunk.start}": (
                torch.block_diag(*blocks[chunk.start : chunk.stop]),
                None if shares is None else shares[chunk.start : chunk.stop].flatten(),
            )
            for chunk in self.group_chunks()
        }

    def on_images(self, images: Tensor, window: Window) -> Tensor:
        """In `Programmed`: images (batch, channels, height, width) → (batch, out channels, height, width)."""
        layer, parts = cast("nn.Conv2d", self), self.parts()
        size = window.positions(images.shape[-2], images.shape[-1])
        width = layer.in_channels // layer.groups
        chunks = (
            {MAIN: range(layer.groups)} if layer.groups == 1 else dict(zip(parts, self.group_chunks(), strict=True))
        )
        outputs = [
            self._convolved(images[:, chunks[part].start * width : chunks[part].stop * width], window, part, weighted)
            for part, weighted in parts.items()
        ]
        output = outputs[0] if len(outputs) == 1 else torch.cat(outputs, dim=-1)
        return output.view(len(images), *size, -1).permute(0, 3, 1, 2)

    def _convolved(self, images: Tensor, window: Window, part: str, weighted: Weighted) -> Tensor:
        """(batch, channels, height, width) → (batch, positions, out channels), by way of single vectors where somebody
        looks at these, or where the weight is to have a gradient."""
        state = self.on_chip
        watched = state.visitor is not None or (isinstance(state.mode, Programmed) and state.mode.weight_gradient)
        if watched or part not in state.matrices or images.numel() == 0:
            return self.product(window.patches(images), part, weighted)
        self.check_fresh()
        matrix, bias = state.matrices[part], weighted[1]
        held = images.unflatten(0, (matrix.dies if state.die is None else 1, -1)).to(matrix.scale.dtype)
        value = matrix.convolve(held, window, dies=self.chosen_dies)
        if bias is not None and part not in state.bias_in_rows:
            value = value + bias if torch.is_grad_enabled() else value.add_(bias)
        return value.reshape(len(images), -1, value.shape[-1]).to(images.dtype)

    def soft_images(self, images: Tensor, convolve: Callable[[Tensor, Tensor, Tensor | None], Tensor]) -> Tensor:
        """Quantised or noisy convolution; without a range, each image has its own."""
        layer = cast("nn.Conv2d", self)
        own = {"weight": layer.weight} | ({} if layer.bias is None else {"bias": layer.bias})
        shape = images.shape

        def compute(flat: Tensor, weights: dict[str, Tensor]) -> Tensor:
            return convolve(flat.view(shape), weights["weight"], weights.get("bias"))

        return self.soft(images.flatten(1), own, compute)


def _padded(layer: nn.Conv2d, images: Tensor) -> tuple[Tensor, Window]:
    """The images and the window of a layer; what is no plain border of zeros is put around the images."""
    around = layer._reversed_padding_repeated_twice  # left, right, top, bottom
    kernel, stride, dilation = (
        cast("tuple[int, int]", size) for size in (layer.kernel_size, layer.stride, layer.dilation)
    )
    if layer.padding_mode == "zeros" and around[0] == around[1] and around[2] == around[3]:
        return images, Window(kernel, stride, (around[2], around[0]), dilation)
    mode = "constant" if layer.padding_mode == "zeros" else layer.padding_mode
    return F.pad(images, around, mode=mode), Window(kernel, stride, dilation=dilation)


class ChipConv2d(_ChipConvolution, nn.Conv2d):
    """A two-dimensional convolution on a chip: each patch of the image is one vector."""

    def forward(self, input: Tensor) -> Tensor:
        if self.computes_digitally:
            return super().forward(input)
        images = self.batched(input)
        if not isinstance(self.on_chip.mode, Programmed):
            output = self.soft_images(images, self._conv_forward)
        else:
            output = self.on_images(*_padded(self, images))
        return output if input.dim() == 4 else output.squeeze(0)


class ChipConv1d(_ChipConvolution, nn.Conv1d):
    """A one-dimensional convolution on a chip."""

    def forward(self, input: Tensor) -> Tensor:
        if self.computes_digitally:
            return super().forward(input)
        signals = self.batched(input)
        if not isinstance(self.on_chip.mode, Programmed):
            output = self.soft_images(signals, self._conv_forward)
        else:
            padding = self._reversed_padding_repeated_twice
            mode = "constant" if self.padding_mode == "zeros" else self.padding_mode
            padded = F.pad(signals, padding, mode=mode) if any(padding) else signals
            window = Window((1, self.kernel_size[0]), (1, self.stride[0]), dilation=(1, self.dilation[0]))
            output = self.on_images(padded.unsqueeze(2), window).squeeze(2)
        return output if input.dim() == 3 else output.squeeze(0)


class _Folded:
    """A batch norm whose effect its layer's cells hold: it passes through while that layer is programmed."""

    source: list[OnChip]

    @property
    def is_folded(self) -> bool:
        state = self.source[0].on_chip
        return isinstance(state.mode, Programmed)


class ChipBatchNorm1d(_Folded, nn.BatchNorm1d):
    """Folded into the layer before it."""

    def forward(self, input: Tensor) -> Tensor:
        if self.is_folded and input.dim() == 3 and isinstance(self.source[0], nn.Linear):
            rule = "is folded over the last axis, as a Linear layer's outputs are"
            remedy = f'Convert with rules={{"{self.source[0].on_chip.name}": {{"fold": False}}}}.'
            raise ShapeError(message("BatchNorm1d", rule, f"{tuple(input.shape)}, where it is the second", remedy))
        return input if self.is_folded else super().forward(input)


class ChipBatchNorm2d(_Folded, nn.BatchNorm2d):
    """Folded into the layer before it."""

    def forward(self, input: Tensor) -> Tensor:
        return input if self.is_folded else super().forward(input)
