"""Tables of measurements: kinds, and every way in which one can be wrong."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from ohmloom.devices.fitting import READS, Settings, read_table, read_tables
from ohmloom.errors import ConfigurationError, DataError

HEADER = "cell,time_s,conductance_S"
GOOD = [f"c{i},{t},{1e-6 * (i + 1) + 1e-9 * t}" for i in range(6) for t in (1, 2)]


def table(folder: Path, header: str = HEADER, rows: list[str] | None = None, name: str = "t.csv") -> Path:
    path = folder / name
    path.write_text("\n".join([header, *(GOOD if rows is None else rows)]) + "\n", encoding="utf-8")
    return path


def test_a_table_of_reads_is_recognised_whatever_else_it_holds(tmp_path):
    rows = [f"x,{row},0.2" for row in GOOD]
    found = read_table(table(tmp_path, f"note,{HEADER},voltage_V", rows))
    assert found.kind is READS
    assert found.cells == ("c0", "c1", "c2", "c3", "c4", "c5")
    assert len(found) == 12
    np.testing.assert_array_equal(found["voltage_V"], 0.2)


def test_gzipped_tables_with_a_byte_order_mark_are_the_same(tmp_path):
    plain = read_table(table(tmp_path))
    packed = tmp_path / "t.csv.gz"
    packed.write_bytes(gzip.compress(b"\xef\xbb\xbf" + (tmp_path / "t.csv").read_bytes()))
    np.testing.assert_array_equal(read_table(packed)["conductance_S"], plain["conductance_S"])


def test_some_cells_of_a_table(tmp_path):
    part = read_table(table(tmp_path)).of(np.array([False, True, False, False, True, False]))
    assert part.cells == ("c1", "c4")
    assert part.owner.tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("cell,time_s", "lacks conductance_S"),
        ("cell,time_s,g", "Rename 'g' to 'conductance_S', in S."),
        ("cell,time_s,Conductance", "Rename 'Conductance' to 'conductance_S', in S."),
        ("cell_id,time_s,conductance_S", "Rename 'cell_id' to 'cell'."),
        ("cell,time_s,conductence_S", "Rename 'conductence_S' to 'conductance_S'"),
        ("cell,time_s,conductance_uS", "Multiply 'conductance_uS' by 1e-06 and name it 'conductance_S'."),
        ("cell,time_s,conductance (µS)", "by 1e-06 and name it 'conductance_S'."),
        ("cell,time_ms,conductance_S", "Multiply 'time_ms' by 0.001 and name it 'time_s'."),
        ("cell,time_h,conductance_S", "Multiply 'time_h' by 3600 and name it 'time_s'."),
        ("cell,time_s,resistance_kohm", "Give the conductance, 0.001 / 'resistance_kohm', as 'conductance_S'."),
        ("device,cycle,voltage_V,current_uA", "Multiply 'current_uA' by 1e-06 and name it 'current_A'."),
        ("a,b,c", "`ohmloom fit template` writes examples."),
        ("cell,cell,time_s", "must name each column once"),
        ("", "must have a line of column names"),
    ],
)
def test_columns_that_are_missing_renamed_or_in_other_units(tmp_path, header, words):
    with pytest.raises(DataError) as caught:
        read_table(table(tmp_path, header, []))
    assert words in str(caught.value)


def rows(change: str, to: str) -> list[str]:
    return [row.replace(change, to) for row in GOOD]


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([], "must have rows below the column names"),
        (["c0,1,1e-6"], "must hold at least 5 cells"),
        ([f"c0,{t},{t}e-6" for t in range(1, 20)], "must hold at least 5 cells"),
        ([f"c{i},1,2e-6" for i in range(9)], "conductance_S: must vary, got 2e-06 in all 9 rows"),
        ([f"c{i},1,-{i + 1}e-6" for i in range(9)], "must not be negative"),
        ([*GOOD, "c9,1,-1e-6"], "1 of 13 below 0"),
        ([f"c{i},1,0" for i in range(9)], "must be above 0 somewhere"),
        ([*GOOD, "c0,2,1e-6"], "got 2 twice in cell 'c0'. Remove the repeated rows"),
        ([*GOOD, "c0,1.5,1e-6"], "got 2 before 1.5 in cell 'c0'. Sort by it."),
        ([*GOOD, "c9,1,nan"], "line 14, conductance_S: must be finite in every row, got nan"),
        ([*GOOD, "c9,1,inf"], "must be finite in every row"),
        ([*GOOD, "c9,1,"], "line 14, conductance_S: must be a number, got ''"),
        ([*GOOD, "c9,1"], "line 14: must have 3 entries in every row, got 2"),
        ([f"c{i},1,{i + 1}" for i in range(9)], "multiply by 1e-06"),
    ],
)
def test_rows_that_cannot_be_right(tmp_path, lines, words):
    with pytest.raises(DataError) as caught:
        read_table(table(tmp_path, rows=lines))
    assert words in str(caught.value)


def test_small_negative_readings_are_noise_of_cells_that_do_not_conduct(tmp_path):
    assert len(read_table(table(tmp_path, rows=[*GOOD, "c9,1,-1e-8", "c8,1,0"]))) == 14
    loud = table(tmp_path, rows=[*GOOD, "c9,1,-1e-6"])
    assert len(read_table(loud, Settings(keep_negative=True))) == 13


def test_readings_cut_off_at_the_end_of_a_16_bit_range_are_refused(tmp_path):
    codes = np.minimum(np.random.default_rng(0).normal(28000, 5000, 3000).round(), 2**15 - 1)
    lines = [f"c{i},1,{code * 1e-9:.9e}" for i, code in enumerate(codes)]
    with pytest.raises(DataError, match="code 32767 of a 16-bit converter"):
        read_table(table(tmp_path, rows=lines))
    assert len(read_table(table(tmp_path, rows=lines), Settings(keep_saturated=True))) == 3000
    whole = [line for line, code in zip(lines, codes, strict=True) if code < 2**15 - 1]
    assert len(read_table(table(tmp_path, rows=whole))) == len(whole)


def test_repeated_times_are_fine_for_another_target_of_the_cell(tmp_path):
    lines = [f"{row},{target}" for target in (1e-6, 2e-6) for row in GOOD]
    assert len(read_table(table(tmp_path, f"{HEADER},target_S", lines))) == 24


def test_pulses_are_counted(tmp_path):
    lines = [f"c{i},1e-6,{i + 0.5},{i + 1}e-6" for i in range(6)]
    with pytest.raises(DataError, match="pulse: must be whole numbers"):
        read_table(table(tmp_path, "cell,target_S,pulse,conductance_S", lines))


def test_files_that_are_none(tmp_path):
    with pytest.raises(DataError, match="must be a file"):
        read_table(tmp_path / "no.csv")
    (tmp_path / "half.csv.gz").write_bytes(gzip.compress(b"cell,time_s,conductance_S\n" * 100)[:40])
    with pytest.raises(DataError, match="must be a whole CSV text file"):
        read_table(tmp_path / "half.csv.gz")
    (tmp_path / "bytes.csv").write_bytes(bytes(range(128, 256)))
    with pytest.raises(DataError, match="must be a whole CSV text file"):
        read_table(tmp_path / "bytes.csv")
    with pytest.raises(DataError, match="must be at least one"):
        read_tables([], Settings())
    with pytest.raises(DataError, match="must be the only table of reads"):
        read_tables([table(tmp_path), table(tmp_path, name="u.csv")], Settings())


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"quantiles": (0.9, 0.1)}, "must be a lower, then a higher one"),
        ({"draws": 100, "resamples": 50}, "must not exceed resamples"),
        ({"folds": 1}, "folds: must be 0 or at least 2"),
    ],
)
def test_settings_that_make_no_sense(fields, words):
    with pytest.raises(ConfigurationError, match=words):
        Settings(**fields)
