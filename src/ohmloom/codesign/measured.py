"""Measured: what programmed layers gave for a training set, so that the chip runs it once instead of in every epoch.

Layers that are in cells never change again while the rest is trained. Their outputs are recorded once and given back
row by row; those that only reach other recorded layers are forgotten. What no record fits (outputs that are no tensor
with one row per sample) is computed by the cells each time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from ohmloom.nn import converted

BATCH = 250  # samples that run on the chip at a time


class Measured:
    """The outputs of the programmed layers of ``hardware`` for ``inputs`` (samples, …)."""

    def __init__(self, hardware: nn.Module, inputs: Tensor) -> None:
        self.hardware, self.inputs = hardware, inputs
        self._held: dict[str, list[Tensor]] = {}  # by layer, one for each call of a forward: (samples, …)
        self._seen: set[str] = set()

    @property
    def held_bytes(self) -> int:
        """What the records take."""
        return sum(part.untyped_storage().nbytes() for held in self._held.values() for part in held)

    def measure(self) -> None:
        """Run the inputs through what was programmed since the last call, and keep what it gives."""
        layers: dict[str, Any] = dict(converted(self.hardware))
        new = [name for name, layer in layers.items() if layer.on_chip.matrices and name not in self._seen]
        if not new:
            return
        self._seen.update(new)
        found: dict[str, list[Any]] = {name: [] for name in new}
        batches = torch.arange(len(self.inputs)).split(BATCH)
        with ExitStack() as stack, torch.no_grad():
            for name in new:
                hook = layers[name].register_forward_hook(lambda _m, _x, y, held=found[name]: held.append(y))
                stack.callback(hook.remove)
            for rows in batches:
                self.outputs(rows)
        self._held |= {name: held for name in new if (held := _joined(found[name], batches))}
        self._forget()

    def outputs(self, rows: Tensor) -> Tensor:
        """What the hardware gives for some of the samples, recorded layers as recorded."""
        with self.replayed(rows):
            return self.hardware(self.inputs[rows])

    @contextmanager
    def replayed(self, rows: Tensor) -> Iterator[None]:
        """Let recorded layers give what they gave for the samples ``rows``, whatever they are called with."""
        layers: dict[str, Any] = dict(converted(self.hardware))
        try:
            for name, held in self._held.items():
                layers[name].forward = _replay(layers[name], held, rows)
            yield
        finally:
            for name in self._held:
                del layers[name].forward

    @torch.no_grad()
    def _forget(self) -> None:
        """Keep only the shape of what changes nothing: random numbers in its place give the same."""
        rows, generator = torch.arange(min(2, len(self.inputs))), torch.Generator().manual_seed(0)
        before = self.outputs(rows)
        for name, held in self._held.items():
            self._held[name] = [torch.randn(part[rows].shape, generator=generator).to(part) for part in held]
            if torch.equal(self.outputs(rows), before):
                self._held[name] = [part.new_zeros(1).expand(part.shape) for part in held]
            else:
                self._held[name] = held


def _replay(layer: Any, held: list[Tensor], rows: Tensor) -> Callable[..., Tensor]:
    def forward(*_: object, **__: object) -> Tensor:
        call = layer.on_chip.calls % len(held)
        layer.on_chip.calls += 1
        return held[call][rows]

    return forward


def _joined(found: list[Any], batches: tuple[Tensor, ...]) -> list[Tensor]:
    """One tensor for each call of a forward; none if a record does not fit its samples."""
    calls, rest = divmod(len(found), len(batches))
    if rest or not calls:
        return []
    parts = [found[call::calls] for call in range(calls)]
    fits = all(
        isinstance(y, Tensor) and y.dim() > 0 and len(y) == len(rows)
        for part in parts
        for y, rows in zip(part, batches, strict=True)
    )
    return [torch.cat(part) for part in parts] if fits else []
