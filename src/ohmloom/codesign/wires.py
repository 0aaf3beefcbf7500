"""Programming through the wires: conductances whose *acting* matrix, wires included, is the wanted one.

Wires weaken cells that are far from drivers and sense circuits, and calibration of each column can undo only what all
its cells lost alike. :class:`ThroughWires` writes other conductances instead, found by gradient through the exact
solver; :class:`WiredWeights` lets a network train on what its arrays will make of its weights. Both are ours.
"""

from __future__ import annotations

from collections.abc import Mapping as Named
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from ohmloom.chips import Arrays, Chip, Mapping, Targets, acting_cells, termination
from ohmloom.crossbars import Layout, Wires
from ohmloom.descriptions import Description
from ohmloom.devices import Device
from ohmloom.nn import Perturbation


class ThroughWires(Description):
    """A correction for :func:`ohmloom.program`: targets G in the device's range that minimise, column by column,

        Σ_i (A_ij(G) / s_j - W_ij)² / Σ_i W_ij²,    s_j = Σ_i A_ij W_ij / Σ_i W_ij²

    with A the signed acting conductances and W those that ideal wires would want. The gain s_j is left to calibration:
    cells next to their drivers are weakened where far ones cannot be strengthened. Projected Adam from the plain
    targets, in ``steps`` of at most ``rate`` times the conductance range; all arrays of a matrix together.
    ``wires`` are those to correct for; absent, the chip's own.

    >>> ThroughWires(steps=40).rate
    0.02
    """

    steps: int = Field(default=80, ge=1)
    rate: float = Field(default=0.02, gt=0, lt=1)
    wires: Wires | None = None

    def __call__(self, goals: Tensor, mapping: Mapping, device: Device, wires: Wires) -> Tensor:
        """Better targets for ``goals`` (slices, signs, segments, rows, columns), S."""
        wires = self.wires or wires
        if wires.absent:
            return goals
        arrays, end = Arrays.of(mapping, _outputs(goals, mapping)), termination(mapping)
        low, _ = mapping.reach(device)
        span = device.g_max - low
        wanted, best, least = signed(goals, mapping), goals, torch.inf
        there = (goals != 0).flatten(0, 1).any(0).any(-1, keepdim=True)  # (segments, rows, 1): rows that exist
        level = (goals / span).requires_grad_()  # in units of the range, so that Adam's steps are shares of it
        adam = torch.optim.Adam([level], lr=self.rate)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(adam, self.steps, eta_min=self.rate / 50)
        for _ in range(self.steps):
            error = mismatch(signed(acting_cells(level * span, arrays, wires, end), mapping), wanted)
            if float(error.detach()) < least:
                best, least = level.detach() * span, float(error.detach())
            adam.zero_grad()
            error.backward()
            adam.step()
            schedule.step()
            with torch.no_grad():
                level.clamp_(low / span, device.g_max / span).mul_(there)
        return best


class WiredWeights(Perturbation):
    """What the arrays of ``chip`` make of a layer's weights: W → its acting matrix with each output's gain undone.

    The gain of an output is that of least squares, and no gradient flows through it. Sets no noise; ``then`` perturbs
    the result. The bias stays as it is. For layers whose mapping is the chip's own. A network that was trained in this
    way is calibrated with ``ohmloom.calibrate(..., trained_on=WiredWeights(chip=chip))``: its own weights are not what
    it computes with.
    """

    kind: Literal["wired-weights"] = "wired-weights"
    chip: Chip
    then: Perturbation | None = None

    def perturb(self, weights: Named[str, Tensor], generator: torch.Generator | None = None) -> dict[str, Tensor]:
        changed = dict(weights) | {"weight": self.acting(weights["weight"])}
        return changed if self.then is None else self.then.perturb(changed, generator)

    def acting(self, weight: Tensor) -> Tensor:
        """The weights (out, ...) that the chip's wires leave of ``weight``."""
        mapping, device, flat = self.chip.layer_mapping, self.chip.device, weight.flatten(1)
        scale = mapping.scale(flat)
        values = (flat / scale).T
        segments = mapping.segments(*values.shape)
        folded = segments.fold(values.clamp(-1, 1) if mapping.overrange == "clip" else values)
        encoding, targets = mapping.encoding, Targets(mapping, device, segments, None)
        goals = targets.parallel(folded)
        acting = acting_cells(goals, Arrays.of(mapping, len(flat)), self.chip.wires, termination(mapping))
        lines = signed(acting, mapping) / encoding.unit(*mapping.reach(device))
        held = torch.einsum("l,lsrc->src", lines.new_tensor(encoding.significance), lines)
        wanted = segments.fold(values).detach()
        gain = ((held * wanted).sum(-2) / wanted.square().sum(-2).clamp(min=1e-12)).detach()  # (segments, columns)
        held = held / torch.where(gain > 0.01, gain, torch.ones_like(gain)).unsqueeze(-2)
        return (segments.unfold(held).T * scale).view_as(weight)


def signed(cells: Tensor, mapping: Mapping) -> Tensor:
    """The signed conductance on each line, (slices, signs, segments, rows, columns) → (slices, segments, rows,
    columns), S."""
    signs = cells.new_tensor(mapping.encoding.layout.signs)
    lines = torch.einsum("p,lpsrc->lsrc", signs, cells)
    return lines[..., :-1] - lines[..., -1:] if mapping.encoding.layout is Layout.OFFSET_COLUMN else lines


def mismatch(acting: Tensor, wanted: Tensor) -> Tensor:
    """The mean over columns of the relative square error of ``acting`` to ``wanted`` (..., rows, columns), once each
    column's gain is undone."""
    power = wanted.square().sum(-2, keepdim=True)
    held = power > 0
    power = torch.where(held, power, torch.ones_like(power))
    gain = (acting * wanted).sum(-2, keepdim=True) / power
    error = (acting / torch.where(gain.abs() > 1e-3, gain, torch.ones_like(gain)) - wanted).square()
    return ((error.sum(-2, keepdim=True) / power) * held).sum() / held.sum().clamp(min=1)


def _outputs(goals: Tensor, mapping: Mapping) -> int:
    return goals.shape[-1] - (mapping.encoding.layout is Layout.OFFSET_COLUMN)
