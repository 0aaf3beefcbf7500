"""`check_device`: every preset passes, and each broken promise is found."""

from typing import Literal

import pytest
import torch

from ohmloom.devices import (
    AdditiveNoise,
    Conduction,
    Device,
    Faults,
    HyperbolicSine,
    Ideal,
    OpenLoop,
    Programming,
    ReadNoise,
    Retention,
    check_device,
)
from ohmloom.errors import ConfigurationError


@pytest.mark.parametrize("name", Device.names())
def test_every_preset_keeps_the_contract(name):
    checks = check_device(Device.load(name))
    assert "noise statistics" in checks
    assert ("switching" in checks) == (Device.load(name).forming is not None)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_contract_does_not_hang_on_the_seed(seed):
    check_device(Device.load("generic-rram"), seed=seed)


def test_more_parts_keep_the_contract():
    check_device(Device.load("neurram-hfox", parts=[HyperbolicSine(scale=0.4), OpenLoop(deviation=(0.05,))]))


class Wandering(Retention):
    """Draws afresh whenever it is asked."""

    kind: Literal["test-wandering"] = "test-wandering"

    def relaxed(self, written, latent, elapsed, *, extrapolate=False):
        return written * (1 + 0.01 * torch.rand_like(written)) if elapsed else written


class Negative(Retention):
    """Forgets to clamp."""

    kind: Literal["test-negative"] = "test-negative"

    def relaxed(self, written, latent, elapsed, *, extrapolate=False):
        return written + (1e-5 * latent if elapsed else 0 * latent)


class Offset(Retention):
    """Is not where it was written at time 0."""

    kind: Literal["test-offset"] = "test-offset"

    def relaxed(self, written, latent, elapsed, *, extrapolate=False):
        return written * 0.99


class Underrated(AdditiveNoise):
    """States a density that is half of its variance."""

    kind: Literal["test-underrated"] = "test-underrated"  # type: ignore[assignment]

    def density(self, g, frequency):
        return super().density(g, frequency) / 2


class Diode(Conduction):
    """Conducts in one direction."""

    kind: Literal["test-diode"] = "test-diode"

    @property
    def ohmic(self):
        return False

    def effective_voltage(self, voltage):
        return torch.expm1(voltage)

    def with_slope(self, voltage):
        return torch.expm1(voltage), torch.exp(voltage)


class Flat(HyperbolicSine):
    """Its slope is not that of its law."""

    kind: Literal["test-flat"] = "test-flat"  # type: ignore[assignment]

    def with_slope(self, voltage):
        return self.effective_voltage(voltage), torch.ones_like(voltage)


class SelfSeeded(Programming):
    """Draws from the global generator."""

    kind: Literal["test-self-seeded"] = "test-self-seeded"

    def write(self, device, fresh, generator):
        noisy = fresh.targets * (1 + 0.01 * torch.rand_like(fresh.targets))
        return Ideal().write(device, fresh._replace(targets=noisy), generator)


class Everywhere(Programming):
    """Writes cells where none is wanted."""

    kind: Literal["test-everywhere"] = "test-everywhere"

    def write(self, device, fresh, generator):
        everywhere = fresh._replace(targets=fresh.targets + 1e-9, wanted=torch.ones_like(fresh.wanted))
        return Ideal().write(device, everywhere, generator)


class WideCodes(Faults):
    """Uses the wrong type."""

    kind: Literal["test-wide-codes"] = "test-wide-codes"

    def draw(self, shape, generator):
        return torch.zeros(tuple(shape), dtype=torch.int64)


class Loud(ReadNoise):
    """Says it is quiet."""

    kind: Literal["test-loud"] = "test-loud"

    @property
    def quiet(self):
        return True

    def density(self, g, frequency):
        return torch.full_like(g, 2e-18)

    def variance(self, g, integration):
        return torch.full_like(g, 1e-18 / (integration or 1.0))

    def frozen_share(self, g, span, integration=None):
        return torch.zeros_like(g)


@pytest.mark.parametrize(
    ("part", "words"),
    [
        (Wandering(), "must be pure and absolute in time"),
        (Negative(), "retention: must not be negative"),
        (Offset(), "must give what was written at time 0"),
        (Underrated(deviation=1e-7, read_time=1e-6), "must be the density through sinc"),
        (Diode(), "must be odd in the voltage"),
        (Flat(scale=0.5), "`with_slope` must be"),
        (SelfSeeded(), "the same generator must give the same cells"),
        (Everywhere(), "must be 0 where no cell is wanted"),
        (WideCodes(), "faults must be torch.int8"),
        (Loud(), "`quiet` must say if it is zero"),
    ],
)
def test_each_broken_promise_is_found(part, words):
    with pytest.raises(ConfigurationError, match=words):
        check_device(Device.load("ideal", parts=[part]))
