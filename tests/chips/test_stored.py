"""Stored matrices: exact with ideal cells, the same cells in both directions, dies and ages that are what they say."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from ohmloom.chips import Mapping, StoredMatrix, store
from ohmloom.crossbars import (
    Affine,
    Amplitude,
    Analogue,
    AnalogueReadout,
    Bipolar,
    Bits,
    BitSerial,
    ChargeDecrement,
    Comparator,
    CurrentSense,
    Drive,
    Encoding,
    Pulses,
    Radix,
    Uniform,
    VoltageSense,
)
from ohmloom.devices import (
    AdditiveNoise,
    Device,
    HyperbolicSine,
    OpenLoop,
    RandomFaults,
    RelativeNoise,
)
from ohmloom.errors import ConfigurationError, NotFiniteError, PlacementError, ShapeError
from ohmloom.random import Streams

IDEAL = Device.load("ideal")
LEAKY = IDEAL.replace(g_min="0.5 uS")
VOLTAGE = AnalogueReadout(front_end=VoltageSense())
EXACT = Mapping(drive=Amplitude(), encoding=Analogue(), readout=AnalogueReadout())
NEURRAM = EXACT.replace(encoding=Analogue(layout="pair-rows"), readout=VOLTAGE)


def random(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def relative(value: Tensor, wanted: Tensor) -> float:
    return float((value - wanted).norm() / wanted.norm())


# --- exactness ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mapping", [EXACT, NEURRAM], ids=["current", "voltage"])
@pytest.mark.parametrize("inputs", [1, 2, 7, 8, 9, 15, 16, 17, 33])
@pytest.mark.parametrize("outputs", [1, 5])
def test_segments_recombine_to_the_dense_product(mapping: Mapping, inputs: int, outputs: int) -> None:
    """N1: float32, around the boundaries of arrays of 16 rows."""
    weights, x = random(outputs, inputs, dtype=torch.float32), random(4, inputs, seed=1, dtype=torch.float32)
    matrix = store(weights, mapping.replace(rows=16), IDEAL, Streams(0))
    assert matrix.segments.rows * mapping.encoding.layout.rows_per_input <= 16
    product = matrix.product(x)
    assert product.shape == (1, 4, outputs)
    assert product.dtype == torch.float32
    assert relative(product[0], x @ weights.T) < 1e-5


@given(
    inputs=st.integers(1, 20), rows=st.sampled_from([None, 12, 16]), seed=st.integers(0, 99),
    largest=st.sampled_from([0.0, 1e-3, 0.4, 1.0, 3.7]),
    drive=st.sampled_from([Amplitude(), BitSerial(bits=12), BitSerial(bits=12, code="twos-complement")]),
)  # fmt: skip
def test_bias_in_rows_is_added_exactly(inputs: int, rows: int | None, largest: float, seed: int, drive: Drive) -> None:
    weights, x = random(3, inputs, seed=seed), random(5, inputs, seed=seed + 1)
    limit = float(x.abs().max())
    bias = torch.tensor([largest, -0.5 * largest, 0.0], dtype=torch.float64) * limit * float(weights.abs().max())
    matrix = store(weights, EXACT.replace(drive=drive, rows=rows), IDEAL, Streams(0), bias=bias, limit=limit)
    assert matrix.segments.bias_rows * matrix.segments.count >= largest  # no cell exceeds the range
    assert float(matrix.conductance().max()) <= 40e-6 * (1 + 1e-6)
    wanted = drive.encode(x, limit).value() @ weights.T + bias
    assert torch.allclose(matrix.product(x)[0], wanted, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("drive", [Affine(bits=12), BitSerial(bits=12, code="two-phase")], ids=["affine", "two-phase"])
@pytest.mark.parametrize("encoding", [Analogue(), Radix(cells=30), Analogue(layout="offset-column")])
def test_rows_that_do_not_exist_and_bias_rows_do_not_disturb_drives_that_never_rest(
    drive: Drive, encoding: Encoding
) -> None:
    """7 inputs in arrays of 4 rows: one row is missing, and its level would not be zero."""
    weights, x = random(3, 7), random(6, 7, seed=1).abs() + 3.0
    limit = float(x.max())
    bias = torch.tensor([0.5, -0.2, 0.1], dtype=torch.float64)
    for given_bias in (None, bias):
        mapping = EXACT.replace(drive=drive, encoding=encoding, rows=4)
        matrix = store(weights, mapping, IDEAL, Streams(0), bias=given_bias, limit=limit)
        wanted = x @ weights.T + (0.0 if given_bias is None else given_bias)
        assert float((matrix.product(x)[0] - wanted).abs().max()) < 2e-2  # 12 bits of a vector between 3 and 6


def test_an_affine_code_is_not_coarsened_by_missing_rows() -> None:
    """Between 100 and 101 with 4 bits; a padding of zeros would make the step 100 times coarser."""
    weights, x = random(3, 7), 100 + torch.rand(6, 7, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    matrix = store(weights, EXACT.replace(drive=Affine(bits=4), rows=4), IDEAL, Streams(0))
    assert torch.allclose(matrix.product(x)[0], Affine(bits=4).encode(x).value() @ weights.T, rtol=1e-9)


def test_bias_rows_keep_their_level_when_the_input_range_changes() -> None:
    weights, bias, x = random(3, 5), random(3, seed=2), random(4, 5, seed=1)
    matrix = store(weights, EXACT, IDEAL, Streams(0), bias=bias, limit=2.0)
    for limit in (None, torch.tensor(5.0, dtype=torch.float64)):
        matrix.calibration.limit = limit
        assert torch.allclose(matrix.product(x)[0], x @ weights.T + bias)


ENCODINGS = [
    Analogue(), Analogue(pair_sum="digital"), Analogue(centre=True), Analogue(layout="pair-rows"),
    Analogue(layout="pair-rows", centre=True), Analogue(layout="offset-column"), Analogue(slices=3),
    Analogue(layout="offset-column", pair_sum="digital"), Analogue(slices=2, layout="pair-rows", order="successive"),
    Bits(bits=5, cell_bits=2), Bits(bits=5, cell_bits=2, slice_sum="analogue"), Bits(bits=4, layout="pair-rows"),
    Bits(bits=4, cell_bits=2, number="offset-binary"), Bits(bits=4, number="offset-binary", layout="offset-column"),
    Bits(bits=4, number="twos-complement", layout="single"), Bipolar(), Bipolar(layout="offset-column"),
    Bits(bits=4, number="twos-complement", layout="offset-column"), Bipolar(layout="single"),
    Radix(cells=8), Radix(cells=8, slice_sum="digital"), Radix(cells=8, order="successive"),
]  # fmt: skip


@given(
    encoding=st.sampled_from(ENCODINGS), inputs=st.integers(1, 9), outputs=st.integers(1, 4), seed=st.integers(0, 999),
    voltage=st.booleans(), rows=st.sampled_from([None, 4]), device=st.sampled_from([IDEAL, LEAKY]),
)  # fmt: skip
def test_effective_is_what_the_product_does(
    encoding: Encoding, inputs: int, outputs: int, seed: int, voltage: bool, rows: int | None, device: Device
) -> None:
    pair = len(encoding.layout.signs) == 2
    readout = VOLTAGE if voltage and pair and encoding.conversions == encoding.channels else AnalogueReadout()
    mapping = Mapping(drive=Amplitude(), encoding=encoding, readout=readout, rows=rows)
    weights, x = random(outputs, inputs, seed=seed), random(3, inputs, seed=seed + 1)
    matrix = store(weights, mapping, device, Streams(0), dies=2)
    effective = matrix.effective()
    assert effective.shape == (2, outputs, inputs)
    wanted = encoding.decode(
        torch.stack([encoding.targets(v, 0.0, 1.0) for v in encoding.values(weights.T / matrix.scale)]), 0.0, 1.0
    ) if encoding.layout != "offset-column" else encoding.prepare(weights.T / matrix.scale)  # fmt: skip
    if isinstance(encoding, Radix) or encoding.order == "parallel":
        assert torch.allclose(effective[0], wanted.T * matrix.scale, atol=1e-8)
    assert torch.allclose(matrix.product(x), x @ effective.transpose(-1, -2), atol=1e-8)
    assert torch.allclose(matrix.row_sums(), effective.sum(-1), atol=1e-8)


@pytest.mark.parametrize("mapping", [EXACT, NEURRAM], ids=["current", "voltage"])
def test_gradient_reaches_the_input(mapping: Mapping) -> None:
    """Straight through codes: that of the effective matrix; the value stays the hardware's."""
    weights, x = random(4, 6), random(3, 6, seed=1).requires_grad_()
    coarse = mapping.readout.replace(converter=Uniform(bits=5))
    matrix = store(weights, mapping.replace(drive=Amplitude(bits=4), readout=coarse), LEAKY, Streams(0), dies=2)
    upstream = random(2, 3, 4, seed=2)
    value = matrix.product(x)
    value.backward(upstream)
    assert torch.allclose(value.detach(), matrix.product(x.detach()), atol=1e-12)
    assert x.grad is not None
    assert torch.allclose(x.grad, torch.einsum("dbo,doi->bi", upstream, matrix.effective()))
    with torch.no_grad():
        assert not matrix.product(x).requires_grad


def test_normalisation_is_what_makes_open_columns_a_product() -> None:
    """N4: V_j = Σ V_i g_ij / Σ g_ij; without the column sums the product is wrong, and only by a factor per column."""
    weights, x = random(8, 30) * torch.linspace(0.05, 1, 8).double().unsqueeze(1), random(50, 30, seed=1)
    wanted = x @ weights.T
    assert relative(store(weights, NEURRAM, LEAKY, Streams(0)).product(x)[0], wanted) < 1e-9
    broken = store(weights, NEURRAM.replace(normalise=False), LEAKY, Streams(0))
    value = broken.product(x)[0]
    assert relative(value, wanted) > 0.1
    ratio = value / wanted
    assert torch.allclose(ratio, ratio[:1].expand_as(ratio), rtol=1e-6)
    assert float(ratio[0].max() / ratio[0].min()) > 2


def test_open_columns_by_hand() -> None:
    matrix = store(random(3, 5), NEURRAM.replace(normalise=False), LEAKY, Streams(0))
    g = matrix.conductance()[0, 0, :, 0]  # (signs, rows, columns)
    v = torch.tensor([0.3, -1.0, 0.0, 0.7, 1.0], dtype=torch.float64)
    by_hand = (torch.cat([v, -v]).unsqueeze(1) * torch.cat([g[0], g[1]])).sum(0) / g.sum((0, 1))
    sensing = matrix.sensing()
    read = sensing.transfer.sums(v.view(1, 1, 1, 1, 5), v.square().view(1, 1, 1, 1, 5)).mean
    assert torch.allclose(read.flatten(), by_hand)


def test_permuted_cells_of_a_column_break_the_product() -> None:
    """The negative control: the same conductances in other rows."""
    weights, x = random(6, 40), random(20, 40, seed=1)
    matrix = store(weights, EXACT, IDEAL, Streams(0))
    shuffled = torch.randperm(40, generator=torch.Generator().manual_seed(3))
    matrix.cells = matrix.cells._replace(written=matrix.cells.written[..., shuffled, :])
    matrix.refresh()
    assert relative(matrix.product(x)[0], x @ weights.T) > 1
    assert relative(matrix.product(x[:, shuffled])[0], x @ weights.T) < 1e-9


def test_scale_is_the_percentile_and_larger_weights_clip_or_go_beyond() -> None:
    weights = torch.linspace(-1, 1, 201, dtype=torch.float64).view(3, 67)
    clipped = store(weights, EXACT.replace(percentile=90), IDEAL, Streams(0))
    assert float(clipped.scale) == pytest.approx(0.9, abs=0.01)
    assert torch.allclose(clipped.effective()[0], weights.clamp(-clipped.scale, clipped.scale))
    beyond = EXACT.replace(percentile=90, overrange="extend", highest="30 uS")
    assert torch.allclose(store(weights, beyond, IDEAL, Streams(0)).effective()[0], weights)
    far = EXACT.replace(percentile=50, overrange="extend", highest="30 uS")  # the device ends at 40 µS
    held = store(weights, far, IDEAL, Streams(0))
    assert torch.allclose(held.effective()[0], weights.clamp(-held.scale * 4 / 3, held.scale * 4 / 3))


def test_a_matrix_of_zeros_is_zero() -> None:
    for mapping in (EXACT, NEURRAM):
        product = store(torch.zeros(3, 4), mapping, IDEAL, Streams(0)).product(torch.ones(2, 4))
        assert torch.equal(product, torch.zeros(1, 2, 3))


@given(factor=st.floats(1e-3, 1e3), seed=st.integers(0, 99))
def test_scales_of_weights_and_inputs_come_out_again(factor: float, seed: int) -> None:
    weights, x = random(3, 6, seed=seed), random(4, 6, seed=seed + 1)
    mapping = NEURRAM.replace(drive=BitSerial(bits=5), readout=VOLTAGE.replace(converter=ChargeDecrement(bits=7)))
    one = store(weights, mapping, LEAKY, Streams(0)).product(x)
    other = store(weights * factor, mapping, LEAKY, Streams(0)).product(x / 3)
    assert float((other * 3 / factor - one).abs().max()) <= 2.1 * float(one.abs().max()) / 63  # a code on a boundary


def test_a_nonlinear_cell_never_clips_the_default_range() -> None:
    """sinh lifts full level above 1; the range follows."""
    device = IDEAL.replace(conduction=HyperbolicSine(scale="0.1 V"))
    mapping = EXACT.replace(readout=AnalogueReadout(converter=Uniform(bits=12)), encoding=Analogue(layout="pair-rows"))
    matrix = store(torch.ones(1, 4, dtype=torch.float64), mapping, device, Streams(0))
    gain = float(torch.sinh(torch.tensor(2.0, dtype=torch.float64)) / 2)
    assert float(matrix.product(torch.ones(1, 4, dtype=torch.float64))) == pytest.approx(4 * gain, rel=1e-3)


# --- both directions ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mapping", [EXACT, NEURRAM], ids=["current", "voltage"])
@pytest.mark.parametrize("rows", [None, 8])
@pytest.mark.parametrize("bias", [False, True])
def test_backward_is_the_exact_transpose_of_the_same_cells(mapping: Mapping, rows: int | None, bias: bool) -> None:
    weights = random(5, 11)
    held = {"bias": random(5, seed=3), "limit": 1.0} if bias else {}
    device = LEAKY.replace(programming=OpenLoop(deviation=(0.05,)))
    matrix = store(weights, mapping.replace(rows=rows, columns=rows), device, Streams(0), dies=2, **held)
    back = matrix.T
    assert back.T is matrix
    assert matrix.T is back
    assert back.shape == (11, 5)
    assert torch.allclose(
        back.conductance().flatten(1).sum(1), matrix.segments.unfold(matrix.conductance()).flatten(1).sum(1)
    )
    if isinstance(mapping.readout.front_end, CurrentSense):  # type: ignore[union-attr]
        assert torch.allclose(back.effective(), matrix.effective().transpose(-1, -2))
    assert relative(back.effective()[0], weights.T) < 0.5
    y = random(3, 5, seed=4)
    assert torch.allclose(back.product(y), y @ back.effective().transpose(-1, -2))
    exact = store(weights, mapping.replace(rows=rows, columns=rows), LEAKY, Streams(0), **held)
    assert relative(exact.T.product(y)[0], y @ weights) < 1e-9


def test_a_changed_cell_is_changed_in_both_directions() -> None:
    matrix = store(random(4, 6), EXACT.replace(encoding=Analogue(layout="pair-rows")), LEAKY, Streams(0))
    before, back = matrix.effective().clone(), matrix.T.effective().clone()
    matrix.cells.written[0, 0, 0, 0, 2, 3] += 5e-6
    matrix.refresh()
    change, back_change = matrix.effective() - before, matrix.T.effective() - back
    assert torch.equal(change[0].nonzero(), torch.tensor([[3, 2]]))
    assert torch.allclose(back_change, change.transpose(-1, -2))


def test_each_direction_has_a_calibration_clips_and_converters_of_its_own() -> None:
    adc = Uniform(bits=8, gain_spread=0.05)
    mapping = EXACT.replace(encoding=Analogue(layout="pair-rows"), readout=AnalogueReadout(converter=adc))
    matrix = store(random(4, 4), mapping, LEAKY, Streams(0))
    matrix.calibration.limit = torch.tensor(0.1, dtype=torch.float64)
    assert matrix.T.calibration.limit is None
    matrix.product(torch.ones(1, 4, dtype=torch.float64))
    assert float(matrix.clips.drive) == 4
    assert float(matrix.T.clips.drive) == 0
    forward, backward = matrix.errors(), matrix.T.errors()
    assert forward is not None
    assert backward is not None
    assert not torch.equal(forward.gain.flatten()[:4], backward.gain.flatten()[:4])


def test_both_directions_have_one_age() -> None:
    neurram = Device.load("neurram-hfox")
    mapping = NEURRAM.replace(lowest="0 S")
    for side in ("forward", "backward"):
        matrix = store(random(4, 6), mapping, neurram, Streams(0))
        (matrix if side == "forward" else matrix.T).age(86400.0)
        assert matrix.elapsed == matrix.T.elapsed == 86400.0
        ratio = matrix.T.effective().transpose(-1, -2) / matrix.effective()
        fresh = store(random(4, 6), mapping, neurram, Streams(0))
        assert not torch.allclose(matrix.effective(), fresh.effective(), rtol=1e-3)
        assert bool((ratio.abs() > 0).any())


@pytest.mark.parametrize("encoding", [Analogue(layout="offset-column"), Radix(), Bipolar(layout="single")])
def test_layouts_that_work_one_way_say_so(encoding: Encoding) -> None:
    matrix = store(random(3, 4), EXACT.replace(encoding=encoding), IDEAL, Streams(0))
    with pytest.raises(ConfigurationError, match="must be a pair"):
        _ = matrix.T


# --- dies, streams, ages --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("device", ["neurram-hfox", "generic-rram"])
def test_a_die_is_the_same_whatever_dies_are_drawn_with_it(device: str) -> None:
    weights = random(7, 12, dtype=torch.float32)
    cells = Device.load(device).replace(faults=RandomFaults(stuck_on=0.02, stuck_off=0.02))
    adc = AnalogueReadout(converter=Uniform(bits=8, gain_spread=0.02, offset_spread=0.3))
    mapping = EXACT.replace(readout=adc)
    many, few = (store(weights, mapping, cells, Streams(5, ("net", "a")), dies=n) for n in (8, 4))
    one = store(weights, mapping, cells, Streams(5, ("net", "a")), dies=1)
    for leaf_many, leaf_few, leaf_one in zip(many.cells, few.cells, one.cells, strict=True):
        assert torch.equal(leaf_many[:4], leaf_few)
        assert torch.equal(leaf_many[:1], leaf_one)
    many_errors, few_errors = many.errors(), few.errors()
    assert many_errors is not None
    assert few_errors is not None
    assert torch.equal(many_errors.gain[3], few_errors.gain[3])
    many.age(3600.0)
    few.age(3600.0)
    assert torch.equal(many.conductance()[3], few.conductance()[3])
    assert not torch.equal(many.cells.written[3], many.cells.written[2])
    other = store(weights, mapping, cells, Streams(5, ("net", "b")), dies=1)
    assert not torch.equal(other.cells.written, one.cells.written)


def test_die_slices_select() -> None:
    device = LEAKY.replace(programming=OpenLoop(deviation=(0.05,)))
    for mapping in (EXACT, NEURRAM):
        adc = mapping.readout.replace(converter=Uniform(bits=8, gain_spread=0.1))
        matrix = store(random(4, 6), mapping.replace(readout=adc), device, Streams(0), dies=5)
        x = random(3, 6, seed=1)
        every = matrix.product(x)
        assert torch.equal(matrix.product(x, dies=slice(1, 4)), every[1:4])
        assert torch.equal(matrix.product(x, dies=slice(None, None, 2)), every[::2])
        own = random(5, 3, 6, seed=2)  # another input for each die
        wanted = torch.cat([matrix.product(own[d : d + 1], dies=slice(d, d + 1)) for d in range(5)])
        assert torch.allclose(matrix.product(own), wanted, atol=1e-12)


def test_read_noise_repeats_for_the_same_calls() -> None:
    device = LEAKY.replace(read_noise=RelativeNoise(deviation=0.05, read_time="100 ns"))
    one, two = (store(random(4, 6), EXACT, device, Streams(9, ("layer",)), dies=2) for _ in range(2))
    other = store(random(4, 6), EXACT, device, Streams(9, ("other",)), dies=2)
    x = random(3, 6, seed=1)
    first = [one.product(x) for _ in range(3)]
    again = [two.product(x) for _ in range(3)]
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[0], first[1])
    assert not torch.equal(first[0] - x @ one.effective().mT, other.product(x) - x @ other.effective().mT)
    mine = [one.product(x, generator=torch.Generator().manual_seed(1)) for _ in range(2)]
    assert torch.equal(*mine)
    assert not torch.equal(first[0][0], first[0][1])  # dies have noise of their own


def test_age_is_absolute() -> None:
    matrix = store(random(6, 8), NEURRAM.replace(lowest="0 S"), Device.load("neurram-hfox"), Streams(0))

    def at(seconds: float) -> Tensor:
        matrix.age(seconds)
        return matrix.conductance().clone()

    day, second, fresh = at(86400.0), at(1.0), at(0.0)
    assert torch.equal(at(86400.0), day)
    assert torch.equal(at(86400.0), day)
    assert torch.equal(at(1.0), second)
    assert torch.equal(fresh, matrix.cells.written)
    assert not torch.equal(day, second)
    two_days = at(2 * 86400.0)
    with pytest.raises(ConfigurationError, match="extrapolate"):
        matrix.age(30 * 86400.0)
    assert matrix.elapsed == 2 * 86400.0  # refused before anything changed
    assert torch.equal(matrix.conductance(), two_days)
    matrix.age(30 * 86400.0, extrapolate=True)
    for wrong in (-1.0, float("nan")):
        with pytest.raises(ConfigurationError):
            matrix.age(wrong)


def test_ageing_changes_what_was_compiled() -> None:
    matrix = store(random(6, 8), NEURRAM.replace(lowest="0 S"), Device.load("neurram-hfox"), Streams(0))
    quiet = torch.Generator().manual_seed(0)
    x = random(3, 8, seed=1, dtype=torch.float64)
    fresh, effective = matrix.product(x, generator=quiet), matrix.effective().clone()
    matrix.age(86400.0)
    assert not torch.allclose(matrix.product(x, generator=quiet.manual_seed(0)), fresh)
    assert not torch.allclose(matrix.effective(), effective)


# --- faults and noise -----------------------------------------------------------------------------------------------


def test_stuck_cells_show_up_as_full_weights() -> None:
    weights = torch.full((40, 50), 0.5, dtype=torch.float64)
    weights[0, 0] = 1.0
    for stuck, level in (({"stuck_on": 0.1}, 1.0), ({"stuck_off": 0.1}, 0.0)):
        held = store(weights, EXACT, IDEAL.replace(faults=RandomFaults(**stuck)), Streams(0)).effective()[0]
        share = float((held - weights).abs().gt(1e-9).double().mean())
        if level:  # the positive cell on: 1; the negative one on: 0.5 - 1; both: 0
            assert share == pytest.approx(0.19, abs=0.03)
            assert set(held.flatten()[1:].round(decimals=6).unique().tolist()) <= {-0.5, 0.0, 0.5, 1.0}
        else:  # only the positive cell carries anything
            assert share == pytest.approx(0.1, abs=0.03)
            assert set(held.flatten()[1:].round(decimals=6).unique().tolist()) == {0.0, 0.5}


@pytest.mark.parametrize(
    "noise",
    [RelativeNoise(deviation=0.05, read_time="1 us"), AdditiveNoise(deviation="0.5 uS", read_time="1 us")],
    ids=["relative", "additive"],
)
@pytest.mark.parametrize(
    "encoding", [Analogue(), Analogue(layout="pair-rows"), Analogue(layout="offset-column"), Bits(bits=3)]
)
def test_noise_density_is_what_long_reads_average(noise: RelativeNoise | AdditiveNoise, encoding: Encoding) -> None:
    """White noise: a read of T seconds keeps density / (2 T). Also in cells at zero, and none where no cell is."""
    long, draws = 50e-6, 20_000
    readout = AnalogueReadout(integration=long)
    weights = torch.tensor([[1.0, 0.0, -0.4], [0.2, -1.0, 0.0]], dtype=torch.float64)
    mapping = EXACT.replace(encoding=encoding, readout=readout, rows=4)
    matrix = store(weights, mapping, IDEAL.replace(read_noise=noise), Streams(0))
    wanted = matrix.noise_density(1e3)[0] / (2 * long)
    assert wanted.shape == (2, 3)
    for index in range(3):
        x = torch.zeros(draws, 3, dtype=torch.float64)
        x[:, index] = 1.0
        variance = matrix.product(x)[0].var(0)
        assert torch.allclose(variance, wanted[:, index], rtol=5 * (2 / draws) ** 0.5, atol=1e-15)


# --- bad input ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(6,), (3, 5), (3, 7), (2, 3, 6), (4, 3, 6), (1, 1, 1, 6)])
def test_wrong_shapes_are_refused(shape: tuple[int, ...]) -> None:
    matrix = store(random(4, 6), EXACT, IDEAL, Streams(0), dies=3, name="conv1")
    with pytest.raises(ShapeError, match=r"conv1\.x: must be \(batch, 6\) or \(3, batch, 6\), got"):
        matrix.product(torch.ones(shape, dtype=torch.float64))


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), -float("inf")])
def test_what_is_not_finite_is_refused(wrong: float) -> None:
    matrix = store(random(4, 6), EXACT, IDEAL, Streams(0))
    x = torch.ones(2, 6, dtype=torch.float64)
    x[1, 3] = wrong
    with pytest.raises(NotFiniteError, match="must be finite"):
        matrix.product(x)
    weights = random(4, 6)
    weights[2, 2] = wrong
    with pytest.raises(NotFiniteError, match="1 NaN or inf"):
        store(weights, EXACT, IDEAL, Streams(0))
    with pytest.raises(NotFiniteError, match=r"matrix\.bias"):
        store(random(4, 6), EXACT, IDEAL, Streams(0), bias=weights[:, 2], limit=1.0)


def test_single_cells_hold_nothing_negative() -> None:
    mapping = EXACT.replace(encoding={"kind": "analogue", "layout": "single"})
    with pytest.raises(ConfigurationError, match=r"layer\.weights: must not be negative in single cells, got -0\.5\."):
        store(torch.tensor([[1.0, -0.5]], dtype=torch.float64), mapping, IDEAL, Streams(0), name="layer")
    store(torch.tensor([[1.0, 0.5]], dtype=torch.float64), mapping, IDEAL, Streams(0))


def test_opposite_infinities_do_not_hide() -> None:
    matrix = store(random(4, 6), EXACT, IDEAL, Streams(0))
    x = torch.tensor([[float("inf"), -float("inf"), 1.0, 1.0, 1.0, 1.0]], dtype=torch.float64)
    with pytest.raises(NotFiniteError):
        matrix.product(x)
    large = torch.full((1, 6), 3e38)  # finite, although its sum is not
    assert bool(torch.isfinite(store(torch.eye(6), EXACT, IDEAL, Streams(0)).product(large)).all())


def test_matrices_that_cannot_be_stored() -> None:
    for shape in ((0, 3), (3, 0)):
        with pytest.raises(ShapeError, match="must be"):
            store(torch.ones(shape), EXACT, IDEAL, Streams(0))
    with pytest.raises(ShapeError):
        store(torch.ones(3, 3, 3), EXACT, IDEAL, Streams(0))
    with pytest.raises(ConfigurationError, match="needs the largest input level"):
        store(random(3, 3), EXACT, IDEAL, Streams(0), bias=random(3))
    with pytest.raises(PlacementError, match=r"bias: .*Keep the bias digital"):
        store(torch.ones(1, 2), EXACT.replace(rows=4), IDEAL, Streams(0), bias=torch.full((1,), 50.0), limit=1.0)


# --- non-linear converters ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("front_end", [CurrentSense(), VoltageSense()], ids=["current", "voltage"])
def test_relu_in_the_converter_is_the_relu_of_the_product(front_end: CurrentSense | VoltageSense) -> None:
    adc = ChargeDecrement(bits=9, activation="relu")
    readout = AnalogueReadout(front_end=front_end, converter=adc)
    mapping = EXACT.replace(encoding=Analogue(layout="pair-rows"), readout=readout)
    weights, x = random(4, 10), random(30, 10, seed=1)
    value = store(weights, mapping, IDEAL, Streams(0)).product(x)[0]
    wanted = (x @ weights.T).clamp(min=0)
    bound = x.abs().amax(1, keepdim=True) * weights.abs().sum(1).max() / 128 / 2
    assert bool(((value - wanted).abs() <= bound * (1 + 1e-9)).all())
    assert bool((value[x @ weights.T <= 0] == 0).all())


def test_a_comparator_gives_the_sign() -> None:
    weights = random(6, 12)
    x = random(40, 12, seed=1).sign()
    readout = AnalogueReadout(converter=Comparator())
    mapping = Mapping(drive=Pulses(code="bipolar"), encoding=Analogue(), readout=readout)
    assert torch.equal(store(weights, mapping, IDEAL, Streams(0)).product(x)[0], (x @ weights.T).sign())


def test_non_linear_converters_refuse_what_they_cannot_do() -> None:
    readout = AnalogueReadout(converter=Comparator())
    mapping = EXACT.replace(readout=readout)
    with pytest.raises(ConfigurationError, match="one array"):
        store(random(3, 9), mapping.replace(rows=4), IDEAL, Streams(0))
    with pytest.raises(ConfigurationError, match="no pedestal"):
        store(random(3, 9), mapping.replace(encoding=Radix()), IDEAL, Streams(0))
    with pytest.raises(ConfigurationError, match="after all sums"):
        mapping.replace(encoding=Bits(bits=4))
    with pytest.raises(ConfigurationError, match="after all phases"):
        mapping.replace(drive=BitSerial(bits=4))
    with pytest.raises(ConfigurationError, match="affine"):
        mapping.replace(drive=Affine(bits=1))
    matrix: StoredMatrix = store(random(9, 3), mapping.replace(rows=4, columns=18), IDEAL, Streams(0))
    with pytest.raises(ConfigurationError, match="one array"):
        _ = store(random(30, 3), mapping.replace(rows=4, columns=18), IDEAL, Streams(0)).T
    assert matrix.product(torch.ones(1, 3, dtype=torch.float64)).abs().unique().tolist() == [1.0]
