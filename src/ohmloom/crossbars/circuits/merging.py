"""Joining blocks of an array: two neighbours become one block, and their shared nodes are eliminated.

A block of cells is kept as the conductances C >= 0 between its terminals, in the order top, left, bottom, right (one
terminal for each line that crosses that side; none where nothing is connected). Only off-diagonal entries have a
meaning. With e the shared nodes, E = C_ee of both blocks added, and F the conductances from e to all other terminals,

    S = diag(F 1 + E 1) - E        X = S⁻¹ F        C' = C + Fᵀ X

so the diagonal comes from the row sums each time and nothing is ever subtracted: every entry keeps its *relative*
accuracy, also in float32. X are the voltages of e for unit voltages at the terminals, and they are all that the
gradient needs: with P = [1; X], dL/dY = P (dL/dY') Pᵀ. Algorithm: ours (nested dissection of a resistor network).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

TOP, LEFT, BOTTOM, RIGHT = range(4)
SMALL = 64  # nodes: up to here the compiled inverse is the faster one
TOGETHER = (32, 4)  # up to so many nodes, and from so many joins on, they are inverted side by side
NONE = np.zeros(0, np.int64)

Span = tuple[int, int, int]  # terminals of a block: the first, where it is in the joined block, how many
Rectangle = tuple[int, int, int, int]  # of a matrix: first row, end, first column, end


class Block(NamedTuple):
    """Cells as seen from their terminals."""

    conductance: Tensor  # (..., t, t), S; rows of driven and of sensed sides may be left out (not set)
    sides: tuple[int, int, int, int]  # terminals at the top, left, bottom and right

    def side(self, number: int) -> slice:
        """Where the terminals of one side are."""
        start = sum(self.sides[:number])
        return slice(start, start + self.sides[number])


class Plan(NamedTuple):
    """How two blocks of given sides become one."""

    start: tuple[int, int]  # the first shared node in each of both
    nodes: int  # how many nodes are shared, and eliminated
    spans: tuple[tuple[Span, Span], tuple[Span, Span]]  # the other terminals of each
    sides: tuple[int, int, int, int]  # of the new block


def plan(first: tuple[int, ...], second: tuple[int, ...], across: bool) -> Plan:
    """``across``: ``first`` is the left one of two, else the upper one of two."""
    (ta, la, ba, ra), (tc, lc, bc, rc) = first, second
    if across:
        left = ta + tc
        return Plan(
            (ta + la + ba, tc),
            ra,
            (((0, 0, ta), (ta, left, la + ba)), ((0, ta, tc), (tc + lc, left + la + ba, bc + rc))),
            (left, la, ba + bc, rc),
        )
    right = ta + la + lc + bc
    return Plan(
        (ta + la, 0),
        ba,
        (((0, 0, ta + la), (ta + la + ba, right, ra)), ((tc, ta + la, lc + bc), (tc + lc + bc, right + ra, rc))),
        (ta, la + lc, bc, ra + rc),
    )


def merge(
    first: Block, second: Block, across: bool, driven: bool = False, sensed: bool = False
) -> tuple[Block, Tensor]:
    """The block that two neighbours (batched alike) become, and the voltages X (batch, nodes, t) of the shared nodes.

    ``first`` lies left of or above ``second``. ``driven`` and ``sensed``: the left and the top side of the new block
    are drivers and sense circuits for good, so that only what couples them is needed of their rows.
    """
    places = np.tile(np.arange(len(first.conductance)), (2, 1))
    how = plan(first.sides, second.sides, across)
    return _join((first.conductance, second.conductance), places, how, across, _needed(how.sides, driven, sensed))


def merge_pairs(blocks: Block, across: bool) -> tuple[Block, Tensor]:
    """All pairs of neighbours of blocks (arrays, high, wide, t, t) become (arrays, high', wide', t', t'); their X."""
    arrays, high, wide, size, _ = blocks.conductance.shape
    number = np.arange(arrays * high * wide).reshape(arrays, high, wide)
    pairs = (number[:, :, ::2], number[:, :, 1::2]) if across else (number[:, ::2], number[:, 1::2])
    flat, how = blocks.conductance.view(-1, size, size), plan(blocks.sides, blocks.sides, across)
    joined, voltages = _join(
        (flat, flat), np.stack(pairs).reshape(2, -1), how, across, _needed(how.sides, False, False)
    )
    return Block(joined.conductance.view(*pairs[0].shape, *joined.conductance.shape[1:]), how.sides), voltages


def _join(
    blocks: tuple[Tensor, Tensor], places: NDArray[np.int64], how: Plan, across: bool, needed: list[Rectangle]
) -> tuple[Block, Tensor]:
    """X = S⁻¹ F, and C + Fᵀ X where ``needed``, of the blocks at ``places`` (2, batch).

    What a node shares with its own line outweighs the rest by far where wires conduct well. A long sum in which many
    small numbers meet a large one is rounded the same way each time, so the large one is kept apart and added last:
    the products leave out S⁻¹'s diagonal and the entries of F on the nodes' own lines. In float64 what is lost is
    beyond the digits asked for, and nothing is kept apart.
    """
    from ohmloom.crossbars.circuits import joints  # numba takes half a second to start

    batch, size, nodes = places.shape[1], sum(how.sides), how.nodes
    lines = _lines(how, across) if blocks[0].dtype == torch.float32 else NONE
    spans = np.array(how.spans)
    new, numbers = blocks[0].new_empty, (blocks[0].numpy(), blocks[1].numpy())
    outward, excess, links = new(batch, nodes, size), new(batch, nodes), new(batch, nodes, nodes)
    own, ahead = np.empty((2, batch, len(lines), nodes), outward.numpy().dtype)
    joints.gather(numbers, places, how.start, spans, lines, outward.numpy(), excess.numpy(), links.numpy(), own)
    inverse = invert_links(links, excess)
    alone = _taken(inverse) if len(lines) else excess
    voltages = inverse @ outward
    joints.settle(voltages.numpy(), outward.numpy(), inverse.numpy(), alone.numpy(), own, lines, ahead)
    joined = new(batch, size, size)
    for row, end, left, right in needed:
        part = joined[:, row:end, left:right]
        torch.baddbmm(part, outward[:, :, row:end].mT, voltages[:, :, left:right], beta=0, out=part)
    joints.assemble(
        numbers, places, how.start, spans, lines, outward.numpy(), own, voltages.numpy(), ahead, np.array(needed),
        joined.numpy(),
    )  # fmt: skip
    for line, start in enumerate(lines):
        voltages[:, :, start : start + nodes].diagonal(dim1=1, dim2=2).add_(torch.from_numpy(ahead[:, line]))
    return Block(joined, how.sides), voltages


def _lines(how: Plan, across: bool) -> NDArray[np.int64]:
    """Where the sides begin at which the lines of the shared nodes end: terminal i there lies on the line of node i."""
    return np.array([sum(how.sides[:end]) for end in ((LEFT, RIGHT) if across else (TOP, BOTTOM)) if how.sides[end]])


def _taken(matrix: Tensor) -> Tensor:
    """The diagonal (batch, n), which is set to zero in ``matrix``."""
    diagonal = matrix.diagonal(dim1=1, dim2=2)
    taken = diagonal.clone()
    diagonal.zero_()
    return taken


def _needed(sides: tuple[int, ...], driven: bool, sensed: bool) -> list[Rectangle]:
    """Which rectangles of a block somebody will read."""
    top, left, size = sides[TOP], sides[TOP] + sides[LEFT], sum(sides)
    if driven and sensed:
        found = [(left, size, 0, size), (top, left, 0, top)]
    elif driven:
        found = [(0, top, 0, size), (left, size, 0, size)]
    else:
        found = [(top if sensed else 0, size, 0, size)]
    return [(row, end, low, high) for row, end, low, high in found if end > row]


def invert_links(links: Tensor, excess: Tensor) -> Tensor:
    """Inverse of diag(excess + row sums of links) - links (batch, n, n), by halves and without subtraction.

    The diagonal of ``links`` >= 0 is not read, and ``links`` may be overwritten.
    """
    nodes = links.shape[-1]
    if nodes <= SMALL:
        from ohmloom.crossbars.circuits import joints  # numba takes half a second to start

        links, (most, few) = links.contiguous(), TOGETHER
        invert = joints.invert_together if nodes <= most and len(links) >= few else joints.invert
        invert(links.numpy(), excess.contiguous().numpy())
        return links
    half = nodes // 2
    between = links[:, :half, half:].contiguous()
    first = invert_links(links[:, :half, :half], excess[:, :half] + between.sum(-1))
    through = first @ between
    rest = torch.baddbmm(links[:, half:, half:], between.mT, through)
    grounded = torch.baddbmm(excess[:, half:, None], through.mT, excess[:, :half, None])
    second = invert_links(rest, grounded.squeeze(-1))
    inverse = torch.empty_like(links)
    inverse[:, half:, half:] = second
    inverse[:, :half, half:] = mixed = through @ second
    inverse[:, half:, :half] = mixed.mT
    inverse[:, :half, :half] = torch.baddbmm(first, mixed, through.mT)
    return inverse


def split(upstream: Tensor, voltages: Tensor, how: Plan) -> tuple[Tensor, Tensor]:
    """dL/dY of both blocks from that of the joined one (..., t, t), symmetric: P (dL/dY') Pᵀ, row by row of P."""
    batch = upstream.shape[:-2]
    mixed = voltages @ upstream.flatten(0, -3)
    inner = (mixed @ voltages.mT).view(*batch, how.nodes, how.nodes)
    mixed = mixed.view(*batch, how.nodes, -1)
    both = []
    for start, spans in zip(how.start, how.spans, strict=True):
        own, size = slice(start, start + how.nodes), how.nodes + sum(length for _, _, length in spans)
        sensitivity = upstream.new_empty(*batch, size, size)
        sensitivity[..., own, own] = inner
        pieces = [(slice(a, a + n), slice(to, to + n)) for a, to, n in spans]
        for rows, new_rows in pieces:
            sensitivity[..., own, rows] = mixed[..., new_rows]
            sensitivity[..., rows, own] = mixed[..., new_rows].mT
            for columns, new_columns in pieces:
                sensitivity[..., rows, columns] = upstream[..., new_rows, new_columns]
        both.append(sensitivity)
    return both[0], both[1]
