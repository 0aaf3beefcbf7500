"""The offset of an affine drive: row sums that are known, or read with every vector, with all that a read suffers."""

import pytest
import torch

from ohmloom.chips import Mapping, StoredMatrix, form
from ohmloom.crossbars import Affine, Analogue, AnalogueReadout, NoConverter, Uniform
from ohmloom.devices import Device, RelativeNoise
from ohmloom.ledger import Event, Ledger
from ohmloom.random import Streams

CELLS = Device.load("taox-40nm").replace(read_noise={"kind": "none"})


def formed(sums: str, noise: float = 0.0, *, bits: int | None = None, rows: int | None = None) -> StoredMatrix:
    device = CELLS.replace(read_noise=RelativeNoise(deviation=noise, read_time=1e-7)) if noise else CELLS
    converter = NoConverter() if bits is None else Uniform(bits=bits)
    mapping = Mapping(drive=Affine(bits=4, sums=sums), encoding=Analogue(layout="single"), lowest=0.0, highest=1e-6,
                      readout=AnalogueReadout(converter=converter), rows=rows)  # fmt: skip
    return form((6, 9), mapping, device, Streams(0), dies=2, dtype=torch.float64)


X = 5 + torch.rand(40, 9, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize("rows", [None, 4])
def test_without_noise_reading_them_changes_nothing(rows: int | None) -> None:
    assert torch.allclose(formed("read", rows=rows).product(X), formed("known", rows=rows).product(X), atol=1e-10)


def test_a_constant_vector_has_code_0_and_is_noiseless_only_with_known_sums() -> None:
    same = torch.full((4000, 9), 2.0, dtype=torch.float64)
    known, read = formed("known", 0.1), formed("read", 0.1)
    exact = 2.0 * known.effective().sum(-1).unsqueeze(1)
    assert torch.allclose(known.product(same), exact.expand(2, 4000, 6), atol=1e-12)
    found = read.product(same)
    expected = 2.0 * 0.1 * known.effective().square().sum(-1).sqrt()  # every cell of a row is read once
    assert torch.allclose(found.std(1), expected, rtol=0.06)
    assert bool(((found.mean(1) - exact[:, 0]).abs() < 5 * expected / 4000**0.5).all())


def test_the_read_offset_is_converted_as_well() -> None:
    coarse, fine = formed("read", bits=4).product(X), formed("read", bits=12).product(X)
    exact = formed("known").product(X)
    known = formed("known", bits=4).product(X)
    assert float((fine - exact).abs().max()) < float((known - exact).abs().max()) < float((coarse - exact).abs().max())


def test_reading_them_is_one_more_phase_in_the_ledger() -> None:
    counts = {}
    for sums in ("known", "read"):
        matrix = formed(sums, bits=8)
        with Ledger() as ledger:
            matrix.product(X)
        counts[sums] = {event: ledger.total(event, die=0) for event in Event}
    for event, phases in ((Event.PHASE, 4), (Event.CONVERSION, 4 * 6), (Event.CELL_READ, 4 * 54)):
        assert counts["known"][event] == phases * len(X)
        assert counts["read"][event] == phases * len(X) * 5 / 4
    assert counts["read"][Event.SAMPLE] == counts["known"][Event.SAMPLE] == len(X)
    assert counts["read"][Event.ROW_DRIVE] == counts["known"][Event.ROW_DRIVE] + 9 * len(X)
