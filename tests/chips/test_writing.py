"""Writing, forming and switching: what the cells hold, in which order, and what it took."""

import pytest
import torch

from ohmloom.chips import Mapping, form, states, store, switch
from ohmloom.crossbars import Amplitude, Analogue, AnalogueReadout, Bits, Radix
from ohmloom.devices import Breakdown, Device, Fault, OpenLoop, RelativeNoise
from ohmloom.errors import ConfigurationError, ShapeError
from ohmloom.ledger import Event, Ledger
from ohmloom.random import Streams

FORMING = Breakdown(voltage="4 V", mean="3.4 V", spread="0.1 V", on="12 uS", on_spread="2 uS", off="0.1 uS")
CELLS = Device.load("ideal").replace(forming=FORMING)
MAPPING = Mapping(drive=Amplitude(), encoding=Analogue(), readout=AnalogueReadout(), lowest=0.0, highest="12 uS")


def test_cells_exist_only_where_rows_do() -> None:
    weights = torch.randn(3, 7, generator=torch.Generator().manual_seed(0))
    mapping = MAPPING.replace(rows=4, encoding=Analogue(slices=2, layout="offset-column"), highest=None)
    with Ledger() as ledger:
        matrix = store(weights, mapping, Device.load("neurram-hfox"), Streams(0), dies=3)
    assert matrix.cells.written.shape == (3, 2, 1, 2, 4, 4)  # dies, slices, signs, segments, rows, columns + reference
    assert matrix.cell_count == 7 * 2 * 4
    assert int((matrix.cells.pulses[0] > 0).sum()) <= matrix.cell_count
    assert not matrix.cells.pulses[:, :, :, 1, 3].any()
    assert ledger.total(Event.PULSE) == float(matrix.cells.pulses.sum())
    assert ledger.total(Event.PULSE, die=2) == float(matrix.cells.pulses[2].sum())


@pytest.mark.parametrize("encoding", [Radix(cells=12), Analogue(slices=3), Bits(bits=7, cell_bits=2)])
def test_successive_order_repairs_what_the_first_slices_missed(encoding: Radix | Analogue | Bits) -> None:
    device = CELLS.replace(programming=OpenLoop(deviation=(0.0, 0.05)))
    weights = torch.rand(30, 30, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 2 - 1

    def error(order: str) -> float:
        held = store(weights, MAPPING.replace(encoding=encoding.replace(order=order)), device, Streams(0)).effective()
        return float((held[0] - weights).square().mean().sqrt())

    assert error("successive") < error("parallel") / 2


def test_forming_is_random_and_of_one_cell_per_pair() -> None:
    edges = form((20, 30), MAPPING, CELLS, Streams(0), dies=2, one_of_pair=True)
    formed = edges.cells.faults == Fault.NONE
    assert bool((formed.sum(2) == 1).all())
    assert edges.cells.written.shape == (2, 1, 2, 1, 30, 20)
    effective = edges.effective()
    assert effective.shape == (2, 20, 30)
    units = (edges.cells.written[:, 0, 0] - edges.cells.written[:, 0, 1])[:, 0].transpose(-1, -2) / 12e-6
    assert torch.allclose(effective, units)  # one weight is one unit of conductance
    assert not torch.equal(effective[0], effective[1])
    again = form((20, 30), MAPPING, CELLS, Streams(0), dies=1, one_of_pair=True)
    assert torch.equal(again.effective()[0], effective[0])


def test_forming_voltage_chooses_how_many_cells_form() -> None:
    for voltage, share in ((3.4, 0.5), (3.4 + 0.1, 0.8413), (3.0, 0.0), (4.0, 1.0)):
        matrix = form((50, 60), MAPPING.replace(encoding=Radix(cells=1)), CELLS, Streams(0), voltage=voltage)
        formed = float((matrix.cells.faults == Fault.NONE).double().mean())
        assert formed == pytest.approx(share, abs=5 * (0.25 / 3000) ** 0.5)


@pytest.mark.parametrize("layout", ["pair-columns", "pair-rows", "offset-column"])
@pytest.mark.parametrize("rows", [None, 6])
def test_switching_pulses_only_what_must_change(layout: str, rows: int | None) -> None:
    mapping = MAPPING.replace(encoding=Analogue(layout=layout), rows=rows)
    with Ledger() as ledger:
        matrix = form((4, 9), mapping, CELLS, Streams(0), dies=2)
    assert ledger.total(Event.PULSE) == 2 * matrix.cell_count  # each cell was formed once
    keep = torch.rand(4, 9, generator=torch.Generator().manual_seed(1)) < 0.5
    signs = len(matrix.mapping.encoding.layout.signs)
    with Ledger() as ledger:
        flips = switch(matrix, keep, Streams(1))
    assert flips.tolist() == [int((~keep).sum()) * signs] * 2
    assert ledger.total(Event.PULSE) == float(flips.sum())
    assert switch(matrix, keep, Streams(2)).tolist() == [0, 0]
    back = switch(matrix, torch.ones_like(keep), Streams(3))
    assert back.tolist() == flips.tolist()
    assert torch.allclose(matrix.cells.written, matrix.cells.on)  # every cell is back in its own on state
    assert matrix.product(torch.ones(1, 9)).shape == (2, 1, 4)


def test_switching_changes_the_product() -> None:
    matrix = form((4, 9), MAPPING.replace(encoding=Analogue(layout="pair-rows")), CELLS, Streams(0), one_of_pair=True)
    before, transposed = matrix.effective().clone(), matrix.T.effective().clone()
    keep = torch.zeros(4, 9, dtype=torch.bool)
    keep[1, 2] = True
    switch(matrix, keep, Streams(1))
    assert float(matrix.effective()[0, 1, 2]) == pytest.approx(float(before[0, 1, 2]))
    assert float(matrix.effective()[0][~keep].abs().max()) < 0.01 < float(before.abs().min())
    assert torch.allclose(matrix.T.effective().mT, matrix.effective())
    assert not torch.allclose(matrix.T.effective(), transposed)


def test_switching_refuses_what_it_cannot_do() -> None:
    matrix = form((4, 9), MAPPING.replace(encoding=Analogue(layout="pair-rows")), CELLS, Streams(0))
    with pytest.raises(ShapeError, match=r"keep: must be a bool mask of shape \(4, 9\)"):
        switch(matrix, torch.ones(9, 4, dtype=torch.bool), Streams(0))
    with pytest.raises(ShapeError):
        switch(matrix, torch.ones(4, 9), Streams(0))
    with pytest.raises(ConfigurationError, match="Switch the original"):
        switch(matrix.T, torch.ones(9, 4, dtype=torch.bool), Streams(0))
    with pytest.raises(ConfigurationError, match="needs a pair layout"):
        form((4, 9), MAPPING.replace(encoding=Radix()), CELLS, Streams(0), one_of_pair=True)
    with pytest.raises(ConfigurationError, match=r"device\.forming"):
        form((4, 9), MAPPING, Device.load("ideal"), Streams(0))


@pytest.mark.parametrize("layout", ["pair-columns", "pair-rows"])
@pytest.mark.parametrize("rows", [None, 6])
def test_signs_choose_which_cell_of_each_pair_is_formed(layout: str, rows: int | None) -> None:
    mapping = MAPPING.replace(encoding=Analogue(layout=layout), rows=rows)
    signs = torch.randint(2, (5, 9), generator=torch.Generator().manual_seed(0)) * 2 - 1
    with Ledger() as ledger:
        matrix = form((5, 9), mapping, CELLS, Streams(0), dies=2, signs=signs)
    assert torch.equal(matrix.effective().sign(), signs.expand(2, 5, 9).float())
    assert ledger.total(Event.PULSE) == 2 * 45  # the other cell of each pair was never biased
    other = form((5, 9), mapping, CELLS, Streams(0), dies=2, signs=-signs)
    assert torch.equal(other.effective().sign(), -matrix.effective().sign())


def test_signs_that_do_not_fit_are_refused() -> None:
    signs = torch.ones(4, 9)
    with pytest.raises(ShapeError, match=r"signs: must hold \+1 and -1 in the shape \(5, 9\)"):
        form((5, 9), MAPPING, CELLS, Streams(0), signs=signs)
    with pytest.raises(ShapeError):
        form((4, 9), MAPPING, CELLS, Streams(0), signs=0 * signs)
    with pytest.raises(ConfigurationError, match="signs: needs a pair layout"):
        form((4, 9), MAPPING.replace(encoding=Radix()), CELLS, Streams(0), signs=signs)
    with pytest.raises(ConfigurationError, match="one_of_pair as well"):
        form((4, 9), MAPPING, CELLS, Streams(0), signs=signs, one_of_pair=True)


def test_states_are_what_switching_gives_and_leave_the_matrix_alone() -> None:
    matrix = form((6, 9), MAPPING.replace(rows=5), CELLS, Streams(0), dies=2, one_of_pair=True)
    before = matrix.effective().clone()
    with Ledger() as ledger:
        both = states(matrix, Streams(1))
    assert len(ledger) == 0
    assert torch.equal(matrix.effective(), before)
    for keep, state in ((True, both.on), (False, both.off)):
        switch(matrix, torch.full((6, 9), keep), Streams(2))
        assert torch.allclose(matrix.effective(), state)  # neither cycles nor residues spread on these cells
    assert float(both.off.abs().max()) < 0.02 < float(both.on.abs().min())


def test_states_by_noisy_reads_scatter_as_reads_do() -> None:
    noisy = CELLS.replace(read_noise=RelativeNoise(deviation=0.05, read_time="1 us"))
    mapping = MAPPING.replace(readout=AnalogueReadout(integration="1 us"))
    matrix = form((60, 50), mapping, noisy, Streams(0))
    exact = states(matrix, Streams(1)).on
    for reads in (1, 25):
        seen = states(matrix, Streams(1), reads=reads).on
        size = 0.05 * float(matrix.cells.on.square().mean().sqrt()) / 12e-6 * (2 / reads) ** 0.5  # two cells a pair
        assert float((seen - exact).std()) == pytest.approx(size, rel=0.06)
    with pytest.raises(ConfigurationError, match="reads: must be at least 1"):
        states(matrix, Streams(1), reads=0)
