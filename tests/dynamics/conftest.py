"""Loops of the dynamics tests."""

from collections.abc import Callable

import pytest
import torch

from ohmloom.chips import Mapping, StoredMatrix, store
from ohmloom.crossbars import Amplitude, Analogue, AnalogueReadout
from ohmloom.devices import Device
from ohmloom.random import Streams

MAPPING = Mapping(drive=Amplitude(), encoding=Analogue(layout="pair-rows"), readout=AnalogueReadout())


@pytest.fixture
def stored() -> Callable[..., StoredMatrix]:
    """A matrix in pairs of cells of a device between 20 and 100 µS."""

    def make(weights: object, name: str = "matrix", dies: int = 1, **parts: object) -> StoredMatrix:
        device = Device(name="test", g_min=20e-6, g_max=100e-6, **parts)
        matrix = torch.as_tensor(weights, dtype=torch.float64)
        return store(matrix, MAPPING, device, Streams(0).child(name), dies=dies, name=name)

    return make
