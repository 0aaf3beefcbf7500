"""Read-outs: fast noise against explicit per-cell, per-read sampling; places of the sums; ranges; saturation."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from ohmloom.chips import Mapping, StoredMatrix, store
from ohmloom.chips.idealised import idealised
from ohmloom.crossbars import (
    Affine,
    Amplitude,
    Analogue,
    AnalogueReadout,
    Bits,
    BitSerial,
    CurrentSense,
    Drive,
    Encoding,
    Layout,
    Radix,
    Uniform,
    VoltageSense,
)
from ohmloom.crossbars.readouts import default_range, sense
from ohmloom.crossbars.reference import Reading, sample_product
from ohmloom.devices import Device, FlickerNoise, ReadNoise, RelativeNoise, SumOfNoises
from ohmloom.errors import ConfigurationError
from ohmloom.random import Streams

DRAWS = 10_000
SIGMAS = 5.0  # of each comparison; a wrong variance (by 2^k, √2, a missing cell) is tens of these away
WHITE = RelativeNoise(deviation=0.02, read_time="100 ns")
MIXED = SumOfNoises(parts=(WHITE, FlickerNoise(deviation=0.02, slowest="1 Hz", fastest="1 kHz")))


def matrix_of(
    drive: Drive,
    encoding: Encoding,
    readout: AnalogueReadout,
    *,
    noise: ReadNoise = WHITE,
    shape: tuple[int, int] = (3, 6),
    rows: int | None = None,
    **fields: object,
) -> StoredMatrix:
    weights = torch.randn(shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    device = Device.load("ideal").replace(g_min="0.4 uS", read_noise=noise)  # no column is ever empty
    mapping = Mapping(drive=drive, encoding=encoding, readout=readout, rows=rows, **fields)
    return store(weights, mapping, device, Streams(3))


def vector(inputs: int, drive: Drive) -> Tensor:
    x = torch.randn(inputs, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    return x if drive.signed else x.abs()


def raw(matrix: StoredMatrix, x: Tensor, generator: torch.Generator, full_range: float | None = None) -> Tensor:
    """The fast path's partial sums of ``x`` (batch, in): (segments, batch, outputs)."""
    driven, levels = matrix.drive(x.unsqueeze(0))
    sensing = matrix.sensing(generator)
    limit = default_range(sensing, driven.significance) if full_range is None else torch.tensor(full_range).to(x)
    return sense(sensing, levels, driven.significance, limit, generator).value[0]


def sampled(
    matrix: StoredMatrix,
    x: Tensor,
    generator: torch.Generator,
    *,
    full_range: float = 1.0,
    span: float | None = None,
) -> Tensor:
    """The same, every cell drawn for every read."""
    driven, levels = matrix.drive(x.unsqueeze(0))
    readout = matrix.mapping.readout
    assert isinstance(readout, AnalogueReadout)
    reading = Reading(
        matrix.mapping.encoding,
        readout,
        matrix.device.read_noise,
        matrix.unit,
        matrix.mapping.voltage,
        full_range,
        span,
    )
    return sample_product(reading, matrix.conductance()[0], levels[:, 0], driven.significance, generator)


def assert_same_statistics(fast: Tensor, slow: Tensor) -> None:
    """Means and variances over vectors agree, (segments, vectors, outputs), within ``SIGMAS`` standard errors."""
    count = fast.shape[1]
    pooled = (fast.var(1) + slow.var(1)) / 2
    assert bool((pooled > 0).all())
    mean_error = (fast.mean(1) - slow.mean(1)).abs() / (2 * pooled / count).sqrt()
    assert float(mean_error.max()) < SIGMAS
    ratio_error = (fast.var(1) / slow.var(1)).log().abs() / (4 / count) ** 0.5
    assert float(ratio_error.max()) < SIGMAS


CURRENT, VOLTAGE = CurrentSense(), VoltageSense()
ANALOGUE_PHASES, DIGITAL_PHASES = {"phase_sum": "analogue"}, {"phase_sum": "digital"}
SIGNED, TWO_PHASE = BitSerial(bits=4), BitSerial(bits=3, code="two-phase")
TWOS = BitSerial(bits=3, code="twos-complement")


def bits(layout: str, **fields: object) -> Bits:
    return Bits(bits=3, layout=layout, **fields)


CASES = {
    "pair-columns": (Amplitude(), Analogue(), CURRENT, {}),
    "pair-columns digital": (Amplitude(bits=5), Analogue(pair_sum="digital"), CURRENT, {}),
    "pair-rows": (Amplitude(), Analogue(layout="pair-rows"), CURRENT, {}),
    "centred pair": (Amplitude(), Analogue(centre=True), CURRENT, {}),
    "offset column": (Amplitude(), Analogue(layout="offset-column"), CURRENT, {}),
    "offset column digital": (Amplitude(), Analogue(layout="offset-column", pair_sum="digital"), CURRENT, {}),
    "radix": (Amplitude(), Radix(cells=5), CURRENT, {}),
    "slices digital": (Amplitude(), bits("pair-columns"), CURRENT, {}),
    "slices and pairs digital": (Amplitude(), bits("pair-columns", pair_sum="digital"), CURRENT, {}),
    "slices analogue, pairs digital": (
        Amplitude(), bits("pair-columns", pair_sum="digital", slice_sum="analogue"), CURRENT, {},
    ),
    "slices analogue": (Amplitude(), bits("pair-rows", slice_sum="analogue"), CURRENT, {}),
    "slices, offset column": (Amplitude(), bits("offset-column", number="offset-binary"), CURRENT, {}),
    "bit-serial on a capacitor": (SIGNED, Analogue(), CURRENT, ANALOGUE_PHASES),
    "bit-serial shifted and added": (SIGNED, Analogue(), CURRENT, DIGITAL_PHASES),
    "two-phase": (TWO_PHASE, Analogue(layout="pair-rows"), CURRENT, ANALOGUE_PHASES),
    "two's complement": (TWOS, Analogue(layout="pair-rows"), CURRENT, ANALOGUE_PHASES),
    "two's complement, digital": (TWOS, bits("pair-columns"), CURRENT, DIGITAL_PHASES),
    "affine": (Affine(bits=3), Analogue(), CURRENT, ANALOGUE_PHASES),
    "voltage": (Amplitude(), Analogue(layout="pair-rows"), VOLTAGE, {}),
    "voltage, column pairs": (Amplitude(), Analogue(pair_sum="digital"), VOLTAGE, {}),
    "voltage, slices": (Amplitude(), bits("pair-rows"), VOLTAGE, {}),
    "voltage, capacitor": (SIGNED, Analogue(layout="pair-rows"), VOLTAGE, ANALOGUE_PHASES),
    "voltage, shifted and added": (SIGNED, Analogue(layout="pair-rows"), VOLTAGE, DIGITAL_PHASES),
    "voltage, two-phase": (TWO_PHASE, Analogue(layout="pair-rows"), VOLTAGE, ANALOGUE_PHASES),
    "front end": (SIGNED, Analogue(), CurrentSense(noise=0.2), ANALOGUE_PHASES),
    "front end, digital": (SIGNED, bits("pair-columns", pair_sum="digital"), CurrentSense(noise=0.2), DIGITAL_PHASES),
    "front end, offset": (Amplitude(), Analogue(layout="offset-column"), CurrentSense(noise=0.2), {}),
    "front end, slices": (SIGNED, bits("pair-columns", slice_sum="analogue"), CurrentSense(noise=0.2), ANALOGUE_PHASES),
    "front end, voltage": (SIGNED, Analogue(layout="pair-rows"), VoltageSense(noise=0.01), ANALOGUE_PHASES),
    "saturating": (Amplitude(), Analogue(), CurrentSense(saturation="7 uA", noise=0.1), {}),
    "saturating, digital": (SIGNED, bits("pair-columns"), CurrentSense(saturation="7 uA"), DIGITAL_PHASES),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_fast_noise_is_that_of_sampled_cells(name: str) -> None:
    drive, encoding, front_end, places = CASES[name]
    matrix = matrix_of(drive, encoding, AnalogueReadout(front_end=front_end, **places))
    x = vector(6, drive).expand(DRAWS, -1)
    fast, slow = raw(matrix, x, torch.Generator().manual_seed(4)), sampled(matrix, x, torch.Generator().manual_seed(5))
    assert_same_statistics(fast, slow)


def test_the_comparison_sees_one_wrong_cell() -> None:
    """The statistics above can fail: noise of 2.3 % instead of 2 % is found."""
    right = matrix_of(Amplitude(), Analogue(), AnalogueReadout())
    wrong = matrix_of(Amplitude(), Analogue(), AnalogueReadout(), noise=WHITE.replace(deviation=0.023))
    x = vector(6, Amplitude()).expand(DRAWS, -1)
    with pytest.raises(AssertionError):
        assert_same_statistics(
            raw(wrong, x, torch.Generator().manual_seed(4)), sampled(right, x, torch.Generator().manual_seed(5))
        )


@pytest.mark.parametrize("segmented_rows", [4, 8])
def test_segments_are_arrays_of_their_own(segmented_rows: int) -> None:
    matrix = matrix_of(Amplitude(), Analogue(layout="pair-rows"), AnalogueReadout(), shape=(3, 7), rows=segmented_rows)
    assert matrix.segments.count == -(-7 // (segmented_rows // 2))
    x = vector(7, Amplitude()).expand(DRAWS, -1)
    fast, slow = raw(matrix, x, torch.Generator().manual_seed(4)), sampled(matrix, x, torch.Generator().manual_seed(5))
    assert_same_statistics(fast, slow)


@pytest.mark.parametrize("front_end", [CURRENT, VOLTAGE], ids=["current", "voltage"])
def test_slow_noise_is_common_to_the_vectors_of_a_call(front_end: CurrentSense | VoltageSense) -> None:
    readout = AnalogueReadout(front_end=front_end)
    matrix = matrix_of(Amplitude(), Analogue(layout="pair-rows"), readout, noise=MIXED)
    x, calls = vector(6, Amplitude()).expand(4, -1), 700
    one, two = torch.Generator().manual_seed(6), torch.Generator().manual_seed(7)
    fast = torch.stack([raw(matrix, x, one)[0] for _ in range(calls)])  # (calls, vectors, outputs)
    slow = torch.stack([sampled(matrix, x, two, span=1e-3)[0] for _ in range(calls)])

    def shares(values: Tensor) -> tuple[Tensor, Tensor]:
        centred = values - values.mean(0)
        common = (centred[:, 0] * centred[:, 1] + centred[:, 2] * centred[:, 3]).mean(0) / 2
        return centred.square().mean((0, 1)), common / centred.square().mean((0, 1))

    (fast_variance, fast_share), (slow_variance, slow_share) = shares(fast), shares(slow)
    assert torch.allclose(fast_variance, slow_variance, rtol=SIGMAS * (4 / calls) ** 0.5)
    error = (1 / calls / 2 / 3) ** 0.5  # of a mean of correlations: two pairs of vectors, three outputs
    assert float(fast_share.mean()) == pytest.approx(float(slow_share.mean()), abs=SIGMAS * 2**0.5 * error)
    assert float(fast_share.mean()) == pytest.approx(0.5, abs=SIGMAS * error)  # half of MIXED is slow


def test_variance_of_a_capacitor_adds_as_2_to_the_k_and_of_shifted_codes_as_4_to_the_k() -> None:
    x = torch.full((DRAWS, 6), 7.0, dtype=torch.float64)  # all three magnitude bits set

    def variance(drive: Drive, places: dict[str, str]) -> Tensor:
        matrix = matrix_of(drive, Analogue(), AnalogueReadout(**places))
        return raw(matrix, x, torch.Generator().manual_seed(8))[0].var(0)

    one = variance(Amplitude(), {})
    tolerance = SIGMAS * (4 / DRAWS) ** 0.5
    assert torch.allclose(variance(SIGNED, ANALOGUE_PHASES) / one, torch.tensor(1.0 + 2 + 4).double(), rtol=tolerance)
    assert torch.allclose(variance(SIGNED, DIGITAL_PHASES) / one, torch.tensor(1.0 + 4 + 16).double(), rtol=tolerance)


@pytest.mark.parametrize(
    ("shift", "low", "high"), [(0.0, 0.97, 1.12), (1.0, 1.15, 1.6)], ids=["balanced", "unbalanced"]
)
def test_current_form_overstates_the_noise_of_unbalanced_open_columns(shift: float, low: float, high: float) -> None:
    """var V_j = Σ (V_i - V_j)² var g / (Σ g)²; leaving V_j out overstates the deviation where V_j is not near zero."""
    device = Device.load("ideal").replace(g_min="0.4 uS", read_noise=WHITE)
    mapping = Mapping(
        drive=Amplitude(), encoding=Analogue(layout="pair-rows"), readout=AnalogueReadout(front_end=VOLTAGE)
    )
    weights = torch.randn(4, 32, generator=torch.Generator().manual_seed(1), dtype=torch.float64) + shift
    matrix = store(weights, mapping, device, Streams(0))
    x = (torch.randn(32, generator=torch.Generator().manual_seed(2), dtype=torch.float64) + shift).expand(DRAWS, -1)
    true = sampled(matrix, x, torch.Generator().manual_seed(3))[0].std(0)
    lines, (_, levels) = matrix.sensing().lines, matrix.drive(x[:1].unsqueeze(0))
    assert lines.variance is not None
    overstated = (levels.square() @ lines.variance[:, :, 0]).sqrt()[0, 0, 0, 0] / true  # both after normalisation
    assert low < float(overstated.mean()) < high
    assert torch.allclose(raw(matrix, x, torch.Generator().manual_seed(4))[0].std(0), true, rtol=SIGMAS / DRAWS**0.5)


LAYOUTS = st.sampled_from(
    [
        Analogue(), Analogue(pair_sum="digital"), Analogue(layout="pair-rows"), Analogue(layout="offset-column"),
        Analogue(layout="offset-column", pair_sum="digital"), Analogue(slices=2),
        Analogue(slices=2, layout="pair-rows"), Bits(bits=5, cell_bits=2),
        Bits(bits=5, cell_bits=2, pair_sum="digital"),
        Bits(bits=5, cell_bits=2, slice_sum="analogue"),
        Bits(bits=4, cell_bits=2, number="offset-binary", layout="offset-column"),
        Bits(bits=4, number="twos-complement", layout="single"), Radix(cells=6), Radix(cells=6, slice_sum="digital"),
    ]
)  # fmt: skip
DRIVES = st.sampled_from([Amplitude(), Amplitude(bits=4), SIGNED, TWO_PHASE, TWOS, BitSerial(bits=3, code="unsigned")])


@given(encoding=LAYOUTS, drive=DRIVES, phases=st.sampled_from(["analogue", "digital"]), seed=st.integers(0, 99))
def test_merged_reads_are_the_unmerged_ones(encoding: Encoding, drive: Drive, phases: str, seed: int) -> None:
    """The cheapest way and the explicit one give the same noiseless value; a far saturation keeps phases apart."""
    quiet = Device.load("ideal").read_noise
    merged = matrix_of(drive, encoding, AnalogueReadout(phase_sum=phases), noise=quiet)
    far = AnalogueReadout(phase_sum=phases, front_end=CurrentSense(saturation="1 A"))
    apart = matrix_of(drive, encoding, far, noise=quiet)
    x = torch.randn(5, 6, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    x = x if drive.signed else x.abs()
    assert torch.allclose(merged.product(x), apart.product(x), atol=1e-10)
    expected = sampled(merged, x, torch.Generator())
    assert torch.allclose(raw(merged, x, torch.Generator()), expected, atol=1e-10)


def test_summary_names_the_number_of_products() -> None:
    def path(readout: AnalogueReadout, encoding: Encoding) -> str:
        return matrix_of(SIGNED, encoding, readout).sensing().path

    assert path(AnalogueReadout(phase_sum="analogue"), Analogue()) == "one product"
    assert path(AnalogueReadout(phase_sum="digital"), Analogue()) == "one product per phase"
    saturating = AnalogueReadout(phase_sum="analogue", front_end=CurrentSense(saturation="1 uA"))
    assert path(saturating, Analogue()) == "one product per phase and channel (2 channels)"
    assert path(AnalogueReadout(phase_sum="analogue"), Bits(bits=4)) == "one product and channel (3 channels)"


@given(
    encoding=LAYOUTS, drive=DRIVES, phases=st.sampled_from(["analogue", "digital"]), seed=st.integers(0, 999),
    voltage=st.booleans(),
)  # fmt: skip
def test_default_range_never_clips(encoding: Encoding, drive: Drive, phases: str, seed: int, voltage: bool) -> None:
    """Any input, also the worst one: every row at full level with the sign of its weight."""
    pair = len(encoding.layout.signs) == 2
    front_end = VOLTAGE if voltage and pair and encoding.conversions == encoding.channels else CURRENT
    readout = AnalogueReadout(front_end=front_end, converter=Uniform(bits=6), phase_sum=phases)
    matrix = matrix_of(drive, encoding, readout, noise=Device.load("ideal").read_noise)
    x = torch.randn(8, 6, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    x = torch.cat([x, matrix.effective()[0].sign(), torch.ones(1, 6)])
    x = x if drive.signed else x.abs()
    driven, levels = matrix.drive(x.unsqueeze(0))
    sensing = matrix.sensing()
    seen: list[Tensor] = []
    limit = default_range(sensing, driven.significance)
    read = sense(sensing, levels, driven.significance, limit, None, seen.append)
    assert int(read.clipped) == 0
    assert float(seen[0].abs().max()) <= float(limit.max()) * (1 + 1e-12)


def test_default_range_is_reached() -> None:
    """It is not merely huge: a pair on rows driven with the signs of a column's weights fills it exactly."""
    matrix = matrix_of(Amplitude(), Analogue(layout="pair-rows"), AnalogueReadout())
    x = matrix.effective()[0].sign()
    driven, levels = matrix.drive(x.unsqueeze(0))
    seen: list[Tensor] = []
    quiet = matrix.sensing()._replace(transfer=matrix.sensing().transfer._replace(variance=None))
    limit = default_range(quiet, driven.significance)
    sense(quiet, levels, driven.significance, limit, None, seen.append)
    assert float(seen[0].abs().max()) == pytest.approx(float(limit.max()), rel=1e-12)


def test_saturation_acts_on_each_column_before_the_pair_is_subtracted() -> None:
    """Both columns of a pair carry 5 units and saturate at 3: their difference is lost, although it is small."""
    device, readout = Device.load("ideal"), AnalogueReadout(front_end=CurrentSense(saturation=3 * 40e-6 * 0.2))
    weights = torch.tensor([[1.0] * 5 + [-1.0] * 4])
    mapping = Mapping(drive=Amplitude(), encoding=Analogue(), readout=readout, voltage=0.2)
    x = torch.ones(1, 9)
    matrix = store(weights, mapping, device, Streams(0))
    assert float(matrix.product(x)) == 0.0
    assert float(matrix.clips.saturation) == 2
    rows = mapping.replace(encoding=Analogue(layout="pair-rows"))  # a pair on the line cancels before it can saturate
    assert float(store(weights, rows, device, Streams(0)).product(x)) == pytest.approx(1.0)


def test_saturation_acts_on_each_phase() -> None:
    """x = 1 and x = 3 in bits: only phases in which many rows are on saturate."""
    readout = AnalogueReadout(front_end=CurrentSense(saturation=2 * 40e-6 * 0.2), phase_sum="analogue")
    mapping = Mapping(drive=BitSerial(bits=2, code="unsigned"), encoding=Analogue(), readout=readout, voltage=0.2)
    matrix = store(torch.ones(1, 4), mapping, Device.load("ideal"), Streams(0), limit=3.0)
    x = torch.tensor([[1.0, 1.0, 1.0, 2.0]])  # phase 0: three rows on, clipped to 2; phase 1: one row, counts 2
    assert float(matrix.product(x)) == pytest.approx(2 + 2)


@pytest.mark.parametrize("front_end", [CurrentSense(), VoltageSense()], ids=["current", "voltage"])
def test_swing_limits_what_the_phases_add_up_to(front_end: CurrentSense | VoltageSense) -> None:
    """Phases worth 1 and 2 reads: three of full drive; a swing of 2 cuts a full x = 3, and leaves x = 2 and x = -1."""
    readout = AnalogueReadout(front_end=front_end, phase_sum="analogue", swing=2.0)
    drive = BitSerial(bits=3, code="signed")
    mapping = Mapping(drive=drive, encoding=Analogue(layout="pair-rows"), readout=readout, voltage=0.2, lowest=0.0)
    matrix = store(torch.ones(1, 1), mapping, Device.load("ideal"), Streams(0), limit=3.0)
    x = torch.tensor([[3.0], [2.0], [-1.0], [-3.0]])
    assert matrix.product(x).flatten().tolist() == pytest.approx([2.0, 2.0, -1.0, -2.0], rel=1e-5)
    assert float(matrix.clips.saturation) == 2
    wide = store(torch.ones(1, 1), mapping.replace(readout=readout.replace(swing=3.5)), Device.load("ideal"),
                 Streams(0), limit=3.0)  # fmt: skip
    assert wide.product(x).flatten().tolist() == pytest.approx(x.flatten().tolist(), rel=1e-5)
    freed = idealised(matrix, ["saturation"])
    assert freed.product(x).flatten().tolist() == pytest.approx(x.flatten().tolist(), rel=1e-5)


@pytest.mark.parametrize("phases", ["analogue", "digital"])
@pytest.mark.parametrize("layout", ["pair-rows", "pair-columns"])
def test_swing_is_that_of_the_explicit_reads(layout: str, phases: str) -> None:
    readout = AnalogueReadout(phase_sum=phases, swing=0.4)
    matrix = matrix_of(SIGNED, Analogue(layout=layout), readout, noise=Device.load("ideal").read_noise)
    x = torch.randn(9, 6, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    found = raw(matrix, x, torch.Generator())
    assert torch.allclose(found, sampled(matrix, x, torch.Generator()), atol=1e-10)
    assert not torch.allclose(found, raw(idealised(matrix, ["saturation"]), x, torch.Generator()), atol=0.1)


@pytest.mark.parametrize("groups", [2, 3, 6])
@pytest.mark.parametrize("front_end", [CURRENT, VOLTAGE], ids=["current", "voltage"])
@pytest.mark.parametrize("code", ["signed", "twos-complement"])
def test_groups_of_phases_with_an_ideal_converter_are_no_groups(
    groups: int, front_end: CurrentSense, code: str
) -> None:
    drive, quiet = BitSerial(bits=6, code=code), Device.load("ideal").read_noise
    plain = AnalogueReadout(front_end=front_end, phase_sum="analogue")
    encoding = Analogue(layout="pair-rows")
    x = torch.randn(4, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    one = matrix_of(drive, encoding, plain, noise=quiet).product(x)
    many = matrix_of(drive, encoding, plain.replace(phase_groups=groups), noise=quiet).product(x)
    assert torch.allclose(one, many, atol=1e-12)


def test_groups_resolve_more_than_one_conversion_of_the_same_bits() -> None:
    drive, quiet = BitSerial(bits=7), Device.load("ideal").read_noise
    plain = AnalogueReadout(converter=Uniform(bits=6), phase_sum="analogue")
    x = torch.randn(200, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)

    def error(readout: AnalogueReadout) -> float:
        matrix = matrix_of(drive, Analogue(), readout, noise=quiet)
        return float((matrix.product(x) - x @ matrix.effective()[0].T).std())

    assert error(plain.replace(phase_groups=6)) < error(plain)


def test_a_group_of_fewer_phases_keeps_the_calibrated_step() -> None:
    """Three phases in two groups: the second has one phase, one bit less, and the same step, which counts 4."""
    drive, quiet = BitSerial(bits=4), Device.load("ideal").read_noise
    readout = AnalogueReadout(converter=Uniform(bits=8), phase_sum="analogue", phase_groups=2)
    matrix = matrix_of(drive, Analogue(), readout, noise=quiet)
    x = torch.randn(500, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    x = x / x.abs().amax(1, keepdim=True) * 7  # codes are integers' own
    full_range = default_range(matrix.sensing(), torch.tensor([1.0, 2.0]).double())
    matrix.calibration.full_range = full_range
    exact = drive.encode(x).value() @ matrix.effective()[0].T
    largest = float((matrix.product(x)[0] - exact).abs().max())
    step = float(full_range / 127 * matrix.scale)
    assert 0.8 * (1 + 4) * step / 2 < largest <= (1 + 4) * step / 2 * (1 + 1e-9)
    assert float(matrix.clips.converter) == 0


@pytest.mark.parametrize(
    "fields",
    [
        {"encoding": Bits(bits=4, layout="single"), "readout": AnalogueReadout()},
        {"encoding": Analogue(), "readout": AnalogueReadout(front_end=VOLTAGE)},
        {"encoding": Analogue(slices=2, slice_sum="analogue"), "readout": AnalogueReadout(front_end=VOLTAGE)},
        {"encoding": Analogue(layout="single"), "readout": AnalogueReadout(front_end=VOLTAGE)},
    ],
)
def test_impossible_read_outs_are_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError, match="got"):
        Mapping(drive=Amplitude(), **fields)


def test_open_columns_do_not_saturate() -> None:
    with pytest.raises(ConfigurationError, match="saturate"):
        VoltageSense(saturation="1 uA")


def test_layouts_say_how_many_values_are_converted() -> None:
    assert Bits(bits=5).conversions == 4  # pairs meet, four slices do not
    assert Bits(bits=5, pair_sum="digital").conversions == 8
    assert Bits(bits=5, pair_sum="digital", slice_sum="analogue").conversions == 2
    assert Bits(bits=5, slice_sum="analogue").conversions == 1
    assert Bits(bits=5, layout=Layout.PAIR_ROWS, pair_sum="digital").conversions == 4  # met on the line
