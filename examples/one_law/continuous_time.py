"""Twins and diffusion: no converter; the loop integrates dx/dt = W x with the matrix that the cells really hold."""

import torch

from ohmloom.chips import Mapping, store
from ohmloom.crossbars import Amplitude, Analogue, AnalogueReadout
from ohmloom.devices import Device, OpenLoop, RelativeNoise
from ohmloom.random import Streams

device = Device.load("ideal").replace(
    programming=OpenLoop(deviation=(0.005,)), read_noise=RelativeNoise(deviation=0.01, read_time="1 us")
)
mapping = Mapping(drive=Amplitude(), encoding=Analogue(layout="pair-rows"), readout=AnalogueReadout())
rotation = torch.tensor([[0.0, -1.0], [1.0, 0.0]])
loop = store(rotation, mapping, device, Streams(0), dies=20)

x, step = torch.tensor([1.0, 0.0]).expand(20, 2), 1e-3
for _ in range(int(torch.pi / step)):
    x = x + step * torch.einsum("doi,di->do", loop.effective(), x)
print(f"after half a turn: mean ({x[:, 0].mean():.3f}, {x[:, 1].mean():.3f}), spread over dies {x[:, 1].std():.3f}")
assert torch.allclose(x.mean(0), torch.tensor([-1.0, 0.0]), atol=0.03)
assert 0.003 < x[:, 1].std() < 0.05  # the dies differ because their cells do

density = loop.noise_density(1e3)  # W² per Hz: 1 % of a cell's conductance in a read of 1 us
assert torch.allclose(density[0, 1, 0], loop.effective()[0, 1, 0] ** 2 * 2 * 0.01**2 * 1e-6, rtol=0.02)
