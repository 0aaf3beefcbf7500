"""Windows: vectors that are the patches of images, as convolutions send them, without unfolding the images.

Neighbouring patches share most of their numbers. As long as each number is coded on its own, coding commutes with
cutting; and a product of all patches with one matrix is a convolution, which needs neither the ninefold copy of an
unfolded image nor a product of tall matrices.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from ohmloom.crossbars.conversion import activity


@dataclass(frozen=True)
class Window:
    """Where a convolution looks, in pixels along (height, width); what it sees beyond an image is zero."""

    kernel: tuple[int, int]
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)
    dilation: tuple[int, int] = (1, 1)

    def positions(self, height: int, width: int) -> tuple[int, int]:
        """How many windows fit an image, along each axis."""
        reach = [step * (size - 1) for size, step in zip(self.kernel, self.dilation, strict=True)]
        return (
            (height + 2 * self.padding[0] - reach[0] - 1) // self.stride[0] + 1,
            (width + 2 * self.padding[1] - reach[1] - 1) // self.stride[1] + 1,
        )

    def patches(self, images: Tensor) -> Tensor:
        """(..., channels, height, width) → (..., positions, channels · kernel), position by position, row by row."""
        flat = images.reshape(-1, *images.shape[-3:])
        unfolded = F.unfold(flat, self.kernel, dilation=self.dilation, padding=self.padding, stride=self.stride)
        return unfolded.transpose(1, 2).reshape(*images.shape[:-3], -1, unfolded.shape[1])

    def convolve(self, images: Tensor, weight: Tensor) -> Tensor:
        """Products of all patches of images (n, channels, height, width) with (rows, columns): (n · positions,
        columns). Fastest where channels are the innermost axis in memory."""
        kernels = weight.T.reshape(weight.shape[1], images.shape[1], *self.kernel)
        if images.is_contiguous(memory_format=torch.channels_last):
            kernels = kernels.contiguous(memory_format=torch.channels_last)
        found = F.conv2d(images, kernels, stride=self.stride, padding=self.padding, dilation=self.dilation)
        return found.permute(0, 2, 3, 1).reshape(-1, weight.shape[1])


@dataclass(frozen=True, eq=False)
class Patches:
    """Levels of all patches of coded images, where levels of vectors are (phases, dies, segments, batch, rows).

    Rows of a patch are cut into ``segments`` of ``length`` inputs, each before ``bias_rows`` at level ``constant``.
    """

    images: Tensor  # (phases, dies or 1, n, height, width, channels), contiguous
    window: Window
    segments: int
    length: int
    bias_rows: int = 0
    constant: Tensor | None = None  # (phases,)

    @property
    def shape(self) -> torch.Size:
        """That of the levels as vectors."""
        phases, dies, count, height, width, _ = self.images.shape
        across, down = self.window.positions(height, width)
        rows = self.length + self.bias_rows
        return torch.Size((phases, dies, self.segments, count * across * down, rows))

    def __getitem__(self, phases: slice) -> Patches:
        return self._with(self.images[phases], None if self.constant is None else self.constant[phases])

    def square(self) -> Patches:
        """Of each level."""
        return self._with(self.images.square(), None if self.constant is None else self.constant.square())

    def activity(self) -> tuple[Patches, Patches]:
        """Squares of levels, and 1 where one is not zero, both added over images as if they were of one."""
        phases, dies, count, *place = self.images.shape
        found = activity(self.images.reshape(phases, dies, count, -1))
        squares, driven = (one.view(phases, dies, 1, *place).to(self.images) for one in found)
        if self.constant is None:
            return self._with(squares, None), self._with(driven, None)
        constant = count * self.constant.square(), count * (self.constant != 0).to(self.images)
        return self._with(squares, constant[0]), self._with(driven, constant[1])

    def weighted(self, weights: Tensor) -> Patches:
        """Σ_k weights_k of phase k, as one phase."""
        constant = None if self.constant is None else (weights * self.constant).sum(0, keepdim=True)
        return self._with(torch.einsum("k,k...->...", weights, self.images).unsqueeze(0), constant)

    def through(self, lines: Tensor) -> Tensor:
        """Products with lines (dies, segments, channels, rows, columns): (phases, dies, segments, channels, batch,
        columns)."""
        phases, own, _, batch, _ = self.shape
        held, segments, channels, _, columns = lines.shape
        dies = max(own, held)
        alone = dies == segments == channels == 1
        whole = None if alone else lines.new_empty(phases, dies, segments, channels, batch, columns)
        for die in range(dies):
            images = self.images[:, die % own].flatten(0, 1).permute(0, 3, 1, 2)
            for segment in range(segments):
                for channel in range(channels):
                    found = self._product(images, lines[die % held, segment, channel], segment)
                    if whole is None:
                        return found.view(phases, 1, 1, 1, batch, columns)
                    whole[:, die, segment, channel] = found.view(phases, batch, columns)
        assert whole is not None
        return whole

    def vectors(self) -> Tensor:
        """The same levels unfolded: (phases, dies, segments, batch, rows)."""
        images = self.images.permute(0, 1, 2, 5, 3, 4)
        rows = self.window.patches(images).flatten(2, 3)  # (phases, dies, batch, channels · kernel)
        rows = F.pad(rows, (0, self.segments * self.length - rows.shape[-1])).unflatten(
            -1, (self.segments, self.length)
        )
        if self.constant is not None:
            bias = self.constant.view(-1, 1, 1, 1, 1).expand(*rows.shape[:-1], self.bias_rows)
            rows = torch.cat([rows, bias], dim=-1)
        return rows.transpose(2, 3)

    def _product(self, images: Tensor, line: Tensor, segment: int) -> Tensor:
        """Products of the patches' rows in one segment with a line (rows, columns): (phases · batch, columns).

        Only channels that have a row in the segment are looked at.
        """
        area = self.window.kernel[0] * self.window.kernel[1]
        first = segment * self.length
        last = min(first + self.length, images.shape[1] * area)
        channels = slice(first // area, -(-last // area))
        weight = line.new_zeros((channels.stop - channels.start) * area, line.shape[1])
        start = first - channels.start * area
        weight[start : start + last - first] = line[: last - first]
        found = self.window.convolve(images[:, channels], weight)
        if self.constant is None:
            return found
        bias = self.constant.unsqueeze(1) * line[self.length :].sum(0)  # (phases, columns)
        return found.view(len(bias), -1, line.shape[1]).add_(bias.unsqueeze(1)).flatten(0, 1)

    def _with(self, images: Tensor, constant: Tensor | None) -> Patches:
        return replace(self, images=images, constant=constant)
