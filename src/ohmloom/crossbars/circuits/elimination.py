"""Eliminating a whole array, and the gradient back through the same tree of blocks.

An array is padded at its open ends to leaves x 2^k and halved, longer side first, down to regions that fit the cache;
inside a region all leaves and then all pairs of neighbours go in one batched call. Upper joins know their edges:
open sides have no terminals, and of driven and sensed sides only what the result needs is computed. The sensed end of
the columns is here the *top* row.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from ohmloom.crossbars.circuits.merging import BOTTOM, LEFT, RIGHT, TOP, Block, Plan, merge, merge_pairs, plan, split

LEAF = 8  # cells along a side, about
REGION = 2**14  # cells of all arrays together that are joined level by level


class Network(NamedTuple):
    """Arrays with the conductances of their lines' segments, S."""

    conductance: Tensor  # (arrays, rows, columns); the columns' sensed end is at row 0
    row_links: Tensor  # (columns + 1,) from the driver through all cells to the far end (0: open)
    column_links: Tensor  # (rows + 1,): the first is not read, the last leads to the far end (0: open)
    sense: Tensor  # (arrays, columns) from row 0 to the sense circuit
    leaf: tuple[int, int]  # rows and columns of a leaf


class Region(NamedTuple):
    """A rectangle of leaves."""

    top: int
    left: int
    high: int
    wide: int


@dataclass
class Join:
    """What the gradient needs of one join: how, the voltages, and what was joined."""

    how: Plan
    voltages: Tensor
    parts: tuple[Node, Node]


@dataclass
class Leaves:
    """What the gradient needs of one region: the joins of all pairs level by level, and the terminals left out."""

    region: Region
    levels: list[tuple[bool, Plan, Tensor]] = field(default_factory=list)
    kept: Tensor | None = None


Node = Join | Leaves


def leaf_size(lines: int) -> tuple[int, int]:
    """Lines of a leaf, and how many leaves (a power of two) cover ``lines`` with the least padding.

    >>> leaf_size(128), leaf_size(129), leaf_size(5), leaf_size(100)
    ((8, 16), (9, 16), (5, 1), (7, 16))
    """
    if lines <= LEAF:
        return lines, 1
    choices = [(-(-lines // 2**power), 2**power) for power in range(lines.bit_length())]
    fitting = [c for c in choices if LEAF // 2 < c[0] <= 3 * LEAF // 2]
    return min(fitting, key=lambda c: (c[0] * c[1], abs(c[0] - LEAF)))


class Elimination:
    """Both directions of one batch of arrays."""

    def __init__(self, network: Network, *, whole: bool, keep: bool) -> None:
        """``whole``: conductances between drivers too, or drivers at both ends; ``keep``: for the gradient."""
        self.network, self.whole, self.keep = network, whole, keep
        arrays, rows, columns = network.conductance.shape
        self.all = Region(0, 0, rows // network.leaf[0], columns // network.leaf[1])
        self.limit = max(REGION // arrays, LEAF * LEAF)
        self.numbers = tuple(t.contiguous().numpy() for t in network[:4])

    def forward(self) -> tuple[Block, Node]:
        """The block of the whole array, with terminals at its top (sensed), its left and perhaps its right."""
        return self._reduce(self.all)

    def _reduce(self, region: Region) -> tuple[Block, Node]:
        p, q = self.network.leaf
        if region.high * p * region.wide * q <= self.limit or region.high * region.wide == 1:
            return self._leaves(region)
        across, (first, second) = self._halves(region)
        (a, below_a), (c, below_c) = self._reduce(first), self._reduce(second)
        block, voltages = merge(
            a, c, across, driven=region.left == 0 and not self.whole, sensed=region.top == 0 and not self.whole
        )
        if not self.keep:
            return block, below_a
        return block, Join(plan(a.sides, c.sides, across), voltages, (below_a, below_c))

    def _halves(self, region: Region) -> tuple[bool, tuple[Region, Region]]:
        p, q = self.network.leaf
        top, left, high, wide = region
        if wide == 1 or (high > 1 and high * p >= wide * q):
            return False, (region._replace(high=high // 2), Region(top + high // 2, left, high // 2, wide))
        return True, (region._replace(wide=wide // 2), Region(top, left + wide // 2, high, wide // 2))

    def _leaves(self, region: Region) -> tuple[Block, Leaves]:
        (p, q), arrays, memory = self.network.leaf, len(self.network.conductance), Leaves(region)
        sides = (q, p, q, p)
        size = sum(sides)
        out = self.network.conductance.new_empty(arrays * region.high * region.wide, size, size)
        self._compiled("eliminate", region, out)
        block = Block(out.view(arrays, region.high, region.wide, size, size), sides)
        while block.conductance.shape[1] * block.conductance.shape[2] > 1:
            across = self._across(block)
            how = plan(block.sides, block.sides, across)
            block, voltages = merge_pairs(block, across)
            if self.keep:
                memory.levels.append((across, how, voltages))
        return self._without_open(Block(block.conductance[:, 0, 0], block.sides), region, memory), memory

    def _across(self, block: Block) -> bool:
        _, high, wide = block.conductance.shape[:3]
        return high == 1 or (wide > 1 and block.sides[TOP] <= block.sides[LEFT])

    def _without_open(self, block: Block, region: Region, memory: Leaves) -> Block:
        """Open sides carry no current: their terminals are left out."""
        gone = [BOTTOM] * (region.top + region.high == self.all.high)
        if region.left + region.wide == self.all.wide and self.network.row_links[-1] == 0:
            gone.append(RIGHT)
        if not gone:
            return block
        places = torch.arange(sum(block.sides))
        memory.kept = torch.cat([places[block.side(s)] for s in range(4) if s not in gone])
        sides = tuple(0 if s in gone else n for s, n in enumerate(block.sides))
        conductance = block.conductance.index_select(-2, memory.kept).index_select(-1, memory.kept)
        return Block(conductance, (sides[0], sides[1], sides[2], sides[3]))

    def _compiled(self, what: Literal["eliminate", "differentiate"], region: Region, *tensors: Tensor) -> None:
        from ohmloom.crossbars.circuits import leaves  # numba takes half a second to start

        p, q = self.network.leaf
        where = (len(self.network.conductance), region.high, region.wide)
        getattr(leaves, what)(
            *self.numbers, where, (p, q, region.top * p, region.left * q), *(t.numpy() for t in tensors)
        )

    def backward(self, upstream: Tensor, node: Node) -> Tensor:
        """dL/dG (arrays, rows, columns) from dL/dY (arrays, t, t), symmetric, of the whole array's terminals."""
        gradient = torch.empty_like(self.network.conductance)
        self._spread(upstream, node, gradient)
        return gradient

    def _spread(self, upstream: Tensor, node: Node, gradient: Tensor) -> None:
        if isinstance(node, Join):
            both = split(upstream, node.voltages, node.how)
            del upstream
            for part, below in zip(both, node.parts, strict=True):
                self._spread(part, below, gradient)
            return
        if node.kept is not None:
            (p, q), region = self.network.leaf, node.region
            size = 2 * (p * region.high + q * region.wide)
            spread = upstream.new_zeros(len(upstream), size, size)
            spread[:, node.kept[:, None], node.kept] = upstream
            upstream = spread
        upstream = upstream[:, None, None]
        for across, how, voltages in reversed(node.levels):
            both = split(upstream, voltages, how)
            upstream = torch.stack(both, 3 if across else 2).flatten(2 if across else 1, 3 if across else 2)
        self._compiled("differentiate", node.region, upstream.flatten(0, 2).contiguous(), gradient)
