"""Plant a fault, and let the diagnosis find it."""

import torch
from mynet import network, samples, train

import ohmloom as ol

torch.manual_seed(0)
training, test, labels = samples()
model = train(network())

# Three bits are too few for the sums of 64 inputs.
chip = ol.Chip.load("generic-40nm")
readout = chip.mapping.readout
coarse = readout.replace(converter=readout.converter.replace(bits=3))
chip = chip.replace(mapping=chip.mapping.replace(readout=coarse))

hardware = ol.convert(model, chip)
ol.calibrate(hardware, training)
ol.program(hardware, seed=0, dies=3)
ol.age(hardware, since_programming="1 day")
ol.calibrate(hardware, training)

found = ol.diagnose(hardware, (test[:300], labels[:300]), calibration=(training,))
print(found.table())
print(found.sentence)
assert "converter" in found.sentence, found.sentence
