"""Print what the write-verify model of a device reaches: `python tools/programming_statistics.py [DEVICE]`.

The assumed constants of the pulse model of ``neurram-hfox`` were fitted to these figures jointly, on both sets:
98.6 to 99.82 % of the cells within ±1 µS by read-back (published failure rates 0.18 to 1.35 %), 5 to 15 pulses each.
"""

from __future__ import annotations

import sys
import time

import torch
from torch import Tensor

from ohmloom.devices import Device, Ideal, WriteVerify, conductance, program, programming_report

CELLS = 48 * 256 * 256  # of the NeuRRAM chip
DAY = 86400.0


def pair_targets(device: Device, cells: int, generator: torch.Generator) -> Tensor:
    """Gaussian weights in pairs of cells, the 95th percentile of |w| at g_max: half of the cells are off."""
    weights = torch.randn(cells // 512, 256, generator=generator) * (device.g_max / 1.96)
    return torch.stack([weights, -weights]).clamp(0, device.g_max)


def uniform_targets(device: Device, cells: int, generator: torch.Generator) -> Tensor:
    """Targets evenly over g_min to g_max."""
    level = torch.rand(cells // 256, 256, generator=generator)
    return device.g_min + (device.g_max - device.g_min) * level


def main(name: str = "neurram-hfox") -> None:
    torch.set_num_threads(1)
    device, generator = Device.load(name), torch.Generator().manual_seed(0)
    tolerance = device.programming.tolerance if isinstance(device.programming, WriteVerify) else 1e-6
    for title, targets in (
        ("pairs of cells as a network uses them", pair_targets(device, CELLS, generator)),
        ("uniform targets", uniform_targets(device, CELLS, generator)),
    ):
        start = time.perf_counter()
        written = program(device, targets, generator)
        seconds = time.perf_counter() - start
        print(f"\n{device.name}, {title}: {targets.numel():,} cells in {seconds:.1f} s on one thread")
        print(programming_report(targets, written, tolerance, off_below=device.g_min))
    spread_by_epochs(device, generator)


def spread_by_epochs(device: Device, generator: torch.Generator) -> None:
    """The deviation from a target of 12 µS after one to three programming epochs."""
    print("\ndeviation from the target in µS (12 µS, 100,000 cells)\nepochs  pulses  written     1 s   1 day  2 days")
    targets = torch.full((400, 250), 12e-6)
    rule = device.programming
    programmings = [rule.replace(epochs=n) for n in (1, 2, 3)] if isinstance(rule, WriteVerify) else [Ideal()]
    for epochs, programming in enumerate(programmings, 1):
        written = program(device.replace(programming=programming), targets, generator)
        ages = [conductance(device, written.cells, age) for age in (0.0, 1.0, DAY, 2 * DAY)]
        spreads = "  ".join(f"{float((g - targets).square().mean().sqrt()) * 1e6:6.2f}" for g in ages)
        print(f"{epochs:6d}  {float(written.cells.pulses.float().mean()):6.1f}   {spreads}")


if __name__ == "__main__":
    main(*sys.argv[1:])
