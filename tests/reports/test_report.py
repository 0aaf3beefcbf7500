"""The report: whole, by itself, made again from its folder; every kind of plot drawn."""

from __future__ import annotations

import itertools
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from ohmloom.errors import ConfigurationError, FormatError
from ohmloom.experiments import run
from ohmloom.experiments.plots import ImageRow, Plot
from ohmloom.reports import noise_curves, write_report
from ohmloom.reports.curves import Series
from ohmloom.reports.drawing import DRAW, draw
from ohmloom.reports.photographs import COLOURS, coloured, strip
from ohmloom.reports.style import VARIABLES
from tests.toy_system import PLOTS, Toy

pytestmark = pytest.mark.filterwarnings("error")  # a plot whose layout fails only warns
VOID = {"meta", "link", "br", "hr", "img", "input"}
FETCHING = {"src", "srcset", "poster", "data", "action", "background"}


class Page(HTMLParser):
    """Reads a page strictly: every tag closed in its turn; collects what would be fetched, ids and text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.fetched: list[str] = []
        self.ids: list[str] = []
        self.rows: list[list[str]] = []
        self.text: dict[str, list[str]] = {}
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
        self._look(tag, attrs)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._look(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.setdefault(self.open[-1] if self.open else "", []).append(data)
        if {"td", "th"} & set(self.open):
            self.rows[-1][-1] += data.strip()

    def _look(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            local = name.split(":")[-1]
            if local in FETCHING or (local == "href" and tag != "a"):
                self.fetched.append(value or "")
            if name == "id":
                self.ids.append(value or "")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report") / "run"
    run(Toy(), out=folder)
    write_report(folder)
    return folder


@pytest.fixture(scope="module")
def html(folder: Path) -> str:
    return (folder / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


def test_the_page_needs_nothing_but_itself(html: str, page: Page) -> None:
    assert all(target.startswith(("#", "data:")) for target in page.fetched), page.fetched
    styles = "".join(page.text["style"])
    assert "@import" not in styles
    assert re.findall(r"url\((?!#)", html) == []
    assert "<script" not in html


def test_no_two_elements_share_an_id(page: Page) -> None:
    assert len(page.ids) == len(set(page.ids))


def test_every_verdict_is_in_words(page: Page) -> None:
    cells = [cell for row in page.rows for cell in row]
    for word in ("reproduced", "not reproduced", "not comparable", "not run", "held", "failed"):
        assert any(cell.endswith(f" {word}") for cell in cells), word


def test_a_claim_is_shown_with_all_that_belongs_to_it(page: Page) -> None:
    row = next(row for row in page.rows if row and row[0] == "holds within")
    assert "= 90.50\xa0%" in row[1]
    assert "the test" in row[1]
    assert re.search(r"91\.\d\d\xa0%.*95\xa0%: .* … ", row[2])
    assert "journal" in row[5]
    assert "doi:10.1000/loom" in row[5]


def test_the_origin_of_the_data_is_stamped(page: Page) -> None:
    assert any("embedded subset: digits" in text for text in page.text["li"])


def test_texts_are_escaped(html: str) -> None:
    assert "&lt;angles&gt; &amp; −1\xa0uS" in html
    assert "<angles>" not in html
    assert "Weaves &lt;b&gt;nothing&lt;/b&gt;" in html
    assert "On &lt;looms&gt; &amp; numbers" in html


def test_nothing_is_nan(html: str) -> None:
    visible = re.sub(r"the computed value is nan", "", html)
    assert re.search(r"\b(nan|NaN|None|inf)\b", visible) is None


def test_pictures_follow_the_scheme_of_the_reader(html: str, folder: Path) -> None:
    inside = html[html.index("<main>") :]
    for colour in VARIABLES:
        assert colour not in inside
    assert any(colour in (folder / "figures" / "noise-grid.svg").read_text() for colour in VARIABLES)


def test_the_report_is_made_again_from_result_json_alone(folder: Path, html: str, tmp_path: Path) -> None:
    shutil.copy(folder / "result.json", tmp_path)
    write_report(tmp_path)
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == html
    for file in (folder / "figures").iterdir():
        assert (tmp_path / "figures" / file.name).read_bytes() == file.read_bytes()


def test_figures_are_whole_svg_files(folder: Path) -> None:
    files = list((folder / "figures").glob("*.svg"))
    assert {file.stem for file in files} >= {plot["kind"].replace("_", "-") for plot in PLOTS}
    assert {file.stem for file in files} >= {"cost-by-component", "cost-by-layer"}
    for file in files:
        assert ElementTree.parse(file).getroot().tag.endswith("svg")


def test_every_kind_of_plot_can_be_drawn_and_is_tried_here() -> None:
    kinds = set(Plot.kinds())
    assert kinds == set(DRAW)
    assert kinds == {plot["kind"] for plot in PLOTS}


def drawn(kind: str, **changes: Any) -> str:
    fields = next(plot for plot in PLOTS if plot["kind"] == kind) | {"name": "it"} | changes
    return draw(Plot.kinds()[kind](**{name: value for name, value in fields.items() if name != "kind"}))


def test_a_segmentation_is_drawn_from_its_file_and_says_so_where_there_is_none(tmp_path: Path) -> None:
    fields = {"name": "it", "caption": "c", "panels": [{"title": "a", "file": "arms/a.npz"}], "marks": ["hit", "miss"]}
    plot = Plot.kinds()["segmentations"](**fields)
    assert "<image" not in draw(plot)
    assert "kept in the run's own folder" in draw(plot, tmp_path)
    (tmp_path / "arms").mkdir()
    np.savez(tmp_path / "arms" / "a.npz", levels=np.full((20, 30), 99, np.uint8), marks=np.eye(20, 30, dtype=np.uint8))
    text = draw(plot, tmp_path)
    assert "<image" in text
    assert "own folder" not in text
    for bad in ("/etc/a.npz", "../a.npz", "a.png"):
        with pytest.raises(ConfigurationError):
            Plot.kinds()["segmentations"](**{**fields, "panels": [{"title": "a", "file": bad}]})


def test_marks_are_colours_and_levels_grey() -> None:
    levels, marks = np.full((700, 500), 200, np.uint8), np.zeros((700, 500), np.uint8)
    marks[:, 250:] = 2
    picture = coloured(levels, marks)
    assert picture.shape == (233, 166, 3)
    assert set(map(tuple, picture[:, :80].reshape(-1, 3))) == {(150, 150, 150)}
    assert set(map(tuple, picture[:, 90:].reshape(-1, 3))) == {tuple(int(COLOURS[1][k : k + 2], 16) for k in (1, 3, 5))}


def test_colours_of_marks_differ_in_lightness() -> None:
    def lightness(colour: str) -> float:
        return sum(share * int(colour[k : k + 2], 16) for share, k in ((0.3, 1), (0.59, 3), (0.11, 5)))

    ordered = sorted(map(lightness, COLOURS))
    assert min(b - a for a, b in itertools.pairwise(ordered)) > 20


def test_the_floor_plan_shows_each_core_and_layer() -> None:
    text = drawn("floor_plan", cores=5)
    assert [core for core in range(6) if f">{core}</text>" in text] == [0, 1, 2, 3, 4]
    assert "&lt;first&gt; (32 cells)" in text


def test_the_noise_grid_says_what_was_not_run() -> None:
    text = drawn("noise_grid")
    assert ">not run</text>" in text
    assert ">99.0</text>" in text


def test_noise_curves_mark_where_lines_cross() -> None:
    text = drawn("noise_curves", marks={"crossing, plain": 2.5}, references={"published": 3.0})
    assert "crossing, plain</text>" in text
    assert ">published</text>" in text
    assert text.count("stroke-dasharray") > drawn("noise_curves").count("stroke-dasharray")


def test_marks_that_nearly_touch_have_their_labels_on_either_side() -> None:
    lines = [Series("a", (1.0, 2.0))]
    axes = noise_curves([0, 10], lines, marks={"second": 5.2, "first": 5.0, "third": 9.0}).axes[0]
    sides = {text.get_text().strip(): text.get_horizontalalignment() for text in axes.texts}
    assert sides == {"first": "right", "second": "left", "third": "right"}


def test_a_logarithmic_axis_has_plain_numbers() -> None:
    lines = [Series("a", (1.5, 400.0))]
    axes = noise_curves([0, 10], lines, logarithmic=True).axes[0]
    assert axes.get_yscale() == "log"
    assert axes.yaxis.get_major_formatter()(200.0, 0) == "200"
    assert noise_curves([0, 10], lines).axes[0].get_yscale() == "linear"


def test_points_outside_of_a_square_are_counted() -> None:
    inside, outside = ({"title": t, "x": [0.0, x], "y": [0.0, 0.0]} for t, x in (("data", 0.5), ("made", 3.0)))
    text = drawn("point_clouds", clouds=[inside, outside], span=1.0)
    assert ">data</text>" in text
    assert ">made (1\u00a0outside)</text>" in text


def test_groups_of_points_have_names_and_colours() -> None:
    cloud = {"title": "data", "x": [0.0, 0.1, 0.2], "y": [0.0, 0.0, 0.0], "groups": [0, 2, 2]}
    text = drawn("point_clouds", clouds=[cloud], span=1.0, groups=["H", "K", "U"])
    assert all(f">{name}</text>" in text for name in "HKU")
    with pytest.raises(ConfigurationError, match="among the 2 that have names, got 0 to 2"):
        drawn("point_clouds", clouds=[cloud], span=1.0, groups=["H", "K"])
    with pytest.raises(ConfigurationError, match=r"groups of 'data' must have one entry for each of the 3 points"):
        drawn("point_clouds", clouds=[{**cloud, "groups": [0]}], span=1.0, groups=["H"])


def test_images_are_kept_in_bytes_and_lie_side_by_side() -> None:
    levels = np.array([[[0.0, 1.0], [0.5, 2.0]], [[1.0, 1.0], [0.0, 0.0]]])
    row = ImageRow(title="a", images=levels)
    assert row.images == ("00ff80ff", "ffff0000")  # levels beyond 1 are white
    assert ImageRow.model_validate_json(row.model_dump_json()) == row
    shown = strip(row, 3)
    assert shown.shape == (2, 8)
    np.testing.assert_allclose(shown[:, :2], [[0, 1], [128 / 255, 1]])
    np.testing.assert_array_equal(shown[:, 3:5], levels[1])
    assert np.isnan(shown[:, [2, 5, 6, 7]]).all()
    assert ">two rows</text>" in drawn("image_grid", rows=[{"title": t, "images": levels} for t in ("a", "two rows")])
    with pytest.raises(ConfigurationError, match="must be square and of one size, got 2 pixels"):
        drawn("image_grid", rows=[{"title": "a", "images": np.zeros((1, 1, 2))}])


def test_arrows_need_both_their_ends() -> None:
    with pytest.raises(ConfigurationError, match="both u and v"):
        drawn("vector_fields", clouds=[{"title": "a", "x": [0.0], "y": [0.0], "u": [1.0]}])
    with pytest.raises(ConfigurationError, match="must have arrows"):
        drawn("vector_fields", clouds=[{"title": "a", "x": [0.0], "y": [0.0]}])
    still = {"x": [0.0], "y": [0.0], "u": [0.0], "v": [0.0]}
    assert drawn("vector_fields", clouds=[{"title": f"time {i}", **still} for i in range(5)]).count(">time ") == 5


def test_the_waterfall_prints_each_change() -> None:
    assert ">98.00  (−1.00)</text>" in drawn("effect_waterfall")


@pytest.mark.parametrize("count", [1, 4, 40])
def test_many_layers_and_few(count: int) -> None:
    row = {"row_start": 0, "row_stop": 1, "column_start": 0, "column_stop": 8}
    rectangles = [row | {"core": 0, "layer": f"layer {i}"} for i in range(count)]
    assert f"layer {count - 1} (8 cells)" in drawn("floor_plan", rectangles=rectangles)


def test_degenerate_data_are_drawn_too() -> None:
    drawn("floor_plan", rectangles=[])
    drawn("noise_grid", accuracy=[[None, None], [None, None]])
    drawn("noise_grid", accuracy=[[1.0, 1.0], [1.0, 1.0]])
    drawn("effect_waterfall", values=[1.0, 1.0])
    drawn("cost_bars", values=[0.0])
    drawn("pulse_histogram", counts=[0, 0])
    drawn("ablation_bars", values=[None, None])
    drawn("level_histograms", counts=[[[0] * 10]])


def test_an_interrupted_run_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Toy, "hook", staticmethod(stop))
        with pytest.raises(KeyboardInterrupt):
            run(Toy(), out=tmp_path)
    text = write_report(tmp_path).read_text(encoding="utf-8")
    assert "This run did not end: interrupted by the user" in text


def test_a_folder_without_a_result_gets_no_report(tmp_path: Path) -> None:
    with pytest.raises(FormatError):
        write_report(tmp_path)
    assert list(tmp_path.iterdir()) == []
