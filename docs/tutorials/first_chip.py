"""From a trained network to accuracy, energy and time on three dies of a chip."""

import torch
from mynet import accuracy, network, samples, train

import ohmloom as ol

torch.manual_seed(0)
training, test, labels = samples()
model = train(network())
print(f"software: {accuracy(model(test), labels):.2f} %")

# Conversion leaves the model alone. The summary says where each layer sits, and what stays digital and why.
hardware = ol.convert(model, ol.Chip.load("generic-40nm"))
print(ol.summary(hardware))

# Ranges of the inputs are found on training data, before the cells are written.
ol.calibrate(hardware, training)
print(ol.program(hardware, seed=0, dies=3).table())

# A day passes; then slopes and offsets of all columns are fitted, again on training data.
ol.age(hardware, since_programming="1 day")
ol.calibrate(hardware, training)

with ol.Ledger() as ledger, torch.no_grad():
    outputs = ol.over_dies(hardware, test)  # (3 dies, 597 images, 10)
each = ", ".join(f"{accuracy(die, labels):.2f}" for die in outputs)
print(f"three dies, one day after programming: {each} %")
print(ol.cost(ledger, hardware).table())
