"""NeuRRAM's row: ternary phases on row pairs, open columns, a charge-decrement ADC; pairs meet on the line."""

import torch

from ohmloom.chips import Mapping, store
from ohmloom.crossbars import Analogue, AnalogueReadout, BitSerial, ChargeDecrement, VoltageSense
from ohmloom.devices import Device
from ohmloom.random import Streams

mapping = Mapping(
    drive=BitSerial(bits=4, code="signed"),
    encoding=Analogue(layout="pair-rows"),
    readout=AnalogueReadout(front_end=VoltageSense(), converter=ChargeDecrement(bits=9), phase_sum="analogue"),
    lowest=0.0,
    rows=256,
    columns=256,
)
weights = torch.randn(10, 100, generator=torch.Generator().manual_seed(0))
x = torch.randint(-7, 8, (64, 100), generator=torch.Generator().manual_seed(1)).float()
matrix = store(weights, mapping, Device.load("ideal"), Streams(0), limit=7.0)

error = (matrix.product(x)[0] - x @ weights.T).abs().max()
step = 7 / 128 * matrix.sensing().lines.total.max() * matrix.scale  # a code's worth at the heaviest column
print(f"largest error {error:.2f}, half a step of the 9-bit code {step / 2:.2f}")
assert error <= step / 2 * 1.01
