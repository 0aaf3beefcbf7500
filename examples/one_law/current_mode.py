"""Current-mode chips: amplitudes, a pair on columns subtracted before the ADC, amplifiers that saturate."""

import torch

from ohmloom.chips import Mapping, store
from ohmloom.crossbars import Amplitude, Analogue, AnalogueReadout, CurrentSense, Uniform
from ohmloom.devices import Device
from ohmloom.random import Streams

weights = torch.randn(32, 64, generator=torch.Generator().manual_seed(0))
x = torch.rand(128, 64, generator=torch.Generator().manual_seed(1))


def relative_error(limit: float | None) -> float:
    readout = AnalogueReadout(front_end=CurrentSense(saturation=limit), converter=Uniform(bits=8))
    mapping = Mapping(drive=Amplitude(bits=8), encoding=Analogue(layout="pair-columns"), readout=readout, voltage=0.2)
    product = store(weights, mapping, Device.load("ideal"), Streams(0)).product(x)[0]
    return float((product - x @ weights.T).norm() / (x @ weights.T).norm())


free, saturated = relative_error(None), relative_error(40e-6)
print(f"relative error {free:.4f}; with amplifiers that saturate at 40 uA {saturated:.4f}")
assert free < 0.04 < 2 * free < saturated
