"""ohmloom puts neural networks on memristor chips.

    import ohmloom as ol
    chip = ol.Chip.load("neurram")
    hardware = ol.convert(model, chip)
    ol.program(hardware, seed=0, dies=5)
    y = ol.over_dies(hardware, x)

Names are loaded when they are first used, so that `ohmloom --help` does not wait for torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "ohmloom.nn": (
        "Digital Quantised Noisy Programmed Perturbation GaussianWeights RelativeWeights convert converted summary "
        "program age select calibrate learn_clips permuted random_like over_dies matrices mode cost save load "
        "digital_state perturbed_call export_cells import_cells what_if from_onnx"
    ),
    "ohmloom.chips": "Chip Mapping StoredMatrix store form switch",
    "ohmloom.devices": "Device check_device",
    "ohmloom.experiments": "diagnose",
    "ohmloom.ledger": "Ledger Event",
    "ohmloom.random": "Streams",
    "ohmloom.errors": "OhmloomError",
}
_WHERE = {name: home for home, names in _HOMES.items() for name in names.split()}

__all__ = ["__version__", *sorted(_WHERE)]


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'ohmloom' has no attribute {name!r}")
    return getattr(import_module(_WHERE[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_WHERE])
