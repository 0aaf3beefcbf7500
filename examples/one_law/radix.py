"""The neural field's row: cells of significance 1.5^-l against a fixed level, programmed one after the other."""

import torch

from ohmloom.chips import Mapping, store
from ohmloom.crossbars import Amplitude, AnalogueReadout, Radix
from ohmloom.devices import Device, OpenLoop
from ohmloom.random import Streams

device = Device.load("ideal").replace(programming=OpenLoop(deviation=(0.0, 0.15)))  # an on state spreads by 15 %
weights = torch.rand(50, 40, generator=torch.Generator().manual_seed(0)) * 2 - 1


def error(order: str) -> float:
    mapping = Mapping(drive=Amplitude(), encoding=Radix(cells=12, order=order), readout=AnalogueReadout())
    held = store(weights, mapping, device, Streams(0)).effective()[0]
    return float((held - weights).square().mean().sqrt())


parallel, successive = error("parallel"), error("successive")
print(f"rms error of a weight in [-1, 1]: parallel {parallel:.4f}, successive {successive:.4f}")
assert successive < parallel / 5
