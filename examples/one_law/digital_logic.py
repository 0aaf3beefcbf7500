"""Digital RRAM and encrypted weights: bit-serial inputs, bit slices with a sign slice, AND and popcount; exact."""

import torch

from ohmloom.chips import Mapping, store
from ohmloom.crossbars import Bits, BitSerial, LogicReadout
from ohmloom.devices import Device
from ohmloom.random import Streams

random = torch.Generator().manual_seed(0)
weights = torch.randint(-127, 128, (20, 300), generator=random).double()
x = torch.randint(-127, 128, (16, 300), generator=random).double()
key = (torch.rand(8, 20, 300, generator=random) < 0.02).float()  # which stored bits are flipped

mapping = Mapping(
    drive=BitSerial(bits=8, code="twos-complement"),
    encoding=Bits(bits=8, number="sign-magnitude", layout="single"),
    readout=LogicReadout(operation="and"),
    rows=256,
)
weights[0, 0], x[0, 0] = 127, 127  # so that the scales are the integers' own
matrix = store(weights, mapping, Device.load("ideal"), Streams(0), key=key, limit=127.0)
assert torch.equal(matrix.product(x)[0], x @ weights.T)  # bit for bit

matrix.key = None  # what a thief reads
wrong = matrix.product(x)[0]
print(f"with the key exact; without it {float((wrong != x @ weights.T).double().mean()):.0%} of the results are wrong")
assert (wrong != x @ weights.T).double().mean() > 0.9
