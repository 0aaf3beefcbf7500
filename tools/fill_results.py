"""Numbers of the documentation, from results/*.json: a hook of MkDocs, and a command that writes README.zh.md.

In a page, ``{{ neurram-mnist-standard: accuracy on the chip after 1 day }}`` becomes that figure with its interval;
``{{ claims of neurram-mnist-standard }}`` a table of its claims and controls; ``{{ verdicts }}`` one of all results.

    python tools/fill_results.py        # writes README.zh.md from tools/templates/README.zh.md
"""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

from ohmloom.experiments import Figure, Result, read_result, say
from ohmloom.reports.boards import read_board

ROOT = Path(__file__).resolve().parents[1]
CHINESE, TEMPLATE = ROOT / "README.zh.md", ROOT / "tools" / "templates" / "README.zh.md"
FIELD = re.compile(r"\{\{ *(.+?) *\}\}")


def on_page_markdown(markdown: str, **_: Any) -> str:
    """MkDocs calls this for every page."""
    return filled(markdown)


def filled(text: str) -> str:
    """The text with its fields filled in. Raises KeyError for a figure, FormatError for a result that is not there."""
    return FIELD.sub(lambda found: field(found[1]), text)


def field(words: str) -> str:
    """What one field stands for."""
    if words == "verdicts":
        return _verdicts()
    if words.startswith("claims of "):
        return _claims(result(words.removeprefix("claims of ")))
    name, _, figure = words.partition(": ")
    return _say(result(name).figures[figure])


@cache
def result(name: str) -> Result:
    """The result in results/NAME.json."""
    return read_result(ROOT / "results" / f"{name}.json")


def _say(figure: Figure) -> str:
    if figure.interval is None:
        return figure.text
    low, high = (say(end, figure.unit) for end in (figure.interval.low, figure.interval.high))
    if low == high:  # dies that agree to all digits shown
        return figure.text
    return f"{figure.text} ({low.removesuffix(figure.unit).rstrip()} to {high})"


def _verdicts() -> str:
    board = read_board(sorted((ROOT / "results").glob("*.json")))
    rows = []
    for one in board.results:
        claims, controls = Counter(c.verdict for c in one.claims), Counter(c.verdict for c in one.controls)
        numbers = [claims["reproduced"], claims["not reproduced"], claims["not comparable"]]
        rows.append([f"`{one.system}`", one.tier, *numbers, controls["held"], controls["failed"]])
    heads = ["system", "tier", "reproduced", "not reproduced", "not comparable", "controls held", "controls failed"]
    return table(heads, rows)


def _claims(one: Result) -> str:
    rows = [
        [claim.name, say(claim.published, claim.unit), say(claim.ours, claim.unit), f"**{claim.verdict}**"]
        for claim in one.claims
    ]
    rows += [[f"control: {control.name}", "–", say(control.ours, control.unit), control.verdict]
             for control in one.controls]  # fmt: skip
    return table(["", "published", "ours", "verdict"], rows)


def table(heads: list[str], rows: list[list[Any]]) -> str:
    """A table in Markdown."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines)


if __name__ == "__main__":
    CHINESE.write_text(filled(TEMPLATE.read_text(encoding="utf-8")), encoding="utf-8")
    print(CHINESE.name)
