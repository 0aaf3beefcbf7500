"""The one look of all pictures: colours that colour-blind readers can tell apart, light lines, room to breathe.

`INK`, `MUTED`, `RULE` and `PAPER` are fixed colours in the files of ``figures/``; the page replaces them by its own
variables, so that the same picture follows the reader's light or dark scheme.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from functools import wraps
from html import escape
from typing import Any, ParamSpec

import matplotlib
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

INK, MUTED, RULE, PAPER = "#1b2431", "#5c6775", "#d8dde4", "#fefefd"
VARIABLES = {INK: "var(--ink)", MUTED: "var(--muted)", RULE: "var(--rule)", PAPER: "var(--card)"}

# M. Okabe and K. Ito, "Color Universal Design" (2008); the first five are the most distinct on white and on black.
LINES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f7f7f")
# P. Tol, "Colour schemes", SRON technical note 3.2 (2021), "muted", in an order that keeps neighbours apart; the light
# blue of "medium contrast" stands for its indigo, which is lost on black.
AREAS = ("#88ccee", "#cc6677", "#ddcc77", "#44aa99", "#aa4499", "#999933", "#6699cc", "#117733", "#882255")
GAIN, LOSS = LINES[0], LINES[1]
SEQUENCE = "cividis"
LIGHT_TEXT, DARK_TEXT = "#fffffe", "#101418"  # on coloured fields, whatever the scheme

NARROW, WIDE = 4.5, 9.6  # inches: half and full width of the page
FONTS = "Inter, 'Helvetica Neue', Arial, 'DejaVu Sans', sans-serif"
RC: dict[Any, Any] = {
    "font.family": "DejaVu Sans",  # shipped with matplotlib: the same layout everywhere
    "font.size": 9,
    "svg.fonttype": "none",
    "svg.hashsalt": "ohmloom",
    "figure.facecolor": PAPER,
    "savefig.facecolor": PAPER,
    "axes.facecolor": "none",
    "axes.edgecolor": RULE,
    "axes.labelcolor": MUTED,
    "axes.labelsize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.prop_cycle": cycler(color=list(LINES)),
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.unicode_minus": True,
    "grid.color": RULE,
    "grid.linewidth": 0.6,
    "text.color": INK,
    "xtick.color": RULE,
    "ytick.color": RULE,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "ytick.major.size": 0,
    "lines.linewidth": 1.8,
    "lines.markersize": 5,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "hatch.linewidth": 0.7,
}
Arguments = ParamSpec("Arguments")


def styled(draw: Callable[Arguments, Figure]) -> Callable[Arguments, Figure]:
    """A drawing function in the house style, whatever the user's own settings of matplotlib."""

    @wraps(draw)
    def inside(*arguments: Arguments.args, **named: Arguments.kwargs) -> Figure:
        with matplotlib.rc_context():
            matplotlib.rcdefaults()
            matplotlib.rcParams.update(RC)
            return draw(*arguments, **named)

    return inside


def canvas(height: float, width: float = NARROW) -> tuple[Figure, Axes]:
    """A figure with one pair of axes, in inches."""
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.add_subplot()


def legend_above(axes: Axes, columns: int = 3, handles: list[Line2D] | None = None) -> None:
    """The legend in a row above the axes, where it hides nothing; ``handles`` instead of all that has a label."""
    place = {"loc": "lower left", "bbox_to_anchor": (0, 1.0), "borderaxespad": 0.2}
    axes.legend(handles=handles, ncols=columns, columnspacing=1.4, **place)


def decades(axes: Axes) -> None:
    """A logarithmic vertical axis with plain numbers at 1, 2 and 5 of each decade."""
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0), numticks=12))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_locator(NullLocator())


def svg(figure: Figure, name: str, title: str) -> str:
    """The figure as an SVG file that is the same for the same data; all its ids start with ``name``."""
    buffer = io.StringIO()
    with matplotlib.rc_context(RC):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    text = re.sub(r'\bid="', f'id="{name}-', text)
    text = re.sub(r'(href="#|url\(#)', rf"\g<1>{name}-", text)
    text = text.replace("'DejaVu Sans'", FONTS)
    start = text.index(">", text.index("<svg")) + 1
    return f"{text[:start]}\n <title>{escape(title)}</title>{text[start:]}"


def inline(text: str) -> str:
    """An SVG file as part of a page: no header, width from the page, colours and font from its variables."""
    text = text[text.index("<svg") :]
    head, rest = text[: text.index(">")], text[text.index(">") :]
    width = re.search(r'width="([\d.]+)pt"', head)
    least = f' style="min-width: {0.78 * float(width.group(1)) * 4 / 3:.0f}px"' if width else ""
    head = re.sub(r'\s(?:width|height)="[^"]*"', "", head) + f' role="img"{least}'
    for colour, variable in VARIABLES.items():
        rest = rest.replace(colour, variable)
    return head + rest.replace(FONTS, "var(--sans)")
