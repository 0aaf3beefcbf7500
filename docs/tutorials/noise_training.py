"""What training with noise does on cells that miss their targets by a lot."""

import torch
from mynet import accuracy, network, samples, train

import ohmloom as ol
from ohmloom.devices import OpenLoop

torch.manual_seed(0)
training, test, labels = samples()
first = train(network())

# A chip whose cells are written once and not verified: 20 % of the range off.
chip = ol.Chip.load("generic-40nm")
chip = chip.replace(device=chip.device.replace(programming=OpenLoop(deviation=(0.2,))))


def trained_further(noise: float) -> torch.nn.Module:
    """The network after 600 more steps, with fresh noise on its weights in each: the gradient reaches the true ones."""
    hardware = ol.convert(first, chip)
    ol.calibrate(hardware, training)
    ol.mode(hardware, ol.Noisy(ol.GaussianWeights(deviation=noise)) if noise else ol.Digital())
    train(hardware, steps=600, rate=0.003)
    result = network()
    result.load_state_dict(ol.digital_state(hardware))  # the same keys: an ordinary checkpoint
    return result


def on_chip(model: torch.nn.Module) -> float:
    """Mean accuracy over ten dies."""
    hardware = ol.convert(model, chip)
    ol.calibrate(hardware, training)
    ol.program(hardware, seed=1, dies=10)
    ol.calibrate(hardware, training)
    with torch.no_grad():
        return accuracy(ol.over_dies(hardware, test), labels)


for noise in (0.0, 0.15):
    model = trained_further(noise)
    with torch.no_grad():
        software = accuracy(model(test), labels)
    print(f"trained with noise of {noise:.0%}: {software:.1f} % in software, {on_chip(model):.1f} % on ten dies")
