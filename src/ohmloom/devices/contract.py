"""What every device promises: tests that any user's device, or own part in one, can be put through.

check_device(Device.load("neurram-hfox", parts=[MyReadNoise()]))
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import torch
from scipy.integrate import trapezoid
from torch import Tensor

from ohmloom.devices.cells import Cells, Fault, Written
from ohmloom.devices.device import Device, conductance, form, program, sample_reads, switch
from ohmloom.errors import ConfigurationError, OhmloomError, message

TIMES = (0.0, 1e-3, 1.0, 60.0, 3600.0, 86400.0, 3.15e7)  # s
SIGMAS = 6  # statistics may miss their expectation by this many of their own deviations


def check_device(device: Device, *, seed: int = 0) -> tuple[str, ...]:
    """Put a device through its contract and return the names of the checks it passed, in order.

    Shapes, dtypes, seeds, purity, absolute time, non-negativity, gradients, and statistics of the noise against its own
    ``variance`` and ``density``.

    Raises ConfigurationError with a sentence on the first broken promise.
    """
    checks: list[Callable[[Device, int], None]] = [
        _description,
        _programming,
        _bad_targets,
        _seeds,
        _absent_cells,
        _faulty_cells,
        _retention,
        _retention_gradient,
        _conduction,
        _noise_shapes,
        _noise_spectrum,
        _noise_statistics,
    ]
    if device.forming is not None:
        checks += [_forming, _switching]
    for check in checks:
        check(device, seed)
    return tuple(check.__name__.strip("_").replace("_", " ") for check in checks)


def _require(holds: bool | Tensor, field: str, rule: str, given: object, remedy: str = "Mend this part.") -> None:
    if not bool(holds):
        raise ConfigurationError(message(f"device.{field}", rule, given, remedy))


def _generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _targets(device: Device, dtype: torch.dtype = torch.float32) -> Tensor:
    """Targets over the whole range, off cells included, (2, 16, 16)."""
    levels = torch.linspace(0, device.g_max, 512, dtype=dtype)
    return levels[torch.randperm(512, generator=_generator(1))].reshape(2, 16, 16)


def _write(device: Device, seed: int, dtype: torch.dtype = torch.float32) -> Written:
    return program(device, _targets(device, dtype), _generator(seed))


def _same(a: Cells, b: Cells) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


def _description(device: Device, seed: int) -> None:
    again = Device.parse(device.table())
    _require(again == device, "table", "must read back to an equal device", again)


def _programming(device: Device, seed: int) -> None:
    for dtype in (torch.float32, torch.float64):
        cells, read_back, failed = _write(device, seed, dtype)
        for name, leaf in (*cells._asdict().items(), ("read_back", read_back), ("failed", failed)):
            _require(leaf.shape == (2, 16, 16), "programming", f"{name} must be (..., rows, columns)", leaf.shape)
            _require(torch.isfinite(leaf).all(), "programming", f"{name} must be finite", "NaN or infinity")
        for name, leaf, kind in (
            ("written", cells.written, dtype),
            ("latent", cells.latent, dtype),
            ("read_back", read_back, dtype),
            ("faults", cells.faults, torch.int8),
            ("pulses", cells.pulses, torch.int32),
            ("failed", failed, torch.bool),
        ):
            _require(leaf.dtype == kind, "programming", f"{name} must be {kind} for {dtype} targets", leaf.dtype)
        for name, leaf in (("written", cells.written), ("pulses", cells.pulses), ("on", cells.on)):
            _require(leaf.min() >= 0, "programming", f"{name} must not be negative", float(leaf.min()))


def _bad_targets(device: Device, seed: int) -> None:
    for name, value in (("NaN", math.nan), ("infinite", math.inf), ("negative", -1e-6), ("2 g_max", 2 * device.g_max)):
        targets = _targets(device)
        targets[0, 0, 0] = value
        try:
            program(device, targets, _generator(seed))
        except OhmloomError:
            continue
        _require(False, "programming", f"{name} targets must be refused", "cells")


def _seeds(device: Device, seed: int) -> None:
    _require(
        _same(_write(device, seed).cells, _write(device, seed).cells),
        "programming",
        "the same generator must give the same cells",
        "different cells",
        "Draw only from the generator that is given.",
    )


def _absent_cells(device: Device, seed: int) -> None:
    targets = _targets(device)
    wanted = targets > device.g_max / 2
    cells = program(device, targets * wanted, _generator(seed), wanted=wanted).cells
    for name, leaf in cells._asdict().items():
        _require(not leaf[~wanted].any(), "programming", f"{name} must be 0 where no cell is wanted", "other values")
    for elapsed in TIMES:
        later = conductance(device, cells, elapsed, extrapolate=True)
        _require(not later[~wanted].any(), "retention", "a place without a cell must stay at 0", f"more at {elapsed} s")


def _faulty_cells(device: Device, seed: int) -> None:
    drawn = device.faults.draw((64, 64), _generator(seed))
    _require(drawn.dtype == torch.int8 and drawn.shape == (64, 64), "faults", "must be int8 of the shape", drawn.dtype)
    _require(set(drawn.unique().tolist()) <= {int(f) for f in Fault}, "faults", "must be Fault codes", drawn.unique())
    cells = _write(device, seed).cells
    stuck = cells.faults != Fault.NONE
    later = conductance(device, cells, 3600.0, extrapolate=True)
    _require(torch.equal(later[stuck], cells.written[stuck]), "retention", "must not move faulty cells", "moved cells")


def _retention(device: Device, seed: int) -> None:
    cells = _write(device, seed).cells
    written, latent, relaxed = cells.written, cells.latent, device.retention.relaxed
    now = relaxed(written, latent, 0.0)
    _require(torch.equal(now, written), "retention", "must give what was written at time 0", "another conductance")
    first = {t: relaxed(written, latent, t, extrapolate=True) for t in TIMES}
    for t in reversed(TIMES):
        again = relaxed(written, latent, t, extrapolate=True)
        _require(
            torch.equal(again, first[t]),
            "retention",
            "must be pure and absolute in time",
            f"another conductance when asked again for {t} s",
            "Take chance from the latent only and keep no state.",
        )
        _require(torch.isfinite(again).all(), "retention", "must be finite", f"NaN or infinity at {t} s")
        _require(again.min() >= 0, "retention", "must not be negative", f"{float(again.min())} S at {t} s")
        flipped = relaxed(written.flip(-1), latent.flip(-1), t, extrapolate=True).flip(-1)
        close = torch.allclose(flipped, again, rtol=1e-5, atol=0)
        _require(close, "retention", "must act on each cell alone", f"a neighbour's influence at {t} s")
    for bad in (-1.0, math.nan):
        try:
            relaxed(written, latent, bad)
        except OhmloomError:
            continue
        _require(False, "retention", "must refuse a time that is negative or NaN", f"a conductance for {bad} s")


def _retention_gradient(device: Device, seed: int) -> None:
    cells = _write(device, seed).cells
    written = cells.written.clone().requires_grad_()
    total = device.retention.relaxed(written, cells.latent, 60.0, extrapolate=True).sum()
    (gradient,) = torch.autograd.grad(total, written)
    _require(torch.isfinite(gradient).all(), "retention", "must have finite derivatives", "NaN or infinity")


def _conduction(device: Device, seed: int) -> None:
    v = torch.linspace(-1, 1, 201, dtype=torch.float64)
    effective = device.conduction.effective_voltage(v)
    g = torch.full_like(v, device.g_max)
    current = device.conduction.current(g, v)
    straight = torch.allclose(effective, v, rtol=1e-9, atol=1e-12)
    ohmic = device.conduction.ohmic
    _require(torch.allclose(current, g * effective), "conduction", "current must be g times effective voltage", "other")
    _require((effective.diff() > 0).all(), "conduction", "must rise with the voltage", "a falling current")
    _require(torch.allclose(effective, -effective.flip(0)), "conduction", "must be odd in the voltage", "an even part")
    _require(ohmic == straight, "conduction", "`ohmic` must say whether f(V) = V", ohmic)
    small = torch.tensor([1e-6], dtype=torch.float64)
    slope = float(device.conduction.effective_voltage(small) / small)
    _require(abs(slope - 1) < 1e-3, "conduction", "must have slope 1 at 0 V", slope)
    h = 1e-5
    measured = (device.conduction.effective_voltage(v + h) - device.conduction.effective_voltage(v - h)) / (2 * h)
    same, told = device.conduction.with_slope(v)
    matches = torch.allclose(same, effective) and torch.allclose(told, measured, rtol=1e-4)
    _require(matches, "conduction", "`with_slope` must be f(V) and f'(V)", told)


def _noise_shapes(device: Device, seed: int) -> None:
    g = torch.linspace(0, device.g_max, 64).reshape(8, 8)
    noise, reads = device.read_noise, [device.read_time * k for k in (0.1, 1.0, 10.0, 100.0)]
    variances = [noise.variance(g, integration) for integration in reads]
    for variance in variances:
        _require(variance.shape == g.shape, "read_noise", "variance must have the shape of g", variance.shape)
        _require(torch.isfinite(variance).all() and (variance >= 0).all(), "read_noise", "variance must be >= 0", "not")
        _require(noise.quiet == (not variance.any()), "read_noise", "`quiet` must say if it is zero", noise.quiet)
    for shorter, longer in pairwise(variances):
        grows = (longer > shorter * (1 + 1e-5)).any()
        _require(not grows, "read_noise", "variance must not grow with the integration", "growth")
    before = torch.ones_like(g)
    for span in (device.read_time, 1e-3, 1.0, 1e3):
        share = noise.frozen_share(g, span, device.read_time)
        inside = (share >= 0) & (share <= 1) & (share <= before + 1e-6)
        _require(inside.all(), "read_noise", "frozen_share must lie in [0, 1] and not grow with span", f"{span} s")
        before = share


def _noise_spectrum(device: Device, seed: int) -> None:
    """The variance of a read is the density seen through sinc^2(f T)."""
    g = torch.tensor([[device.g_max]], dtype=torch.float64)
    for integration in (device.read_time, 100 * device.read_time):
        frequencies = np.logspace(-12, 4, 6401) / integration
        densities = np.array([float(device.read_noise.density(g, float(f))) for f in frequencies])
        found = float(trapezoid(densities * np.sinc(frequencies * integration) ** 2, frequencies))
        wanted = float(device.read_noise.variance(g, integration))
        _require(
            abs(found - wanted) <= 0.03 * wanted,
            "read_noise",
            f"variance of a read of {integration:g} s must be the density through sinc^2(f T), {found:g} S^2",
            f"{wanted:g} S^2",
        )


def _noise_statistics(device: Device, seed: int) -> None:
    """Explicit reads have zero mean, the stated variance, and the stated share in common."""
    g = torch.linspace(device.g_max / 8, device.g_max, 1024, dtype=torch.float64).reshape(32, 32)
    integration, reads, span = device.read_time, 200, 1e-3
    noise = sample_reads(device, g, integration, _generator(seed), reads=reads) - g
    variance = device.read_noise.variance(g, integration)
    _require(noise.shape == (reads, 32, 32), "read_noise", "reads must be (reads, rows, columns)", noise.shape)
    if device.read_noise.quiet:
        _require(not noise.any(), "read_noise", "quiet noise must not change a read", "a change")
        return
    scaled, count = noise / variance.sqrt(), noise.numel()
    _near(scaled.mean(), 0.0, 1 / math.sqrt(count), "reads must have zero mean")
    _near(scaled.square().mean(), 1.0, math.sqrt(2 / count), "reads must have the stated variance")
    joint = (sample_reads(device, g, integration, _generator(seed + 1), reads=2, span=span) - g) / variance.sqrt()
    share = device.read_noise.frozen_share(g, span, integration)
    _near(
        (joint[0] * joint[1] - share).mean(),
        0.0,
        math.sqrt(2 / g.numel()),
        "reads must have the frozen share in common",
    )


def _near(found: Tensor, wanted: float, deviation: float, rule: str) -> None:
    _require(
        abs(float(found) - wanted) <= SIGMAS * deviation, "read_noise", f"{rule} ({wanted:g})", f"{float(found):g}"
    )


def _forming(device: Device, seed: int) -> None:
    assert device.forming is not None
    formed = [
        float((_formed(device, (64, 64), seed, v).faults != Fault.UNFORMED).double().mean())
        for v in (0.0, device.forming.voltage, 10 * device.forming.voltage)
    ]
    _require(formed[0] <= formed[1] <= formed[2], "forming", "a higher voltage must not form fewer cells", formed)
    pair = _formed(device, (2, 64, 64), seed, 10 * device.forming.voltage, one_of_pair=True)
    alive = (pair.faults != Fault.UNFORMED).sum(0)
    _require((alive == 1).all(), "forming", "exactly one cell of a pair must form", alive.unique().tolist())


def _formed(device: Device, shape: tuple[int, ...], seed: int, voltage: float, *, one_of_pair: bool = False) -> Cells:
    """Cells formed at any voltage, however far from those that were measured."""
    return form(device, shape, _generator(seed), voltage=voltage, one_of_pair=one_of_pair, extrapolate=True)


def _switching(device: Device, seed: int) -> None:
    cells = form(device, (64, 64), _generator(seed))
    keep = torch.rand(64, 64, generator=_generator(seed)) < 0.5
    switched, flips = switch(device, cells, keep, _generator(seed + 1))
    again, more = switch(device, switched, keep, _generator(seed + 2))
    _require(not more.any() and _same(again, switched), "forming", "a second switch must change nothing", "more flips")
    _require(not flips[cells.faults != Fault.NONE].any(), "forming", "faulty cells must not switch", "flips")
    _require(torch.equal(switched.pulses - cells.pulses, flips.int()), "forming", "a flip must be one pulse", "other")
    back, _ = switch(device, switched, torch.ones_like(keep), _generator(seed + 3))
    working = cells.faults == Fault.NONE
    _require((back.written[working] > device.forming.off).all(), "forming", "set cells must conduct", "off cells")  # type: ignore[union-attr]
