"""What several network tests need: distances, and a chip with nothing random in it."""

from __future__ import annotations

import torch
from torch import Tensor

from ohmloom import Chip
from ohmloom.devices import Device

_EXACT = Device.load("ideal")


def relative(ours: Tensor, wanted: Tensor) -> float:
    """The root mean square of the difference in units of that of ``wanted``."""
    return float((ours.detach() - wanted.detach()).norm() / wanted.detach().norm())


def noiseless(chip: Chip) -> Chip:
    """The same chip with cells that hold what is written and read the same every time."""
    return chip.replace(device=_EXACT.replace(g_min=chip.device.g_min, g_max=chip.device.g_max))


def frozen_weights(module: torch.nn.Module) -> dict[str, Tensor]:
    """A copy of all weights and buffers, to see that they stayed as they were."""
    return {name: value.detach().clone() for name, value in module.state_dict().items()}
