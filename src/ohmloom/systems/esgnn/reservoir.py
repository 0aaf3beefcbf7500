"""The reservoirs of the three systems on the chip of random resistors."""

from __future__ import annotations

from typing import Any, Literal

import torch

from ohmloom.chips import Chip, StoredMatrix, cost, form, install
from ohmloom.crossbars import Affine, AnalogueReadout, NoConverter
from ohmloom.devices import AdditiveNoise, Device, Quiet, ReadNoise, RelativeNoise
from ohmloom.experiments import Cost
from ohmloom.ledger import Ledger
from ohmloom.random import Streams
from ohmloom.reservoirs import EchoStateGraphEncoder, GraphBatch

CHIP, RANDOM, MEASURED = "random-resistor-40nm", "taox-40nm", "taox-40nm-measured"
SCALE_IN = 0.0016  # published: weight of 1 µS


def classifier(
    streams: Streams,
    *,
    features: int,
    scale_rec: float,
    cells: str = RANDOM,
    hidden: int = 50,
    dies: int = 1,
    noise_in: ReadNoise | None = None,
    noise_rec: ReadNoise | None = None,
    converter: bool = True,
    sums: Literal["known", "read"] = "known",
    **options: Any,
) -> EchoStateGraphEncoder:
    """The graph classifier: single-ended formed cells in float64, 4-bit inputs, no read noise unless given.

    ``options`` are the encoder's own.
    """
    mapping = Chip.load(CHIP).layer_mapping.replace(drive=Affine(bits=4, sums=sums))
    if not converter:
        assert isinstance(mapping.readout, AnalogueReadout)
        mapping = mapping.replace(readout=mapping.readout.replace(converter=NoConverter()))
    device = Device.load(cells)
    matrices = [
        form((hidden, columns), mapping, device.replace(read_noise=noise or Quiet()), streams.child(name), dies=dies,
                dtype=torch.float64, name=name)
        for name, columns, noise in (("input", features + 1, noise_in), ("recurrent", hidden, noise_rec))
    ]  # fmt: skip
    return EchoStateGraphEncoder(matrices[0], matrices[1], scale_in=SCALE_IN, scale_rec=scale_rec, **options)


def relative(deviation: float) -> ReadNoise | None:
    """Noise of each read in proportion to the cell; None for none."""
    return RelativeNoise(deviation=deviation, read_time=_integration()) if deviation else None


def additive(level: float, scale: float) -> ReadNoise:
    """Noise of each read of every cell that is ``level`` in weights, of which 1 µS is ``scale``."""
    return AdditiveNoise(deviation=level / scale * 1e-6, read_time=_integration())


def _integration() -> float:
    return Chip.load(CHIP).mapping.readout.integration


def misprogrammed(encoder: EchoStateGraphEncoder, spread: float, streams: Streams) -> EchoStateGraphEncoder:
    """The same arrays after every cell has moved once by ``spread`` of its own conductance (never below nothing)."""
    for matrix in (encoder.input_matrix, encoder.recurrent):
        assert isinstance(matrix, StoredMatrix)
        written = matrix.cells.written
        noise = torch.stack([torch.randn(part.shape, generator=streams.child(matrix.name).generator("moved", die),
                                         dtype=part.dtype) for die, part in enumerate(written)])  # fmt: skip
        matrix.cells = matrix.cells._replace(written=(written * (1 + spread * noise)).clamp_min(0))
        matrix.refresh()
    return encoder


def priced(encoder: EchoStateGraphEncoder, graphs: GraphBatch, features: torch.Tensor, chip: Chip, per: int) -> Cost:
    """What the arrays take for one of ``per`` inferences of this batch."""
    matrices = {"input": encoder.input_matrix, "recurrent": encoder.recurrent}
    held = {name: matrix for name, matrix in matrices.items() if isinstance(matrix, StoredMatrix)}
    with Ledger() as ledger:
        encoder.embed(graphs, features)
    return Cost.priced(cost(ledger, install(chip, held), inferences=per))
