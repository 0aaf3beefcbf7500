"""Placement: every cell of every matrix once, inside a core and under no other; what does not fit is said."""

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from ohmloom.chips import Block, Chip, Mapping, Need, cut, install, need, place, store
from ohmloom.crossbars import Amplitude, Analogue, AnalogueReadout, Bits
from ohmloom.devices import Device
from ohmloom.errors import PlacementError
from ohmloom.random import Streams

ROWS, COLUMNS = 16, 12


def needs_of(grain: int) -> st.SearchStrategy[Need]:
    return st.builds(
        lambda segments, rows, outputs, copies, more: Need(segments, rows, outputs * grain, grain, copies, more),
        st.integers(1, 3), st.integers(1, ROWS), st.integers(1, 30), st.integers(1, 2), st.integers(0, 2),
    )  # fmt: skip


networks = st.dictionaries(
    st.sampled_from("abcdef"), st.integers(1, 4).flatmap(needs_of), min_size=1, max_size=6
)  # fmt: skip


def cells_of(block: Block) -> set[tuple[int, int, int]]:
    rows, columns = range(block.row_start, block.row_stop), range(block.column_start, block.column_stop)
    return {(block.core, row, column) for row in rows for column in columns}


@given(needs=networks, cores=st.sampled_from([20, 1000]))
def test_every_cell_is_placed_once_inside_its_core(needs: dict[str, Need], cores: int) -> None:
    try:
        placed = place(needs, cores, ROWS, COLUMNS)
    except PlacementError:
        assume(False)
    seen: set[tuple[int, int, int]] = set()
    for block in placed.blocks:
        assert 0 <= block.core < cores
        assert 0 <= block.row_start < block.row_stop <= ROWS
        assert 0 <= block.column_start < block.column_stop <= COLUMNS
        cells = cells_of(block)
        assert len(cells) == block.cells
        assert not cells & seen
        seen |= cells
    assert placed.cells == len(seen)
    assert placed.utilisation == len(seen) / (cores * ROWS * COLUMNS)
    assert placed.cores_used == len({core for core, _, _ in seen})


@given(needs=networks)
def test_all_outputs_of_all_segments_and_copies_are_there(needs: dict[str, Need]) -> None:
    placed = place(needs, 1000, ROWS, COLUMNS)
    for name, wanted in needs.items():
        blocks = placed.of(name)
        for segment in range(wanted.segments):
            for copy in range(wanted.copies):
                own = [b for b in blocks if b.segment == segment and b.copy == copy]
                assert sum(b.columns - wanted.reference for b in own) == wanted.columns
                assert all((b.columns - wanted.reference) % wanted.grain == 0 for b in own)
                assert [b.part for b in own] == list(range(len(own)))
                assert all(b.rows == wanted.rows for b in own)
        fewest = -(-(wanted.columns // wanted.grain) // ((COLUMNS - wanted.reference) // wanted.grain))
        assert len(blocks) == wanted.segments * wanted.copies * fewest


def test_matrices_have_cores_of_their_own_while_there_are_enough() -> None:
    needs = {name: Need(1, 4, 4) for name in "abc"}
    assert place(needs, 3, ROWS, COLUMNS).cores_used == 3
    merged = place(needs, 2, ROWS, COLUMNS)
    assert merged.cores_used == 1  # three strips of four columns on one shelf
    assert {b.column_start for b in merged.blocks} == {0, 4, 8}


def test_wide_layers_are_split_and_balanced() -> None:
    blocks = place({"wide": Need(1, 8, 25)}, 10, ROWS, COLUMNS).of("wide")
    assert [b.columns for b in blocks] == [9, 9, 7]
    assert len({b.core for b in blocks}) == 3


def test_grains_stay_together() -> None:
    blocks = place({"slices": Need(1, 8, 10 * 5, grain=5)}, 10, ROWS, COLUMNS).of("slices")
    assert [b.columns for b in blocks] == [10] * 5


@pytest.mark.parametrize(
    "wrong", [Need(1, ROWS + 1, 4), Need(1, 4, 26, grain=13), Need(1, 4, 12, grain=12, reference=1)]
)
def test_what_no_core_can_hold_is_refused(wrong: Need) -> None:
    with pytest.raises(
        PlacementError, match=r"layer9: a part must fit a core of 16 x 12 cells, got .*Split it further"
    ):
        place({"fine": Need(1, 2, 2), "layer9": wrong}, 1000, ROWS, COLUMNS)


def test_too_few_cores_say_what_fits_and_what_to_do() -> None:
    needs = {"conv1": Need(1, 16, 12), "conv2": Need(2, 16, 12), "head": Need(1, 2, 2)}
    with pytest.raises(PlacementError) as caught:
        place(needs, 2, ROWS, COLUMNS)
    text = str(caught.value)
    assert text.startswith("network: must fit 2 cores, got 4 after merging. Fits: conv1.")
    assert "Does not fit: conv2, head." in text
    assert "a chip with more cores" in text


# --- from a matrix to what it needs ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("encoding", "rows", "columns", "reference"),
    [
        (Analogue(layout="pair-rows"), 14, 5, 0),
        (Analogue(), 7, 10, 0),
        (Analogue(layout="offset-column"), 7, 5, 1),
        (Bits(bits=4), 7, 30, 0),
        (Bits(bits=4, layout="pair-rows"), 14, 15, 0),
        (Analogue(slices=2, layout="offset-column"), 7, 10, 2),
    ],
)
def test_pairs_slices_and_references_are_counted(
    encoding: Analogue | Bits, rows: int, columns: int, reference: int
) -> None:
    mapping = Mapping(drive=Amplitude(), encoding=encoding, readout=AnalogueReadout())
    wanted = need(cut(7, 5, None), mapping)
    assert (wanted.segments, wanted.rows, wanted.columns, wanted.reference) == (1, rows, columns, reference)


@pytest.mark.parametrize(
    "encoding",
    [
        Analogue(layout="pair-rows"), Analogue(), Analogue(layout="offset-column"), Bits(bits=4),
        Bits(bits=4, number="offset-binary", layout="offset-column"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("shape", [(3, 5), (40, 17), (9, 130), (16, 128), (17, 129)])
def test_placed_blocks_are_the_arrays_that_the_matrix_counts(encoding: Analogue | Bits, shape: tuple[int, int]) -> None:
    chip = Chip.load("ideal")
    chip = chip.replace(
        cores=chip.cores.replace(rows=32, columns=64),
        mapping=Mapping(drive=Amplitude(), encoding=encoding, readout=AnalogueReadout()),
    )
    matrix = store(torch.ones(shape), chip.layer_mapping, chip.device, Streams(0))
    placed = install(chip, {"layer": matrix}).placement
    assert len(placed.blocks) == matrix.arrays
    extra = (
        (matrix.parts - 1)
        * matrix.segments.count
        * matrix.segments.rows
        * need(matrix.segments, matrix.mapping).reference
    )  # each part has a reference of its own
    padding = matrix.segments.count * matrix.segments.rows - matrix.segments.inputs
    per_row = matrix.cell_count // matrix.segments.inputs
    assert placed.cells == matrix.cell_count + padding * per_row + extra


def test_a_layer_larger_than_the_chip_is_refused() -> None:
    chip = Chip.load("neurram")
    mapping = chip.layer_mapping.replace(bias="digital", inputs=100)
    matrix = store(torch.ones(600, 600), mapping, Device.load("ideal"), Streams(0))
    many = {f"layer{i}": matrix for i in range(8)}
    assert install(chip, {"one": matrix}).placement.cores_used == 6 * 3
    with pytest.raises(PlacementError, match="must fit 48 cores, got 144"):
        install(chip, many)


@given(inputs=st.integers(1, 300), capacity=st.one_of(st.none(), st.integers(4, 128)), bias=st.floats(0, 3))
def test_segments_are_the_fewest_and_near_equal(inputs: int, capacity: int | None, bias: float) -> None:
    segments = cut(inputs, 3, capacity, bias)
    assert segments.count * segments.length >= inputs > segments.count * (segments.length - 1)
    assert segments.bias_rows * segments.count >= bias * (1 - 1e-5)
    assert (segments.bias_rows == 0) == (bias == 0)
    assert int(segments.present.sum()) == inputs + segments.count * segments.bias_rows
    if capacity is not None:
        assert segments.rows <= capacity
    if segments.count > 1 and capacity is not None:
        fewer = segments.count - 1
        assert -(-inputs // fewer) + max(-(-bias // fewer), bias > 0) > capacity


@given(
    inputs=st.integers(1, 40), capacity=st.integers(4, 12), bias=st.sampled_from([0.0, 1.5]), seed=st.integers(0, 99)
)
def test_folding_is_undone(inputs: int, capacity: int, bias: float, seed: int) -> None:
    segments = cut(inputs, 3, capacity, bias)
    matrix = torch.randn(2, inputs, 3, generator=torch.Generator().manual_seed(seed))
    share = torch.tensor([1.5, -1.0, 0.0])
    folded = segments.fold(matrix, share if bias else None)
    assert torch.equal(segments.unfold(folded), matrix)
    assert torch.allclose(folded.sum((1, 2)), matrix.sum(1) + (share if bias else 0.0), atol=1e-5)
    levels = torch.randn(4, inputs + bool(bias), generator=torch.Generator().manual_seed(seed))
    spread = segments.spread(levels)
    product = torch.einsum("bsr,dsrc->dbc", spread, folded)
    wanted = levels[:, :inputs] @ matrix + (levels[:, inputs:] * share if bias else 0.0)
    assert torch.allclose(product, wanted, atol=1e-4)
    assert not spread.masked_select(~segments.present[..., 0]).any()
