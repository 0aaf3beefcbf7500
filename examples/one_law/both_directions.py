"""Attractors and Boltzmann machines: bipolar states, one set of cells driven from both sides, one-bit neurons."""

import torch

from ohmloom.chips import Mapping, store
from ohmloom.crossbars import Analogue, AnalogueReadout, Comparator, Pulses, StochasticNeuron
from ohmloom.devices import Device
from ohmloom.random import Streams

random = torch.Generator().manual_seed(0)
patterns = torch.randint(0, 2, (3, 128), generator=random) * 2.0 - 1
weights = patterns.T @ patterns / 128
weights.fill_diagonal_(0)


def mapping(neuron: Comparator | StochasticNeuron) -> Mapping:
    readout = AnalogueReadout(converter=neuron)
    return Mapping(drive=Pulses(code="bipolar"), encoding=Analogue(layout="pair-rows"), readout=readout)


attractor = store(weights, mapping(Comparator()), Device.load("ideal"), Streams(0))
state = patterns[:1] * torch.where(torch.rand(1, 128, generator=random) < 0.15, -1.0, 1.0)  # 15 % of the bits wrong
for _ in range(5):
    state = attractor.product(state)[0]
print(f"overlap with the stored pattern after 5 steps: {float((state * patterns[0]).mean()):.2f}")
assert torch.equal(state[0], patterns[0])

visible = torch.randn(24, 40, generator=random)
machine = store(visible, mapping(StochasticNeuron(amplitude=0.05)), Device.load("ideal"), Streams(0))
assert torch.allclose(machine.T.effective()[0], machine.effective()[0].T)  # the same cells, from the other side
hidden = torch.stack([machine.product(torch.ones(1, 40))[0, 0] for _ in range(200)]).mean(0)
assert hidden[visible.sum(1) > 5].min() > hidden[visible.sum(1) < -5].max()  # it fires more where it is driven more
