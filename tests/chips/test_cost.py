"""Counts computed by hand, and their price: parts sum to totals, latency lies between the longest part and the sum."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from ohmloom.chips import (
    REFERENCES,
    Chip,
    Component,
    Cost,
    Installation,
    Mapping,
    StoredMatrix,
    Timing,
    cost,
    install,
    store,
)
from ohmloom.crossbars import (
    Analogue,
    AnalogueReadout,
    Bits,
    BitSerial,
    ChargeDecrement,
    Comparator,
    CurrentSense,
    Encoding,
    FrontEnd,
    LogicReadout,
    Uniform,
    VoltageSense,
)
from ohmloom.devices import Device, OpenLoop
from ohmloom.errors import LedgerError, UnknownNameError
from ohmloom.ledger import Event, Ledger
from ohmloom.random import Streams

IDEAL = Device.load("ideal")
LEAKY = IDEAL.replace(g_min="1 uS", programming=OpenLoop(deviation=(0.02,)))
X = torch.tensor([[1.0, -2.0, 3.0, 0.0, 3.0], [0.0, 0.0, -1.0, 2.0, 1.0]])
TINY = Mapping(
    drive=BitSerial(bits=3), encoding=Analogue(layout="pair-rows"), rows=4,
    readout=AnalogueReadout(converter=ChargeDecrement(bits=4), phase_sum="analogue"),
)  # fmt: skip


def counted(mapping: Mapping, x: Tensor = X, outputs: int = 3, dies: int = 2) -> tuple[Ledger, StoredMatrix]:
    weights = torch.randn(outputs, x.shape[-1], generator=torch.Generator().manual_seed(0))
    matrix = store(weights, mapping, LEAKY, Streams(0), dies=dies, limit=3.0)
    with Ledger() as ledger:
        matrix.product(x)
    return ledger, matrix


def of(ledger: Ledger, die: int = 0) -> dict[str, float]:
    return {event: ledger.total(event, die=die) for event in Event if ledger.total(event, die=die)}


def test_counts_of_a_tiny_matrix_by_hand() -> None:
    """5 inputs, 3 outputs, arrays of 4 rows: three segments of two row pairs, one of them missing; two phases."""
    ledger, matrix = counted(TINY)
    assert matrix.segments.count == 3
    counts = of(ledger)
    steps = counts.pop(Event.DECREMENT)
    assert 18 <= steps <= 18 * 7  # at least one, at most N = 7 for each conversion
    joules = counts.pop(Event.CELL_JOULE)
    assert joules > 0
    assert counts == {
        Event.SAMPLE: 2,
        Event.ARRAY_OPERATION: 3 * 2,
        Event.PHASE: 3 * 2 * 2,
        Event.ROW_DRIVE: (1 + 1 + 2 + 2 + 1 + 1 + 1) * 2,  # bits of 1, -2, 3, 3 and -1, 2, 1, on both rows of a pair
        Event.ROW_STEP: 5 * 2 * 2 * 2,  # rows that exist, in pairs, two phases, two vectors
        Event.ARRAY_STEP: 3 * (1 + 2) * 2,  # phase 1 is integrated twice
        Event.CELL_READ: 30 * 3 * 2,
        Event.CONVERSION: 3 * 3 * 2,
        Event.CONVERSION_BIT: 3 * 3 * 2 * 4,
        Event.CONVERSION_ROUND: 3 * 2,
        Event.ADDITION: 2 * 3 * 2,  # three partial sums need two additions
        Event.BYTE: 2 * (5 * 3 + 3 * 4) / 8,
    }


@pytest.mark.parametrize(
    ("encoding", "conversions"),
    [
        (Analogue(), 3), (Analogue(pair_sum="digital"), 6), (Analogue(layout="offset-column"), 3),
        (Analogue(layout="offset-column", pair_sum="digital"), 4), (Bits(bits=4), 9),
        (Bits(bits=4, pair_sum="digital"), 18), (Bits(bits=4, slice_sum="analogue"), 3),
        (Bits(bits=4, slice_sum="analogue", pair_sum="digital"), 6),
    ],
)  # fmt: skip
@pytest.mark.parametrize("phases", ["analogue", "digital"])
def test_conversions_are_counted_where_sums_are_made(encoding: Encoding, conversions: int, phases: str) -> None:
    """Per vector, and per phase where phases are shifted and added; the same number as values enter the converter."""
    readout = AnalogueReadout(converter=Uniform(bits=6), phase_sum=phases)
    mapping = Mapping(drive=BitSerial(bits=3), encoding=encoding, readout=readout)
    ledger, _ = counted(mapping)
    times = 2 if phases == "digital" else 1
    assert ledger.total(Event.CONVERSION, die=0) == conversions * times * len(X)
    assert ledger.total(Event.CONVERSION_BIT, die=1) == conversions * times * len(X) * 6
    assert ledger.total(Event.CONVERSION_ROUND, die=1) == times * len(X)
    channels = conversions - 1 if encoding.layout == "offset-column" and conversions == 4 else conversions
    assert ledger.total(Event.ADDITION, die=0) == (channels / 3 * times - 1) * 3 * len(X)


def test_groups_of_phases_are_one_product() -> None:
    plain = Mapping(
        drive=BitSerial(bits=7), encoding=Analogue(),
        readout=AnalogueReadout(converter=Uniform(bits=8), phase_sum="analogue"),
    )  # fmt: skip
    one, _ = counted(plain)
    many, _ = counted(plain.replace(readout=plain.readout.replace(phase_groups=3)))
    same = (Event.SAMPLE, Event.ARRAY_OPERATION, Event.PHASE, Event.ROW_STEP, Event.ROW_DRIVE)
    assert all(one.total(event) == many.total(event) for event in same)
    assert many.total(Event.CONVERSION) == 3 * one.total(Event.CONVERSION)
    assert many.total(Event.ARRAY_STEP) == 3 * (1 + 2) / (1 + 2 + 4 + 8 + 16 + 32) * one.total(Event.ARRAY_STEP)
    assert many.total(Event.ADDITION) == 2 * 3 * len(X) * 2  # two dies


@pytest.mark.parametrize("front_end", [CurrentSense(), VoltageSense()], ids=["current", "voltage"])
@pytest.mark.parametrize("layout", ["pair-rows", "pair-columns"])
@pytest.mark.parametrize("dies", [1, 2])
def test_cell_joules_are_what_every_cell_dissipates(front_end: FrontEnd, layout: str, dies: int) -> None:
    """Σ g (V_i - V_j)² t, cell by cell, read by read; V_j = 0 at a virtual ground, the column's mean if it is open."""
    readout = AnalogueReadout(front_end=front_end, phase_sum="analogue", integration="200 ns")
    encoding = Analogue(layout=layout, pair_sum="digital")
    mapping = Mapping(drive=BitSerial(bits=3), encoding=encoding, readout=readout, voltage="0.3 V", rows=4)
    ledger, matrix = counted(mapping, dies=dies)
    driven, levels = matrix.drive(X.unsqueeze(0))
    for die in range(dies):
        total = 0.0
        for segment in range(matrix.segments.count):
            plus, minus = matrix.conductance()[die, 0, :, segment].double()
            for k, weight in enumerate(driven.significance.tolist()):
                for v in levels[k, 0, segment].double() * 0.3:
                    if layout == "pair-rows":
                        arrays = [(torch.cat([v, -v]), torch.cat([plus, minus]))]
                    else:
                        arrays = [(v, plus), (v, minus)]
                    for volts, g in arrays:
                        grounded = isinstance(front_end, CurrentSense)
                        mean = (volts.unsqueeze(1) * g).sum(0) / g.sum(0)
                        column = torch.zeros_like(mean) if grounded else mean
                        total += weight * float((g * (volts.unsqueeze(1) - column) ** 2).sum()) * 200e-9
        assert ledger.total(Event.CELL_JOULE, die=die) == pytest.approx(total, rel=1e-4)


def test_counts_belong_to_the_dies_that_ran() -> None:
    _, matrix = counted(TINY, dies=4)
    with Ledger() as ledger:
        matrix.product(X, dies=slice(1, 3))
    dies = {die for _, _, die, _ in ledger.rows()}
    assert dies == {1, 2}
    own = torch.stack([X, X * 0])
    with Ledger() as ledger:
        matrix.product(own, dies=slice(1, 3))
    assert ledger.total(Event.ROW_DRIVE, die=1) > 0
    assert ledger.total(Event.ROW_DRIVE, die=2) == 0


def test_logic_is_counted() -> None:
    mapping = Mapping(drive=BitSerial(bits=3), encoding=Bits(bits=4, layout="single"), readout=LogicReadout(), rows=4)
    ledger, matrix = counted(mapping, dies=1)
    assert matrix.segments.count == 2
    per_read = 5 * 3 * 4  # inputs, outputs, stored bits
    assert ledger.total(Event.LOGIC) == ledger.total(Event.CELL_READ) == per_read * 2 * len(X)
    assert ledger.total(Event.CONVERSION) == 0
    assert ledger.total(Event.SAMPLE) == len(X)


def test_a_comparator_converts_one_bit() -> None:
    readout = AnalogueReadout(converter=Comparator(), phase_sum="analogue")
    ledger, _ = counted(TINY.replace(readout=readout, rows=None))
    assert ledger.total(Event.CONVERSION_BIT, die=0) == ledger.total(Event.CONVERSION, die=0) == 3 * len(X)


def test_open_columns_need_a_multiplication_each() -> None:
    readout = AnalogueReadout(front_end=VoltageSense(), converter=ChargeDecrement(bits=4), phase_sum="analogue")
    ledger, _ = counted(TINY.replace(readout=readout))
    assert ledger.total(Event.MULTIPLICATION, die=0) == 3 * 3 * len(X)


# --- price ----------------------------------------------------------------------------------------------------------


def priced(
    shapes: dict[str, tuple[int, int]], *, cores: int = 200, runs: int = 2, dies: int = 2, name: str = "neurram"
) -> tuple[Cost, Installation, Ledger]:
    chip = Chip.load(name)
    chip = chip.replace(cores=chip.cores.replace(count=cores))
    generator = torch.Generator().manual_seed(0)
    mapping = chip.layer_mapping
    matrices = {
        layer: store(torch.randn(shape, generator=generator), mapping, IDEAL, Streams(0), dies=dies, name=layer)
        for layer, shape in shapes.items()
    }
    installed = install(chip, matrices)
    with Ledger() as ledger:
        for matrix in matrices.values():
            matrix.product(torch.randn(runs, matrix.shape[1], generator=generator))
    return cost(ledger, installed, inferences=runs), installed, ledger


networks = st.dictionaries(
    st.sampled_from("abcd"), st.tuples(st.integers(1, 40), st.integers(1, 300)), min_size=1, max_size=4
)


@given(shapes=networks, name=st.sampled_from(["neurram", "generic-40nm"]), cores=st.sampled_from([8, 200]))
def test_parts_sum_to_the_whole(shapes: dict[str, tuple[int, int]], name: str, cores: int) -> None:
    result, installed, _ = priced(shapes, name=name, cores=cores)
    assert result.energy_joule > 0
    assert sum(result.components.values()) == pytest.approx(result.energy_joule)
    assert sum(result.layers.values()) == pytest.approx(result.energy_joule)
    assert sum(result.areas.values()) == pytest.approx(result.area_square_metre)
    assert sum(result.dies.values()) / len(result.dies) == pytest.approx(result.energy_joule)
    assert set(result.layers) == set(shapes)
    longest = max(result.layer_seconds.values())
    assert longest <= result.latency_second * (1 + 1e-12)
    assert result.latency_second <= sum(result.layer_seconds.values()) * (1 + 1e-12)
    assert result.interval_second <= result.latency_second * (1 + 1e-12)
    assert result.operations == pytest.approx(sum(2 * a * b for a, b in shapes.values()))
    assert 1 <= installed.placement.cores_used <= cores


def test_energy_by_hand() -> None:
    """Each component: its energy at each event, and its power while a core is busy."""
    result, installed, ledger = priced({"a": (10, 100), "b": (5, 20)}, runs=4)
    chip = installed.chip
    samples, dies = 4, 2
    for name, part in chip.components.items():
        if part.event is not None:
            wanted = part.energy * ledger.total(part.event) / dies / samples
            assert result.components[name] == pytest.approx(wanted)
    bits = 6
    reads, rounds = ledger.total(Event.ARRAY_STEP), ledger.total(Event.CONVERSION_ROUND)
    busy = 270e-9 * reads + 1.251e-6 * 1.244 ** (bits - 3) * rounds
    assert result.components["neurons-and-control"] == pytest.approx(456.8e-6 * busy / dies / samples)


def test_cores_side_by_side_and_in_turn() -> None:
    """Four arrays of one layer: in four cores they take one array's time, in one core four times that."""
    chip = Chip.load("ideal").replace(timing=Timing(integration="1 us"), components={})

    def latency(cores: int) -> float:
        sized = chip.replace(cores=chip.cores.replace(count=cores))
        matrix = store(torch.ones(20, 256), sized.layer_mapping.replace(inputs=64), IDEAL, Streams(0))
        assert matrix.arrays == 4
        with Ledger() as ledger:
            matrix.product(torch.ones(3, 256))
        return cost(ledger, install(sized, {"a": matrix}), inferences=3).latency_second

    assert latency(4) == pytest.approx(1e-6)
    assert latency(2) == pytest.approx(4e-6)  # four strips of 64 rows fit one core


def test_area_counts_the_cores_in_use() -> None:
    chip = Chip.load("ideal").replace(
        components={
            "chip": Component(area="1 mm2", place="chip"), "core": Component(area="1 um2"),
            "row": Component(area="1 nm2", place="row"), "column": Component(area="2 nm2", place="column"),
            "cell": Component(area="3 nm2", place="cell"),
        }
    )  # fmt: skip
    matrix = store(torch.ones(20, 300), chip.layer_mapping, IDEAL, Streams(0))
    with Ledger() as ledger:
        matrix.product(torch.ones(1, 300))
    areas = cost(ledger, install(chip, {"a": matrix})).areas
    wanted = {"chip": 1e-6, "core": 2e-12, "row": 512e-18, "column": 1024e-18, "cell": 3e-18 * 2 * 65536}
    assert dict(areas) == pytest.approx(wanted)


def test_both_directions_of_a_matrix_are_priced() -> None:
    chip = Chip.load("generic-40nm")
    matrix = store(torch.ones(6, 8), chip.layer_mapping, IDEAL, Streams(0), name="a")
    installed = install(chip, {"a": matrix})

    def joules(forward: bool, backward: bool) -> float:
        with Ledger() as ledger:
            if forward:
                matrix.product(torch.ones(1, 8))
            if backward:
                matrix.T.product(torch.ones(1, 6))
        return cost(ledger, installed).energy_joule

    assert joules(True, True) == pytest.approx(joules(True, False) + joules(False, True))


def test_work_that_did_not_happen_costs_nothing() -> None:
    """Rows at rest are not driven: activity is in the cost by construction."""
    chip = Chip.load("generic-40nm")
    matrix = store(torch.ones(6, 8), chip.layer_mapping, IDEAL, Streams(0))
    installed = install(chip, {"a": matrix})

    def drivers(x: Tensor) -> float:
        with Ledger() as ledger:
            matrix.product(x)
        return cost(ledger, installed).components["drivers"]

    assert drivers(torch.zeros(1, 8)) == 0
    half = torch.tensor([[1.0, 0.0] * 4])
    assert drivers(half) == pytest.approx(drivers(torch.ones(1, 8)) / 2)


def test_ledgers_of_nothing_and_of_others_are_refused() -> None:
    _, installed, _ = priced({"a": (3, 4)})
    with pytest.raises(LedgerError, match="must have counted something"):
        cost(Ledger(), installed)
    _, _, other = priced({"a": (3, 4)})  # the same description and names, other hardware
    with pytest.raises(LedgerError, match="must belong to this hardware"):
        cost(other, installed)


def test_a_reference_is_one_named_basis() -> None:
    result, _, _ = priced({"a": (30, 100)})
    ratio, sentence = result.against("rtx-2080ti-fp32-peak")
    reference = REFERENCES["rtx-2080ti-fp32-peak"]
    assert ratio == pytest.approx(result.operations * reference.joule_per_operation / result.energy_joule)
    assert "fp32" in sentence
    assert "utilisation" in sentence
    assert result.basis in sentence
    with pytest.raises(UnknownNameError, match="Did you mean"):
        result.against("rtx-2080-fp32-peak")


def test_the_table_shows_every_part() -> None:
    result, installed, _ = priced({"conv1": (30, 100), "head": (10, 30)})
    text = result.table()
    assert set(result.components) == {n for n, part in installed.chip.components.items() if part.energy or part.power}
    assert all(name in text for name in (*result.components, "conv1", "head", "latency", "area", "basis"))
