"""Write-verify: pulses of growing voltage, each followed by a noisy read, until the cell reads within tolerance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor

from ohmloom.devices.cells import Cells, Fault, Fresh, Written
from ohmloom.devices.programming import Programming
from ohmloom.devices.pulses import PulseModel, Traits
from ohmloom.errors import message
from ohmloom.quantities import Seconds, Siemens, Volts

if TYPE_CHECKING:
    from ohmloom.devices.device import Device


class WriteVerify(Programming):
    """Incremental-step pulses with verification, as NeuRRAM's controller does it.

    A cell is read; while it reads outside target ± ``tolerance`` (or, for a target below g_min, not below g_min) it
    gets a set or reset pulse of the needed polarity. The voltage starts at a value that depends on the target and rises
    by ``step`` with each pulse of the same polarity up to a limit; when the cell overshoots, the polarity alternates
    and the voltage starts again. A reading in range is confirmed by a second one. The controller gives up after
    ``pulses_at_limit`` pulses at the limit or after ``reversals`` changes of polarity.

    Each further epoch waits ``epoch_interval`` (cells relax through the device's own retention), reads all cells, and
    programs those out of tolerance again, with a fresh latent: cells with a quiet future survive, so the spread after
    relaxation shrinks. Time zero of retention is the end of programming: the intervals are not added to a cell's age.

    Reads integrate over ``verify_time``; noise slower than ``cell_time``, the time spent on one cell, is common to all
    reads of a cell in one epoch, so that confirming a reading does not remove it.
    """

    kind: Literal["write-verify"] = "write-verify"
    tolerance: Siemens = Field(gt=0)
    clamp: Siemens  # targets above it start at the higher voltages
    set_start: Volts
    set_start_above: Volts
    reset_start: Volts
    reset_start_above: Volts
    reset_start_off: Volts
    step: Volts = Field(gt=0)
    set_limit: Volts
    reset_limit: Volts
    pulses_at_limit: int = Field(ge=1)
    reversals: int = Field(ge=1)
    verify_time: Seconds = Field(gt=0)
    cell_time: Seconds = Field(gt=0)
    epochs: int = Field(default=1, ge=1)
    epoch_interval: Seconds = Field(default=1.0, ge=0)
    model: PulseModel

    @model_validator(mode="after")
    def _starts_below_limits(self) -> Self:
        resets = max(self.reset_start, self.reset_start_above, self.reset_start_off)
        for name, start, limit in (
            ("set_limit", max(self.set_start, self.set_start_above), self.set_limit),
            ("reset_limit", resets, self.reset_limit),
        ):
            if limit < start:
                raise ValueError(message(name, f"must reach the start, {start} V", f"{limit} V", "Raise it."))
        return self

    def write(self, device: Device, fresh: Fresh, generator: torch.Generator) -> Written:
        targets, faults, latent, wanted = fresh
        place = wanted.flatten().nonzero().squeeze(1)
        aims, broken = targets.flatten()[place], faults.flatten()[place]
        traits, g = self.model.draw(len(place), targets.dtype, generator)
        stuck = broken != Fault.NONE
        traits = traits._replace(
            set_threshold=traits.set_threshold.masked_fill(stuck, torch.inf),
            reset_threshold=traits.reset_threshold.masked_fill(stuck, torch.inf),
        )
        run = _Run(self, device, aims, traits, stuck, generator)
        state = run.first(device.with_faults(g, broken), latent.flatten()[place])
        for _ in range(1, self.epochs):
            state = run.again(state)
        return _spread_out(device, state, place, faults, targets.shape)


class _Programmed(NamedTuple):
    """All wanted cells after an epoch; every entry (cells,)."""

    g: Tensor  # S
    latent: Tensor
    pulses: Tensor  # int32
    read_back: Tensor  # S
    failed: Tensor  # bool


class _Active(NamedTuple):
    """The cells that are still being pulsed; every entry (active,)."""

    cell: Tensor  # its number in the run
    low: Tensor  # S, the range to be reached
    high: Tensor
    g: Tensor
    slow: Tensor  # N(0, 1), the slow noise of all reads in this epoch
    set_start: Tensor  # V
    reset_start: Tensor
    set_threshold: Tensor  # V
    reset_threshold: Tensor
    ceiling: Tensor  # S
    raising: Tensor  # bool, the polarity of the last pulse
    voltage: Tensor  # V, of the last pulse
    at_limit: Tensor  # int16, pulses given at the limit
    reversals: Tensor  # int16

    def take(self, keep: Tensor) -> _Active:
        index = keep.nonzero().squeeze(1)
        return _Active(*(entry.index_select(0, index) for entry in self))


class _Run:
    """One programming run of all wanted cells of one die."""

    def __init__(
        self,
        rule: WriteVerify,
        device: Device,
        aims: Tensor,
        traits: Traits,
        stuck: Tensor,
        generator: torch.Generator,
    ) -> None:
        self.rule, self.device, self.traits, self.stuck, self.generator = rule, device, traits, stuck, generator
        off = aims < device.g_min
        self.low = (aims - rule.tolerance).masked_fill(off, -torch.inf)
        self.high = (aims + rule.tolerance).masked_fill(off, device.g_min)
        above = aims > rule.clamp
        self.set_start = torch.where(above, rule.set_start_above, torch.full_like(aims, rule.set_start))
        self.reset_start = torch.where(above, rule.reset_start_above, torch.full_like(aims, rule.reset_start))
        self.reset_start.masked_fill_(off, rule.reset_start_off)
        self.slow_noise = bool(device.read_noise.frozen_share(aims, rule.cell_time, rule.verify_time).any())

    def first(self, g: Tensor, latent: Tensor) -> _Programmed:
        """The first epoch: every cell."""
        none = torch.zeros(g.shape, dtype=torch.int32, device=g.device)
        start = _Programmed(g, latent, none, torch.zeros_like(g), torch.zeros_like(none, dtype=torch.bool))
        return self._program(start, torch.arange(len(g), device=g.device))

    def again(self, state: _Programmed) -> _Programmed:
        """A further epoch: relax, read, and program the cells out of tolerance again."""
        relaxed = self.device.retention.relaxed(state.g, state.latent, self.rule.epoch_interval)
        relaxed = torch.where(self.stuck, state.g, relaxed)
        reading = self._read(relaxed, self._normal(relaxed))
        out = ((reading < self.low) | (reading > self.high)).nonzero().squeeze(1)
        state = state._replace(read_back=reading, failed=torch.zeros_like(state.failed))
        if not len(out):
            return state
        g, latent = state.g.clone(), state.latent.clone()
        g[out] = relaxed[out]
        latent[out] = self._normal(g[out])
        return self._program(state._replace(g=g, latent=latent), out)

    def _program(self, state: _Programmed, index: Tensor) -> _Programmed:
        """Pulse the cells ``index`` until each reads in range or is given up."""
        g, pulses = state.g.clone(), state.pulses.clone()
        read_back, failed = state.read_back.clone(), state.failed.clone()
        active, count = self._start(index, state.g), 0
        while len(active.cell):
            reading, in_range = self._verify(active)
            active, given_up = self._next(active, reading, first=count == 0)
            over = in_range | given_up
            if over.any():
                ended = active.cell[over]
                g[ended] = active.g[over]
                read_back[ended] = reading[over]
                failed[ended] = given_up[over] & ~in_range[over]
                pulses[ended] += count
                active = active.take(~over)
            traits = Traits(active.set_threshold, active.reset_threshold, active.ceiling)
            moved = self.rule.model.pulse(active.g, active.raising, active.voltage, traits, self.generator)
            active = active._replace(g=moved)
            count += 1
        return _Programmed(g, state.latent, pulses, read_back, failed)

    def _start(self, index: Tensor, g: Tensor) -> _Active:
        g = g[index]
        zeros = torch.zeros(g.shape, dtype=torch.int16, device=g.device)
        slow = self._normal(g) if self.slow_noise else torch.zeros_like(g)
        fixed = (self.set_start, self.reset_start, *self.traits)
        return _Active(
            index,
            self.low[index],
            self.high[index],
            g,
            slow,
            *(entry[index] for entry in fixed),
            raising=zeros.to(torch.bool),
            voltage=torch.zeros_like(g),
            at_limit=zeros,
            reversals=zeros.clone(),
        )

    def _verify(self, active: _Active) -> tuple[Tensor, Tensor]:
        """One read of each cell, and a second one of those in range; only both in range count."""
        reading = self._read(active.g, active.slow)
        in_range = (reading >= active.low) & (reading <= active.high)
        again = in_range.nonzero().squeeze(1)
        if len(again) and not self.device.read_noise.quiet:
            second = self._read(active.g[again], active.slow[again])
            reading[again] = second
            in_range[again] = (second >= active.low[again]) & (second <= active.high[again])
        return reading, in_range

    def _next(self, active: _Active, reading: Tensor, *, first: bool) -> tuple[_Active, Tensor]:
        """Polarity and voltage of each cell's next pulse, and which cells are given up instead."""
        rule = self.rule
        raising = reading < active.low
        start = torch.where(raising, active.set_start, active.reset_start)
        limit = torch.where(raising, rule.set_limit, torch.full_like(start, rule.reset_limit))
        turned = raising != active.raising
        if first:
            turned.fill_(True)
        voltage = torch.where(turned, start, torch.minimum(active.voltage + rule.step, limit))
        reversals = active.reversals if first else active.reversals + turned
        at_limit = (active.at_limit * ~turned + (voltage >= limit - rule.step / 1000)).to(torch.int16)
        given_up = (at_limit > rule.pulses_at_limit) | (reversals > rule.reversals)
        return active._replace(raising=raising, voltage=voltage, at_limit=at_limit, reversals=reversals), given_up

    def _read(self, g: Tensor, slow: Tensor) -> Tensor:
        """One verify read of each cell."""
        noise = self.device.read_noise
        if noise.quiet:
            return g.clone()
        fresh = self._normal(g)
        if self.slow_noise:
            share = noise.frozen_share(g, self.rule.cell_time, self.rule.verify_time)
            fresh = (1 - share).sqrt_() * fresh + share.sqrt() * slow
        return torch.addcmul(g, noise.variance(g, self.rule.verify_time).sqrt_(), fresh)

    def _normal(self, like: Tensor) -> Tensor:
        return torch.randn(like.shape, generator=self.generator, dtype=like.dtype, device=like.device)


def _spread_out(device: Device, state: _Programmed, place: Tensor, faults: Tensor, shape: torch.Size) -> Written:
    """The wanted cells back in their places; zeros where there is no cell."""

    def full(entry: Tensor) -> Tensor:
        places = torch.zeros(shape.numel(), dtype=entry.dtype, device=entry.device)
        return places.index_copy_(0, place, entry).view(shape)

    on = full(torch.full_like(state.g, device.g_max))
    cells = Cells(full(state.g), faults, full(state.latent), full(state.pulses), on)
    return Written(cells, full(state.read_back), full(state.failed))
