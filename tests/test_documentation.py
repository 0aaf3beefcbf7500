"""The documentation: its commands and scripts run as printed, its numbers are those of results/, and it builds."""

from __future__ import annotations

import importlib.util
import re
import runpy
import shlex
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import pytest
from typer.testing import CliRunner

from ohmloom.cli import app

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
TUTORIALS = DOCS / "tutorials"
FENCE = re.compile(r'^```(\w+)(?: (\w+)="([^"]+)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)
PAGES = sorted(page for page in DOCS.rglob("*.md") if page.parent.name != "api")


class Block(NamedTuple):
    """A fenced block of a page; with the key ``title`` it is a file of that name."""

    language: str
    key: str
    name: str
    text: str


def blocks(page: Path) -> list[Block]:
    return [Block(*found.groups(default="")) for found in FENCE.finditer(page.read_text(encoding="utf-8"))]


def module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


FILL = module(ROOT / "tools" / "fill_results.py")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder with the reader's own network in it."""
    shutil.copy(TUTORIALS / "mynet.py", tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    sys.modules.pop("mynet", None)


def run_line(line: str) -> None:
    """A line of a shell: `python FILE` or `ohmloom …`, in this process."""
    program, *words = shlex.split(line)
    if program == "python":
        runpy.run_path(words[0], run_name="__main__")
        return
    assert program == "ohmloom", f"a block of bash holds commands of ohmloom and python, got {line!r}"
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, f"{line}\n{done.output}\n{done.exception!r}"


@pytest.mark.slow
@pytest.mark.parametrize(
    "page", [page for page in PAGES if blocks(page)], ids=lambda page: str(page.relative_to(DOCS).with_suffix(""))
)
def test_a_page_runs_as_printed(page: Path, folder: Path) -> None:
    names: dict[str, object] = {"__name__": "page"}
    for block in blocks(page):
        if block.key == "title" and block.name != "mynet.py":
            (folder / block.name).write_text(block.text, encoding="utf-8")
        elif block.language == "python" and not block.key:
            exec(compile(block.text, str(page), "exec", dont_inherit=True), names)
        elif block.language == "bash":
            for line in block.text.strip().splitlines():
                run_line(line)


@pytest.mark.parametrize("script", sorted(TUTORIALS.glob("*.py")), ids=lambda script: script.stem)
def test_a_tutorial_runs(script: Path, folder: Path) -> None:
    runpy.run_path(str(script), run_name="__main__")


def test_every_tutorial_is_shown() -> None:
    shown = {block.name for block in blocks(TUTORIALS / "index.md") if block.key == "title"}
    assert shown == {script.name for script in TUTORIALS.glob("*.py")} - {"mynet.py"}


def test_pages_have_no_numbers_of_results_by_hand() -> None:
    filled = FILL.filled((DOCS / "validation.md").read_text(encoding="utf-8"))
    assert "{{" not in filled
    figure = FILL.result("neurram-mnist-standard").figures["accuracy on the chip after 1 day"]
    assert figure.text in filled
    assert figure.text not in (DOCS / "validation.md").read_text(encoding="utf-8")


def test_a_figure_that_is_not_there_is_an_error() -> None:
    with pytest.raises(KeyError, match="accuracy of dreams"):
        FILL.filled("{{ neurram-mnist-standard: accuracy of dreams }}")


def test_all_fields_of_all_pages_are_known() -> None:
    for page in PAGES:
        assert "{{" not in FILL.filled(page.read_text(encoding="utf-8")), page


def test_the_chinese_readme_is_that_of_its_template_and_of_results() -> None:
    filled = FILL.filled(FILL.TEMPLATE.read_text(encoding="utf-8"))
    assert FILL.CHINESE.read_text(encoding="utf-8") == filled, "run python tools/fill_results.py"


@pytest.mark.slow
def test_the_site_builds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("mkdocs")
    pytest.importorskip("mkdocstrings")
    pytest.importorskip("material")
    from mkdocs.commands.build import build
    from mkdocs.config import load_config

    monkeypatch.chdir(ROOT)
    build(load_config(str(ROOT / "mkdocs.yml"), site_dir=str(tmp_path), strict=True))
    assert "reproduced" in (tmp_path / "validation.html").read_text(encoding="utf-8")
    assert "conductance" in (tmp_path / "api" / "devices.html").read_text(encoding="utf-8")
