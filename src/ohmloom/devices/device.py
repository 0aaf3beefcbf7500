"""The device: one kind of cell as a description, and what can be done to an array of such cells.

device = Device.load("neurram-hfox")
written = program(device, targets, generator)
g = conductance(device, written.cells, elapsed=86400.0)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor

from ohmloom.descriptions import Choice, Preset
from ohmloom.devices.cells import Cells, Fault, Fresh, Written
from ohmloom.devices.conduction import Conduction, Ohmic
from ohmloom.devices.faults import Faults, NoFaults
from ohmloom.devices.forming import Forming
from ohmloom.devices.programming import Ideal, Programming
from ohmloom.devices.read_noise import Quiet, ReadNoise
from ohmloom.devices.retention import Retention, Stable
from ohmloom.errors import ConfigurationError, NotFiniteError, ShapeError, message
from ohmloom.quantities import CONDUCTANCE, Seconds, Siemens, show


class Device(Preset):
    """One kind of memristive cell, made of exchangeable parts.

    ``g_min`` to ``g_max`` is the range of conductances that a programmer aims at; a target below ``g_min`` means "off"
    and only has to end below ``g_min``. Cells stuck on read ``g_max``, cells stuck off zero, unformed cells
    ``g_unformed``.
    """

    folder: ClassVar[str] = "ohmloom.devices.presets"
    noun: ClassVar[str] = "device"

    g_min: Siemens
    g_max: Siemens
    g_unformed: Siemens = 0.0
    read_time: Seconds = Field(default=1e-6, gt=0)  # integration of one read by the programmer
    programming: Choice[Programming] = Ideal()
    retention: Choice[Retention] = Stable()
    read_noise: Choice[ReadNoise] = Quiet()
    faults: Choice[Faults] = NoFaults()
    conduction: Choice[Conduction] = Ohmic()
    forming: Choice[Forming] | None = None

    @model_validator(mode="after")
    def _range_is_open(self) -> Self:
        if self.g_max <= self.g_min:
            low, high = show(self.g_min, CONDUCTANCE), show(self.g_max, CONDUCTANCE)
            raise ValueError(message("device.g_max", f"must exceed g_min, {low}", high, "Give a larger g_max."))
        return self

    def with_faults(self, g: Tensor, faults: Tensor) -> Tensor:
        """``g`` with faulty cells at the level where they are stuck; shapes equal."""
        levels = (0.0, self.g_max, 0.0, self.g_unformed)  # in the order of Fault
        if not faults.any():
            return g
        return torch.where(faults == Fault.NONE, g, torch.tensor(levels, dtype=g.dtype, device=g.device)[faults.long()])


def program(device: Device, targets: Tensor, generator: torch.Generator, *, wanted: Tensor | None = None) -> Written:
    """Write ``targets`` into fresh cells.

    ``targets``: S, (..., rows, columns), float32 or float64, from 0 to g_max. ``wanted``: bool of the same shape; where
    it is False there is no cell. All randomness comes from ``generator`` (faults first, then latents, then pulses).

    Raises ShapeError, NotFiniteError or ConfigurationError for targets that cannot be written.
    """
    _check_targets(device, targets)
    wanted = _check_wanted(wanted, targets.shape, generator)
    aims = targets.detach().to(generator.device)
    faults, latent = _fresh(device, aims.shape, aims.dtype, generator, wanted)
    written = device.programming.write(device, Fresh(aims, faults, latent, wanted), generator)
    if targets.device == generator.device:
        return written
    cells = Cells(*(leaf.to(targets.device) for leaf in written.cells))
    return Written(cells, written.read_back.to(targets.device), written.failed.to(targets.device))


def form(
    device: Device,
    shape: Sequence[int],
    generator: torch.Generator,
    *,
    voltage: float | None = None,
    one_of_pair: bool = False,
    wanted: Tensor | None = None,
    selected: Tensor | None = None,
    extrapolate: bool = False,
    dtype: torch.dtype = torch.float32,
) -> Cells:
    """Make random cells by dielectric breakdown, float32 or float64.

    Each cell sees ``voltage`` (by default the one of ``device.forming``) and forms if its breakdown voltage is not
    higher. With ``one_of_pair`` the axis before rows and columns, (..., 2, rows, columns), is a pair in series: the
    cell with the lower breakdown voltage forms and takes the voltage away from the other, which stays unformed.
    ``selected``: bool of ``shape``; where it is False there is a cell, but it is never biased and stays pristine.

    Raises ConfigurationError if the device cannot be formed, or not at this voltage (beyond those at which breakdown
    was measured only with ``extrapolate``); ShapeError if there is no pair axis.
    """
    forming = _forming_of(device)
    applied = forming.applied(voltage, extrapolate=extrapolate)
    shape = tuple(shape)
    if one_of_pair and (len(shape) < 3 or shape[-3] != 2):
        raise ShapeError(message("shape", "must be (..., 2, rows, columns) with one_of_pair", shape, "Add the pair."))
    wanted = _check_wanted(wanted, shape, generator)
    biased = wanted if selected is None else wanted & _check_wanted(selected, shape, generator, "selected")
    breakdown = forming.breakdown(shape, generator)
    formed = biased & (breakdown <= applied)
    if one_of_pair:
        formed &= breakdown < breakdown.flip(-3)
    on = torch.where(wanted, forming.on_state(shape, generator).to(dtype), 0.0)
    faults, latent = _fresh(device, shape, on.dtype, generator, wanted)
    faults = torch.where(wanted & ~formed, int(Fault.UNFORMED), faults).to(torch.int8)
    written = torch.where(wanted, device.with_faults(on, faults), 0.0)
    return Cells(written, faults, latent, biased.to(torch.int32), on)


def switch(device: Device, cells: Cells, keep: Tensor, generator: torch.Generator) -> tuple[Cells, Tensor]:
    """Set the cells where ``keep`` is True to their own on state, reset the others to their residual off state.

    ``keep``: bool, broadcastable to the cells. A cell that is in the wanted state already, is faulty or is absent gets
    no pulse. A switched cell has a new latent. Returns the cells and the bool map of flips (one pulse each).
    """
    forming = _forming_of(device)
    keep = keep.to(torch.bool).expand_as(cells.written)
    is_on = cells.written > (cells.on + forming.off) / 2
    flips = (is_on != keep) & (cells.faults == Fault.NONE) & (cells.on > 0)
    level = torch.where(keep, forming.set_again(cells.on, generator), forming.reset(cells.on, generator))
    latent = torch.randn(cells.latent.shape, generator=generator, dtype=cells.latent.dtype, device=generator.device)
    switched = cells._replace(
        written=torch.where(flips, level, cells.written),
        latent=torch.where(flips, latent, cells.latent),
        pulses=cells.pulses + flips.to(cells.pulses.dtype),
    )
    return switched, flips


def set_and_reset(device: Device, cells: Cells, generator: torch.Generator) -> tuple[Cells, Cells]:
    """What the cells would hold if all were set to their own on state, and if all were reset: no pulse is spent.

    The on state is the cell's own, without the noise from cycle to cycle; the off state is one draw of the residual.
    Faulty and absent cells are the same in both.
    """
    sound = (cells.faults == Fault.NONE) & (cells.on > 0)
    residual = _forming_of(device).reset(cells.on, generator)
    both = (torch.where(sound, level, cells.written) for level in (cells.on, residual))
    on, off = (cells._replace(written=written) for written in both)
    return on, off


def conductance(device: Device, cells: Cells, elapsed: float, *, extrapolate: bool = False) -> Tensor:
    """The conductance in S of each cell ``elapsed`` seconds after programming; the same call gives the same answer.

    Time is absolute: asking for one day and then for one hour is allowed and exact. Faulty cells stay where they are.
    """
    relaxed = device.retention.relaxed(cells.written, cells.latent, elapsed, extrapolate=extrapolate)
    return torch.where(cells.faults == Fault.NONE, relaxed, cells.written)


def sample_reads(
    device: Device,
    conductance: Tensor,
    integration: float,
    generator: torch.Generator,
    *,
    reads: int = 1,
    span: float | None = None,
) -> Tensor:
    """Explicit noisy reads of every cell, (reads, ..., rows, columns): the reference that fast noise is tested against.

    With ``span`` (seconds that the reads take together) noise slower than it is the same in all reads; without it
    every read is independent. A read may be negative, as a measured current may.
    """
    if device.read_noise.quiet:
        return conductance.expand(reads, *conductance.shape).clone()
    deviation = device.read_noise.variance(conductance, integration).sqrt()
    fresh = _normal((reads, *conductance.shape), conductance, generator)
    if span is not None:
        share = device.read_noise.frozen_share(conductance, span, integration)
        fresh = (1 - share).sqrt() * fresh + share.sqrt() * _normal(conductance.shape, conductance, generator)
    return conductance + deviation * fresh


def _normal(shape: Sequence[int], like: Tensor, generator: torch.Generator) -> Tensor:
    drawn = torch.randn(tuple(shape), generator=generator, dtype=like.dtype, device=generator.device)
    return drawn.to(like.device)


def _fresh(
    device: Device, shape: Sequence[int], dtype: torch.dtype, generator: torch.Generator, wanted: Tensor
) -> tuple[Tensor, Tensor]:
    """Faults and latents of fresh cells; none where no cell is wanted."""
    faults = device.faults.draw(shape, generator)
    latent = torch.randn(tuple(shape), generator=generator, dtype=dtype, device=generator.device)
    return faults * wanted, torch.where(wanted, latent, 0.0)


def _forming_of(device: Device) -> Forming:
    if device.forming is None:
        rule = "must be given for cells that are formed or switched"
        raise ConfigurationError(message("device.forming", rule, "none", "Choose a device with forming, or add one."))
    return device.forming


def _check_wanted(
    wanted: Tensor | None, shape: Sequence[int], generator: torch.Generator, name: str = "wanted"
) -> Tensor:
    if wanted is None:
        return torch.ones(tuple(shape), dtype=torch.bool, device=generator.device)
    if wanted.shape != torch.Size(shape) or wanted.dtype != torch.bool:
        given = f"{wanted.dtype} of {tuple(wanted.shape)}"
        raise ShapeError(message(name, f"must be bool of the cells' shape {tuple(shape)}", given, "Match them."))
    return wanted.to(generator.device)


def _check_targets(device: Device, targets: Tensor) -> None:
    if targets.dim() < 2 or not targets.is_floating_point():
        given = f"{targets.dtype} of {tuple(targets.shape)}"
        raise ShapeError(message("targets", "must be floating (..., rows, columns)", given, "Add the missing axes."))
    if targets.numel() == 0:
        raise ShapeError(message("targets", "must hold at least one cell", tuple(targets.shape), "Leave it out."))
    low, high = (float(bound) for bound in targets.detach().aminmax())
    if not (low > float("-inf") and high < float("inf")):  # NaN fails as well
        raise NotFiniteError(message("targets", "must be finite", f"{low} to {high}", "Look for NaN in the weights."))
    if low < 0 or high > device.g_max * (1 + 1e-5):
        span = f"{show(low, CONDUCTANCE)} to {show(high, CONDUCTANCE)}"
        rule = f"must lie between 0 and g_max, {show(device.g_max, CONDUCTANCE)}"
        raise ConfigurationError(message("targets", rule, span, "Scale or clip the weights."))
