"""ESGNN's row: fresh random cells, single-ended, driven by 4-bit codes between each vector's minimum and maximum."""

import torch

from ohmloom.chips import Mapping, form
from ohmloom.crossbars import Affine, Analogue, AnalogueReadout, Uniform
from ohmloom.devices import Breakdown, Device
from ohmloom.random import Streams

forming = Breakdown(voltage="3.433 V", mean="3.433 V", spread="0.114 V", on="12 uS", on_spread="2 uS", off="0.1 uS")
mapping = Mapping(
    drive=Affine(bits=4),
    encoding=Analogue(layout="single"),
    readout=AnalogueReadout(converter=Uniform(bits=10), phase_sum="digital"),
    lowest=0.0,
    highest="100 uS",
)
reservoir = form((50, 50), mapping, Device.load("ideal").replace(forming=forming), Streams(0))
formed = float((reservoir.cells.written > 1e-6).float().mean())

x = torch.randn(200, 50, generator=torch.Generator().manual_seed(0)) + 3  # an offset that only the row sums remove
exact = x @ reservoir.effective()[0].T
error = (reservoir.product(x)[0] - exact).norm() / exact.norm()
print(f"{formed:.0%} of the cells formed at their mean voltage; relative error of 4-bit inputs {error:.3f}")
assert 0.45 < formed < 0.55
assert error < 0.05
