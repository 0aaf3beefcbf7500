"""What the resistance of wires takes, and what writing other conductances wins back."""

import torch
from mynet import accuracy, network, samples, train

import ohmloom as ol
from ohmloom.codesign import ThroughWires
from ohmloom.crossbars import Wires, effective_conductance

# One array alone: 64 x 64 cells of 50 µS. Far from drivers and sense circuits, cells act more weakly than they are.
cells = torch.full((64, 64), 50e-6, dtype=torch.float64)
acting = effective_conductance(cells, Wires(row=2.0, column=2.0, driver=50.0))
near, far = 1e6 * float(acting[-1, 0]), 1e6 * float(acting[0, -1])
print(f"cells of 50 µS act like {near:.1f} µS near both ends of their wires, {far:.1f} µS far from them")

# A network whose arrays have such wires, written plainly and through the wires.
torch.manual_seed(0)
training, test, labels = samples()
model = train(network())
chip = ol.Chip.load("generic-40nm")


def on_chip(wires: Wires, correction: ThroughWires | None = None) -> float:
    """Mean accuracy over five dies, calibrated."""
    hardware = ol.convert(model, chip.replace(wires=wires))
    ol.calibrate(hardware, training)
    ol.program(hardware, seed=1, dies=5, correction=correction)
    ol.calibrate(hardware, training)
    with torch.no_grad():
        return accuracy(ol.over_dies(hardware, test), labels)


resistive = Wires(row=100.0, column=100.0, driver=50.0)
print(f"no resistance:       {on_chip(Wires()):.1f} %")
print(f"100 ohms a segment:  {on_chip(resistive):.1f} %, with every column's gain calibrated")
print(f"through the wires:   {on_chip(resistive, ThroughWires()):.1f} %")
