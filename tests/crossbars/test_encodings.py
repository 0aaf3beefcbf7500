"""Encodings: what is written decodes to what was meant, for every number format, layout and slice width."""

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from ohmloom.crossbars import Analogue, Bipolar, Bits, Encoding, Layout, Radix
from ohmloom.errors import ConfigurationError

LOW, HIGH = 2e-6, 40e-6


def all_bits() -> list[Bits]:
    """Every consistent combination of number format, layout, width and cell width."""
    combinations = itertools.product(
        ("sign-magnitude", "twos-complement", "offset-binary"), Layout, (1, 2, 3, 4, 5, 8, 12, 16), (1, 2, 3, 4, 8)
    )
    found = []
    for number, layout, bits, cell_bits in combinations:
        try:
            found.append(Bits(bits=bits, cell_bits=cell_bits, number=number, layout=layout))
        except ConfigurationError:
            continue
    return found


BITS = all_bits()
PLAIN_BITS = [e for e in BITS if not e.sign_slice]
PAIRED = [Layout.PAIR_ROWS, Layout.PAIR_COLUMNS]
OTHERS: list[Encoding] = [Analogue(layout=layout) for layout in (*PAIRED, Layout.OFFSET_COLUMN)]
OTHERS += [Analogue(layout=layout, centre=True) for layout in PAIRED]
OTHERS += [Analogue(layout=layout, slices=3) for layout in (*PAIRED, Layout.OFFSET_COLUMN)]
OTHERS += [Bipolar(layout=layout) for layout in Layout]
RADIX = [Radix(cells=24, ratio=r) for r in (1.2, 1.5, 1.8, 2.0)]


def test_the_list_of_bit_formats_is_not_trivial() -> None:
    assert len(BITS) > 150
    assert {(e.number, e.layout) for e in BITS} == {
        *(("sign-magnitude", layout) for layout in (*PAIRED, Layout.SINGLE)),
        *(("twos-complement", layout) for layout in (Layout.OFFSET_COLUMN, Layout.SINGLE)),
        *(("offset-binary", layout) for layout in (*PAIRED, Layout.OFFSET_COLUMN)),
    }


def written(encoding: Encoding, weights: Tensor) -> Tensor:
    """Cells (slices, signs, inputs, outputs) of ideal programming, with the reference column."""
    cells = torch.stack([encoding.targets(value, LOW, HIGH) for value in encoding.values(weights)])
    if encoding.layout is Layout.OFFSET_COLUMN:
        zero = encoding.targets(torch.zeros_like(weights[..., :1]), LOW, HIGH)
        cells = torch.cat([cells, zero.expand(*cells.shape[:-1], 1)], dim=-1)
    return cells


def weights_of(seed: int, dtype: torch.dtype = torch.float64) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    inside = torch.rand(6, 5, generator=generator, dtype=dtype) * 2 - 1
    return torch.cat([inside, torch.tensor([[-1.0, 1.0, 0.0, 0.5, -0.5]], dtype=dtype)])


@given(encoding=st.sampled_from([*PLAIN_BITS, *OTHERS]), seed=st.integers(0, 999))
def test_decoding_gives_the_number_format_back(encoding: Encoding, seed: int) -> None:
    weights = weights_of(seed)
    cells = written(encoding, weights)
    assert float(cells.min()) >= LOW * (1 - 1e-9)
    assert float(cells.max()) <= HIGH * (1 + 1e-9)
    assert torch.allclose(encoding.decode(cells, LOW, HIGH), encoding.prepare(weights), atol=1e-9)


@given(encoding=st.sampled_from(RADIX), seed=st.integers(0, 999))
def test_radix_digits_converge(encoding: Radix, seed: int) -> None:
    weights = weights_of(seed)
    decoded = encoding.decode(written(encoding, weights), LOW, HIGH)
    assert float((decoded - weights).abs().max()) <= encoding.ratio ** -(encoding.cells - 1) * 0.5 / (
        encoding.ratio - 1
    ) * (1 + 1e-9)


@given(encoding=st.sampled_from(BITS), seed=st.integers(0, 999))
def test_rounding_is_to_the_nearest_code(encoding: Bits, seed: int) -> None:
    weights = weights_of(seed)
    error = (encoding.prepare(weights) - weights).abs()
    lowest = -1.0 if encoding.bits > 1 or encoding.number == "offset-binary" else 0.0
    reachable = weights.clamp(min=lowest) == weights
    upper = weights <= (2 ** (encoding.bits - 1) - 1) / encoding.steps + 1e-12
    inside = reachable & (upper | (encoding.number != "twos-complement"))
    assert float(error[inside].max()) <= 0.5 / encoding.steps + 1e-12
    assert torch.equal(encoding.prepare(encoding.prepare(weights)), encoding.prepare(weights))


def codes(encoding: Bits) -> Tensor:
    """All codes of the format, in units of a step (a thousand of them where there are more)."""
    if encoding.number == "offset-binary":
        every = torch.arange(-(2 ** (encoding.bits - 1)), 2 ** (encoding.bits - 1)) + 0.5
    elif encoding.number == "twos-complement":
        every = torch.arange(-(2 ** (encoding.bits - 1)), 2 ** (encoding.bits - 1))
    else:
        every = torch.arange(-int(encoding.steps), int(encoding.steps) + 1)
    return every[:: max(len(every) // 1000, 1)]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("encoding", PLAIN_BITS, ids=lambda e: f"{e.number}-{e.layout}-{e.bits}-{e.cell_bits}")
def test_every_integer_code_is_exact(encoding: Bits, dtype: torch.dtype) -> None:
    """Also at 16 bits in float32: digits are whole, and their sum is the code itself."""
    wanted = codes(encoding).double()
    values = encoding.values((wanted / encoding.steps).to(dtype).unsqueeze(0)).double()
    got = torch.einsum("l,lio->io", torch.tensor(encoding.significance, dtype=torch.float64), values)[0]
    assert torch.equal((got * encoding.steps * 2).round() / 2, wanted)
    assert float((got * encoding.steps - wanted).abs().max()) < (1e-2 if dtype == torch.float32 else 1e-9)
    levels = [2**size - 1 for size in encoding._digit_bits]
    for value, count in zip(values, levels, strict=True):
        digit = (value + 1) / 2 * count if encoding.number == "offset-binary" else value * count
        assert float((digit - digit.round()).abs().max()) < 1e-4


@pytest.mark.parametrize("encoding", BITS, ids=lambda e: f"{e.number}-{e.layout}-{e.bits}-{e.cell_bits}")
def test_significances_add_up_to_the_range(encoding: Bits) -> None:
    """All digits at their highest give the largest code, all at their lowest the smallest."""
    significance = torch.tensor(encoding.significance, dtype=torch.float64)
    if encoding.number == "twos-complement":
        assert float(significance[1:].sum()) * encoding.steps == pytest.approx(2 ** (encoding.bits - 1) - 1)
        assert float(significance[0]) * encoding.steps == pytest.approx(-(2 ** (encoding.bits - 1)))
    else:
        assert float(significance.sum()) == pytest.approx(1.0)


@pytest.mark.parametrize("bits", range(2, 17))
def test_sign_slices_hold_integers(bits: int) -> None:
    encoding = Bits(bits=bits, layout="single")
    wanted = codes(encoding).double()
    stored = encoding.values((wanted / encoding.steps).unsqueeze(0))
    assert set(stored.unique().tolist()) <= {0.0, 1.0}
    assert len(stored) == bits
    assert torch.equal(encoding.integers(stored)[0], wanted)
    assert torch.equal(stored[0, 0], (wanted < 0).double())


@pytest.mark.parametrize("bits", range(1, 17))
def test_twos_complement_planes_hold_integers(bits: int) -> None:
    encoding = Bits(bits=bits, layout="single", number="twos-complement")
    wanted = codes(encoding).double()
    stored = encoding.values((wanted / encoding.steps).unsqueeze(0))
    assert set(stored.unique().tolist()) <= {0.0, 1.0}
    assert torch.equal(encoding.integers(stored)[0], wanted)


@given(bits=st.integers(1, 12), weight=st.floats(-1, 1))
def test_offset_binary_is_odd(bits: int, weight: float) -> None:
    """Levels ±1/2, ±3/2, …: no zero, and the code of -w is that of w with the other sign (save on a boundary)."""
    encoding = Bits(bits=bits, number="offset-binary")
    w = torch.tensor([[weight]], dtype=torch.float64)
    boundary = abs(weight * encoding.steps - round(weight * encoding.steps)) < 1e-9
    code = encoding.prepare(w) * encoding.steps
    assert float((code - 0.5) % 1) == pytest.approx(0.0, abs=1e-9) or float((code - 0.5) % 1) == pytest.approx(1.0)
    assert boundary or torch.allclose(encoding.prepare(-w), -encoding.prepare(w))


@given(
    encoding=st.sampled_from(
        [
            Analogue(slices=3), Analogue(slices=2, layout="offset-column"), Bits(bits=6, cell_bits=2), Radix(cells=20),
            Bits(bits=5, number="offset-binary", layout="offset-column"),
            Bits(bits=6, number="twos-complement", layout="single"),
        ]
    ),
    seed=st.integers(0, 999),
)  # fmt: skip
def test_successive_order_with_exact_cells_is_parallel(encoding: Encoding, seed: int) -> None:
    """Nothing is left over, so writing one slice after the other changes nothing."""
    weights = encoding.prepare(weights_of(seed))
    residue, held = weights.clone(), []
    for index, significance in enumerate(encoding.significance):
        held.append(encoding.digit(residue, index))
        residue = residue - significance * held[-1]
    parallel, significances = encoding.values(weights), torch.tensor(encoding.significance, dtype=torch.float64)
    total = torch.einsum("l,lio->io", significances, torch.stack(held))
    assert torch.allclose(total, torch.einsum("l,lio->io", significances, parallel), atol=1e-9)


@given(seed=st.integers(0, 999), error=st.floats(0, 0.3))
def test_later_slices_take_up_what_earlier_ones_missed(seed: int, error: float) -> None:
    encoding = Analogue(slices=2, ratio=4.0)
    residue = weights_of(seed)
    first = encoding.digit(residue, 0) * (1 - error)  # slice 0 lands wrong
    residue = residue - first
    second = encoding.digit(residue, 1)
    left = residue - second / 4
    assert torch.allclose(left, (residue.abs() - 0.25).clamp(min=0) * residue.sign(), atol=1e-12)


def left_over(encoding: Radix, weight: float, errors: list[float]) -> float:
    """|residue| after successive programming in which cell l, when on, is off its target by errors[l]."""
    residue = torch.tensor([[weight]], dtype=torch.float64)
    for index, significance in enumerate(encoding.significance):
        digit = encoding.digit(residue, index)
        residue = residue - significance * (digit + errors[index] * (digit > 0))
    return float(residue.abs())


@pytest.mark.parametrize("error", [0.05, 0.15, 0.3])
@pytest.mark.parametrize(("margin", "repaired"), [(-0.01, True), (0.01, False)], ids=["within the rule", "beyond it"])
def test_radix_rule_says_when_later_cells_repair_an_earlier_one(error: float, margin: float, repaired: bool) -> None:
    """One cell that turns on e too strongly, for a weight just above zero: repairable iff r <= 1 + 1/(1 + 2e)."""
    encoding = Radix(ratio=1 + 1 / (1 + 2 * error) + margin, cells=32)
    left = left_over(encoding, 1e-9, [error] + [0.0] * 31)
    assert (left < encoding.significance[-1]) == repaired


@pytest.mark.parametrize("error", [0.05, 0.15, 0.3])
@pytest.mark.parametrize(("margin", "repaired"), [(-0.01, True), (0.01, False)], ids=["within the rule", "beyond it"])
def test_radix_rule_where_every_cell_falls_short(error: float, margin: float, repaired: bool) -> None:
    """All on states e too weak, for a weight just below zero: repairable iff r <= 2 - 2e, which is the tighter rule."""
    encoding = Radix(ratio=2 - 2 * error + margin, cells=32)
    left = left_over(encoding, -1e-9, [-error] * 32)
    assert (left < encoding.significance[-1]) == repaired


@pytest.mark.parametrize(
    "fields",
    [
        {"number": "sign-magnitude", "layout": "offset-column"},
        {"number": "offset-binary", "layout": "single"},
        {"number": "twos-complement", "layout": "pair-rows"},
        {"number": "twos-complement", "layout": "single", "cell_bits": 2},
        {"number": "sign-magnitude", "layout": "single", "cell_bits": 2},
    ],
)
def test_inconsistent_formats_are_refused_with_a_remedy(fields: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError, match=r"got .*\. (Set|Use) "):
        Bits(bits=4, **fields)
    with pytest.raises(ConfigurationError, match="at least 2 bits"):
        Bits(bits=1)
    with pytest.raises(ConfigurationError, match="fixed reference"):
        Radix(layout="pair-rows")


def test_transposing_swaps_pairs() -> None:
    assert Layout.PAIR_ROWS.transposed is Layout.PAIR_COLUMNS
    assert all(layout.transposed.transposed is layout for layout in Layout)
