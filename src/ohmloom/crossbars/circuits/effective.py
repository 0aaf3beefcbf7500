"""The exact linear map of an array with wires: effective conductance, voltage gain of open columns, and admittance."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F  # noqa: N812

from ohmloom.crossbars.circuits.elimination import LEFT, RIGHT, TOP, Elimination, Network, leaf_size
from ohmloom.crossbars.circuits.merging import Block
from ohmloom.crossbars.circuits.wires import Termination, Wires
from ohmloom.errors import ConfigurationError, NotFiniteError, ShapeError, message

TOGETHER = 2**18  # cells of arrays that are eliminated together: bounds the memory


class Terminals(NamedTuple):
    """An array as its drivers and its sense circuits see it."""

    transfer: Tensor  # (..., rows, columns): S with grounded columns, volts per volt with open ones
    admittance: Tensor  # (..., rows, rows), S, symmetric: what the drivers see; power V Y Vᵀ; carries no gradient


def effective_conductance(conductance: Tensor, wires: Wires, termination: Termination = "ground") -> Tensor:
    """What an array computes through its wires: T with I_j = Σ_i V_i T_ij, exact to rounding.

    For fixed ohmic cells an array is a linear network, so one elimination of all its inner nodes replaces a circuit
    solution per input. Columns at ``ground``: T in siemens, and ideal wires give the conductance back. ``open``
    columns: volts per volt, V_j = Σ_i V_i T_ij, with ideal wires g_ij / Σ_i g_ij; a column without any conductance
    gives 0, and the sense resistance plays no part. Transistors (``wires.access``) are in series with their cells.

    ``conductance`` (..., rows, columns) in siemens, float64 or float32, not negative; leading dimensions are arrays,
    each solved as if alone. Returns (..., rows, columns), differentiable once in the conductance. O(n³) time and
    O(n²) memory for n x n cells; computed on the processor. Raises ShapeError, NotFiniteError or ConfigurationError.

    Algorithm: ours, :mod:`ohmloom.crossbars.circuits.merging`; it agrees with nodal analysis (badcrossbar,
    doi:10.1016/j.softx.2020.100617) to rounding.

    >>> cells = torch.full((2, 2), 1e-3, dtype=torch.float64)
    >>> effective_conductance(cells, Wires(row=10.0, column=10.0))
    tensor([[0.0010, 0.0009],
            [0.0010, 0.0010]], dtype=torch.float64)
    """
    _check(conductance, termination)
    cells = wires.with_access(conductance)
    if wires.ideal:
        return cells if termination == "ground" else cells / _column_totals(cells)
    parts = [_transfer(part, wires, termination) for part in _groups(cells, wires)]
    return _oriented(torch.cat(parts).view(cells.shape), wires)


@torch.no_grad()
def terminals(conductance: Tensor, wires: Wires, termination: Termination = "ground") -> Terminals:
    """Transfer and driven-terminal admittance of the same elimination; arguments as in :func:`effective_conductance`.

    The power that drivers put into an array, wires included, is V Y Vᵀ with V (rows,) in volts; with ideal wires
    Y = diag(Σ_j g_ij) at grounded columns, less Σ_j g_ij g_kj / Σ_l g_lj at open ones. Neither carries a gradient.

    >>> found = terminals(torch.full((1, 1), 1e-3, dtype=torch.float64), Wires(row=500.0, column=500.0))
    >>> found.admittance.item()
    0.0005
    """
    _check(conductance, termination)
    cells = wires.with_access(conductance)
    if wires.ideal:
        transfer = effective_conductance(conductance, wires, termination)
        own = torch.diag_embed(cells.sum(-1))
        return Terminals(transfer, own if termination == "ground" else own - cells @ transfer.mT)
    found = [_terminals(part, wires, termination) for part in _groups(cells, wires)]
    transfer = torch.cat([f.transfer for f in found]).view(cells.shape)
    admittance = torch.cat([f.admittance for f in found]).view(*cells.shape[:-1], cells.shape[-2])
    if wires.columns_to == "bottom":
        admittance = admittance.flip(-1, -2)
    return Terminals(_oriented(transfer, wires), admittance)


def _check(conductance: Tensor, termination: str) -> None:
    if termination not in ("ground", "open"):
        raise ConfigurationError(message("termination", "must be ground or open", repr(termination), "Choose one."))
    if conductance.dtype not in (torch.float32, torch.float64):
        rule = "must be float32 or float64"
        raise ConfigurationError(message("conductance", rule, conductance.dtype, "Convert it with .double()."))
    if conductance.dim() < 2 or 0 in conductance.shape[-2:]:
        rule = "must have the shape (..., rows, columns), with at least one of both"
        raise ShapeError(message("conductance", rule, tuple(conductance.shape), "Give a matrix or a batch of them."))
    if conductance.numel() == 0:
        return
    low, high = (value.item() for value in torch.aminmax(conductance.detach()))
    if not (low > -float("inf") and high < float("inf")):
        raise NotFiniteError(message("conductance", "must be finite", f"{low} to {high}", "Mend these cells."))
    if low < 0:
        raise ConfigurationError(message("conductance", "must not be negative", f"{low} S", "Give siemens >= 0."))
    if (conductance.detach().amax((-2, -1)) == 0).any():
        rule = "each array must have a cell that conducts"
        raise ConfigurationError(message("conductance", rule, "an array of zeros", "Leave that array out."))


def _column_totals(cells: Tensor) -> Tensor:
    """Σ_i g_ij (..., 1, columns); the largest of the array where a column has none."""
    total = cells.sum(-2, keepdim=True)
    return torch.where(total > 0, total, total.amax(-1, keepdim=True))


def _groups(cells: Tensor, wires: Wires) -> list[Tensor]:
    """Arrays (arrays, rows, columns), sensed at row 0, a limited number of cells at a time."""
    arrays = _oriented(cells, wires).reshape(-1, *cells.shape[-2:])
    group = max(TOGETHER // cells.shape[-2:].numel(), 1)
    return [arrays[start : start + group] for start in range(0, max(len(arrays), 1), group)]


def _oriented(matrix: Tensor, wires: Wires) -> Tensor:
    """With the sensed end of the columns at row 0; and back."""
    return matrix.flip(-2) if wires.columns_to == "bottom" else matrix


def _network(cells: Tensor, wires: Wires, termination: Termination) -> Network:
    """Cells (arrays, rows, columns), sensed at row 0, padded at the far ends by cells that do not conduct.

    An open column is one that ends in a link so weak (2^-60 of its own conductance in float64, 2^-30 in float32) that
    its current changes nothing, not even the last digit; the elimination keeps relative accuracy at any scale.
    """
    rows, columns = cells.shape[-2:]
    (p, high), (q, wide) = leaf_size(rows), leaf_size(columns)
    more_rows, more_columns = p * high - rows, q * wide - columns
    cells = F.pad(cells, (0, more_columns, 0, more_rows)) if more_rows or more_columns else cells
    weak = 2.0**-60 if cells.dtype == torch.float64 else 2.0**-30
    driven, far = 1 / (wires.row + wires.driver), 0.0
    row_links = [driven, *[1 / wires.row] * (columns - 1 + more_columns), far]
    if wires.rows_from == "both":  # padding must not lengthen the row: its segments are shorts
        row_links = [driven, *[1 / wires.row] * (columns - 1), *[1 / (wires.row * weak)] * more_columns, driven]
    column_links = [0.0, *[1 / wires.column] * (rows - 1 + more_rows), 0.0]
    if termination == "ground":
        sense = torch.full_like(cells[:, 0], 1 / (wires.column + wires.sense))
    else:
        sense = weak * _column_totals(cells.detach()).squeeze(-2)
    double = torch.float64
    return Network(
        cells, torch.tensor(row_links, dtype=double), torch.tensor(column_links, dtype=double), sense, (p, q)
    )


def _transfer(cells: Tensor, wires: Wires, termination: Termination) -> Tensor:
    if not len(cells):
        return cells
    network = _network(cells, wires, termination)
    current = _Eliminate.apply(network.conductance, network, wires.rows_from == "both")
    gain = current if termination == "ground" else current / network.sense[:, None]
    return gain[:, : cells.shape[-2], : cells.shape[-1]]


def _terminals(cells: Tensor, wires: Wires, termination: Termination) -> Terminals:
    arrays, rows, columns = cells.shape
    if not arrays:
        return Terminals(cells, cells.new_empty(0, rows, rows))
    network = _network(cells, wires, termination)
    block = Elimination(network, whole=True, keep=False).forward()[0]
    transfer = _between(block)
    ends = [block.side(side) for side in (LEFT, RIGHT) if block.sides[side]]
    between = torch.stack([block.conductance[:, a, c] for a in ends for c in ends]).sum(0)
    between = between[:, :rows, :rows]
    between.diagonal(dim1=-2, dim2=-1).zero_()
    own = between.sum(-1) + transfer[:, :rows].sum(-1)
    if termination == "open":
        transfer = transfer / network.sense[:, None]
    return Terminals(transfer[:, :rows, :columns], torch.diag_embed(own) - between)


def _between(block: Block) -> Tensor:
    """Conductance between drivers (both ends of a row are one driver) and sense circuits (arrays, rows, columns)."""
    seen = block.conductance[:, :, block.side(TOP)]
    driven = seen[:, block.side(LEFT)]
    return driven + seen[:, block.side(RIGHT)] if block.sides[RIGHT] else driven


class _Eliminate(torch.autograd.Function):
    """Cells (arrays, rows, columns) to conductances between drivers and sense circuits, and the gradient back."""

    @staticmethod
    def forward(ctx: Any, cells: Tensor, network: Network, both: bool) -> Tensor:
        wanted = ctx.needs_input_grad[0]
        network = network._replace(conductance=cells.detach())
        elimination = Elimination(network, whole=both, keep=wanted)
        block, node = elimination.forward()
        if wanted:
            ctx.save_for_backward(cells)
            ctx.elimination, ctx.node, ctx.block = elimination, node, Block(block.conductance[:, :0], block.sides)
        return _between(block).clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        _ = ctx.saved_tensors  # refuses cells that were overwritten meanwhile
        size, top = sum(ctx.block.sides), ctx.block.side(TOP)
        sensitivity = upstream.new_zeros(len(upstream), size, size)
        for end in (LEFT, RIGHT):
            if ctx.block.sides[end]:
                own = ctx.block.side(end)
                sensitivity[:, own, top] = upstream / -2  # T = -Y, and Y is symmetric
                sensitivity[:, top, own] = upstream.mT / -2
        return ctx.elimination.backward(sensitivity, ctx.node), None, None
