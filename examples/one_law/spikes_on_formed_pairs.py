"""PRIME and edge pruning: spikes into pairs of which one cell formed; pruning resets cells, and sets them again."""

import torch

from ohmloom.chips import Mapping, form, switch
from ohmloom.crossbars import Analogue, AnalogueReadout, Pulses
from ohmloom.devices import Breakdown, Device
from ohmloom.random import Streams

forming = Breakdown(voltage="4 V", mean="3.4 V", spread="0.1 V", on="12 uS", on_spread="2 uS", off="0.1 uS")
mapping = Mapping(
    drive=Pulses(), encoding=Analogue(layout="pair-columns"), readout=AnalogueReadout(), lowest=0.0, highest="12 uS"
)
edges = form((32, 64), mapping, Device.load("ideal").replace(forming=forming), Streams(0), one_of_pair=True)
random = edges.effective()[0]
print(f"one cell of each pair formed: {float((random > 0).float().mean()):.0%} of the weights are positive")
assert 0.45 < (random > 0).float().mean() < 0.55

keep = torch.rand(32, 64, generator=torch.Generator().manual_seed(0)) < 0.3
assert switch(edges, keep, Streams(1)).item() == (~keep).sum()  # only those that must change get a pulse
assert switch(edges, keep, Streams(2)).item() == 0
spikes = (torch.rand(16, 64, generator=torch.Generator().manual_seed(1)) < 0.2).float()
assert torch.allclose(edges.product(spikes)[0], spikes @ edges.effective()[0].T, atol=1e-5)
assert edges.effective()[0][~keep].abs().max() < 0.02 < edges.effective()[0][keep].abs().min()
