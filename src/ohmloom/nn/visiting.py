"""Visitors: who is shown what passes through converted layers while a forward runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from ohmloom.errors import unknown

if TYPE_CHECKING:
    from ohmloom.nn.layers import OnChip, Weighted


class Visitor:
    """A base class: looks at each part of each layer as a forward comes by, and sees what it overrides."""

    def see_input(self, layer: OnChip, x: Tensor, part: str) -> None:
        """Outside `Programmed`: what enters a part, before its drive."""

    def see_output(self, layer: OnChip, y: Tensor, part: str) -> None:
        """Outside `Programmed`: what leaves a part, before its converter."""

    def see_vectors(self, layer: OnChip, x: Tensor, part: str, weighted: Weighted) -> None:
        """In `Programmed`: vectors (..., in) on their way to a part's matrix, and the weight and bias it holds."""


@contextmanager
def visiting(hardware: nn.Module, visitor: Visitor) -> Iterator[None]:
    """Show ``visitor`` the forwards of ``hardware``; fused paths, which would pass layers by, are closed meanwhile."""
    from ohmloom.nn.convert import converted
    from ohmloom.nn.hardware import unfused

    layers, hooks = [layer.on_chip for layer in converted(hardware).values()], unfused(hardware)
    try:
        for layer in layers:
            layer.visitor = visitor
        yield
    finally:
        for hook in hooks:
            hook.remove()
        for layer in layers:
            layer.visitor = None


class _Caught(Visitor):
    def __init__(self, name: str) -> None:
        self.name, self.found = name, list[Tensor]()

    def see_vectors(self, layer: OnChip, x: Tensor, part: str, weighted: Weighted) -> None:
        if layer.on_chip.matrices[part].name == self.name:
            self.found.append(x.reshape(-1, x.shape[-1]))


def vectors_of(hardware: nn.Module, inputs: tuple[Tensor, ...], name: str) -> Tensor:
    """The vectors that reach the matrix ``name`` when programmed ``hardware`` computes ``inputs``: (vectors, in).

    Of a convolution they are its patches. Raises UnknownNameError for a name that `ohmloom.matrices` does not have,
    and NotProgrammedError before programming.
    """
    from ohmloom.nn.hardware import matrices

    names = matrices(hardware)
    if name not in names:
        raise unknown("matrix", name, names)
    caught = _Caught(names[name].name)
    with visiting(hardware, caught), torch.no_grad():
        hardware(*inputs)
    return torch.cat(caught.found)
