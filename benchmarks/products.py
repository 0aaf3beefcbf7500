"""A noisy matrix product with converters, and a convolution, against torch's own."""

from __future__ import annotations

import torch
from torch import Tensor, nn

import ohmloom as ol
from benchmarks.distribution import check, rounded_normal
from benchmarks.timing import Result, compare, result
from ohmloom import Chip
from ohmloom.crossbars import AnalogueReadout, VoltageSense, Wires

SIZE, BATCH = 512, 256
SENSING = {
    "current": {"front_end": {"kind": "current"}, "layout": "pair-columns", "bar": "2.9"},
    "voltage": {"front_end": {"kind": "voltage"}, "layout": "pair-rows", "bar": "4.2"},
}


def chip_with(sensing: str, rows: int, noise: str = "fresh") -> Chip:
    """The 40 nm preset with this sensing, cores of ``rows`` inputs, 8-bit drive and converter.

    ``noise`` of the cells is ``fresh`` in every read, the preset's own with its ``slow`` share, or ``none``.
    """
    chip, how = Chip.load("generic-40nm"), SENSING[sensing]
    readout = chip.mapping.readout
    assert isinstance(readout, AnalogueReadout)
    mapping = chip.mapping.replace(
        encoding={"kind": "analogue", "layout": how["layout"], "pair_sum": "analogue"},
        readout=readout.replace(front_end=how["front_end"]),
    )
    per_input = 2 if how["layout"] == "pair-rows" else 1
    cores = chip.cores.replace(rows=rows * per_input, columns=2 * SIZE)
    quiet = {"fresh": {"kind": "relative", "deviation": 0.01, "read_time": "1 us"}, "none": {"kind": "none"}}
    device = chip.device if noise == "slow" else chip.device.replace(read_noise=quiet[noise])
    return chip.replace(mapping=mapping, cores=cores, device=device)


def linear(pairs: int) -> list[Result]:
    """Linear 512 x 512 on a batch of 256: fresh noise in every read; split over smaller cores; with slow noise too."""
    torch.manual_seed(0)
    layer, x = nn.Linear(SIZE, SIZE), torch.randn(BATCH, SIZE)
    results = []
    arms = (("", SIZE, "fresh"), (", two cores", SIZE // 2, "fresh"), (", slow noise too", SIZE, "slow"))
    for sensing, how in SENSING.items():
        for what, rows, noise in arms:
            hardware = ol.convert(layer, chip_with(sensing, rows, noise))
            ol.calibrate(hardware, x)
            ol.program(hardware)
            ol.calibrate(hardware, x, corrections=False)
            with torch.no_grad():
                tested = ("", True) if what else _noise(hardware, x[:8])
                seconds = compare(lambda: hardware(x), lambda: layer(x), pairs)  # noqa: B023
            name = f"Linear {SIZE} x {SIZE}, batch {BATCH}, {sensing} sensing{what}"
            results.append(result(name, seconds, "" if what else str(how["bar"]), "torch Linear, float32", tested))
    return results


def wired(pairs: int) -> list[Result]:
    """Linear 512 x 512 with wires against the same without, both programmed: the wires are solved once, beforehand."""
    torch.manual_seed(0)
    layer, x = nn.Linear(SIZE, SIZE), torch.randn(BATCH, SIZE)
    results = []
    for sensing in SENSING:
        for noise in ("none", "fresh"):
            with_wires, without = (
                _programmed(layer, x, sensing, noise, wires) for wires in (Wires(row=0.1, column=0.1), Wires())
            )
            with torch.no_grad():
                seconds = compare(lambda: with_wires(x), lambda: without(x), pairs)  # noqa: B023
            name = f"Linear {SIZE} x {SIZE} with wires, {sensing} sensing, noise: {noise}"
            results.append(result(name, seconds, "1.1", "the same layer without wires"))
    return results


def _programmed(layer: nn.Module, x: Tensor, sensing: str, noise: str, wires: Wires) -> nn.Module:
    hardware = ol.convert(layer, chip_with(sensing, 128, noise).replace(wires=wires))
    ol.calibrate(hardware, x)
    ol.program(hardware)
    ol.calibrate(hardware, x, corrections=False)
    return hardware


def convolution(pairs: int) -> list[Result]:
    """A convolution of 64 to 64 channels, 3 x 3, on 32 images of 16 x 16; every patch is one vector."""
    torch.manual_seed(0)
    layer, x = nn.Conv2d(64, 64, 3, padding=1), torch.randn(32, 64, 16, 16)
    results = []
    for noise in ("none", "fresh"):
        hardware = ol.convert(layer, chip_with("current", 64 * 9, noise))
        ol.calibrate(hardware, x)
        ol.program(hardware)
        ol.calibrate(hardware, x, corrections=False)
        with torch.no_grad():
            seconds = compare(lambda: hardware(x), lambda: layer(x), pairs)  # noqa: B023
        name = f"Conv2d 64-64 3x3, 32 x 16 x 16, noise: {noise}"
        bar = "1.3" if noise == "none" else "2.7"
        results.append(result(name, seconds, bar, "torch Conv2d, float32"))
    return results


def sliced(pairs: int) -> list[Result]:
    """Eight one-bit phases on two slices of four bits, every phase and slice converted apart by a converter that clips,
    cells programmed with error: sixteen products where a plain layer takes one."""
    torch.manual_seed(0)
    dense, convolved = nn.Linear(SIZE, SIZE), nn.Conv2d(64, 64, 3, padding=1)
    arms = (("Linear 512 x 512, batch 256", dense, torch.rand(BATCH, SIZE), ("20", "45")),
            ("Conv2d 64-64 3x3, 32 x 16 x 16", convolved, torch.rand(32, 64, 16, 16), ("35", "70")))  # fmt: skip
    results = []
    for what, layer, x, bars in arms:
        for noise, bar in zip(("none", "fresh"), bars, strict=True):
            hardware = ol.convert(layer, _in_slices(chip_with("current", 64 * 9, noise)))
            ol.calibrate(hardware, x)
            ol.program(hardware)
            ol.calibrate(hardware, x, corrections=False)
            with torch.no_grad():
                seconds = compare(lambda: hardware(x), lambda: layer(x), pairs)  # noqa: B023
            (matrix,) = ol.matrices(hardware).values()
            assert float(matrix.clips.converter) > 0
            name = f"{what}, 8 phases x 2 slices, noise: {noise}"
            results.append(result(name, seconds, bar, "the plain layer, float32"))
    return results


def _in_slices(chip: Chip) -> Chip:
    bits = {"kind": "bits", "bits": 9, "cell_bits": 4, "layout": "pair-columns", "pair_sum": "analogue"}
    drive = {"kind": "bit-serial", "bits": 8, "code": "unsigned"}
    return chip.replace(mapping=chip.mapping.replace(drive=drive, encoding=bits))


def _noise(hardware: nn.Module, x: Tensor, draws: int = 400) -> tuple[str, bool]:
    """The layer's reads against cell-by-cell sums of means and variances, and the exact rounding of a normal number."""
    matrix = ol.matrices(hardware)["model"]
    readout = matrix.mapping.readout
    assert isinstance(readout, AnalogueReadout)
    assert matrix.segments.count == 1
    bias = hardware.get_parameter("bias").detach()
    driven, levels = matrix.drive(x.unsqueeze(0))
    level = levels[0, 0, 0].double()  # (batch, rows)
    cells = matrix.conductance()[0, 0, :, 0].double() / matrix.unit  # (pair, rows, columns)
    variance = matrix.device.read_noise.variance(matrix.conductance(), readout.integration)
    spread = variance[0, 0, :, 0].double() / matrix.unit**2
    signed = level @ (cells[0] - cells[1])
    if isinstance(readout.front_end, VoltageSense):
        total = cells.sum((0, 1))
        mean = signed / total
        away = [(sign * level.unsqueeze(-1) - mean.unsqueeze(1)).square() for sign in (1, -1)]  # (batch, rows, columns)
        power = sum((a * s).sum(1) for a, s in zip(away, spread, strict=True)) / total.square()
        assert matrix.targets is not None
        gain = matrix.targets[0, :, 0].double().sum((0, 1)) / matrix.unit  # all that the digital side knows
    else:
        mean, power = signed, level.square() @ spread.sum(0)
        gain = torch.ones(())
    assert matrix.calibration.full_range is not None
    step = (matrix.calibration.full_range.flatten().double() / readout.converter.steps).expand_as(mean)
    first, second = rounded_normal(mean, power.sqrt(), step, readout.converter.steps)
    scale = matrix.scale.double() * driven.scale
    wanted, expected = first * gain * scale + bias.double(), second * (gain * scale).square()
    moves = expected > 0.1 * expected.median()  # where the converter is at its limit there is no variance to test
    reads = torch.stack([hardware(x) for _ in range(draws)])
    return check(reads[:, moves], wanted[moves], expected[moves])
