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

import torch
from torch import Tensor

TOP, LEFT, BOTTOM, RIGHT = range(4)
SMALL = 16  # nodes: up to here the compiled inverse is the faster one

Span = tuple[slice, slice]  # where something is in a block, and where in the block that it becomes part of


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

    shared: tuple[slice, slice]  # the shared nodes in each of both
    spans: tuple[list[Span], list[Span]]  # the other terminals of each
    sides: tuple[int, int, int, int]  # of the new block

    @property
    def nodes(self) -> int:
        """How many nodes are eliminated."""
        return self.shared[0].stop - self.shared[0].start


def plan(first: tuple[int, ...], second: tuple[int, ...], across: bool) -> Plan:
    """``across``: ``first`` is the left one of two, else the upper one of two."""
    (ta, la, ba, ra), (tc, lc, bc, rc) = first, second
    if across:
        left = ta + tc
        spans = (
            [_span(0, 0, ta), _span(ta, left, la + ba)],
            [_span(0, ta, tc), _span(tc + lc, left + la + ba, bc + rc)],
        )
        shared = slice(ta + la + ba, ta + la + ba + ra), slice(tc, tc + lc)
        sides = (left, la, ba + bc, rc)
    else:
        right = ta + la + lc + bc
        spans = (
            [_span(0, 0, ta + la), _span(ta + la + ba, right, ra)],
            [_span(tc, ta + la, lc + bc), _span(tc + lc + bc, right + ra, rc)],
        )
        shared = slice(ta + la, ta + la + ba), slice(0, tc)
        sides = (ta, la + lc, bc, ra + rc)
    kept = [[span for span in each if span[0].stop > span[0].start] for each in spans]
    return Plan(shared, (kept[0], kept[1]), sides)


def _span(source: int, target: int, length: int) -> Span:
    return slice(source, source + length), slice(target, target + length)


def merge(
    first: Block, second: Block, across: bool, driven: bool = False, sensed: bool = False
) -> tuple[Block, Tensor]:
    """The block that two neighbours (batched alike) become, and the voltages X (batch, nodes, t) of the shared nodes.

    ``first`` lies left of or above ``second``. ``driven`` and ``sensed``: the left and the top side of the new block
    are drivers and sense circuits for good, so that only what couples them is needed of their rows.
    """
    how, batch = plan(first.sides, second.sides, across), first.conductance.shape[:-2]
    outward, excess, links = _gather(first, second, how)
    lines = _lines(how, across)
    size = sum(how.sides)
    joined = (outward.new_zeros if driven or sensed else outward.new_empty)(outward.shape[0], size, size)
    voltages = _eliminate(outward, invert_links(links, excess), lines, _needed(how.sides, driven, sensed), joined)
    whole = joined.view(*batch, size, size)
    for block, spans in zip((first, second), how.spans, strict=True):
        for rows, new_rows in spans:
            for columns, new_columns in spans:
                whole[..., new_rows, new_columns] += block.conductance[..., rows, columns]
    return Block(whole, how.sides), voltages


def _lines(how: Plan, across: bool) -> list[slice]:
    """The sides at which the lines of the shared nodes end: terminal i there lies on the line of node i."""
    ends = (LEFT, RIGHT) if across else (TOP, BOTTOM)
    starts = [sum(how.sides[:end]) for end in ends if how.sides[end]]
    return [slice(start, start + how.nodes) for start in starts]


def _eliminate(
    outward: Tensor, inverse: Tensor, lines: list[slice], needed: list[tuple[slice, slice]], joined: Tensor
) -> Tensor:
    """X = S⁻¹ F, and Fᵀ X into ``joined``.

    What a node shares with its own line outweighs the rest by far where wires conduct well. A long sum in which many
    small numbers meet a large one is rounded the same way each time, so the large one is kept apart and added last.
    """
    own = [_taken(outward[:, :, line]) for line in lines]
    self_inverse = _taken(inverse)
    voltages = (inverse @ outward).addcmul_(self_inverse[:, :, None], outward)
    for line, link in zip(lines, own, strict=True):
        voltages[:, :, line].addcmul_(inverse, link[:, None, :])
    ahead = [self_inverse * link for link in own]
    total = voltages.sum(-1) + sum(ahead)  # all terminals at 1 V put all nodes at 1 V: the row sums are repaired
    voltages /= total[:, :, None]
    ahead = [voltage / total for voltage in ahead]
    for rows, columns in needed:
        torch.bmm(outward[:, :, rows].mT, voltages[:, :, columns], out=joined[:, rows, columns])
    for line, link in zip(lines, own, strict=True):
        joined[:, line].addcmul_(link[:, :, None], voltages)
    for line, voltage in zip(lines, ahead, strict=True):
        joined[:, :, line].addcmul_(outward.mT, voltage[:, None, :])
        for other, link in zip(lines, own, strict=True):
            joined[:, other, line].diagonal(dim1=1, dim2=2).addcmul_(link, voltage)
        voltages[:, :, line].diagonal(dim1=1, dim2=2).add_(voltage)
    return voltages


def _taken(matrix: Tensor) -> Tensor:
    """The diagonal (batch, n), which is set to zero in ``matrix``."""
    diagonal = matrix.diagonal(dim1=1, dim2=2)
    taken = diagonal.clone()
    diagonal.zero_()
    return taken


def _needed(sides: tuple[int, ...], driven: bool, sensed: bool) -> list[tuple[slice, slice]]:
    """Which (rows, columns) of a block somebody will read."""
    top, left, size = sides[TOP], sides[TOP] + sides[LEFT], sum(sides)
    everything = slice(0, size)
    if driven and sensed:
        spans = [(slice(left, size), everything), (slice(top, left), slice(0, top))]
    elif driven:
        spans = [(slice(0, top), everything), (slice(left, size), everything)]
    else:
        spans = [(slice(top, size) if sensed else everything, everything)]
    return [(rows, columns) for rows, columns in spans if rows.stop > rows.start]


def _gather(first: Block, second: Block, how: Plan) -> tuple[Tensor, Tensor, Tensor]:
    """F (batch, nodes, t), its row sums, and E of the shared nodes."""
    batch = first.conductance.shape[:-2]
    outward = first.conductance.new_empty(*batch, how.nodes, sum(how.sides))
    for block, own, spans in zip((first, second), how.shared, how.spans, strict=True):
        for columns, new_columns in spans:
            outward[..., new_columns] = block.conductance[..., own, columns]
    own, other = how.shared
    links = (first.conductance[..., own, own] + second.conductance[..., other, other]).flatten(0, -3)
    outward = outward.flatten(0, -3)
    return outward, outward.sum(-1), links


def invert_links(links: Tensor, excess: Tensor) -> Tensor:
    """Inverse of diag(excess + row sums of links) - links (batch, n, n), by halves and without subtraction.

    The diagonal of ``links`` >= 0 is not read, and ``links`` may be overwritten.
    """
    nodes = links.shape[-1]
    if nodes <= SMALL:
        from ohmloom.crossbars.leaves import invert  # numba takes half a second to start

        links = links.contiguous()
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
    for own, spans in zip(how.shared, how.spans, strict=True):
        size = how.nodes + sum(span[0].stop - span[0].start for span in spans)
        sensitivity = upstream.new_empty(*batch, size, size)
        sensitivity[..., own, own] = inner
        for rows, new_rows in spans:
            sensitivity[..., own, rows] = mixed[..., new_rows]
            sensitivity[..., rows, own] = mixed[..., new_rows].mT
            for columns, new_columns in spans:
                sensitivity[..., rows, columns] = upstream[..., new_rows, new_columns]
        both.append(sensitivity)
    return both[0], both[1]
